"""The `binance_archive` source: klines and trades from Binance's public archive of files."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import Field

from paperbot_core.api import Component, DataSource, StrictModel, hookimpl


class Missing(StrEnum):
    """What a missing file of the past means."""

    ERROR = "error"
    SKIP = "skip"


class TradeFiles(StrEnum):
    """Which files trades are taken from."""

    TRADES = "trades"
    AGGREGATES = "aggTrades"


class BinanceArchiveOptions(StrictModel):
    """Where the archive is and how it is read."""

    base_url: str = Field(
        default="https://data.binance.vision/data",
        description="address under which `spot/monthly/klines/...` is found",
    )
    listing_url: str = Field(
        default="https://s3-ap-northeast-1.amazonaws.com/data.binance.vision",
        description="address that lists the archive, only used to list symbols",
    )
    cache_dir: str = Field(description="folder that keeps the files as they were fetched")
    refresh: bool = Field(default=False, description="fetch files again that are kept")
    missing: Missing = Field(
        default=Missing.ERROR, description="a day without a file: error, or skip and say so"
    )
    trades: TradeFiles = Field(
        default=TradeFiles.TRADES,
        description="files of trades: trades, or aggTrades (fills of one order at one price)",
    )
    first_month: date = Field(
        default=date(2017, 8, 1), description="first month of the archive; any day of it"
    )
    lag_days: int = Field(
        default=2, ge=0, le=30, description="newest days that may not be published yet"
    )
    timeout_sec: int = Field(default=60, ge=1, le=3600, description="for one read of a transfer")


def _build(options: BinanceArchiveOptions) -> DataSource:
    from paperbot_binance_archive.source import BinanceArchive

    return BinanceArchive(options)


@hookimpl
def register_data_sources() -> list[Component[DataSource]]:
    """Announce the source."""
    return [
        Component(
            name="binance_archive",
            config=BinanceArchiveOptions,
            build=_build,
            summary="klines and trades of spot and perpetuals from Binance's public archive",
        )
    ]
