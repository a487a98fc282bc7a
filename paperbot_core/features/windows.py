"""Functions of the last n values, over whole columns: each value depends on its window alone.

A running sum would carry rounding errors from bar to bar, and so the place where history starts
into every later value. The order of addition is therefore fixed. Sums and means add by doubling:
neighbours in pairs, pairs of pairs, counted from the newest bar, an odd rest last; that is also
fast and loses least to rounding. Weighted sums and powers of deviations add oldest value first, in
blocks of 256 counted back from the newest bar. `window_rules` adds the same way.
A window with an unknown value in it has no value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.features.arrays import Floats, floats
from paperbot_core.features.compiling import compile_function
from paperbot_core.features.running import compiling_pays
from paperbot_core.features.window_loops import power_loop, weighted_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

#: Weighted sums and powers are added in blocks of this length.
BLOCK = 256
#: Values worked on at once: three such columns stay in the fast cache of a core.
TILE = 4096
#: The same for sums by doubling, which touch each column fewer times.
SUM_TILE = 8192


def window_sum(x: Floats, n: int) -> Floats:
    """Return the sum of the last n values; NaN before there are n. O(log n) a bar.

    `blocks[i]` is the sum of `width` values from i on; two neighbours make one twice as wide. The
    widths that n is made of are put together, the oldest part of the window first.
    """
    size = len(x)
    out = np.full(size, math.nan)
    spare = [np.empty(SUM_TILE + n), np.empty(SUM_TILE + n)]
    for start in range(0, size - n + 1, SUM_TILE):
        values = x[start : start + SUM_TILE + n - 1]
        target = out[start + n - 1 : start + len(values)]
        _sum_tile(values, n, target, spare)
    return out


def _sum_tile(values: Floats, n: int, target: Floats, spare: list[Floats]) -> None:
    """Write the sums of the windows inside `values` into `target`."""
    rows, width, length = len(target), 1, 0
    blocks = values
    parts: Floats | None = None  # parts[i] is the sum of `length` values from i on
    while True:
        if n & width:
            keep = len(values) - length - width + 1
            if parts is None:
                parts = blocks[:keep] if width == n else blocks[:keep].copy()
            else:
                np.add(blocks[length : length + keep], parts[:keep], out=parts[:keep])
            length += width
            if length == n:
                target[:] = parts[:rows]
                return
        wider = spare[0][: len(blocks) - width]
        np.add(blocks[width:], blocks[:-width], out=wider)
        spare.reverse()
        blocks = wider
        width *= 2


def window_mean(x: Floats, n: int) -> Floats:
    """Return the mean of the last n values: their sum times 1 / n."""
    total = window_sum(x, n)
    return np.multiply(total, 1.0 / n, out=total)


def weighted_sum(x: Floats, n: int) -> Floats:
    """Return the sum of the last n values times 1 (oldest) to n (newest). O(n) a bar."""
    out = np.full(len(x), math.nan)
    if compiling_pays(weighted_loop, len(x)):
        compile_function(weighted_loop)(floats(x), n, BLOCK, out)
    else:
        weighted_sum_numpy(x, n, out)
    return out


def weighted_sum_numpy(x: Floats, n: int, out: Floats) -> None:
    """Do what `weighted_loop` does, lag by lag."""

    def term(values: Floats, _start: int, weight: int, product: Floats) -> None:
        np.multiply(values, float(weight), out=product)

    _add_terms(x, n, term, out)


def power_sum(x: Floats, mean: Floats, n: int, power: int) -> Floats:
    """Return the sum over the window of (value - its mean) to the power 2, 3 or 4. O(n) a bar."""
    out = np.full(len(x), math.nan)
    if compiling_pays(power_loop, len(x)):
        compile_function(power_loop)(floats(x), floats(mean), n, power, BLOCK, out)
    else:
        power_sum_numpy(x, mean, n, power, out)
    return out


def power_sum_numpy(x: Floats, mean: Floats, n: int, power: int, out: Floats) -> None:
    """Do what `power_loop` does, lag by lag."""

    def term(values: Floats, start: int, _weight: int, product: Floats) -> None:
        deviation = values - mean[start + n - 1 : start + n - 1 + len(values)]
        np.multiply(deviation, deviation, out=product)
        if power == 3:
            np.multiply(product, deviation, out=product)
        elif power == 4:
            np.multiply(product, product, out=product)

    _add_terms(x, n, term, out)


def _add_terms(
    x: Floats, n: int, term: Callable[[Floats, int, int, Floats], None], out: Floats
) -> None:
    """Add a term for each value of the window, in the order this module promises."""
    rows = len(x) - n + 1
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


def steady_rows(x: Floats, n: int) -> NDArray[np.int64]:
    """Return the rows whose last n values are all the same number: there, nothing deviates.

    Without this, the rounding of the mean would give a flat window a tiny deviation.
    """
    if n == 1:
        return np.flatnonzero(np.isfinite(x))
    repeats = np.flatnonzero(x[1:] == x[:-1]) + 1
    newest = repeats[n - 2 :]
    rows = newest[newest - repeats[: len(newest)] == n - 2]  # n - 1 repeats in a row
    known: NDArray[np.int64] = rows[np.isfinite(x[rows])]
    return known


def window_std(x: Floats, n: int, mean: Floats | None = None) -> Floats:
    """Return the standard deviation (ddof 0) of the last n values, exactly 0 if all are equal."""
    centre = window_mean(x, n) if mean is None else mean
    out: Floats = np.sqrt(power_sum(x, centre, n, 2) / n)
    out[steady_rows(x, n)] = 0.0
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
    out[steady_rows(x, n)] = math.nan
    return out


def window_kurtosis(x: Floats, n: int) -> Floats:
    """Return m4 / m2 ** 2 - 3 (population moments); NaN if nothing deviates."""
    mean = window_mean(x, n)
    spread = power_sum(x, mean, n, 2) / n
    bottom = spread * spread
    out = np.where(bottom == 0.0, math.nan, power_sum(x, mean, n, 4) / n / bottom - 3.0)
    out[steady_rows(x, n)] = math.nan
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
