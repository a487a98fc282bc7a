"""From an Arrow table to the arrays of a `Candles`: names, types and units of the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic, Span, did_you_mean
from paperbot_core.domain.market import Candles
from paperbot_core.market.candles.arrow import to_array, to_floats

if TYPE_CHECKING:
    from paperbot_core.domain.market import Floats, Ints

VALUES = ("open", "high", "low", "close", "volume")
_TIMES = ("ts", "date")

#: Magnitude of integer times -> factor to milliseconds as (multiply, divide). The bands are the
#: years 1973 to 5138 in each unit, so no value of one unit can be mistaken for another's.
UNITS = (
    ("seconds", 10**8, 10**11, 1_000, 1),
    ("milliseconds", 10**11, 10**14, 1, 1),
    ("microseconds", 10**14, 10**17, 1, 1_000),
    ("nanoseconds", 10**17, 9 * 10**18, 1, 1_000_000),
)


def candles_from_table(table: Any, symbol: str, tf_ms: int, file: str, first_line: int) -> Candles:
    """Return the six columns of a pyarrow Table as writable arrays; other columns are ignored.

    Raises:
        DataError: PB6004 a column is missing, PB6005 a column has the wrong type,
            PB6006 no rows, PB6007 times in no unit we know.
    """
    places, found = locate(table.column_names, file)
    if found:
        raise DataError(found)
    if table.num_rows == 0:
        raise DataError(
            Diagnostic("PB6006", "the file holds no bars", Span(file), help="download it again")
        )
    faults: list[Diagnostic] = []
    values: dict[str, Floats] = {}
    for name in VALUES:
        column = table.column(places[name])
        array = _floats(column)
        if array is None:
            faults.append(_wrong_type(name, column, file, first_line))
        else:
            values[name] = array
    time_name = table.column_names[places["ts"]]
    times = _times(table.column(places["ts"]), time_name, file, first_line, faults)
    if faults or times is None:
        raise DataError(faults)
    return Candles(symbol, tf_ms, times, **values)


def locate(names: list[str], file: str) -> tuple[dict[str, int], list[Diagnostic]]:
    """Return column -> position; names match in any case, `ts` comes before `date`."""
    folded: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        folded.setdefault(name.strip().casefold(), []).append(position)
    places: dict[str, int] = {}
    found: list[Diagnostic] = []
    time_name = next((name for name in _TIMES if name in folded), "ts")
    for wanted, name in (("ts", time_name), *((name, name) for name in VALUES)):
        positions = folded.get(name, [])
        if len(positions) == 1:
            places[wanted] = positions[0]
        elif positions:
            found.append(Diagnostic("PB6004", f"the column `{name}` is there twice", Span(file)))
        else:
            found.append(
                Diagnostic(
                    "PB6004",
                    f"the column `{name}` is missing",
                    Span(file),
                    expected="ts (or date), open, high, low, close, volume",
                    help=did_you_mean(name, folded) or f"the file has {', '.join(names[:12])}",
                )
            )
    return places, found


def _floats(column: Any) -> Floats | None:
    """Return a numeric column as an own float64 array, nulls as NaN; None if it is not numeric."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    return to_floats(column)


def _times(
    column: Any, name: str, file: str, first_line: int, faults: list[Diagnostic]
) -> Ints | None:
    """Return open times in UTC ms, or None after adding the reason to `faults`."""
    import pyarrow as pa

    if column.null_count:
        row = int(np.argmax(to_array(column.is_null())))
        faults.append(
            Diagnostic(
                "PB6007",
                f"`{name}` is empty in row {row + 1}; {column.null_count} rows have no time",
                Span(file, first_line + row if first_line else 0),
            )
        )
        return None
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column, kind = parsed_text(column)
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms"))
        kind = column.type
    if pa.types.is_timestamp(kind):
        # A zone is only how a time is shown: the stored number is UTC; naive times are UTC too.
        return _from_timestamps(column, name, file, faults)
    if pa.types.is_integer(kind):
        return _from_numbers(to_array(column), name, file, faults)
    if pa.types.is_floating(kind):
        numbers = to_floats(column)
        exact = np.abs(numbers) < float(2**53)
        if (exact & (np.floor(numbers) == numbers)).all():
            return _from_numbers(numbers.astype(np.int64), name, file, faults)
        faults.append(
            Diagnostic("PB6007", f"`{name}` holds fractions: its unit is not known", Span(file))
        )
        return None
    faults.append(_wrong_type(name, column, file, first_line, wanted="a time"))
    return None


def parsed_text(column: Any) -> tuple[Any, Any]:
    """Return ISO 8601 text as timestamps, or the column as it is when some row is not ISO."""
    import pyarrow as pa

    for kind in (pa.timestamp("ms"), pa.timestamp("ms", tz="UTC"), pa.timestamp("us", tz="UTC")):
        try:
            parsed = column.cast(kind)
        except pa.ArrowInvalid:
            continue
        return parsed, kind
    return column, column.type


def _from_timestamps(column: Any, name: str, file: str, faults: list[Diagnostic]) -> Ints | None:
    import pyarrow as pa

    factors = {"s": (1_000, 1), "ms": (1, 1), "us": (1, 1_000), "ns": (1, 1_000_000)}
    multiply, divide = factors[column.type.unit]
    numbers = to_array(column.cast(pa.int64()))
    return _to_ms(numbers, multiply, divide, name, file, faults)


def _from_numbers(
    numbers: Ints, name: str, file: str, faults: list[Diagnostic]
) -> Ints | None:
    low, high = int(numbers.min()), int(numbers.max())
    for _unit, start, end, multiply, divide in UNITS:
        if start <= low and high < end:
            return _to_ms(numbers.astype(np.int64), multiply, divide, name, file, faults)
    faults.append(
        Diagnostic(
            "PB6007",
            f"`{name}` runs from {low} to {high}: not one unit of time",
            Span(file),
            expected="UTC milliseconds since 1970 (seconds, micro- or nanoseconds are recognised)",
        )
    )
    return None


def _to_ms(
    numbers: Ints, multiply: int, divide: int, name: str, file: str, faults: list[Diagnostic]
) -> Ints | None:
    if divide == 1:
        return np.ascontiguousarray(numbers * multiply, dtype=np.int64)
    whole = numbers // divide
    rest = whole * divide != numbers
    if rest.any():
        row = int(rest.argmax())
        faults.append(
            Diagnostic(
                "PB6007",
                f"`{name}` is not a whole millisecond in row {row + 1}; "
                f"{int(np.count_nonzero(rest))} rows are affected",
                Span(file),
            )
        )
        return None
    return np.ascontiguousarray(whole, dtype=np.int64)


def _wrong_type(
    name: str, column: Any, file: str, first_line: int, wanted: str = "a number"
) -> Diagnostic:
    row = _first_non_number(column) if wanted == "a number" else 0
    text = str(column[row].as_py())[:40]
    return Diagnostic(
        "PB6005",
        f"`{name}` is not {wanted} in row {row + 1}: `{text}`",
        Span(file, first_line + row if first_line else 0),
        expected="times as UTC ms or ISO 8601, prices and volume as numbers",
        help=f"the column has the type {column.type}",
    )


def _first_non_number(column: Any) -> int:
    for row, value in enumerate(column):
        try:
            float(str(value.as_py()))
        except ValueError:
            return row
    return 0
