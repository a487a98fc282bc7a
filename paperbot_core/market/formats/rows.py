"""Layouts without a header: what the numbers themselves say about the order of the columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from paperbot_core.domain.market import timeframe_text
from paperbot_core.market.candles.names import parse_candle_name
from paperbot_core.market.candles.raw import loose_floats, loose_times, raw_from_table
from paperbot_core.market.formats.words import Recognised, ambiguous, archive_name, unknown_layout

_OHLCV = {"ts": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
_JESSE = {"ts": 0, "open": 1, "close": 2, "high": 3, "low": 4, "volume": 5}
#: Share of rows in which high and low must be the extremes; bad rows are judged later.
_FITS = 0.99


def klines_rows(path: Path, table: Any) -> Recognised:
    """Return the rows of Binance's archive: open time, ohlc, volume, close time, five more.

    The close time tells the timeframe: it is the last millisecond (or microsecond) of the bar.

    Raises:
        DataError: PB6110 the seventh column is not the end of the bar.
    """
    raw = raw_from_table(table, _OHLCV)
    ends, timed = loose_times(table.column(6))
    both = raw.timed & timed
    lengths, counts = np.unique(ends[both] - raw.ts[both] + 1, return_counts=True)
    if not len(lengths) or int(lengths[counts.argmax()]) % 1_000 or int(lengths.max()) <= 0:
        raise unknown_layout(path, "12 columns, but the seventh is not the end of the bar")
    symbol, timeframe = archive_name(path)
    named = parse_candle_name(path)
    told = timeframe_text(int(lengths[counts.argmax()]))
    notes = () if timeframe in {None, told} else (f"its name says {timeframe}, its rows {told}",)
    return Recognised("binance-klines", raw, symbol or (named[0] if named else None), told, notes)


def six_column_rows(path: Path, table: Any, layout: str | None) -> Recognised:
    """Return the rows of six columns without names: open, high, low, close or Jesse's order.

    The order is the one in which the high is the highest and the low the lowest price.

    Raises:
        DataError: PB6110 neither order fits, PB6111 both do.
    """
    orders = {"ohlcv": _OHLCV, "jesse": _JESSE}
    fitting = [layout] if layout else [name for name, at in orders.items() if _fits(table, at)]
    if not fitting:
        raise unknown_layout(path, "6 columns without a header that are no open, high, low, close")
    if len(fitting) > 1:
        raise ambiguous(
            path,
            "its third and fourth column may be high and low, or close and high",
            "name the order with `--layout ohlcv` or `--layout jesse`",
        )
    raw = raw_from_table(table, orders[fitting[0]])
    named = parse_candle_name(path)
    symbol, timeframe = named or (None, None)
    notes = (f"no header: read in the order {', '.join(orders[fitting[0]])}",)
    return Recognised(fitting[0], raw, symbol, timeframe, notes)


def _fits(table: Any, places: dict[str, int]) -> bool:
    prices = {
        name: loose_floats(table.column(places[name]))[0]
        for name in ("open", "high", "low", "close")
    }
    top = np.maximum(prices["open"], prices["close"])
    bottom = np.minimum(prices["open"], prices["close"])
    good = (prices["high"] >= top) & (prices["low"] <= bottom)
    return bool(np.count_nonzero(good) >= _FITS * max(len(good), 1))
