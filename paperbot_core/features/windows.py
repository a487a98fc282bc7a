"""Functions of the last n values, over whole columns: each value depends on its window alone.

A running sum would carry rounding errors from bar to bar, and so the place where history starts
into every later value. The order of addition is therefore fixed: oldest value first up to 256
values; longer windows in blocks of 256 counted back from the newest bar (the oldest block is the
short one), each block oldest first, then the blocks oldest first. `window_rules` adds the same way.
A window with an unknown value in it has no value.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from paperbot_core.features.arrays import Floats

#: Windows up to this length are added in one go, longer ones in blocks of this length.
BLOCK = 256
#: Values worked on at once: three such columns stay in the fast cache of a core.
TILE = 4096


def window_sum(x: Floats, n: int) -> Floats:
    """Return the sum of the last n values; NaN before there are n. O(BLOCK + n / BLOCK) a bar."""
    if n <= BLOCK:
        return _short_sum(x, n)
    size = len(x)
    out = np.full(size, math.nan)
    if size < n:
        return out
    blocks = _short_sum(x, BLOCK)
    rest = n % BLOCK
    first = rest if rest else BLOCK
    target = out[n - 1 :]
    target[:] = (_short_sum(x, rest) if rest else blocks)[first - 1 : size - n + first]
    for end in range(first + BLOCK, n + 1, BLOCK):
        target += blocks[end - 1 : size - n + end]
    return out


def _short_sum(x: Floats, n: int) -> Floats:
    """Add n <= BLOCK values, oldest first: one addition of shifted columns for each lag."""
    size = len(x)
    out = np.full(size, math.nan)
    rows = size - n + 1
    for start in range(0, rows, TILE):
        stop = min(start + TILE, rows)
        total = out[start + n - 1 : stop + n - 1]
        total[:] = x[start:stop]
        for k in range(1, n):
            np.add(total, x[start + k : stop + k], out=total)
    return out


def window_mean(x: Floats, n: int) -> Floats:
    """Return the mean of the last n values."""
    return window_sum(x, n) / n


def weighted_sum(x: Floats, n: int) -> Floats:
    """Return the sum of the last n values times 1 (oldest) to n (newest). O(n) a bar."""

    def term(values: Floats, _start: int, weight: int, out: Floats) -> None:
        np.multiply(values, float(weight), out=out)

    return _term_sum(x, n, term)


def power_sum(x: Floats, mean: Floats, n: int, power: int) -> Floats:
    """Return the sum over the window of (value - the window's mean) to the power 2, 3 or 4."""

    def term(values: Floats, start: int, _weight: int, out: Floats) -> None:
        centre = mean[start + n - 1 : start + n - 1 + len(values)]
        np.subtract(values, centre, out=out)
        if power == 2:
            np.multiply(out, out, out=out)
        elif power == 3:
            np.multiply(out * out, out, out=out)
        else:
            np.multiply(out, out, out=out)
            np.multiply(out, out, out=out)

    return _term_sum(x, n, term)


def _term_sum(x: Floats, n: int, term: Callable[[Floats, int, int, Floats], None]) -> Floats:
    """Add a term for each value of the window, in the order this module promises."""
    size = len(x)
    out = np.full(size, math.nan)
    rows = size - n + 1
    for start in range(0, rows, TILE):
        stop = min(start + TILE, rows)
        total = out[start + n - 1 : stop + n - 1]
        block = np.empty(stop - start)
        scratch = np.empty(stop - start)
        begin = 0
        for end in range(n % BLOCK or BLOCK, n + 1, BLOCK):
            term(x[start + begin : stop + begin], start, begin + 1, block)
            for k in range(begin + 1, end):
                term(x[start + k : stop + k], start, k + 1, scratch)
                np.add(block, scratch, out=block)
            if begin == 0:
                total[:] = block
            else:
                np.add(total, block, out=total)
            begin = end
    return out


def steady(x: Floats, n: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return where the last n values are all the same number: there, nothing deviates.

    Without this, the rounding of the mean would give a flat window a tiny deviation.
    """
    index = np.arange(len(x))
    changed = np.ones(len(x), dtype=bool)
    np.not_equal(x[1:], x[:-1], out=changed[1:])
    since: np.ndarray[tuple[int], np.dtype[np.int64]] = np.maximum.accumulate(
        np.where(changed, index, 0)
    )
    return (index - since + 1 >= n) & np.isfinite(x)


def window_std(x: Floats, n: int, mean: Floats | None = None) -> Floats:
    """Return the standard deviation (ddof 0) of the last n values, exactly 0 if all are equal."""
    centre = window_mean(x, n) if mean is None else mean
    out: Floats = np.sqrt(power_sum(x, centre, n, 2) / n)
    out[steady(x, n)] = 0.0
    return out


def window_zscore(x: Floats, n: int) -> Floats:
    """Return the newest value's distance from the mean in standard deviations; 0 if std is 0."""
    mean = window_mean(x, n)
    std = window_std(x, n, mean)
    return np.where(std == 0.0, 0.0, (x - mean) / std)


def window_skew(x: Floats, n: int) -> Floats:
    """Return m3 / m2 ** 1.5 (population moments); NaN if nothing deviates."""
    mean = window_mean(x, n)
    spread = power_sum(x, mean, n, 2) / n
    bottom = spread * np.sqrt(spread)
    out = np.where(bottom == 0.0, math.nan, power_sum(x, mean, n, 3) / n / bottom)
    out[steady(x, n)] = math.nan
    return out


def window_kurtosis(x: Floats, n: int) -> Floats:
    """Return m4 / m2 ** 2 - 3 (population moments); NaN if nothing deviates."""
    mean = window_mean(x, n)
    spread = power_sum(x, mean, n, 2) / n
    bottom = spread * spread
    out = np.where(bottom == 0.0, math.nan, power_sum(x, mean, n, 4) / n / bottom - 3.0)
    out[steady(x, n)] = math.nan
    return out


def window_highest(x: Floats, n: int) -> Floats:
    """Return the largest of the last n values, in log2(n) passes."""
    return _extreme(x, n, np.maximum)


def window_lowest(x: Floats, n: int) -> Floats:
    """Return the smallest of the last n values, in log2(n) passes."""
    return _extreme(x, n, np.minimum)


def _extreme(x: Floats, n: int, better: np.ufunc) -> Floats:
    out = np.full(len(x), math.nan)
    if len(x) < n:
        return out
    best = x  # best[i] is the extreme of x[i] .. x[i + width - 1]
    width = 1
    while 2 * width <= n:
        best = better(best[:-width], best[width:])
        width *= 2
    rows = len(x) - n + 1
    better(best[:rows], best[n - width : n - width + rows], out=out[n - 1 :])
    return out
