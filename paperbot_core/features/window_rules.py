"""Functions of the last n values, for one window: the same arithmetic as `windows`, bar by bar."""

from __future__ import annotations

import math
from functools import reduce
from operator import add

from paperbot_core.features.arrays import divide
from paperbot_core.features.windows import BLOCK

#: The last n values, oldest first.
Window = list[float]


def total(values: Window) -> float:
    """Return the sum by doubling: pairs from the newest value on, an odd rest last."""
    parts = values[::-1]
    while len(parts) > 1:
        pairs = list(map(add, parts[::2], parts[1::2]))
        if len(parts) % 2:
            pairs.append(parts[-1])
        parts = pairs
    return parts[0]


def ordered_sum(values: Window) -> float:
    """Return the sum, oldest first in blocks (built-in `sum` compensates)."""
    if len(values) <= BLOCK:
        return reduce(add, values)
    first = len(values) % BLOCK or BLOCK
    result = reduce(add, values[:first])
    for begin in range(first, len(values), BLOCK):
        result += reduce(add, values[begin : begin + BLOCK])
    return result


def mean(values: Window) -> float:
    """Return the mean."""
    return total(values) * (1.0 / len(values))


def weighted_mean(values: Window) -> float:
    """Return the mean with weights 1 (oldest) to n (newest)."""
    n = len(values)
    return ordered_sum([v * float(k) for k, v in enumerate(values, 1)]) / (n * (n + 1) / 2)


def is_steady(values: Window) -> bool:
    """Return whether all values are the same number."""
    first = values[0]
    return math.isfinite(first) and values.count(first) == len(values)


def std(values: Window) -> float:
    """Return the standard deviation, ddof 0."""
    return _std(values, mean(values))


def _std(values: Window, centre: float) -> float:
    if is_steady(values):
        return 0.0
    return math.sqrt(ordered_sum([(v - centre) * (v - centre) for v in values]) / len(values))


def zscore(values: Window) -> float:
    """Return (newest - mean) / std, 0 if std is 0."""
    centre = mean(values)
    spread = _std(values, centre)
    return 0.0 if spread == 0.0 else (values[-1] - centre) / spread


def skew(values: Window) -> float:
    """Return m3 / m2 ** 1.5, NaN if nothing deviates."""
    if is_steady(values):
        return math.nan
    n = len(values)
    centre = mean(values)
    spread = ordered_sum([(v - centre) * (v - centre) for v in values]) / n
    third = ordered_sum([(v - centre) * (v - centre) * (v - centre) for v in values]) / n
    return divide(third, spread * math.sqrt(spread))


def kurtosis(values: Window) -> float:
    """Return m4 / m2 ** 2 - 3, NaN if nothing deviates."""
    if is_steady(values):
        return math.nan
    n = len(values)
    centre = mean(values)
    squares = [(v - centre) * (v - centre) for v in values]
    spread = ordered_sum(squares) / n
    fourth = ordered_sum([s * s for s in squares]) / n
    return divide(fourth, spread * spread) - 3.0


def trend(values: Window) -> float:
    """Return |mean| / std, NaN if std is 0."""
    centre = mean(values)
    return divide(abs(centre), _std(values, centre))


def volatility(values: Window) -> float:
    """Return the root of the sum of squares."""
    return math.sqrt(total([v * v for v in values]))
