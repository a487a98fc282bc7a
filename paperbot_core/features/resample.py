"""Bars of a longer timeframe from the bars that exist; one definition for batch and live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import bucket_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Which rows of a series make up the bars of a longer timeframe; all int64 of shape (m,).

    `ts` are the open times of the longer bars, ascending; `first` and `stop` bound the rows
    `[first, stop)` in each. A bucket without rows makes no bar, so every range has rows.
    """

    ts: Ints
    first: Ints
    stop: Ints

    def __len__(self) -> int:
        return len(self.ts)


def buckets(ts: Ints, tf_ms: int) -> Buckets:
    """Group ascending open times `ts` (UTC ms) by the bar of length `tf_ms` that holds them.

    Weeks start on Monday 00:00 UTC, everything else counts from 1970-01-01 00:00 UTC.
    """
    offset = bucket_open(0, tf_ms)
    opens = (ts - offset) // tf_ms * tf_ms + offset
    first = np.flatnonzero(np.diff(opens, prepend=opens[:1] - 1))
    stop = np.append(first[1:], len(ts))
    return Buckets(opens[first], first, stop)


def resample(
    groups: Buckets, open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return open, high, low, close, volume of the longer bars, float64 of shape (m,) each.

    First open, highest high, lowest low, last close, sum of volumes. The sum adds oldest first
    (a live sum that adds bar after bar is equal to the bit) and is NaN if any volume is.
    """
    first = groups.first
    if len(groups) == 0:
        empty = np.empty(0)
        return empty, empty, empty, empty, empty
    return (
        open_[first],
        np.maximum.reduceat(high, first),
        np.minimum.reduceat(low, first),
        close[groups.stop - 1],
        _sums(volume, groups),
    )


def _sums(values: Floats, groups: Buckets) -> Floats:
    """Add up each bucket from its oldest row on: the k-th row of all buckets in one pass."""
    total = values[groups.first].copy()
    counts = groups.stop - groups.first
    longest, shortest = int(counts.max()), int(counts.min())
    for k in range(1, shortest):
        total += values[groups.first + k]
    open_buckets = np.flatnonzero(counts > shortest)
    for k in range(shortest, longest):
        open_buckets = open_buckets[counts[open_buckets] > k]
        total[open_buckets] += values[groups.first[open_buckets] + k]
    return total
