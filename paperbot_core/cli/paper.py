"""`paperbot paper`: the PAPER account."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.state import resolve_state_dir, state_dir_option


@click.group()
def paper() -> None:
    """Manage the PAPER account."""


@paper.command()
@state_dir_option
@json_option
@pass_project_dir
def reset(project_dir: Path, state_dir: Path | None, as_json: bool) -> None:
    """Start a fresh account; the old journal stays beside it."""
    from paperbot_core.ledger.journal import JOURNAL_NAME
    from paperbot_core.ledger.reset import reset as reset_journal
    from paperbot_core.trade.status import no_account

    path = resolve_state_dir(project_dir, state_dir) / JOURNAL_NAME
    if not path.is_file():
        raise no_account(path)
    aside = reset_journal(path)
    if as_json:
        emit_json({"journal": path, "kept": aside})
    else:
        click.echo(f"a fresh account in {path}")
        click.echo(f"the old journal is {aside}")
