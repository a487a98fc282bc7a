"""`paperbot resume`: entries again after a halt."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.cli.app import json_option, pass_project_dir
from paperbot_core.cli.state import state_dir_option


@click.command()
@click.option("--reason", required=True, metavar="TEXT",
              help="Why it is safe; kept in the journal.")
@state_dir_option
@json_option
@pass_project_dir
def resume(project_dir: Path, reason: str, state_dir: Path | None, as_json: bool) -> None:
    """Lift a halt, by hand or by drawdown; the peak starts again at the present equity."""
    from paperbot_core.cli.acts import perform
    from paperbot_core.ledger.records import Act

    perform(project_dir, state_dir, Act.RESUME, reason, as_json=as_json)
