"""When the New York exchanges (NYSE, Nasdaq) trade: sessions, holidays, half days, computed.

Nothing is downloaded and no time zone database is needed: the daylight saving rule is here too.
Exact from 1998 on (the rules of 2026 are taken for the future); earlier years follow the same
rules, and their one-off closings before 1994 are not listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import DAY_MS, HOUR_MS, MINUTE_MS, bucket_open

if TYPE_CHECKING:
    from paperbot_core.domain.market import Ints

_EPOCH = date(1970, 1, 1).toordinal()
_OPEN_MS = 9 * HOUR_MS + 30 * MINUTE_MS
_CLOSE_MS = 16 * HOUR_MS
_HALF_CLOSE_MS = 13 * HOUR_MS
_MONDAY, _THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 0, 3, 4, 5, 6

#: Closed on a day that no rule names. Source: NYSE, "Special Closings" and press releases.
_CLOSED_ONCE = frozenset(
    {
        date(1994, 4, 27),  # funeral of R. Nixon
        *(date(2001, 9, day) for day in (11, 12, 13, 14)),  # attacks of 11 September
        date(2004, 6, 11),  # funeral of R. Reagan
        date(2007, 1, 2),  # mourning for G. Ford
        date(2012, 10, 29),  # hurricane Sandy
        date(2012, 10, 30),
        date(2018, 12, 5),  # mourning for G. H. W. Bush
        date(2025, 1, 9),  # mourning for J. Carter
    }
)
_HALF_ONCE = frozenset({date(1997, 12, 26), date(1999, 12, 31), date(2003, 12, 26)})


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: `day` is its date at 00:00 UTC, `[open, close)` are UTC ms."""

    day: int
    open: int
    close: int


def sessions(first_ms: int, last_ms: int) -> list[Session]:
    """Return the sessions whose dates lie in `[first_ms, last_ms]` (UTC days), oldest first."""
    found: list[Session] = []
    for ordinal in range(first_ms // DAY_MS + _EPOCH, last_ms // DAY_MS + _EPOCH + 1):
        session = session_of(date.fromordinal(ordinal))
        if session is not None:
            found.append(session)
    return found


def session_of(day: date) -> Session | None:
    """Return the session of `day`, or None if the exchange is closed."""
    if day.weekday() >= _SATURDAY or day in _holidays(day.year):
        return None
    start = (day.toordinal() - _EPOCH) * DAY_MS
    behind = new_york_behind_ms(start)
    close = _HALF_CLOSE_MS if is_half_day(day) else _CLOSE_MS
    return Session(start, start + behind + _OPEN_MS, start + behind + close)


def new_york_behind_ms(local_ms: int) -> int:
    """Return how far New York is behind UTC (4 or 5 hours) on the day of a local time in ms."""
    summer = _is_summer(date.fromordinal(local_ms // DAY_MS + _EPOCH))
    return (4 if summer else 5) * HOUR_MS


def expected_opens(first_ms: int, last_ms: int, tf_ms: int) -> Ints:
    """Return the open times of all bars that a regular session has in `[first_ms, last_ms]`.

    Bars of a day open at 00:00 UTC of the session's date. Shorter bars lie on the UTC grid of
    `tf_ms`; the first is the one that holds the opening bell (the 1h bar of 14:00 UTC holds 14:30).
    Ascending int64 of shape (n,).
    """
    days = sessions(first_ms - DAY_MS, last_ms + DAY_MS)
    if tf_ms == DAY_MS:
        opens = np.array([session.day for session in days], dtype=np.int64)
    else:
        parts = [np.arange(bucket_open(s.open, tf_ms), s.close, tf_ms) for s in days]
        opens = np.unique(np.concatenate([*parts, np.empty(0, dtype=np.int64)]))
    return opens[(opens >= first_ms) & (opens <= last_ms)]


def is_half_day(day: date) -> bool:
    """Return whether the session of `day`, which must be one, ends at 13:00 New York time."""
    if day in _HALF_ONCE:
        return True
    if day.month == 11:
        return day == _nth(day.year, 11, _THURSDAY, 4) + timedelta(1)
    if day.month == 12:
        return day.day == 24
    if day.month == 7:
        fourth = date(day.year, 7, 4).weekday()
        if fourth == _THURSDAY and day.year < 2013:
            return day.day == 5
        return day.day == 3 and fourth in {1, 2, _THURSDAY, _FRIDAY}
    return False


@lru_cache(maxsize=256)
def _holidays(year: int) -> frozenset[date]:
    """Return the days of `year` on which the exchange is closed, weekends left out."""
    found = {
        _nth(year, 2, _MONDAY, 3),  # Washington's birthday
        _easter(year) - timedelta(2),  # Good Friday
        _last(year, 5, _MONDAY),  # Memorial Day
        _nth(year, 9, _MONDAY, 1),  # Labor Day
        _nth(year, 11, _THURSDAY, 4),  # Thanksgiving
        _observed(date(year, 7, 4)),
        _observed(date(year, 12, 25)),
    }
    new_year = date(year, 1, 1)
    # On a Saturday it is not moved to Friday: that is the last day of the old year's books.
    if new_year.weekday() != _SATURDAY:
        found.add(_observed(new_year))
    if year >= 1998:
        found.add(_nth(year, 1, _MONDAY, 3))  # Martin Luther King
    if year >= 2022:
        found.add(_observed(date(year, 6, 19)))  # Juneteenth
    return frozenset(found) | _CLOSED_ONCE


def _observed(day: date) -> date:
    """Move a holiday from Saturday to Friday, from Sunday to Monday."""
    return day + timedelta({_SATURDAY: -1, _SUNDAY: 1}.get(day.weekday(), 0))


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last(year: int, month: int, weekday: int) -> date:
    """Return the last such weekday of a month that is not December."""
    last = date(year, month + 1, 1) - timedelta(1)
    return last - timedelta((last.weekday() - weekday) % 7)


def _easter(year: int) -> date:
    """Return Easter Sunday. Source: "A New York correspondent", Nature 13, 487 (1876)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    h = (19 * a + b - d - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    rest = (32 + 2 * e + 2 * i - h - k) % 7
    month, day = divmod(h + rest - 7 * ((a + 11 * h + 22 * rest) // 451) + 114, 31)
    return date(year, month, day + 1)


def _is_summer(day: date) -> bool:
    """Return whether New York is on daylight saving time in the trading hours of `day`."""
    if day.year >= 2007:
        return _nth(day.year, 3, _SUNDAY, 2) <= day < _nth(day.year, 11, _SUNDAY, 1)
    first = _nth(day.year, 4, _SUNDAY, 1) if day.year >= 1987 else _last(day.year, 4, _SUNDAY)
    return first <= day < _last(day.year, 10, _SUNDAY)
