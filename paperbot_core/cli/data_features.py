"""`paperbot data features`: the features of a strategy as data, for other programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_options import lake_option, only_symbol, only_venue, open_lake


@click.command()
@click.option("-s", "--strategy", required=True, metavar="NAME", help="Whose features.")
@only_venue
@only_symbol
@lake_option
@json_option
@pass_project_dir
def features(
    project_dir: Path, strategy: str, venue: str | None, symbol: str | None,
    lake_dir: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Compute the features of a strategy over the lake's bars and keep them in its gold layer."""
    from paperbot_core.research.check import check_project
    from paperbot_core.research.feature_store import store_features

    checked = check_project(project_dir, names=(strategy,))
    lake = open_lake(project_dir, lake_dir)
    with lake.writing():
        found = [
            one
            for name in checked.project.names_of((strategy,))
            for one in store_features(lake, checked, name, venue=venue, symbol=symbol)
        ]
    if as_json:
        emit_json([{**asdict(one), "path": str(one.path)} for one in found])
        return
    for one in found:
        state = "written" if one.written else "up to date"
        click.echo(f"{one.path}: {one.rows:,} rows, {', '.join(one.features)} ({state})")
