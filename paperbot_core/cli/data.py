"""`paperbot data`: stored markets, their quality and the data lake."""

from __future__ import annotations

import click

from paperbot_core.cli.data_check import check


@click.group()
def data() -> None:
    """Check, repair and keep stored markets."""


data.add_command(check)
