"""Layouts with a header: which column is the time, which the volume, whose site it is from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.market.candles.columns import VALUES
from paperbot_core.market.candles.names import parse_candle_name
from paperbot_core.market.candles.raw import RawBars, loose_times, raw_from_table
from paperbot_core.market.formats.words import (
    Recognised,
    ambiguous,
    archive_name,
    split_pair,
    timeframe_in_name,
    unknown_layout,
)

if TYPE_CHECKING:
    from paperbot_core.domain.market import Ints

#: Names of the time column, the most exact first: `unix` and `date` often stand side by side.
_TIMES = ("ts", "unix", "unix timestamp", "timestamp", "open time", "date", "datetime", "time")


def layout_of_header(names: Sequence[str]) -> str:
    """Return the layout that a header belongs to; `named` if it is no site's own."""
    folded = {_fold(name) for name in names}
    if "adj close" in folded:
        return "yahoo"
    if {"unix", "symbol"} <= folded:
        return "cryptodatadownload"
    return "binance-klines" if {"open time", "close time"} <= folded else "named"


def named_rows(path: Path, table: Any, layout: str, symbol: str | None, lost: int) -> Recognised:
    """Return the rows of a table whose columns have names.

    Raises:
        DataError: PB6110 a column is missing, PB6111 it is not clear which one is meant.
    """
    folded = [_fold(name) for name in table.column_names]
    notes: list[str] = []
    archive_symbol, archive_timeframe = archive_name(path)
    named = parse_candle_name(path)
    if layout == "cryptodatadownload" and symbol is None and "symbol" in folded:
        symbol = _one_symbol(path, table.column(folded.index("symbol")))
    if layout == "yahoo" and symbol is None:
        symbol = path.stem
        notes.append(f"the file name is taken for the ticker {symbol}")
    symbol = symbol or archive_symbol
    places = {name: _place(path, folded, name) for name in VALUES if name != "volume"}
    places["volume"] = _volume(path, folded, symbol)
    times = [name for name in _TIMES if name in folded]
    if not times:
        raise unknown_layout(path, f"no time among {', '.join(folded[:12])}")
    places["ts"] = folded.index(times[0])
    raw = raw_from_table(table, places, lost)
    if len(times) > 1 and not raw.timed.all():
        raw = _times_from(raw, table.column(folded.index(times[1])))
        notes.append(
            f"`{times[0]}` has several units: those rows take their time from `{times[1]}`"
        )
    if layout == "cryptodatadownload" and _newest_first(raw.ts):
        raw = raw.take(np.arange(len(raw))[::-1])
        notes.append("newest bar first: read backwards")
    if layout == "yahoo":
        notes.append("Yahoo's prices are adjusted for splits (Close); Adj Close is left out")
    timeframe = (named[1] if named else None) or archive_timeframe or timeframe_in_name(path)
    return Recognised(layout, raw, symbol, timeframe, tuple(notes))


def _fold(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name.strip().casefold())


def _place(path: Path, folded: list[str], name: str) -> int:
    if folded.count(name) != 1:
        many = "twice" if name in folded else "not"
        raise unknown_layout(path, f"`{name}` is {many} among {', '.join(folded[:12])}")
    return folded.index(name)


def _volume(path: Path, folded: list[str], symbol: str | None) -> int:
    """Return the column of the volume in base units; sites name it after the coin."""
    if "volume" in folded:
        return _place(path, folded, "volume")
    found = [name for name in folded if name.startswith("volume")]
    if len(found) == 1:
        return folded.index(found[0])
    base = symbol.split("/")[0].casefold() if symbol else ""
    of_base = [name for name in found if base and name in {f"volume {base}", f"volume ({base})"}]
    if len(of_base) == 1:
        return folded.index(of_base[0])
    if not found:
        raise unknown_layout(path, f"no volume among {', '.join(folded[:12])}")
    listed = ", ".join(f"`{name}`" for name in found)
    raise ambiguous(path, f"the volume may be {listed}", "name the market with `--symbol`")


def _one_symbol(path: Path, column: Any) -> str | None:
    values = {str(value).strip() for value in column.unique().to_pylist() if value is not None}
    if len(values) != 1:
        raise unknown_layout(path, f"{len(values)} symbols in one file")
    return split_pair(values.pop())


def _times_from(raw: RawBars, column: Any) -> RawBars:
    """Fill in the times that are missing from another column."""
    other, readable = loose_times(column)
    ts = np.where(raw.timed, raw.ts, other)
    return RawBars(
        ts, raw.timed | readable, raw.open, raw.high, raw.low, raw.close, raw.volume, raw.unread,
        raw.lost,
    )  # fmt: skip


def _newest_first(ts: Ints) -> bool:
    return len(ts) > 1 and bool((np.diff(ts) <= 0).all())
