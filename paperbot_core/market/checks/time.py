"""What is wrong with the times of a series: order, doubles, grid, holes, sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import DAY_MS, bucket_open
from paperbot_core.market.checks.quality import Hole
from paperbot_core.market.equities import expected_opens

if TYPE_CHECKING:
    from paperbot_core.domain.market import Ints

#: Sessions of more days than these are not computed: such times are damage, not a market.
_SESSION_DAYS_MAX = 200 * 366


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """Counts over the rows that have a time, and the holes between the first and the last bar.

    `expected` is how many bars there should be from first to last. `common_step` is the most
    frequent distance between neighbours in ms, 0 if no distance is more frequent than all others
    together.
    """

    first: int | None
    last: int | None
    duplicates: int
    disorder: int
    off_grid: int
    outside_session: int
    expected: int
    holes: tuple[Hole, ...]
    common_step: int

    @property
    def missing(self) -> int:
        """Bars absent in all holes together."""
        return sum(hole.missing for hole in self.holes)


def time_facts(ts: Ints, tf_ms: int, *, sessions: bool) -> TimeFacts:
    """Return the facts of open times in the order of the file (UTC ms, any order, n >= 0).

    Duplicates are the rows beyond the first of one time; disorder counts rows that open before the
    row above. Holes are looked for among the times on the grid. With `sessions`, bars are expected
    in the regular sessions of the New York exchanges only, for timeframes up to a day.
    """
    unique = _unique(ts)
    if len(unique) == 0:
        return TimeFacts(None, None, 0, 0, 0, 0, 0, (), 0)
    off_grid = int(np.count_nonzero((ts - bucket_open(0, tf_ms)) % tf_ms))
    on_grid = unique
    if off_grid:
        on_grid = unique[(unique - bucket_open(0, tf_ms)) % tf_ms == 0]
    holes, outside, expected = _holes(on_grid, tf_ms, sessions)
    return TimeFacts(
        first=int(unique[0]),
        last=int(unique[-1]),
        duplicates=len(ts) - len(unique),
        disorder=int(np.count_nonzero(np.diff(ts) < 0)),
        off_grid=off_grid,
        outside_session=outside,
        expected=expected,
        holes=holes,
        common_step=_common_step(unique, tf_ms),
    )


def _unique(ts: Ints) -> Ints:
    """Return the distinct times, ascending; most series are so already, which is quick to see."""
    if len(ts) == 0 or bool((np.diff(ts) > 0).all()):
        return ts
    ordered = np.sort(ts)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]


def _common_step(unique: Ints, likely: int) -> int:
    if len(unique) < 2:
        return 0
    steps = np.diff(unique)
    if 2 * int(np.count_nonzero(steps == likely)) > len(steps):
        return likely
    # A step that more than half of them have is their median.
    middle = int(np.partition(steps, len(steps) // 2)[len(steps) // 2])
    return middle if 2 * int(np.count_nonzero(steps == middle)) > len(steps) else 0


def _holes(ts: Ints, tf_ms: int, sessions: bool) -> tuple[tuple[Hole, ...], int, int]:
    """Return (holes, bars outside sessions, bars expected) of ascending times on the grid."""
    if len(ts) == 0:
        return (), 0, 0
    first, last = int(ts[0]), int(ts[-1])
    if sessions and tf_ms <= DAY_MS and (last - first) // DAY_MS <= _SESSION_DAYS_MAX:
        wanted = expected_opens(first, last, tf_ms)
        absent = ~np.isin(wanted, ts, assume_unique=True)
        outside = int(np.count_nonzero(~np.isin(ts, wanted, assume_unique=True)))
        return _runs(wanted, absent), outside, len(wanted)
    at = np.flatnonzero(np.diff(ts) > tf_ms)
    missing = (ts[at + 1] - ts[at]) // tf_ms - 1
    holes = tuple(Hole(int(t) + tf_ms, int(m)) for t, m in zip(ts[at], missing, strict=True))
    return holes, 0, (last - first) // tf_ms + 1


def _runs(wanted: Ints, absent: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[Hole, ...]:
    """Join absent bars that are neighbours in `wanted` to one hole each."""
    edges = np.diff(np.concatenate(([0], absent.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return tuple(Hole(int(wanted[a]), int(b - a)) for a, b in zip(starts, ends, strict=True))
