"""Bars from trades: of equal time, or of an equal number, volume or value of trades.

Sums add trade after trade, oldest first, so that any way to cut a stream of trades into pieces
gives the same bars to the bit. A trade is never split: the one that reaches the size of an event
bar closes it, and the next bar begins with the next trade.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.domain.market import Candles, bucket_open
from paperbot_core.market.trades.trades import Trades

if TYPE_CHECKING:
    from paperbot_core.domain.market import Floats, Ints

#: Amounts that are turned into Python numbers at a time, which bounds the memory.
_BLOCK = 1 << 16


class BarKind(StrEnum):
    """What is equal in all bars of a series."""

    TIME = "time"
    TICKS = "ticks"
    VOLUME = "volume"
    DOLLAR = "dollar"


@dataclass(frozen=True, slots=True)
class BarRule:
    """When a bar is full: ms of time, or a number, base volume or quote value of trades.

    Raises:
        ValueError: `size` is not finite and positive, or not whole where it counts ms or trades.
    """

    kind: BarKind
    size: float

    def __post_init__(self) -> None:
        whole = self.kind in {BarKind.TIME, BarKind.TICKS}
        if not 0 < self.size < float("inf") or (whole and self.size != int(self.size)):
            raise ValueError(f"{self.size:g} is no size of {self.kind} bars")


@dataclass(frozen=True, slots=True, eq=False)
class TradeBars:
    """Bars of one symbol, oldest first; all arrays of shape (m,), int64 or float64.

    Attributes:
        symbol: of the trades.
        ts: UTC ms; open of the bucket for time bars, else the time of the first trade.
        close_ts: UTC ms; end of the bucket for time bars, else the time of the last trade.
        open: price of the first trade.
        high: highest price.
        low: lowest price.
        close: price of the last trade.
        volume: base units.
        quote_volume: sum of price times amount.
        trades: how many.
        buy_volume: base units in which the taker bought; trades of unknown side count as 0.

    Event bars may share a time: two of them can begin in one millisecond.
    """

    symbol: str
    ts: Ints
    close_ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    quote_volume: Floats
    trades: Ints
    buy_volume: Floats

    def __len__(self) -> int:
        return len(self.ts)

    def slice(self, start: int, stop: int | None) -> TradeBars:
        """Return the bars `[start, stop)`; the arrays are views."""
        return TradeBars(self.symbol, *(getattr(self, name)[start:stop] for name in COLUMNS))

    def take(self, rows: Ints) -> TradeBars:
        """Return the bars with these numbers or of this mask."""
        return TradeBars(self.symbol, *(getattr(self, name)[rows] for name in COLUMNS))

    def candles(self, tf_ms: int) -> Candles:
        """Return time bars of `tf_ms` as candles; their times are strictly ascending."""
        columns = (self.open, self.high, self.low, self.close, self.volume)
        return Candles(self.symbol, tf_ms, self.ts, *columns)


#: Names of the columns of bars, in their order.
COLUMNS = tuple(field.name for field in fields(TradeBars) if field.name != "symbol")


def no_bars(symbol: str) -> TradeBars:
    """Return no bars of a symbol."""
    whole, real = np.empty(0, np.int64), np.empty(0)
    return TradeBars(symbol, whole, whole, real, real, real, real, real, real, whole, real)


def joined_bars(parts: list[TradeBars]) -> TradeBars:
    """Return consecutive parts of one series as one; there must be at least one part."""
    if len(parts) == 1:
        return parts[0]
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS)
    return TradeBars(parts[0].symbol, *columns)


def time_bars(trades: Trades, tf_ms: int) -> TradeBars:
    """Return bars of `tf_ms`; a time without trades has no bar, the last bar may be unfinished.

    Weeks start on Monday 00:00 UTC, everything else counts from 1970-01-01 00:00 UTC.
    """
    builder = BarBuilder(trades.symbol, BarRule(BarKind.TIME, tf_ms))
    return joined_bars([builder.feed(trades), builder.rest()])


def tick_bars(trades: Trades, count: int) -> TradeBars:
    """Return bars of `count` trades each; what does not fill the last bar is left out."""
    return BarBuilder(trades.symbol, BarRule(BarKind.TICKS, count)).feed(trades)


def volume_bars(trades: Trades, base_volume: float) -> TradeBars:
    """Return bars of at least `base_volume` each; what does not fill the last is left out."""
    return BarBuilder(trades.symbol, BarRule(BarKind.VOLUME, base_volume)).feed(trades)


def dollar_bars(trades: Trades, quote_volume: float) -> TradeBars:
    """Return bars worth at least `quote_volume` each; what does not fill the last is left out."""
    return BarBuilder(trades.symbol, BarRule(BarKind.DOLLAR, quote_volume)).feed(trades)


class BarBuilder:
    """Bars of a stream of trades that comes in pieces of any length."""

    def __init__(self, symbol: str, rule: BarRule) -> None:
        """Begin without trades."""
        self._symbol, self._rule = symbol, rule
        self._open = no_bars(symbol)
        self._last_ts: int | None = None

    def rest(self) -> TradeBars:
        """Return the bar that is not full yet, or none; time bars are full when the next begins."""
        return self._open

    def feed(self, trades: Trades) -> TradeBars:
        """Take the next trades and return the bars that they finished.

        Raises:
            ValueError: a trade is older than one before it.
        """
        if not len(trades):
            return no_bars(self._symbol)
        first, last = int(trades.ts[0]), int(trades.ts[-1])
        if (self._last_ts is not None and first < self._last_ts) or (np.diff(trades.ts) < 0).any():
            raise ValueError("trades must come oldest first")
        self._last_ts = last
        value = trades.price * trades.amount
        finished: list[TradeBars] = []
        if self._rule.kind is BarKind.TIME:
            opens = _bucket_opens(trades.ts, int(self._rule.size))
            starts = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
            full = len(starts) - 1
            if len(self._open) and int(self._open.ts[0]) != int(opens[0]):
                finished.append(self._open)
                self._open = no_bars(self._symbol)
        else:
            ends = self._event_ends(trades, value)
            starts = np.append(0, ends)
            full = len(ends)
            starts = starts[starts < len(trades)]
        bars = self._bars(trades, value, starts)
        self._open = bars.slice(full, None)
        return joined_bars([*finished, bars.slice(0, full)])

    def _event_ends(self, trades: Trades, value: Floats) -> Ints:
        """Return the row after the last trade of each bar that is full."""
        size, begun = self._rule.size, self._open
        if self._rule.kind is BarKind.TICKS:
            count = int(size)
            had = int(begun.trades[0]) if len(begun) else 0
            return np.arange(count - had, len(trades) + 1, count, dtype=np.int64)
        if self._rule.kind is BarKind.VOLUME:
            return _full_at(trades.amount, size, float(begun.volume[0]) if len(begun) else 0.0)
        return _full_at(value, size, float(begun.quote_volume[0]) if len(begun) else 0.0)

    def _bars(self, trades: Trades, value: Floats, starts: Ints) -> TradeBars:
        """Return one bar a group of rows; the first goes on with the open bar if there is one."""
        begun = self._open
        stops = np.append(starts[1:], len(trades))
        groups = np.repeat(np.arange(len(starts)), stops - starts)
        bought = np.where(trades.side > 0, trades.amount, 0.0)

        def total(values: Floats, before: Floats) -> Floats:
            # bincount adds row after row; what the open bar has already comes first.
            if len(begun):
                values = values.copy()
                values[0] = before[0] + values[0]
            sums = np.bincount(groups, weights=values, minlength=len(starts))
            return np.asarray(sums, dtype=np.float64)

        price = trades.price
        columns: dict[str, Any] = {
            "ts": trades.ts[starts],
            "close_ts": trades.ts[stops - 1],
            "open": price[starts],
            "high": np.maximum.reduceat(price, starts),
            "low": np.minimum.reduceat(price, starts),
            "close": price[stops - 1],
            "volume": total(trades.amount, begun.volume),
            "quote_volume": total(value, begun.quote_volume),
            "trades": (stops - starts).astype(np.int64),
            "buy_volume": total(bought, begun.buy_volume),
        }
        if self._rule.kind is BarKind.TIME:
            columns["ts"] = _bucket_opens(columns["ts"], int(self._rule.size))
            columns["close_ts"] = columns["ts"] + int(self._rule.size)
        if len(begun):
            columns["ts"][0], columns["open"][0] = begun.ts[0], begun.open[0]
            columns["high"][0] = max(columns["high"][0], begun.high[0])
            columns["low"][0] = min(columns["low"][0], begun.low[0])
            columns["trades"][0] += begun.trades[0]
        return TradeBars(self._symbol, **columns)


def _bucket_opens(ts: Ints, tf_ms: int) -> Ints:
    offset = bucket_open(0, tf_ms)
    opens: Ints = (ts - offset) // tf_ms * tf_ms + offset
    return opens


def _full_at(values: Floats, size: float, total: float) -> Ints:
    """Return the row after each one in which the running sum reaches `size` and begins anew.

    Where a bar ends depends on where the one before it ended, so this is a loop over numbers; a
    running sum of the whole array would round differently and move ends.
    """
    ends: list[int] = []
    for start in range(0, len(values), _BLOCK):
        for row, value in enumerate(values[start : start + _BLOCK].tolist(), start + 1):
            total += value
            if total >= size:
                ends.append(row)
                total = 0.0
    return np.array(ends, dtype=np.int64)
