"""`paperbot report`: a stored run as text, as JSON, or as an HTML page."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.state import resolve_state_dir, state_dir_option

if TYPE_CHECKING:
    from paperbot_core.report.run import SavedRun

#: Kept with a run and not printed: the version of the files, and the user's own files again.
STORED_ONLY = ("format", "config", "request")


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report as one self-contained HTML page.",
)
@click.option("--list", "as_list", is_flag=True, help="List the stored runs, newest first.")
@state_dir_option
@json_option
@pass_project_dir
def report(
    project_dir: Path,
    run_id: str | None,
    html_file: Path | None,
    as_list: bool,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Show the run RUN (default: the latest); the beginning of its name is enough."""
    from paperbot_core.report.store import RunStore

    store = RunStore(resolve_state_dir(project_dir, state_dir))
    if as_list:
        entries = store.list()
        if as_json:
            emit_json([entry.facts for entry in entries])
        for entry in [] if as_json else entries:
            click.echo(f"{entry.run_id}  {entry.created}  {', '.join(entry.strategies)}")
        return
    run = store.load(run_id)
    if html_file is not None:
        write_html(run, html_file)
    if as_json:
        emit_json({key: fact for key, fact in run.facts.items() if key not in STORED_ONLY})
    else:
        echo_summary(run)
    if html_file is not None:
        click.echo(f"report: {html_file}", err=as_json)


def echo_summary(run: SavedRun) -> None:
    """Print the summary of a run as wide and as colourful as standard output allows."""
    from paperbot_core.report.terminal import render_summary

    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    unicode = (sys.stdout.encoding or "ascii").lower().startswith("utf")
    width = shutil.get_terminal_size().columns
    click.echo(render_summary(run, width=width, color=color, unicode=unicode), nl=False)


def write_html(run: SavedRun, path: Path) -> None:
    """Write the page of a run to `path`, whole or not at all.

    Raises:
        UserError: PB6033, the file cannot be written.
    """
    from paperbot_core.diagnostics import user_error
    from paperbot_core.report.html import render_html

    working = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        working.write_text(render_html(run), encoding="utf-8")
        working.replace(path)
    except OSError as error:
        raise user_error(
            "PB6033", f"the report cannot be written: {error.strerror or error}", file=str(path)
        ) from error
