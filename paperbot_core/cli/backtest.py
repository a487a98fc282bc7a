"""`paperbot backtest`: strategies over stored candles, under the policy, with a printed summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.history_options import HistoryOptions, history_options

if TYPE_CHECKING:
    from paperbot_core.research.backtest import BacktestResult

#: Facts that are stored with a run but not printed: they repeat the user's files.
STORED_ONLY = ("config", "request")


@click.command()
@history_options
@click.option("--set", "sets", multiple=True, metavar="STRATEGY.PARAM=VALUE",
              help="Another value for a parameter; may be repeated.")
@click.option("--detail-timeframe", metavar="TF",
              help="Decide fills inside a bar with finer candles of this timeframe.")
@click.option("--trades", "trades_file", type=click.Path(dir_okay=False, path_type=Path),
              metavar="FILE", help="Write the trades to a .csv or .parquet file.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path),
              metavar="FILE", help="Write a self-contained HTML report.")
@json_option
@pass_project_dir
def backtest(
    project_dir: Path, history: HistoryOptions, sets: tuple[str, ...],
    detail_timeframe: str | None, trades_file: Path | None, html_file: Path | None, as_json: bool,
) -> None:
    """Run one or more strategies over candle files."""
    from paperbot_core.report.tables import check_table_file, write_table
    from paperbot_core.research.backtest import run_backtest

    if trades_file is not None:
        check_table_file(trades_file)
    request = history.request(project_dir, sets, detail_timeframe)
    result = run_backtest(
        project_dir, request, policy=history.policy, universe=history.universe
    )
    if trades_file is not None:
        write_table(result.trades, trades_file)
    saved = _store(project_dir, result)
    if html_file is not None:
        from paperbot_core.cli.report import write_html

        write_html(saved, html_file)
    if as_json:
        emit_json({k: v for k, v in result.facts.items() if k not in STORED_ONLY})
    else:
        from paperbot_core.cli.report import echo_summary

        echo_summary(saved)
    if html_file is not None:
        click.echo(f"report: {html_file}", err=as_json)


def _store(project_dir: Path, result: BacktestResult) -> Any:
    """Keep the run where `report`, `why` and `trades` find it; the same run takes its own place."""
    from datetime import UTC, datetime

    from paperbot_core.cli.state import resolve_state_dir
    from paperbot_core.report.run import SavedRun
    from paperbot_core.report.store import RunStore

    facts = {**result.facts, "created": datetime.now(UTC).isoformat(timespec="milliseconds")}
    run = SavedRun(facts, result.trades, result.fills, result.equity, result.candles)
    RunStore(resolve_state_dir(project_dir, None)).save(run, replace=True)
    return run

