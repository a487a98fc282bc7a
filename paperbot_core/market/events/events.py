"""Prices of shares over splits and dividends, point in time; knows no files.

A raw price is in units of the share of its day. Times a *forward factor* it is in units of the
first share, and that factor only needs events of the past: a value never changes when later events
become known. Charts and exports are back-adjusted instead: in units of the share of one later day.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic
from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.domain.market import DAY_MS, timeframe_text
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paperbot_core.domain.market import Candles, Floats, Ints

__all__ = [
    "CorporateEvents",
    "adjusted",
    "fault_of",
    "forward_factor",
    "forward_scaled",
    "make_events",
    "two_shares",
]


#: No share has ever become more others than this, or so few; prices would be lost in it.
FACTOR_MAX = 1e15
#: Cash for one share, in any currency.
DIVIDEND_MAX = 1e9


def make_events(symbol: str, rows: Iterable[tuple[int, float, float]]) -> CorporateEvents:
    """Return events of `(ts, split, dividend)` rows, sorted by time; rows of no event are left out.

    What a row must be is not checked here: `events_table.events_from_table` reads files.
    """
    kept = sorted(row for row in rows if row[1:] != (1.0, 0.0))
    return CorporateEvents(
        symbol,
        np.array([row[0] for row in kept], dtype=np.int64),
        np.array([row[1] for row in kept], dtype=np.float64),
        np.array([row[2] for row in kept], dtype=np.float64),
    )


def fault_of(events: CorporateEvents) -> str:
    """Return what is wrong with events that somebody else made, in words; empty if nothing is."""
    columns = (events.ts, events.split, events.dividend)
    kinds = [column.dtype.name for column in columns]
    if kinds != ["int64", "float64", "float64"] or len({len(column) for column in columns}) > 1:
        return "columns that are not int64, float64, float64 of one length"
    if (events.ts % DAY_MS).any() or (np.diff(events.ts) <= 0).any():
        return "days that are not 00:00 UTC, ascending, each once"
    if not (np.isfinite(events.split) & (events.split > 0)).all():
        return "a split that is not above 0"
    if not (np.isfinite(events.dividend) & (events.dividend >= 0)).all():
        return "a dividend below 0"
    if (events.dividend > DIVIDEND_MAX).any():
        return f"a dividend above {DIVIDEND_MAX:g}"
    if (np.abs(np.cumsum(np.log10(events.split))) > math.log10(FACTOR_MAX)).any():
        return f"so much in the splits that one share becomes {FACTOR_MAX:g}, or the reverse"
    return ""


def forward_factor(events: CorporateEvents, ts: Ints, close: Floats | None = None) -> Floats:
    """Return how many shares of today one first share has become, at each bar.

    A raw price times its factor is continuous over splits, in units of the share before the first
    event; a raw number of shares divided by it likewise. The value at a bar depends on events up to
    its open time alone.

    Args:
        events: of one symbol.
        ts: open times of bars, UTC ms, ascending int64 of shape (n,).
        close: raw closes of these bars, shape (n,); if given, dividends are put into shares at the
            last close before their day, free of charge and tax. Dividends before the second bar
            know no such price and are left out.

    Returns:
        float64 of shape (n,), 1.0 before the first event.

    Raises:
        DataError: PB6332, a dividend is not below the price it was paid on.
    """
    steps = events.split.copy()
    if close is not None:
        steps *= _reinvested(events, ts, close)
    totals = np.concatenate(([1.0], np.cumprod(steps)))
    factor: Floats = totals[np.searchsorted(events.ts, ts, side="right")]
    return factor


def forward_scaled(
    candles: Candles, events: CorporateEvents, *, dividends: bool = False
) -> Candles:
    """Return raw bars in units of the first share: prices times the factor, volume divided by it.

    With `dividends`, prices are those of a holder who puts each dividend into more shares; volume
    follows splits alone.

    Raises:
        DataError: PB6332 as `forward_factor`, PB6335 an event comes into force inside a bar.
    """
    _check_bars(candles, events)
    shares = forward_factor(events, candles.ts)
    prices = forward_factor(events, candles.ts, candles.close) if dividends else shares
    return _scaled(candles, prices, shares)


def adjusted(
    candles: Candles,
    events: CorporateEvents,
    as_of: int | None = None,
    *,
    dividends: bool = False,
) -> Candles:
    """Return raw bars back-adjusted to the share of `as_of`, as a chart drawn then shows them.

    Args:
        candles: raw bars.
        events: of the same symbol.
        as_of: UTC ms; bars not closed and events not in force by then are left out. None is the
            end of the last bar.
        dividends: adjust prices for dividends too (volume follows splits alone).

    Raises:
        DataError: PB6332 as `forward_factor`, PB6335 an event comes into force inside a bar.
    """
    if as_of is None:
        as_of = int(candles.ts[-1]) + candles.tf_ms if len(candles) else 0
    known = events.until(as_of)
    closed = candles.slice(0, int(candles.ts.searchsorted(as_of - candles.tf_ms, side="right")))
    _check_bars(closed, known)
    # The moment itself is one more point: an event after the last bar is in force at it.
    ts = np.append(closed.ts, as_of)
    shares = forward_factor(known, ts)
    prices = shares
    if dividends:
        prices = forward_factor(known, ts, np.append(closed.close, np.nan))
    return _scaled(closed, prices[:-1] / prices[-1], shares[:-1] / shares[-1])


def _reinvested(events: CorporateEvents, ts: Ints, close: Floats) -> Floats:
    """Return how many shares one becomes by each dividend, shape (events,)."""
    before = np.searchsorted(ts, events.ts, side="left") - 1
    grown = np.ones(len(events))
    for row in np.flatnonzero((events.dividend > 0) & (before >= 0)):
        price, cash = float(close[before[row]]), float(events.dividend[row])
        if not cash < price:
            raise DataError(
                Diagnostic(
                    "PB6332",
                    f"the dividend of {events.symbol} on {iso_time(int(events.ts[row]))[:10]} is "
                    f"{cash:g}, and the close before it {price:g}",
                    help="one of the two is wrong, or they are of different markets",
                )
            )
        grown[row] = price / (price - cash)
    return grown


def _scaled(candles: Candles, prices: Floats, shares: Floats) -> Candles:
    return replace(
        candles,
        open=candles.open * prices,
        high=candles.high * prices,
        low=candles.low * prices,
        close=candles.close * prices,
        volume=candles.volume / shares,
    )


def _check_bars(candles: Candles, events: CorporateEvents) -> None:
    """Refuse bars that mix prices of two shares; bars of up to a day never do."""
    if candles.tf_ms <= DAY_MS or not len(candles):
        return
    row = np.searchsorted(candles.ts, events.ts, side="left") - 1
    inside = (row >= 0) & (events.ts < candles.ts[row] + candles.tf_ms)
    if inside.any():
        raise two_shares(candles.symbol, candles.tf_ms, int(events.ts[inside.argmax()]))


def two_shares(symbol: str, tf_ms: int, ts: int) -> DataError:
    """Return the error for a stored bar longer than a day into which the event at `ts` falls."""
    return DataError(
        Diagnostic(
            "PB6335",
            f"a bar of {timeframe_text(tf_ms)} of {symbol} holds prices from before and after the "
            f"event of {iso_time(ts)[:10]}",
            help="adjust bars of a day or less, then make the longer ones",
        )
    )
