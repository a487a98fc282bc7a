"""Where a command finds the account's files: `--state-dir`, else `state_dir` of paperbot.yaml."""

from __future__ import annotations

from pathlib import Path

import click

#: Decorator: adds `--state-dir DIR`, passed to the command as `state_dir: Path | None`.
state_dir_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    metavar="DIR",
    help="Where journal and runs are (default: `state_dir` of paperbot.yaml).",
)


def resolve_state_dir(project: Path, state_dir: Path | None) -> Path:
    """Return the state directory; a relative one in paperbot.yaml starts at the project.

    Raises:
        UserError: paperbot.yaml has to be read and cannot be.
    """
    if state_dir is not None:
        return state_dir
    from paperbot_core.config.project import load_project

    return project / load_project(project).settings.state_dir
