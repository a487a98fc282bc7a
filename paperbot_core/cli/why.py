"""`paperbot why`: what happened on one bar of a stored run, and why."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.state import resolve_state_dir, state_dir_option


@click.command()
@click.argument("symbol")
@click.argument("time")
@click.option("--run", "run_id", metavar="ID", help="A stored run; the latest by default.")
@click.option("-s", "--strategy", "strategies", multiple=True, metavar="NAME",
              help="Explain this strategy only; may be repeated.")
@state_dir_option
@json_option
@pass_project_dir
def why(
    project_dir: Path, symbol: str, time: str, run_id: str | None, strategies: tuple[str, ...],
    state_dir: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Explain the bar of SYMBOL that contains TIME (ISO 8601 or milliseconds, UTC)."""
    from paperbot_core.ledger.journal import JOURNAL_NAME
    from paperbot_core.market.timerange import parse_time
    from paperbot_core.report.store import RunStore
    from paperbot_core.report.why_text import render_why
    from paperbot_core.research.why import explain_bar

    moment = parse_time(time)
    folder = resolve_state_dir(project_dir, state_dir)
    run = RunStore(folder).load(run_id)
    found = explain_bar(
        run.facts, run.trades, symbol, moment, strategies, journal=folder / JOURNAL_NAME
    )
    if as_json:
        emit_json(found)
        return
    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    unicode = (sys.stdout.encoding or "ascii").lower().startswith("utf")
    width = shutil.get_terminal_size().columns
    click.echo(render_why(found, width=width, color=color, unicode=unicode), nl=False)
