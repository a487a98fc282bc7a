"""The `bitmex` source: bars of any width from the trades of BitMEX's public archive."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import Field

from paperbot_core.api import Component, DataSource, StrictModel, hookimpl


class Volume(StrEnum):
    """What the volume of a bar counts."""

    HOME = "home"
    FOREIGN = "foreign"
    CONTRACTS = "contracts"


class Missing(StrEnum):
    """What a missing file of the past means."""

    ERROR = "error"
    SKIP = "skip"


class BitmexOptions(StrictModel):
    """Where the archive is and how it is read."""

    base_url: str = Field(
        default="https://s3-eu-west-1.amazonaws.com/public.bitmex.com/data",
        description="address under which `trade/20180901.csv.gz` is found",
    )
    cache_dir: str = Field(description="folder that keeps the files as they were fetched")
    refresh: bool = Field(default=False, description="fetch files again that are kept")
    volume: Volume = Field(
        default=Volume.HOME,
        description="unit of volume: home (base currency), foreign (quote currency) or contracts",
    )
    missing: Missing = Field(
        default=Missing.ERROR, description="a day without a file: error, or skip and say so"
    )
    first_day: date = Field(
        default=date(2014, 11, 22), description="first day of the archive (UTC)"
    )
    lag_days: int = Field(
        default=2, ge=0, le=30, description="newest days that may not be published yet"
    )
    timeout_sec: int = Field(default=60, ge=1, le=3600, description="for one read of a transfer")


def _build(options: BitmexOptions) -> DataSource:
    from paperbot_bitmex.source import BitmexArchive

    return BitmexArchive(options)


@hookimpl
def register_data_sources() -> list[Component[DataSource]]:
    """Announce the source."""
    return [
        Component(
            name="bitmex",
            config=BitmexOptions,
            build=_build,
            summary="bars of any width from the daily trade files of BitMEX's public archive",
        )
    ]
