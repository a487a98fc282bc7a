"""The `ccxt` source: candles of any exchange that ccxt knows, over its public REST interface."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field

from paperbot_core.api import Component, DataSource, StrictModel, hookimpl


class CcxtHistoryOptions(StrictModel):
    """Which exchange, and how it is asked. No keys: history is public."""

    id: str = Field(
        pattern=r"^[a-z][a-z0-9_]{1,40}$", description="exchange as ccxt names it, e.g. binance"
    )
    page_size: int = Field(
        default=1000, ge=1, le=10_000, description="candles asked for at once; exchanges cap it"
    )
    first_day: date = Field(
        default=date(2010, 1, 1), description="before this day nothing is asked for"
    )
    book_levels: int = Field(
        default=100, ge=1, le=5_000, description="levels of an order book; exchanges cap it"
    )
    timeout_sec: int = Field(default=30, ge=1, le=600, description="for one request")
    urls: dict[str, str] = Field(
        default_factory=dict, description="addresses by ccxt's own key, instead of the usual ones"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="passed to ccxt as its `options`"
    )


def _build(options: CcxtHistoryOptions) -> DataSource:
    from paperbot_ccxt.history import CcxtHistory

    return CcxtHistory(options)


@hookimpl
def register_data_sources() -> list[Component[DataSource]]:
    """Announce the source."""
    return [
        Component(
            name="ccxt",
            config=CcxtHistoryOptions,
            build=_build,
            summary="candles of any exchange that ccxt knows",
        )
    ]
