"""`paperbot data`: stored markets, their quality and the data lake."""

from __future__ import annotations

import click

from paperbot_core.cli.data_check import check
from paperbot_core.cli.data_download import download
from paperbot_core.cli.data_events import events, import_events
from paperbot_core.cli.data_lake import export, import_, list_, prune, sql
from paperbot_core.cli.data_nightly import nightly
from paperbot_core.cli.data_trades import bars, import_trades, trades
from paperbot_core.cli.data_trades_download import download_trades


@click.group()
def data() -> None:
    """Check, repair and keep stored markets."""


_COMMANDS = (
    check,
    download,
    download_trades,
    import_,
    import_events,
    events,
    import_trades,
    trades,
    bars,
    list_,
    export,
    prune,
    sql,
    nightly,
)
for _command in _COMMANDS:
    data.add_command(_command)
