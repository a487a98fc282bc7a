"""Rounding to the tick and lot grid, always against us.

A grid step is an exact fraction n/d (0.01 is 1/100), and a grid value is `k * n / d`: correctly
rounded, so it equals the float that parsing its decimal text gives. `k * 0.1` would not.
"""

from __future__ import annotations

import math

from paperbot_core.features.compiling import lean

#: How far below the next step a value may lie and still count as on it, in steps.
SLACK = 1e-9
#: And how far in parts of the value: a float, times d, divided by n, is three roundings off. Ten
#: million steps (Bitcoin in cents) are enough for that to be more than SLACK.
PRECISION = 2.0**-51
#: How far beside a step a sum of grid values may lie, in steps.
NOISE = 1e-6
#: Beyond this many steps a float has no exact grid; the value is left alone.
MAX_STEPS = 9.0e15


@lean
def floor_grid(x: float, n: float, d: float) -> float:
    """Return the largest grid value not above `x`; `x` itself where the grid is off (n = 0)."""
    if n <= 0.0 or not math.isfinite(x):
        return x
    steps = x * d / n
    if abs(steps) >= MAX_STEPS:
        return x
    return math.floor(steps + (SLACK + abs(steps) * PRECISION)) * n / d


@lean
def ceil_grid(x: float, n: float, d: float) -> float:
    """Return the smallest grid value not below `x`; `x` itself where the grid is off (n = 0)."""
    if n <= 0.0 or not math.isfinite(x):
        return x
    steps = x * d / n
    if abs(steps) >= MAX_STEPS:
        return x
    return math.ceil(steps - (SLACK + abs(steps) * PRECISION)) * n / d


@lean
def snap(x: float, n: float, d: float) -> float:
    """Return the grid value that `x` means, where sums of grid values left rounding errors on it.

    A value that is really between two steps (a fee was taken out of it) is left alone.
    """
    if n <= 0.0 or not math.isfinite(x):
        return x
    steps = x * d / n
    if abs(steps) >= MAX_STEPS:
        return x
    nearest = math.floor(steps + 0.5)
    return nearest * n / d if abs(steps - nearest) < NOISE else x


@lean
def worse(side: int, price: float, fraction: float, n: float, d: float) -> float:
    """Return `price` moved `fraction` against a buyer (side 1) or seller (side -1), on the grid."""
    if side > 0:
        return ceil_grid(price * (1.0 + fraction), n, d)
    return floor_grid(price * (1.0 - fraction), n, d)
