"""`paperbot status`: the state of the account, while a session runs and after."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.state import state_dir_option

_WIDTH, _MARGIN = 80, 11


@click.command()
@state_dir_option
@json_option
@pass_project_dir
def status(project_dir: Path, state_dir: Path | None, as_json: bool) -> None:
    """Show mode, equity, positions and what is pending."""
    from paperbot_core.config.project import load_project
    from paperbot_core.ledger.journal import JOURNAL_NAME
    from paperbot_core.trade.status import account_status

    project = load_project(project_dir)
    path = (state_dir or project.state_dir) / JOURNAL_NAME
    found = account_status(path, cash=float(project.settings.wallet.cash))
    if as_json:
        emit_json(found)
    else:
        click.echo("\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    running = "running" if found["running"] else "not running"
    rows = [
        ("as of", f"{_clock(found['as_of'])} UTC   last bar {_clock(found['last_bar'])}"),
        ("equity", f"{found['equity']:,.2f}   cash {found['cash']:,.2f}"),
        ("day", f"{found['day_pnl_pct']:+.2f} %   drawdown {found['drawdown_pct']:.2f} %"),
    ]
    if found["regime"]:
        rows.append(("regime", found["regime"]))
    for strategy, modes in found["modes"].items():
        rows.append(("modes", f"{strategy}: {_by_mode(modes)}"))
    if found["stale"]:
        rows.append(("stale", f"{', '.join(found['stale'])} (no entries)"))
    rows.append(("positions", str(len(found["positions"]))))
    lines = [f"{found['mode']} {running}, account {found['state']}, run {found['run_id']}"]
    for label, text in rows:
        lines.extend(_labelled(label, text))
    for p in found["positions"]:
        gain = "" if p["unrealised"] is None else f", {p['unrealised']:+,.2f}"
        lines.append(f"  {p['side']} {p['quantity']:g} {p['symbol']} at {p['entry_price']:g}{gain}"
                     f" ({p['strategy']})")  # fmt: skip
    if found["pending"]:
        lines.append(f"pending    {len(found['pending'])}")
        lines += [
            f"  {o['kind']} {o['action']} {o['quantity']:g} {o['symbol']} ({o['strategy']})"
            for o in found["pending"]
        ]
    return lines


def _by_mode(modes: dict[str, str]) -> str:
    """Return the symbols of each mode, such as `fast BTC/USDT, ETH/USDT; swing SOL/USDT`."""
    found: dict[str, list[str]] = {}
    for symbol, mode in modes.items():
        found.setdefault(mode, []).append(symbol)
    return "; ".join(f"{mode} {', '.join(symbols)}" for mode, symbols in sorted(found.items()))


def _labelled(label: str, text: str) -> list[str]:
    """Return text beside a margin with its label, as wide as a terminal is at least."""
    lines = textwrap.wrap(text, _WIDTH - _MARGIN, break_on_hyphens=False) or [""]
    heads = [label, *[""] * (len(lines) - 1)]
    return [f"{head:<{_MARGIN}}{line}" for head, line in zip(heads, lines, strict=True)]


def _clock(ts: int | None) -> str:
    if ts is None:
        return "-"
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d %H:%M")
