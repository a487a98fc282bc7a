"""Tickers in the shape that ccxt gives them (`fetch_tickers`), as ours; nothing of ccxt is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paperbot_core.api.facts import Ticker

_NUMBER_END = 1e300
#: UTC ms of the year 5138: beyond it a time is in another unit.
_TIME_END = 1e14


def ticker_from_ccxt(
    symbol: str, fields: Mapping[str, Any], market: Mapping[str, Any] | None = None
) -> Ticker:
    """Return a ticker; what is missing, no number or negative is not known.

    Args:
        symbol: of the market.
        fields: `bid`, `ask`, `last`, `quoteVolume`, `baseVolume`, `vwap`, `timestamp` (UTC ms).
            Without `quoteVolume` it is `baseVolume` at `vwap`, or at `last`.
        market: the market as ccxt describes it: `active` and `created` (UTC ms) are used.
    """
    last = _number(fields.get("last"))
    volume = _number(fields.get("quoteVolume"))
    if math.isnan(volume):
        price = _number(fields.get("vwap"))
        volume = _number(fields.get("baseVolume")) * (last if math.isnan(price) else price)
    about = market or {}
    return Ticker(
        symbol,
        _time(fields.get("timestamp")),
        _number(fields.get("bid")),
        _number(fields.get("ask")),
        last,
        volume,
        active=about.get("active") is not False,
        listed_ts=_time(about.get("created")),
    )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    # Integers can be beyond what a float holds, and comparing tells NaN from the others.
    return float(value) if 0 <= value < _NUMBER_END else math.nan


def _time(value: object) -> int | None:
    number = _number(value)
    return int(number) if 0 < number < _TIME_END else None
