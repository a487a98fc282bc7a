"""`paperbot anchor`: the equity from which the daily stop counts."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.cli.app import json_option, pass_project_dir
from paperbot_core.cli.state import state_dir_option


@click.group()
def anchor() -> None:
    """Manage the equity from which the daily stop counts."""


@anchor.command()
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the journal.")
@state_dir_option
@json_option
@pass_project_dir
def reset(project_dir: Path, reason: str, state_dir: Path | None, as_json: bool) -> None:
    """Count the day's loss from the present equity; a day that is stopped already stays stopped."""
    from paperbot_core.cli.acts import perform
    from paperbot_core.ledger.records import Act

    perform(project_dir, state_dir, Act.ANCHOR_RESET, reason, as_json=as_json)
