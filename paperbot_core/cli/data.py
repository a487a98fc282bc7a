"""`paperbot data`: stored markets, their quality and the data lake."""

from __future__ import annotations

import click

from paperbot_core.cli.data_check import check
from paperbot_core.cli.data_download import download
from paperbot_core.cli.data_lake import export, import_, list_, prune, sql


@click.group()
def data() -> None:
    """Check, repair and keep stored markets."""


for _command in (check, download, import_, list_, export, prune, sql):
    data.add_command(_command)
