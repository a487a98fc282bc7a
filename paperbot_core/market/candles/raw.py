"""Rows as a file holds them: read for inspection, so a fault is a value here and never an error.

`files.read_candles` is the strict way, for trading; this one is for those who want to know what is
wrong with a file, or to make a clean one of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.diagnostics import DataError
from paperbot_core.market.candles.arrow import to_array, to_floats
from paperbot_core.market.candles.columns import UNITS, VALUES, locate, parsed_text
from paperbot_core.market.candles.files import read_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Floats, Ints

    Mask = NDArray[np.bool_]


#: `20240131` is a day, longer runs of digits are seconds or finer since 1970.
_DATE_DIGITS = 8


@dataclass(frozen=True, slots=True, eq=False)
class RawBars:
    """The rows of one file in its own order, n >= 0; nothing is checked, sorted or dropped.

    `ts` is int64 of shape (n,), open times in UTC ms, 0 where `timed` is False (no time could be
    read). Prices and volume are float64 of shape (n,), NaN where there is no number. `unread`
    marks rows in which some field was not a number although it was not empty. `lost` counts lines
    that are not rows at all (wrong number of fields).
    """

    ts: Ints
    timed: Mask
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    unread: Mask
    lost: int = 0

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: Ints) -> RawBars:
        """Return the rows with these numbers, in this order; `lost` stays behind."""
        return RawBars(
            self.ts[rows],
            self.timed[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
            self.unread[rows],
        )


def raw_from_table(table: Any, places: dict[str, int], lost: int = 0) -> RawBars:
    """Return the rows of a pyarrow Table; `places` maps ts, open, ... to column numbers."""
    ts, timed = loose_times(table.column(places["ts"]))
    unread = np.zeros(len(ts), dtype=np.bool_)
    values: dict[str, Floats] = {}
    for name in VALUES:
        values[name], odd = loose_floats(table.column(places[name]))
        unread |= odd
    return RawBars(ts, timed, **values, unread=unread, lost=lost)


def loose_floats(column: Any) -> tuple[Floats, Mask]:
    """Return the numbers of a column and where a value that is there is none; both shape (n,)."""
    import pyarrow as pa

    kind = column.type
    none = np.zeros(len(column), dtype=np.bool_)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return to_floats(column), none
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan), none
    values = np.full(len(column), np.nan)
    for row, value in enumerate(column.to_pylist()):
        if value is None or str(value).strip() == "":
            continue
        try:
            values[row] = float(str(value))
        except ValueError:
            none[row] = True
    return values, none


def loose_times(column: Any) -> tuple[Ints, Mask]:
    """Return UTC ms and where they could be read; both shape (n,).

    Numbers are in the unit that most rows have by their size; the others have no time. A
    fraction of a millisecond is cut off: such a time is off every grid and counted there.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column, kind = parsed_text(column)
    timed = np.ones(len(column), dtype=np.bool_)
    if column.null_count:
        timed = np.asarray(to_array(column.is_valid()), dtype=np.bool_)
    if pa.types.is_date(kind):
        column, kind = column.cast(pa.timestamp("ms")), pa.timestamp("ms")
    if pa.types.is_timestamp(kind):
        numbers = to_array(column.cast(pa.int64()).fill_null(0))
        factor = {"s": (1_000, 1), "ms": (1, 1), "us": (1, 1_000), "ns": (1, 1_000_000)}
        multiply, divide = factor[kind.unit]
        return np.asarray(numbers * multiply // divide, dtype=np.int64), timed
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _from_numbers(
            to_floats(column)
            if pa.types.is_floating(kind)
            else to_array(column.fill_null(0)).astype(np.int64),
            timed,
        )
    return _from_texts(column.to_pylist())


def _from_texts(texts: list[Any]) -> tuple[Ints, Mask]:
    """Read each row for itself: digits are a number in the unit of most rows, others ISO 8601."""
    numbers = np.zeros(len(texts), dtype=np.float64)
    times = np.zeros(len(texts), dtype=np.int64)
    dated = np.zeros(len(texts), dtype=np.bool_)
    for row, value in enumerate(texts):
        text = "" if value is None else str(value).strip()
        if text.isascii() and text.isdigit() and len(text) > _DATE_DIGITS:
            numbers[row] = float(text)
        elif (ms := _iso_ms(text)) is not None:
            times[row], dated[row] = ms, True
    numbered, timed = _from_numbers(numbers, numbers > 0)
    return np.where(timed, numbered, times), timed | dated


def _from_numbers(numbers: NDArray[Any], timed: Mask) -> tuple[Ints, Mask]:
    best, unit = -1, UNITS[0]
    for candidate in UNITS:
        fits = int(np.count_nonzero(timed & (numbers >= candidate[1]) & (numbers < candidate[2])))
        if fits > best:
            best, unit = fits, candidate
    _name, low, high, multiply, divide = unit
    timed = timed & (numbers >= low) & (numbers < high)
    whole = np.where(timed, numbers, 0).astype(np.int64)
    return whole * multiply // divide, timed


def _iso_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000)


def read_raw(path: Path) -> RawBars:
    """Return the rows of a candle file, whatever is wrong with them.

    Raises:
        DataError: PB6003 the file cannot be read at all, PB6004 a column is missing or doubled,
            PB6014 the file is beyond reason.
    """
    lost: list[int] = []
    table = read_table(path, lost)
    places, found = locate(table.column_names, str(path))
    if found:
        raise DataError(found)
    return raw_from_table(table, places, len(lost))
