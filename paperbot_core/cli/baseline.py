"""`paperbot baseline`: hold strategies to what they did when that was last looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir

if TYPE_CHECKING:
    from paperbot_core.research.check import CheckedProject

_names = click.option("-s", "--strategy", "names", multiple=True, metavar="NAME",
                      help="This strategy only; may be repeated (default: all).")  # fmt: skip
_folder = click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path),
                       metavar="DIR", default=None,
                       help="Where the records are (default: strategies.d/baseline).")  # fmt: skip


@click.group()
def baseline() -> None:
    """Record or check what strategies do on a market made from a seed."""


@baseline.command("record")
@_names
@_folder
@json_option
@pass_project_dir
def record_command(
    project_dir: Path, names: tuple[str, ...], folder: Path | None, as_json: bool
) -> None:
    """Write down the signals, stops, trades and metrics of each strategy."""
    from paperbot_core.diagnostics.render import as_json_rows, render_full
    from paperbot_core.research.baseline import FOLDER, record, record_path

    checked, chosen = _checked(project_dir, names)
    place = folder or project_dir / FOLDER
    found = record(checked, place, chosen)
    paths = [record_path(place, name) for name in chosen]
    if as_json:
        emit_json({"records": paths, "diagnostics": as_json_rows(found)})
        return
    if found:
        click.echo(render_full(found), err=True)
    for path in paths:
        click.echo(f"recorded: {path}")


@baseline.command("check")
@_names
@_folder
@json_option
@pass_project_dir
def check_command(
    project_dir: Path, names: tuple[str, ...], folder: Path | None, as_json: bool
) -> None:
    """Compare with the records; a difference is an error that says where."""
    from paperbot_core.research.baseline import FOLDER, check

    checked, chosen = _checked(project_dir, names)
    contents = check(checked, folder or project_dir / FOLDER, chosen)
    rows = [
        {
            "strategy": content["strategy"],
            "trades": sum(len(lines) for lines in content["trades"].values()),
            "exits": content["exits"],
        }
        for content in contents
    ]
    if as_json:
        emit_json({"ok": True, "strategies": rows})
        return
    for row in rows:
        exits = ", ".join(f"{reason} {count}" for reason, count in row["exits"].items())
        click.echo(f"same: {row['strategy']}  {row['trades']} trades ({exits})")


def _checked(project_dir: Path, names: tuple[str, ...]) -> tuple[CheckedProject, tuple[str, ...]]:
    from paperbot_core.research.check import check_project

    checked = check_project(project_dir, names=names or None)
    return checked, tuple(checked.compiled)
