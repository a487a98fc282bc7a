"""From the kernel's floats to amounts and back, without losing a bit."""

from __future__ import annotations

import math
from decimal import Decimal

_LARGEST, _SMALLEST = 1e38, 1e-60


def amount(value: float) -> Decimal:
    """Return the shortest decimal that is this float; `float(amount(x)) == x`.

    A value on a tick or lot grid gives the grid's own decimal text. What cannot be an amount (NaN,
    infinity, beyond 1e38) is only ever asked for and refused: it is written as 0.
    """
    size = abs(value)
    if not math.isfinite(value) or size > _LARGEST or size < _SMALLEST:
        return Decimal(0)
    return Decimal(repr(value))
