"""The `yahoo` source: equities, funds, indices, currencies and more from Yahoo Finance."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from paperbot_core.api import Component, DataSource, StrictModel, hookimpl


class Adjust(StrEnum):
    """What past prices are adjusted for."""

    NONE = "none"
    SPLITS = "splits"
    ALL = "all"


class YahooOptions(StrictModel):
    """How Yahoo is asked."""

    adjust: Adjust = Field(
        default=Adjust.NONE,
        description="past prices as they were paid, adjusted for splits, or for all: splits and "
        "dividends",
    )
    prepost: bool = Field(default=False, description="bars before and after the regular session")
    timeout_sec: int = Field(default=30, ge=1, le=600, description="for one request")


def _build(options: YahooOptions) -> DataSource:
    from paperbot_yahoo.history import YahooHistory

    return YahooHistory(options)


@hookimpl
def register_data_sources() -> list[Component[DataSource]]:
    """Announce the source."""
    return [
        Component(
            name="yahoo",
            config=YahooOptions,
            build=_build,
            summary="equities and anything else on Yahoo Finance, through yfinance",
        )
    ]
