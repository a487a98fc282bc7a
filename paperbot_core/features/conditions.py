"""Functions that make or take conditions: crossings, time since, counts, hysteresis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.features.arrays import Conditions, Floats
from paperbot_core.features.averages import window_warmup
from paperbot_core.features.defining import RATIO_RULE, A, B, N, Text, condition, number
from paperbot_core.features.function import FALSE, TRUE, UNKNOWN, Arg, ArgKind, Function
from paperbot_core.features.nodes import CountNode, CrossNode, HysteresisNode, SinceNode

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COND = Arg("cond", ArgKind.CONDITION)
_OWN = "arithmetic"


def _cross(name: str, sign: float, formula: str) -> Function:
    def batch(a: Floats, b: Floats) -> Conditions:
        out = np.full(len(a), UNKNOWN, dtype=np.int8)
        over, under = (a, b) if sign > 0 else (b, a)
        above = over > under
        known = above | (over <= under)  # a NaN fails both comparisons
        crossed = above[1:] & (known ^ above)[:-1]
        unknown = ~(known[1:] & known[:-1])
        # True less nothing is 1, nothing less true is -1: no passes over wider numbers.
        np.subtract(crossed.view(np.int8), unknown.view(np.int8), out=out[1:])
        return out

    return condition(
        name,
        (A, B),
        batch,
        lambda: CrossNode(sign),
        warmup=1,
        text=Text(f"{formula}; unknown where any of the four is", "a and b alike", "1", _OWN),
    )


def _last_true(events: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the row of the last event up to each row, -1 before the first."""
    rows: NDArray[np.int64] = np.maximum.accumulate(np.where(events, np.arange(len(events)), -1))
    return rows


def _bars_since(cond: Conditions) -> Floats:
    last = _last_true(cond == TRUE)
    since = (np.arange(len(cond)) - last).astype(np.float64)
    return np.where((last < 0) | (cond == UNKNOWN), math.nan, since)


def _count(cond: Conditions, n: int) -> Floats:
    out = np.full(len(cond), math.nan)
    if len(cond) >= n:
        true = _window_count(cond == TRUE, n)
        unknown = _window_count(cond == UNKNOWN, n)
        out[n - 1 :] = np.where(unknown > 0, math.nan, true)
    return out


def _window_count(events: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Return the events of each full window; integers, so that a running sum is exact."""
    total = np.zeros(len(events) + 1, dtype=np.int64)
    np.cumsum(events, out=total[1:])
    return total[n:] - total[:-n]


def _hysteresis(on: Conditions, off: Conditions) -> Conditions:
    held = _last_true((on == TRUE) & (off == FALSE)) > _last_true(off == TRUE)
    unknown = (on == UNKNOWN) | (off == UNKNOWN)
    return np.where(unknown, UNKNOWN, held).astype(np.int8)


FUNCTIONS = (
    _cross("crosses_above", 1.0, "a > b and a[1] <= b[1]"),
    _cross("crosses_below", -1.0, "a < b and a[1] >= b[1]"),
    number(
        "bars_since",
        (_COND,),
        _bars_since,
        SinceNode,
        unit=RATIO_RULE,
        text=Text(
            "bars since cond was last true, 0 on that bar; no value before the first time and "
            "where cond is unknown",
            "ratio (bars)",
            "0",
            _OWN,
        ),
    ),
    number(
        "count",
        (_COND, N),
        _count,
        CountNode,
        unit=RATIO_RULE,
        warmup=window_warmup,
        text=Text(
            "how many of the last n are true; no value while one of them is unknown",
            "ratio (bars)",
            "n - 1",
            _OWN,
        ),
    ),
    condition(
        "hysteresis",
        (Arg("on", ArgKind.CONDITION), Arg("off", ArgKind.CONDITION)),
        _hysteresis,
        HysteresisNode,
        text=Text(
            "true from `on` until `off`, which wins; unknown where either is, the state goes on",
            "condition",
            "0",
            _OWN,
        ),
    ),
)
