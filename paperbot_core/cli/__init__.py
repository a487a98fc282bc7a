"""The command line: `paperbot`. One module a noun, imported only when its command is called."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core import __version__
from paperbot_core.cli.app import AppState, CommandEntry, PaperbotGroup

_HELP = {
    "check": "Check every file of the project and say what is wrong where.",
    "init": "Start a new project in a directory.",
    "schema": "Print the JSON Schema of a file, for editors.",
    "explain": "Say what a diagnostic code means.",
    "plugins": "List what is plugged in, from which package and version.",
    "data": "Check, repair and keep stored markets.",
    "universe": "Show and record who may be traded, now and on any past day.",
    "backtest": "Run strategies over stored candles.",
    "sweep": "Backtest every combination of parameters.",
    "why": "Explain what happened on one bar, and why.",
    "report": "Show a run, in the terminal or as an HTML page.",
    "baseline": "Record or check what the shipped strategies do.",
    "run": "Start a session: DRY_RUN or PAPER.",
    "status": "Show the state of the account.",
    "trades": "List the trades of the account.",
    "paper": "Manage the PAPER account.",
    "halt": "Stop all entries until `resume`.",
    "resume": "Allow entries again after a halt.",
    "anchor": "Manage the equity from which the daily stop counts.",
    "ledger": "Verify, rebuild or export the journal.",
}
_TABLE = {
    name: CommandEntry(f"paperbot_core.cli.{name}:{name}", text) for name, text in _HELP.items()
}


@click.group(
    cls=PaperbotGroup, table=_TABLE, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="The project directory (default: the current one).",
)
@click.version_option(__version__, prog_name="paperbot")
@click.pass_context
def cli(ctx: click.Context, project: Path) -> None:
    """Trade by YAML strategies under one hard policy: backtest, DRY_RUN, PAPER."""
    ctx.ensure_object(AppState).project = project


def main() -> None:
    """Entry point of the console script; ends the process with the exit code."""
    cli.main(prog_name="paperbot")
