"""Splits and dividends out of LEAN's factor files, which hold multipliers of past prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.equities import sessions
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Factors are rounded to six or seven digits: a ratio this near to a simple one is that one.
_ROUNDING = 1e-5
_DENOMINATOR_MAX = 20
#: A dividend below this part of the price is what rounding leaves of none.
_CASH_ROUNDING = 2e-7
_CASH_DIGITS = 6
#: No exchange was closed for longer: 1914, when it was four months, is before any such file.
_CLOSED_DAYS_MAX = 30


@dataclass(frozen=True, slots=True)
class FactorRow:
    """A row of a factor file; `day` (00:00 UTC) is the last day on which its factors apply.

    `price` and `split` multiply raw prices of that day and of those before, back to the row above;
    `reference` is the raw close of that day, NaN where the file has none.
    """

    day: int
    price: float
    split: float
    reference: float


def events_of_factors(rows: Sequence[FactorRow], file: str) -> list[tuple[int, float, float]]:
    """Return `(ts, split, dividend)` of each change between rows that follow each other.

    An event takes effect on the session of the New York exchanges after the day of its row. LEAN
    marks history that it could not trust with infinite factors: those rows are left out.

    Args:
        rows: of one file, in any order.
        file: its name, for messages.

    Raises:
        DataError: PB6331 two rows of one day, PB6332 factors that make no dividend.
    Source: QuantConnect LEAN, CorporateFactorRow: price factor before = after * (1 - cash / close).
    """
    known = sorted(
        (row for row in rows if math.isfinite(row.price) and math.isfinite(row.split)),
        key=lambda row: row.day,
    )
    found = []
    for row, after in pairwise(known):
        if row.day == after.day:
            raise DataError(
                Diagnostic("PB6331", f"{iso_time(row.day)[:10]} is there twice", Span(file))
            )
        split, dividend = _simple(after.split / row.split), _dividend(row, after, file)
        if (split, dividend) != (1.0, 0.0):
            found.append((next_session(row.day), split, dividend))
    return found


def next_session(day: int) -> int:
    """Return 00:00 UTC of the first New York session after a day (00:00 UTC)."""
    return sessions(day + DAY_MS, day + _CLOSED_DAYS_MAX * DAY_MS)[0].day


def _simple(ratio: float) -> float:
    """Return the ratio without the rounding of the factors: 1.9999955 is 2, 0.125 stays."""
    large = max(ratio, 1 / ratio)
    simple = float(Fraction(large).limit_denominator(_DENOMINATOR_MAX))
    if abs(large / simple - 1) > _ROUNDING:
        return ratio
    return simple if ratio >= 1 else 1 / simple


def _dividend(row: FactorRow, after: FactorRow, file: str) -> float:
    part = 1 - row.price / after.price
    if abs(part) <= _CASH_ROUNDING:
        return 0.0
    cash = row.reference * part
    if not (cash > 0 and math.isfinite(cash)):
        why = (
            f"the price factor falls from {row.price:g} to {after.price:g}"
            if part < 0
            else "the factors tell a dividend, and no price of that day what it was in cash"
        )
        raise DataError(
            Diagnostic(
                "PB6332",
                f"no dividend can be told after {iso_time(row.day)[:10]}: {why}",
                Span(file),
                help="a factor file with four columns (the close of the day is the last) tells it",
            )
        )
    return round(cash, _CASH_DIGITS)
