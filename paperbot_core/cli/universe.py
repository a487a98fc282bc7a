"""`paperbot universe`: who may be traded, now and on any past day."""

from __future__ import annotations

import click

from paperbot_core.cli.universe_record import record, refresh
from paperbot_core.cli.universe_show import show


@click.group()
def universe() -> None:
    """Show and record who may be traded, now and on any past day."""


for _command in (show, refresh, record):
    universe.add_command(_command)
