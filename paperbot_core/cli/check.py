"""`paperbot check`: every file of a project, every mistake at once."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir


@click.command()
@click.argument(
    "directory", type=click.Path(file_okay=False, path_type=Path), required=False, metavar="[DIR]"
)
@click.option("--concise", is_flag=True, help="Print one line a diagnostic.")
@json_option
@click.pass_context
@pass_project_dir
def check(
    project_dir: Path, ctx: click.Context, directory: Path | None, concise: bool, as_json: bool
) -> None:
    """Check every file of the project in DIR (default: --project) and say what is wrong where."""
    from paperbot_core.diagnostics import PaperbotError
    from paperbot_core.diagnostics.render import as_json_rows, render_concise, render_full
    from paperbot_core.research.check import check_all

    try:
        checked = check_all(directory or project_dir)
        found, code = checked.warnings, 0
    except PaperbotError as error:
        checked, found, code = None, error.diagnostics, error.exit_code
    if as_json:
        emit_json({"diagnostics": as_json_rows(found)})
        ctx.exit(code)
    if found:
        click.echo(render_concise(found) if concise else render_full(found))
    if checked:
        names = len(checked.compiled)
        plural = "strategy" if names == 1 else "strategies"
        warned = f", {len(found)} warning{'s' * (len(found) != 1)}" if found else ""
        click.echo(f"ok: {names} {plural}, policy {checked.project.policy.digest[:12]}{warned}")
    else:
        click.echo(f"\n{len(found)} found")
    ctx.exit(code)
