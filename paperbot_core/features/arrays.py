"""Columns of numbers: how they come in, how results leave, what counts as a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Conditions = NDArray[np.int8]


def readonly(column: NDArray[Any]) -> NDArray[Any]:
    """Return a contiguous read-only view (a copy only where it has to be).

    Compiled functions get all their inputs in this form, so that each has one signature whoever
    made the array; the input's own flags stay as they are.
    """
    view = np.ascontiguousarray(column).view()
    view.flags.writeable = False
    return view


def floats(column: NDArray[Any]) -> Floats:
    """Return `column` as float64 in the form of `readonly`."""
    return readonly(np.asarray(column, dtype=np.float64))


def cleaned(column: Floats) -> Floats:
    """Make `column` fit to leave, in place: infinities become NaN, -0.0 becomes 0.0."""
    np.add(column, 0.0, out=column)
    column[~np.isfinite(column)] = math.nan
    return column


def clean(value: float) -> float:
    """Return what `cleaned` makes of one value."""
    return value + 0.0 if math.isfinite(value) else math.nan


def divide(a: float, b: float) -> float:
    """Return a / b, NaN where b is 0."""
    return a / b if b != 0.0 else math.nan


def divided(a: Floats, b: Floats | float) -> Floats:
    """Return a / b by element, NaN where b is 0."""
    with np.errstate(all="ignore"):
        return np.where(np.not_equal(b, 0.0), np.divide(a, b), math.nan)


def lagged(column: Floats, bars: int) -> Floats:
    """Return the values `bars` >= 1 bars ago; NaN before there are any."""
    out = np.full(len(column), math.nan)
    out[bars:] = column[: max(len(column) - bars, 0)]
    return out


def pack(values: Sequence[float]) -> list[float | str | None]:
    """Return numbers for JSON, which has neither NaN (None here) nor infinity (its name)."""
    return [v if math.isfinite(v) else None if math.isnan(v) else str(v) for v in values]


def unpack(values: Sequence[float | str | None]) -> list[float]:
    """Undo `pack`."""
    return [math.nan if v is None else float(v) for v in values]
