"""The columns of a bar by name: what each is, for one bar and for all bars of `Candles`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paperbot_core.domain.market import DAY_MS, HOUR_MS, MINUTE_MS, Bar, Candles
from paperbot_core.lang.units import PRICE, RATIO, VOLUME, Unit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its unit, and one rule for a bar and for a column, equal to the bit."""

    name: str
    unit: Unit
    bar: Callable[[Bar], float]
    column: Callable[[Candles], Floats]
    meaning: str


def _clock(length: int, count: int) -> Callable[[Candles], Floats]:
    return lambda candles: (candles.ts // length % count).astype(np.float64)


def _finite(column: Floats) -> Floats:
    bad = np.isinf(column)
    if bad.any():
        column[bad] = np.nan
    return column


def _hl2(candles: Candles) -> Floats:
    with np.errstate(over="ignore"):
        return _finite((candles.high + candles.low) / 2.0)


def _hlc3(candles: Candles) -> Floats:
    with np.errstate(over="ignore"):
        return _finite((candles.high + candles.low + candles.close) / 3.0)


def _hl2_bar(bar: Bar) -> float:
    value = (bar.high + bar.low) / 2.0
    return value if value - value == 0.0 else np.nan


def _hlc3_bar(bar: Bar) -> float:
    value = (bar.high + bar.low + bar.close) / 3.0
    return value if value - value == 0.0 else np.nan


#: 1970-01-01 was a Thursday, which is 3 where Monday is 0.
_THURSDAY = 3

_ALL = (
    Series("open", PRICE, lambda b: b.open, lambda c: c.open, "first price of the bar"),
    Series("high", PRICE, lambda b: b.high, lambda c: c.high, "highest price of the bar"),
    Series("low", PRICE, lambda b: b.low, lambda c: c.low, "lowest price of the bar"),
    Series("close", PRICE, lambda b: b.close, lambda c: c.close, "last price of the bar"),
    Series(
        "volume",
        VOLUME,
        lambda b: b.volume,
        lambda c: c.volume,
        "volume of the bar in base units; unknown where the source does not know it",
    ),
    Series("hl2", PRICE, _hl2_bar, _hl2, "`(high + low) / 2`"),
    Series("hlc3", PRICE, _hlc3_bar, _hlc3, "`(high + low + close) / 3`"),
    Series(
        "hour",
        RATIO,
        lambda b: float(b.ts // HOUR_MS % 24),
        _clock(HOUR_MS, 24),
        "hour of the bar's open time, UTC, 0 to 23",
    ),
    Series(
        "minute",
        RATIO,
        lambda b: float(b.ts // MINUTE_MS % 60),
        _clock(MINUTE_MS, 60),
        "minute of the bar's open time, 0 to 59",
    ),
    Series(
        "weekday",
        RATIO,
        lambda b: float((b.ts // DAY_MS + _THURSDAY) % 7),
        lambda c: ((c.ts // DAY_MS + _THURSDAY) % 7).astype(np.float64),
        "day of the bar's open time, UTC, Monday 0 to Sunday 6",
    ),
)

#: What an expression may name.
SERIES: dict[str, Series] = {series.name: series for series in _ALL}

_TIME = Series(
    "ts",
    RATIO,
    lambda b: float(b.ts),
    lambda c: c.ts.astype(np.float64),
    "open time in ms; for functions only",
)



def _regime(candles: Candles) -> Floats:
    if candles.regime is None:
        return np.full(len(candles), np.nan)
    return candles.regime


_REGIME = Series(
    "regime",
    RATIO,
    lambda b: b.regime,
    _regime,
    "number of the market's regime, see `Bar`; for `regime(...)` and parameters only",
)

#: Every column by name: SERIES and what only functions, `regime(...)` and parameters may read.
COLUMNS: dict[str, Series] = {**SERIES, _TIME.name: _TIME, _REGIME.name: _REGIME}
