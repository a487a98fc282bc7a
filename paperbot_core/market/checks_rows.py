"""Rows that are no bar, and the clean series that is left when they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import Candles, bucket_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Floats
    from paperbot_core.market.raw import RawBars

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
    the last good one in the file stays: a later download corrects an earlier one.
    """
    bad = bad_rows(raw)
    off_grid = ~bad & ((raw.ts - bucket_open(0, tf_ms)) % tf_ms != 0)
    kept = raw.take(np.flatnonzero(~bad & ~off_grid))
    order = np.argsort(kept.ts, kind="stable")
    ts = kept.ts[order]
    same = ts[1:] == ts[:-1]
    last = np.append(~same, True) if len(ts) else np.zeros(0, dtype=np.bool_)
    columns: tuple[Floats, ...] = (kept.open, kept.high, kept.low, kept.close, kept.volume)
    ordered = [column[order] for column in columns]
    differs = np.zeros(len(same), dtype=np.bool_)
    for column in ordered:
        above, below = column[:-1], column[1:]
        differs |= (above != below) & ~(np.isnan(above) & np.isnan(below))
    candles = Candles(symbol, tf_ms, ts[last], *(column[last] for column in ordered))
    log = CleanLog(
        lost_lines=raw.lost,
        bad_rows=int(np.count_nonzero(bad)),
        off_grid=int(np.count_nonzero(off_grid)),
        duplicates=int(np.count_nonzero(same)),
        conflicting=int(np.count_nonzero(same & differs)),
        reordered=bool((np.diff(kept.ts) < 0).any()),
    )
    return candles, log
