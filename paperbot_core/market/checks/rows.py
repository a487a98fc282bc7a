"""Rows that are no bar, and the clean series that is left when they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import Candles, bucket_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Ints
    from paperbot_core.market.candles.raw import RawBars

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CleanLog:
    """What `clean` left out or moved, in rows; `conflicting` duplicates had other values."""

    lost_lines: int
    bad_rows: int
    off_grid: int
    duplicates: int
    conflicting: int
    reordered: bool

    @property
    def dropped(self) -> int:
        """Rows and lines that are in the file and not in the clean series."""
        return self.lost_lines + self.bad_rows + self.off_grid + self.duplicates

    @property
    def changed(self) -> bool:
        """True if the clean series is not the file as it was."""
        return self.dropped > 0 or self.reordered


def bad_rows(raw: RawBars) -> Mask:
    """Return which rows are no bar, shape (n,).

    Bad is: no readable time; a field that is no number; a price missing, not positive or infinite;
    low above open, high or close; high below open or close; a negative or infinite volume. A
    missing (NaN) volume is unknown, which is allowed.
    """
    inside = (raw.low <= raw.open) & (raw.open <= raw.high)
    inside &= (raw.low <= raw.close) & (raw.close <= raw.high)
    # Comparisons with NaN are false, so this refuses prices that are not numbers as well.
    prices = inside & (raw.low > 0) & (raw.high < np.inf)
    volume = np.isnan(raw.volume) | ((raw.volume >= 0) & (raw.volume < np.inf))
    return ~(raw.timed & ~raw.unread & prices & volume)


def clean(raw: RawBars, symbol: str, tf_ms: int) -> tuple[Candles, CleanLog]:
    """Return the good rows on the grid of `tf_ms`, ascending, each open time once.

    Nothing is made up: bad rows and rows off the grid are left out. Of the rows with one open time
    the last good one in the file stays: a later download corrects an earlier one. The arrays are
    those of `raw` if all of its rows stay where they are.
    """
    bad = bad_rows(raw)
    off_grid = ~bad & ((raw.ts - bucket_open(0, tf_ms)) % tf_ms != 0)
    rows = np.flatnonzero(~(bad | off_grid))
    steps = np.diff(raw.ts[rows])
    reordered = bool((steps < 0).any())
    if reordered:
        rows = rows[np.argsort(raw.ts[rows], kind="stable")]
        steps = np.diff(raw.ts[rows])
    same = np.flatnonzero(steps == 0)
    conflicting = _differing(raw, rows[same], rows[same + 1])
    # Most files are clean already: they are not copied.
    kept = raw if len(rows) == len(raw) and not (reordered or len(same)) else raw.take(
        np.delete(rows, same)
    )
    candles = Candles(
        symbol, tf_ms, kept.ts, kept.open, kept.high, kept.low, kept.close, kept.volume
    )
    log = CleanLog(
        lost_lines=raw.lost,
        bad_rows=int(np.count_nonzero(bad)),
        off_grid=int(np.count_nonzero(off_grid)),
        duplicates=len(same),
        conflicting=conflicting,
        reordered=reordered,
    )
    return candles, log


def _differing(raw: RawBars, above: Ints, below: Ints) -> int:
    """Return how many of these pairs of rows are not the same bar; two missing values are equal."""
    differs = np.zeros(len(above), dtype=np.bool_)
    for column in (raw.open, raw.high, raw.low, raw.close, raw.volume):
        one, other = column[above], column[below]
        differs |= (one != other) & ~(np.isnan(one) & np.isnan(other))
    return int(np.count_nonzero(differs))
