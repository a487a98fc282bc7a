"""Markets in words: timeframes, instruments, bars and arrays of bars. Times are UTC ms."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

_UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}
_TIMEFRAME = re.compile(r"([1-9][0-9]{0,3})([smhdw])")

#: 1970-01-01 was a Thursday; weekly bars open on Monday 00:00 UTC.
_MONDAY_MS = 4 * DAY_MS


def timeframe_ms(text: str) -> int:
    """Return the length of a timeframe such as `1m`, `4h`, `1d`, `1w` in milliseconds.

    Raises:
        ValueError: `text` is not a number from 1 to 9999 followed by one of s, m, h, d, w.
    """
    match = _TIMEFRAME.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a timeframe such as 1m, 15m, 1h, 4h, 1d")
    return int(match[1]) * _UNITS_MS[match[2]]


def timeframe_text(ms: int) -> str:
    """Return the shortest name of a timeframe: 3_600_000 is `1h`."""
    for unit in ("w", "d", "h", "m", "s"):
        if ms % _UNITS_MS[unit] == 0:
            return f"{ms // _UNITS_MS[unit]}{unit}"
    raise ValueError(f"{ms} ms is not a whole number of seconds")


def bucket_open(ts: int, tf_ms: int) -> int:
    """Return the open time of the bar of `tf_ms` that contains `ts`; weeks start on Monday."""
    offset = _MONDAY_MS if tf_ms % WEEK_MS == 0 else 0
    return (ts - offset) // tf_ms * tf_ms + offset


def quote_of(symbol: str) -> str:
    """Return the quote currency of `BASE/QUOTE[:SETTLE]`; empty for a ticker, which tells none."""
    return symbol.partition("/")[2].partition(":")[0]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What trades: its grid, fees and group. A grid step or minimum of 0 means off.

    `tick`, `lot`, `min_notional` are in quote, base and quote units; fees in basis points.
    `sessions` is True for markets that close (equities): a missing bar is then no gap.
    """

    symbol: str
    tick: Decimal = Decimal(0)
    lot: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    maker_bps: Decimal = Decimal(10)
    taker_bps: Decimal = Decimal(10)
    cluster: str = ""
    tier: str = "unlisted"
    shortable: bool = False
    fee_asset: str = "quote"
    sessions: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A closed candle over `[ts, ts + tf_ms)`; NaN volume means unknown.

    `regime` is the state of the market as a whole as it was known at the close of this bar:
    1 calm, 2 trend, 3 chop, 4 crash, NaN where nothing tells.
    """

    symbol: str
    ts: int
    tf_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    regime: float = math.nan

    @property
    def close_ts(self) -> int:
        """Return the decision time that this bar makes possible."""
        return self.ts + self.tf_ms


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """The bars of one symbol as arrays, oldest first, `ts` strictly ascending open times.

    `ts` is int64 of shape (n,), the others float64 of shape (n,); all C-contiguous.
    `regime` is that of `Bar`, None where nothing tells it on any bar.
    """

    symbol: str
    tf_ms: int
    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    regime: Floats | None = None

    def __len__(self) -> int:
        return len(self.ts)

    def slice(self, start: int, stop: int) -> Candles:
        """Return the rows `[start, stop)` as views."""
        part = slice(start, stop)
        return Candles(
            self.symbol, self.tf_ms, self.ts[part], self.open[part], self.high[part],
            self.low[part], self.close[part], self.volume[part],
            None if self.regime is None else self.regime[part],
        )

    def take(self, rows: NDArray[np.bool_]) -> Candles:
        """Return copies of the rows where `rows`, of shape (n,), is true."""
        return Candles(
            self.symbol, self.tf_ms, self.ts[rows], self.open[rows], self.high[rows],
            self.low[rows], self.close[rows], self.volume[rows],
            None if self.regime is None else self.regime[rows],
        )

    def bar(self, row: int) -> Bar:
        """Return one row as a Bar of Python numbers."""
        return Bar(
            self.symbol, int(self.ts[row]), self.tf_ms, float(self.open[row]),
            float(self.high[row]), float(self.low[row]), float(self.close[row]),
            float(self.volume[row]),
            math.nan if self.regime is None else float(self.regime[row]),
        )
