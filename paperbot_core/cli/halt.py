"""`paperbot halt`: no entries until `paperbot resume`."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.cli.app import json_option, pass_project_dir
from paperbot_core.cli.state import state_dir_option


@click.command()
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the journal.")
@state_dir_option
@json_option
@pass_project_dir
def halt(project_dir: Path, reason: str, state_dir: Path | None, as_json: bool) -> None:
    """Stop all entries at once; exits go on. Recorded, and kept over restarts."""
    from paperbot_core.cli.acts import perform
    from paperbot_core.ledger.records import Act

    perform(project_dir, state_dir, Act.HALT, reason, as_json=as_json)
