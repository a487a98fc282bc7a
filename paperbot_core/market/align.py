"""One time line for several series: which bar of which series closes at which decision time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Candles, Ints

    Rows = NDArray[np.int32]

#: A table of slots beats sorting while it is at most this many times as long as the data.
_SPARSE_LIMIT = 4


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Decision times of an account and the bars that close at each.

    `times` is int64 of shape (n_steps,), ascending close times in UTC ms. `rows` is int32 of
    shape (n_series, n_steps): the row of the bar of that series which closes at that step, -1
    where none does (the bar is absent, never filled in).
    """

    times: Ints
    rows: Rows

    def __len__(self) -> int:
        return len(self.times)

    @property
    def same_times(self) -> bool:
        """True if each series has a bar at each step: rows are then 0, 1, 2, ..."""
        return bool((self.rows[:, 0] == 0).all() and (self.rows[:, -1] == len(self) - 1).all())

    def first_step(self, ms: int) -> int:
        """Return the first step whose decision time is at or after `ms`; n_steps if none is."""
        return int(self.times.searchsorted(ms, side="left"))


def align(series: Sequence[Candles]) -> Grid:
    """Return the grid of the union of close times over `series`, n_series >= 1, none empty.

    Timeframes may differ: a 4h bar and the last 1h bar in it close at the same step. O(total
    bars) for series on a common step, O(n log n) for scattered ones.
    """
    closes = [candles.ts + candles.tf_ms for candles in series]
    first = closes[0]
    if all(len(other) == len(first) and np.array_equal(first, other) for other in closes[1:]):
        row = np.arange(len(first), dtype=np.int32)
        return Grid(first, np.broadcast_to(row, (len(series), len(row))).copy())
    start = min(int(close[0]) for close in closes)
    end = max(int(close[-1]) for close in closes)
    step = int(np.gcd.reduce([c.tf_ms for c in series] + [int(c[0]) - start for c in closes]))
    slots = (end - start) // step + 1
    if slots <= _SPARSE_LIMIT * sum(len(close) for close in closes):
        return _by_slots(closes, start, step, slots)
    times = np.unique(np.concatenate(closes))
    return _filled(closes, times, [times.searchsorted(close) for close in closes])


def _by_slots(closes: list[Ints], start: int, step: int, slots: int) -> Grid:
    """Mark the used slots of a regular time line, then number them: no sorting."""
    used = np.zeros(slots, dtype=np.bool_)
    at = [(close - start) // step for close in closes]
    for slot in at:
        used[slot] = True
    taken = np.flatnonzero(used)
    number = np.cumsum(used) - 1
    return _filled(closes, start + taken * step, [number[slot] for slot in at])


def _filled(closes: list[Ints], times: Ints, at: list[Ints]) -> Grid:
    rows = np.full((len(closes), len(times)), -1, dtype=np.int32)
    for row, steps in zip(rows, at, strict=True):
        row[steps] = np.arange(len(steps), dtype=np.int32)
    return Grid(times.astype(np.int64, copy=False), rows)
