"""`paperbot init`: a new project that passes `check`."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.cli.app import emit_json, json_option


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@json_option
def init(directory: Path, as_json: bool) -> None:
    """Write a starter project to DIR: settings, policy, universe and two strategies."""
    from paperbot_core.config.starter import write_project

    written = write_project(directory)
    if as_json:
        emit_json({"directory": directory, "files": written})
        return
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"\nNext: paperbot check {directory}")
