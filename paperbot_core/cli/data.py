"""`paperbot data`: stored markets, their quality and the data lake."""

from __future__ import annotations

import click

from paperbot_core.cli.data_bars import bars
from paperbot_core.cli.data_check import check
from paperbot_core.cli.data_download import download
from paperbot_core.cli.data_features import features
from paperbot_core.cli.data_import import import_
from paperbot_core.cli.data_lake import export, prune, sql
from paperbot_core.cli.data_list import list_
from paperbot_core.cli.data_nightly import nightly


@click.group()
def data() -> None:
    """Check, repair and keep stored markets."""


for _command in (check, download, import_, list_, bars, features, export, prune, sql, nightly):
    data.add_command(_command)
