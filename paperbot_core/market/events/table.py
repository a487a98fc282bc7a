"""Files of splits and dividends: recognised by their columns, read strictly, written as Parquet.

| layout | columns |
|---|---|
| `events` | `ts` or `date`, with `split`, `dividend` or both |
| `yfinance` | `Date`, with `Dividends`, `Stock Splits` or both: cash in shares of the last day |
| `lean` | `ts` or `date`, `price_factor`, `split_factor`, `ref_price` |
| `lean` (CSV without header) | `20140606,0.9304792,0.142857,645.57` |
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span, UserError
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.candles.arrow import from_numbers
from paperbot_core.market.candles.files import read_table
from paperbot_core.market.events.events import CorporateEvents, fault_of, make_events
from paperbot_core.market.events.lean import FactorRow, events_of_factors
from paperbot_core.market.lake.files import write_table
from paperbot_core.market.timerange import iso_time, parse_time

EVENTS_SUFFIXES = (".parquet", ".csv")
#: A share has had a few hundred dividends at most; a longer file is something else.
ROWS_MAX = 100_000
_BYTES_MAX = 16 << 20
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_MS, _LAST_MS = (
    (date(year, 1, 1).toordinal() - _EPOCH) * DAY_MS for year in (1800, 2200)
)
_SPLIT_MAX = 1e6
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")
_LEAN_DAY = re.compile(r"\d{8}")
_LEAN_NAMES = ("date", "price_factor", "split_factor", "ref_price")


@dataclass(frozen=True, slots=True)
class EventsTable:
    """The rows of a file as they are in it: names of columns (small letters), values, and places.

    `first_line` is the line of the first row, 0 where a file has no lines.
    """

    file: str
    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    first_line: int


def read_events(path: Path, symbol: str) -> tuple[CorporateEvents, str]:
    """Return the events of a file in one of the layouts above, and which it is.

    The order of the rows does not matter; a row without split and dividend is none.

    Raises:
        DataError: PB6003, PB6014 it cannot be read; PB6330 it is no file of events; PB6331 a row
            is none; PB6332 factors that make no dividend.
    """
    table = _open(path)
    layout, read = _layout(table)
    _check_symbol(table, symbol)
    rows = read(table)
    days = sorted(row[0] for row in rows)
    for day, following in pairwise(days):
        if day == following:
            raise _wrong(table, None, f"{iso_time(day)[:10]} is there twice")
    events = make_events(symbol, rows)
    if fault := fault_of(events):
        raise _wrong(table, None, f"there is {fault}")
    return events, layout


def events_layout(names: Sequence[str]) -> str | None:
    """Return the layout that names of columns belong to, None if they are of no file of events."""
    known = {name.strip().casefold() for name in names}
    if not known & {"ts", "date"}:
        return None
    if {"price_factor", "split_factor"} <= known:
        return "lean"
    if known & {"split", "dividend"}:
        return "events"
    return "yfinance" if known & {"stock splits", "dividends"} else None


def is_lean_row(first: Sequence[str]) -> bool:
    """Return whether the fields of a first line are a row of LEAN's factors: date, two or three."""
    return len(first) in {3, len(_LEAN_NAMES)} and bool(_LEAN_DAY.fullmatch(first[0].strip()))


def write_events(path: Path, events: CorporateEvents) -> None:
    """Write events as Parquet, atomically: `ts` int64 UTC ms, `split` and `dividend` float64."""
    write_table(path, events_table(events))


def events_table(events: CorporateEvents) -> Any:
    """Return the events as a pyarrow Table with columns ts, split, dividend."""
    import pyarrow as pa

    columns = {"ts": events.ts, "split": events.split, "dividend": events.dividend}
    return pa.table({name: from_numbers(values) for name, values in columns.items()})


def _open(path: Path) -> EventsTable:
    if path.suffix.lower() == ".csv":
        return _open_csv(path)
    table = read_table(path)
    names = tuple(name.strip().casefold() for name in table.column_names)
    if table.num_rows > ROWS_MAX:
        raise _no_events(str(path), f"it has {table.num_rows:,} rows")
    columns = [column.to_pylist() for column in table.columns]
    return EventsTable(str(path), names, list(zip(*columns, strict=True)), 0)


def _open_csv(path: Path) -> EventsTable:
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise _no_events(str(path), "it is too big")
        lines = path.read_text("utf-8-sig").splitlines()
        rows = [tuple(row) for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            Diagnostic("PB6003", f"`{path.name}` cannot be read as csv: {error}", Span(str(path)))
        ) from error
    if rows and is_lean_row(rows[0]):
        return EventsTable(str(path), _LEAN_NAMES[: len(rows[0])], list(rows), 1)
    names = tuple(name.strip().casefold() for name in rows[0]) if rows else ()
    return EventsTable(str(path), names, list(rows[1:]), 2)


Reader = Callable[[EventsTable], list[tuple[int, float, float]]]


def _layout(table: EventsTable) -> tuple[str, Reader]:
    if len(set(table.names)) < len(table.names):
        raise _no_events(table.file, "two of its columns have one name")
    layout = events_layout(table.names)
    if layout is None:
        listed = ", ".join(table.names[:8]) or "no columns"
        raise _no_events(table.file, f"it has {listed}")
    readers: dict[str, Reader] = {
        "lean": _lean,
        "events": lambda rows: _plain(rows, "split", "dividend"),
        "yfinance": _yfinance,
    }
    return layout, readers[layout]


def _check_symbol(table: EventsTable, symbol: str) -> None:
    """Refuse rows that say of themselves that they are about another share."""
    column = next((name for name in ("symbol", "ticker") if name in table.names), None)
    if column is None:
        return
    at = table.names.index(column)
    for number, row in enumerate(table.rows):
        about = str(row[at] if at < len(row) and row[at] is not None else "").strip()
        if about and _letters(about) != _letters(symbol):
            raise _wrong(table, number, f"it is about {about[:40]}, not about {symbol}")


def _letters(symbol: str) -> str:
    """Return what is the same in all ways of writing a symbol: `BRK-B`, `BRK.B`, `brk/b`."""
    return "".join(char for char in symbol.casefold() if char.isalnum())


def _plain(table: EventsTable, split: str, dividend: str) -> list[tuple[int, float, float]]:
    """Return the rows; an empty field and a split of 0 mean none."""
    rows = []
    for number, row in enumerate(table.rows):
        ratio = _number(table, number, row, split) or 1.0
        cash = _number(table, number, row, dividend) or 0.0
        if ratio < 0 or cash < 0:
            raise _wrong(table, number, "a split or a dividend is below 0")
        if not 1 / _SPLIT_MAX <= ratio <= _SPLIT_MAX:
            raise _wrong(table, number, f"no company splits {ratio:g} for 1")
        rows.append((_day(table, number, row), ratio, cash))
    return rows


def _yfinance(table: EventsTable) -> list[tuple[int, float, float]]:
    return unadjusted(_plain(table, "stock splits", "dividends"))


def unadjusted(rows: Sequence[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Return `(ts, split, dividend)` rows with cash a share as it was paid.

    Yahoo and others tell past dividends in shares of the last day: divided by every split since,
    that of the day itself included.
    """
    found, shares = [], 1.0
    for ts, split, dividend in sorted(rows, reverse=True):
        shares *= split
        found.append((ts, split, dividend * shares))
    return found[::-1]


def _lean(table: EventsTable) -> list[tuple[int, float, float]]:
    rows = []
    for number, row in enumerate(table.rows):
        price, split, reference = (
            _number(table, number, row, name, infinite=True) for name in _LEAN_NAMES[1:]
        )
        if not (price > 0 and split > 0):
            raise _wrong(table, number, "a factor is not above 0")
        rows.append(FactorRow(_day(table, number, row), price, split, reference or math.nan))
    return events_of_factors(rows, table.file)


def _number(
    table: EventsTable, number: int, row: tuple[Any, ...], name: str, *, infinite: bool = False
) -> float:
    """Return a field as a number, 0.0 where it is empty or the file has no such column."""
    if name not in table.names:
        return 0.0
    at = table.names.index(name)
    value = row[at] if at < len(row) else None
    if value is None or str(value).strip() == "":
        return 0.0
    try:
        found = float(str(value))
    except ValueError:
        raise _wrong(table, number, f"`{name}` is `{str(value)[:40]}`, no number") from None
    if math.isnan(found):
        return 0.0
    if math.isinf(found) and not infinite:
        raise _wrong(table, number, f"`{name}` is infinite")
    return found


def _day(table: EventsTable, number: int, row: tuple[Any, ...]) -> int:
    """Return 00:00 UTC of the date of a row; a time of day counts on the exchange's own clock."""
    at = table.names.index("ts" if "ts" in table.names else "date")
    value = row[at] if at < len(row) else None
    if isinstance(value, datetime):
        value = value.date()
    text = str(value).strip()
    # Behind a date there may be midnight of New York: what counts is the date.
    text = text[:10] if _ISO_DAY.match(text) else text
    try:
        if isinstance(value, date):
            ts = (value.toordinal() - _EPOCH) * DAY_MS
        else:
            ts = value if isinstance(value, int) else parse_time(text)
    except UserError:
        raise _wrong(table, number, f"`{text[:40]}` is no date") from None
    if not _FIRST_MS <= ts <= _LAST_MS:
        raise _wrong(table, number, f"{iso_time(ts)} is no day of an exchange")
    if ts % DAY_MS:
        raise _wrong(table, number, f"{iso_time(ts)} is no date: a day is its 00:00 UTC")
    return ts


def _wrong(table: EventsTable, number: int | None, what: str) -> DataError:
    line = table.first_line + number if table.first_line and number is not None else 0
    where = "" if number is None else f" in row {number + 1}"
    return DataError(
        Diagnostic(
            "PB6331",
            f"`{Path(table.file).name}` is no list of events{where}: {what}",
            Span(table.file, line),
            expected="date, split (4 for 4-for-1, empty for none), dividend (cash a share)",
        )
    )


def _no_events(file: str, what: str) -> DataError:
    return DataError(
        Diagnostic(
            "PB6330",
            f"`{Path(file).name}` holds no splits and dividends: {what}",
            Span(file),
            expected="date, split, dividend; LEAN's factor file; or the actions of yfinance",
        )
    )
