"""`paperbot trades`: the finished trades of the account, or of a stored run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.state import resolve_state_dir, state_dir_option


@click.command()
@click.option("--run", "run_id", metavar="ID",
              help="A stored run, a backtest or a session, instead of the latest.")
@state_dir_option
@json_option
@pass_project_dir
def trades(
    project_dir: Path, run_id: str | None, state_dir: Path | None, as_json: bool
) -> None:
    """List finished trades: of the account, or of a backtest that is newer than its last bar."""
    rows = _rows(resolve_state_dir(project_dir, state_dir), run_id)
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        click.echo(
            f"{_clock(row['entry_ts'])}  {_clock(row['exit_ts'])}  {row['side']:5} "
            f"{row['symbol']:14} {row['quantity']:>14.8g} {row['entry_price']:>12.8g} "
            f"{row['exit_price']:>12.8g} {row['pnl']:>+12.2f}  {row['exit_reason']:9} "
            f"{row['strategy']}"
        )
    total = sum(row["pnl"] for row in rows)
    click.echo(f"{len(rows)} trades, {total:+.2f} net of fees")


def _rows(state_dir: Path, run_id: str | None) -> list[dict[str, Any]]:
    from paperbot_core.ledger.journal import JOURNAL_NAME
    from paperbot_core.report.store import RunStore
    from paperbot_core.trade.status import account_trades, open_journal

    store, path = RunStore(state_dir), state_dir / JOURNAL_NAME
    if run_id is not None:
        return _of_run(store, run_id)
    entries = store.list()
    newest = entries[0] if entries else None
    if newest is None or newest.facts.get("mode") != "backtest":
        return account_trades(path)
    if path.is_file():
        with open_journal(path) as reader:
            lease = reader.lease()
        created = datetime.fromisoformat(newest.created).timestamp() * 1000
        if lease is not None and lease.heartbeat_ms > created:
            return account_trades(path)
    return _of_run(store, newest.run_id)


def _of_run(store: Any, run_id: str) -> list[dict[str, Any]]:
    columns = store.load(run_id).trades
    names = list(columns)
    values = [c.tolist() if hasattr(c, "tolist") else list(c) for c in columns.values()]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _clock(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d %H:%M")
