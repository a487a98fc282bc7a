"""Is it a market? Checks of candle arrays: every fault is named with row, time and count.

Nothing is repaired here. Holes in time are facts of a market and are reported, not refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.diagnostics import Diagnostic, Severity, Span
from paperbot_core.domain.counting import counted
from paperbot_core.domain.market import DAY_MS, WEEK_MS, Candles, bucket_open, timeframe_text
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_SORT_HELP = "sort the file by time; paperbot never reorders bars by itself"


@dataclass(frozen=True, slots=True)
class Hole:
    """Missing bars: `missing` of them, the first with open time `ts`."""

    ts: int
    missing: int


@dataclass(frozen=True, slots=True)
class GapReport:
    """The holes of a series, oldest first, and how many bars they lack in all."""

    symbol: str
    timeframe: str
    holes: tuple[Hole, ...]
    missing: int

    def warning(self, file: str) -> Diagnostic | None:
        """Return the diagnostic that tells the user, or None if nothing is missing."""
        if not self.holes:
            return None
        worst = max(self.holes, key=lambda hole: hole.missing)
        return Diagnostic(
            "PB6019",
            f"{self.symbol} {self.timeframe} lacks {counted(self.missing, 'bar')} in "
            f"{counted(len(self.holes), 'hole')}; the longest has {worst.missing} from "
            f"{iso_time(worst.ts)}",
            Span(file),
            Severity.WARNING,
            help="missing bars are left missing: nothing is decided or filled in them",
        )


def gap_report(candles: Candles) -> GapReport:
    """Return the holes between the first and the last bar; O(n), vectorised.

    Markets that close (equities) have a hole each night and weekend; the caller knows whether
    that matters.
    """
    steps = np.diff(candles.ts)
    at = np.flatnonzero(steps > candles.tf_ms)
    missing = steps[at] // candles.tf_ms - 1
    first = candles.ts[at] + candles.tf_ms
    holes = tuple(Hole(int(t), int(m)) for t, m in zip(first, missing, strict=True))
    return GapReport(candles.symbol, timeframe_text(candles.tf_ms), holes, int(missing.sum()))


def find_faults(candles: Candles, file: str, *, first_line: int = 0) -> list[Diagnostic]:
    """Return one diagnostic for each kind of fault in `candles`, empty if there is none.

    Args:
        candles: arrays of equal length, in the order of the file, n >= 1.
        file: path as the user gave it, for the message.
        first_line: line of the first row in a text file, 0 for binary files.
    """
    found = [
        *_order_faults(candles, file, first_line),
        *_price_faults(candles, file, first_line),
    ]
    volume = candles.volume
    if not _all((volume >= 0) & (volume < np.inf) | np.isnan(volume)):
        bad = (volume < 0) | np.isinf(volume)
        message = "a volume is negative or infinite"
        help_text = "leave the field empty (or NaN) where the volume is unknown"
        found.append(_fault("PB6012", message, bad, candles, file, first_line, help_text))
    return found


def _order_faults(candles: Candles, file: str, first_line: int) -> list[Diagnostic]:
    ts, found = candles.ts, []

    def add(code: str, message: str, bad: Mask, help_text: str) -> None:
        found.append(_fault(code, message, bad, candles, file, first_line, help_text))

    steps = np.diff(ts)
    if not _all(steps > 0):
        later = np.concatenate(([False], steps < 0))
        if later.any():
            add("PB6009", "bars are out of order", later, _SORT_HELP)
        ordered = np.sort(ts)
        repeated = np.isin(ts, ordered[1:][ordered[1:] == ordered[:-1]])
        if repeated.any():
            help_text = "keep one row per bar; paperbot cannot know which one is right"
            add("PB6008", "bars share an open time", repeated, help_text)
    offset = bucket_open(0, candles.tf_ms)
    off_grid = (ts - offset) % candles.tf_ms != 0
    if off_grid.any():
        name = timeframe_text(candles.tf_ms)
        anchor = "Monday 00:00 UTC" if candles.tf_ms % WEEK_MS == 0 else "00:00 UTC"
        if DAY_MS % candles.tf_ms and candles.tf_ms % DAY_MS:
            anchor = "the epoch"
        add(
            "PB6013",
            f"an open time is not on the {name} grid",
            off_grid,
            f"open times of {name} bars count from {anchor}; is the timeframe right?",
        )
    return found


def _price_faults(candles: Candles, file: str, first_line: int) -> list[Diagnostic]:
    open_, high, low, close = candles.open, candles.high, candles.low, candles.close
    inside = (low <= open_) & (open_ <= high) & (low <= close) & (close <= high)
    # Comparisons with NaN are false, so this one mask clears a good file of every fault at once.
    if _all(inside & (low > 0) & (high < np.inf)):
        return []
    found = []
    for name, column in (("open", open_), ("high", high), ("low", low), ("close", close)):
        bad = ~((column > 0) & (column < np.inf))
        if bad.any():
            value = column[int(bad.argmax())]
            message = f"`{name}` is not a positive number (`{value:g}`)"
            help_text = "remove the row; a missing bar is left missing"
            found.append(_fault("PB6010", message, bad, candles, file, first_line, help_text))
    finite = np.isfinite(open_) & np.isfinite(high) & np.isfinite(low) & np.isfinite(close)
    crossed = finite & ~inside
    if crossed.any():
        row = int(crossed.argmax())
        message = _crossed_message(candles, row)
        help_text = "a bar needs low <= open, close <= high; download the file again"
        found.append(_fault("PB6011", message, crossed, candles, file, first_line, help_text))
    return found


def _crossed_message(candles: Candles, row: int) -> str:
    bar = candles.bar(row)
    if bar.high < bar.low:
        return f"`high` {bar.high:g} is below `low` {bar.low:g}"
    open_inside = bar.low <= bar.open <= bar.high
    name, value = ("close", bar.close) if open_inside else ("open", bar.open)
    return f"`{name}` {value:g} lies outside {bar.low:g}..{bar.high:g} (low..high)"


def _all(mask: Mask) -> bool:
    return bool(mask.all())


def _fault(
    code: str, message: str, bad: Mask, candles: Candles, file: str, first_line: int, help_text: str
) -> Diagnostic:
    row, count = int(bad.argmax()), int(np.count_nonzero(bad))
    rows = f"{counted(count, 'row is', 'rows are')} affected"
    return Diagnostic(
        code,
        f"{message} in row {row + 1} ({iso_time(int(candles.ts[row]))}); {rows}",
        Span(file, first_line + row if first_line else 0),
        help=help_text,
    )


