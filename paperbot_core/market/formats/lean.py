"""Archives of the LEAN engine: zipped CSV without header, one market (or one day of it) each.

Equities come in ten-thousandths of a dollar and New York time, crypto in plain prices and UTC.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.domain.market import DAY_MS, HOUR_MS, MINUTE_MS
from paperbot_core.market.candles.columns import VALUES
from paperbot_core.market.candles.raw import RawBars, loose_floats
from paperbot_core.market.equities import new_york_behind_ms
from paperbot_core.market.formats.words import Recognised, ambiguous, split_pair, unknown_layout

if TYPE_CHECKING:
    from paperbot_core.domain.market import Ints

_MOMENT = re.compile(r"(\d{4})(\d{2})(\d{2}) (\d{2}):(\d{2})")
_DAY = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)")
_SCALE = 10_000.0
_TIMEFRAMES = {"daily": "1d", "hour": "1h", "minute": "1m", "second": "1s"}
_EPOCH = date(1970, 1, 1).toordinal()


def is_lean(first: list[str]) -> bool:
    """Return whether the fields of a first line begin with LEAN's time of day or bars of a day."""
    if len(first) != 6:
        return False
    return bool(_MOMENT.fullmatch(first[0])) or (first[0].isdigit() and int(first[0]) < DAY_MS)


def lean_rows(path: Path, inner: str, table: Any, layout: str | None) -> Recognised:
    """Return the rows of a LEAN archive; `inner` is the name of the CSV file in it.

    Raises:
        DataError: PB6110 the times are not LEAN's, PB6111 the path does not tell whether these are
            equities (scaled prices, New York time) or crypto.
    """
    parts = [part.casefold() for part in (*path.resolve().parts, *Path(inner).parts)]
    kind = layout or _kind(path, parts)
    if table.num_columns != 6:
        raise unknown_layout(path, f"{table.num_columns} columns; LEAN's trade bars have 6")
    local = _local_times(path, inner, table.column(0).to_pylist())
    words = re.split(r"[_./\\]", "_".join(parts[-4:]))
    timeframe = next((tf for word, tf in _TIMEFRAMES.items() if word in words), None)
    values = {name: loose_floats(table.column(at)) for at, name in enumerate(VALUES, start=1)}
    scale = _SCALE if kind == "lean-equity" else 1.0
    ts = _to_utc(local) if kind == "lean-equity" and timeframe != "1d" else local
    columns = {
        name: numbers if name == "volume" else numbers / scale
        for name, (numbers, _odd) in values.items()
    }
    unread = np.logical_or.reduce([odd for _numbers, odd in values.values()])
    raw = RawBars(ts=ts, timed=np.ones(len(ts), dtype=np.bool_), unread=unread, lost=0, **columns)
    zone = "New York time, prices / 10000" if scale > 1 else "UTC"
    return Recognised(kind, raw, _symbol(path, inner, kind), timeframe, (f"times read as {zone}",))


def _to_utc(local: Ints) -> Ints:
    days, place = np.unique(local // DAY_MS, return_inverse=True)
    behind = np.array([new_york_behind_ms(int(day) * DAY_MS) for day in days], dtype=np.int64)
    return local + behind[place]


def _kind(path: Path, parts: list[str]) -> str:
    equity = "equity" in parts
    crypto = bool({"crypto", "cryptofuture"} & set(parts))
    if equity == crypto:
        raise ambiguous(
            path,
            "LEAN stores equities in ten-thousandths and New York time, crypto plainly and in UTC",
            "say which with `--layout lean-equity` or `--layout lean-crypto`",
        )
    return "lean-equity" if equity else "lean-crypto"


def _local_times(path: Path, inner: str, texts: list[Any]) -> Ints:
    """Return the times of the rows in ms since 1970 of the exchange's own clock."""
    day = _DAY.search(inner) or _DAY.search(path.name)
    start = _day_ms(*day.groups()) if day else None
    found = np.zeros(len(texts), dtype=np.int64)
    for row, text in enumerate(texts):
        match = _MOMENT.fullmatch(str(text))
        if match:
            hours, minutes = int(match[4]), int(match[5])
            found[row] = _day_ms(*match.groups()[:3]) + hours * HOUR_MS + minutes * MINUTE_MS
        elif start is not None and str(text).isdigit():
            found[row] = start + int(text)
        else:
            raise unknown_layout(path, f"`{text}` in row {row + 1} is no time of LEAN's")
    return found


def _day_ms(year: str, month: str, day: str) -> int:
    return (date(int(year), int(month), int(day)).toordinal() - _EPOCH) * DAY_MS


def _symbol(path: Path, inner: str, kind: str) -> str | None:
    """Return the symbol from `aapl.csv`, `20131007_ibm_minute_trade.csv` or `btcusd_trade.zip`."""
    words = [word for word in re.split(r"[_.]", Path(inner).stem) if not word.isdigit()]
    if not words:
        words = [path.stem.split("_")[0]]
    return words[0].upper() if kind == "lean-equity" else split_pair(words[0])
