"""Points and ranges of time as users type them; all results are UTC milliseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import user_error

if TYPE_CHECKING:
    from paperbot_core.domain.market import Candles

_COMPACT = r"[0-9]{8}(?:T[0-9]{4}(?:[0-9]{2})?Z?)?|[0-9]{10}|[0-9]{13}"
_RANGES = (
    re.compile(rf"({_COMPACT})?-({_COMPACT})?"),
    re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})?-([0-9]{4}-[0-9]{2}-[0-9]{2})?"),
    re.compile(r"(.*?)(?:\.\.|/)(.*)"),
)
_EXPECTED = "20240101-20240601, 20240101-, -20240601, 2024-01-01T12:00/2024-06-01 or milliseconds"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A half-open range `[start, end)` in UTC milliseconds; None is an open end."""

    start: int | None = None
    end: int | None = None

    def rows(self, candles: Candles) -> tuple[int, int]:
        """Return `(first, stop)`: the rows whose open time lies in the range."""
        first = 0 if self.start is None else int(candles.ts.searchsorted(self.start, side="left"))
        stop = len(candles) if self.end is None else int(candles.ts.searchsorted(self.end))
        return first, max(first, stop)

    def __str__(self) -> str:
        """Return the range as ISO times with `..` between them."""
        start = "" if self.start is None else iso_time(self.start)
        end = "" if self.end is None else iso_time(self.end)
        return f"{start}..{end}"


def parse_time(text: str) -> int:
    """Return a point in time as UTC milliseconds.

    Read as: 13 digits milliseconds, 10 digits seconds, 8 digits a day `YYYYMMDD`, otherwise
    ISO 8601 (`2024-01-01`, `2024-01-01T12:00`, `2024-01-01T12:00:00+02:00`). Without an offset
    the time is UTC.

    Raises:
        UserError: PB6016, the text is no such time.
    """
    value = text.strip()
    try:
        if re.fullmatch(r"[0-9]{13}", value):
            return int(value)
        if re.fullmatch(r"[0-9]{10}", value):
            return int(value) * 1_000
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise user_error(
            "PB6016",
            f"`{text[:60]}` is not a time",
            expected="2024-01-31, 2024-01-31T12:00, 20240131 or milliseconds since 1970 (UTC)",
        ) from None
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000 + (
        since_epoch.microseconds // 1_000
    )


def parse_timerange(text: str) -> TimeRange:
    """Return the range `[start, end)` that `text` names; either end may be left out.

    Ends are joined by `-` (compact dates, seconds, milliseconds, ISO dates) or by `/` or `..`
    (anything `parse_time` reads). An end that is a day means its 00:00 UTC, so the day itself
    is outside.

    Raises:
        UserError: PB6016, not a range, or a range without time in it.
    """
    value = text.strip()
    for pattern in _RANGES:
        match = pattern.fullmatch(value)
        if match is None:
            continue
        first, last = (part.strip() if part else "" for part in match.groups())
        if not first and not last:
            break
        start = parse_time(first) if first else None
        end = parse_time(last) if last else None
        if start is not None and end is not None and start >= end:
            raise user_error("PB6016", f"the time range `{value}` ends before it starts")
        return TimeRange(start, end)
    raise user_error("PB6016", f"`{value[:60]}` is not a time range", expected=_EXPECTED)


def iso_time(ms: int) -> str:
    """Return UTC milliseconds as `2024-01-01T12:00:00Z`; fractions of a second only if there."""
    try:
        moment = datetime.fromtimestamp(ms // 1_000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
    fraction = f".{ms % 1_000:03d}" if ms % 1_000 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def minute_text(ms: int) -> str:
    """Return UTC milliseconds for people, to the minute: `2024-01-01 12:00`."""
    return iso_time(ms)[:16].replace("T", " ")
