"""What the commands of `paperbot data` share: the lake they work on, and their common options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.data_settings import read_data_settings

if TYPE_CHECKING:
    from paperbot_core.market.lake.layout import Lake

Option = Callable[[Any], Any]

#: `market.lake_dataset.Kind`, spelled out: an import of it would cost every command a tenth of a
#: second.
KINDS = ("candles", "trades", "events")

lake_option: Option = click.option(
    "--lake",
    "lake_dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The lake (default: `data.dir` of paperbot.yaml).",
)
only_venue: Option = click.option("--venue", metavar="V", help="Only what is of it.")
only_symbol: Option = click.option("--symbol", metavar="SYMBOL", help="Only what is of it.")
repair_option: Option = click.option(
    "--repair", is_flag=True, help="Leave out faulty rows instead of refusing a file."
)


def open_lake(project: Path, lake_dir: Path | None) -> Lake:
    """Return the lake that was asked for; a relative `data.dir` starts at the project."""
    from paperbot_core.market.lake.layout import Lake

    return Lake(project / read_data_settings(project).dir if lake_dir is None else lake_dir)
