"""Functions of one bar: arithmetic that the operators of the language do not cover."""

from __future__ import annotations

import math

import numpy as np

from paperbot_core.features.arrays import Conditions, Floats
from paperbot_core.features.defining import RATIO_RULE, A, B, Text, X, comparable, number, root
from paperbot_core.features.function import FALSE, TRUE, Arg, ArgKind
from paperbot_core.features.nodes import PureNode, compare

_NO_WARMUP = "0"
_SOURCE = "arithmetic"


def log_of(value: float) -> float:
    """Return the natural logarithm, NaN for 0 and below."""
    return math.log(value) if 0.0 < value < math.inf else math.nan


def log_column(x: Floats) -> Floats:
    """Return the natural logarithms by element.

    One by one: numpy's vector logarithm differs from the scalar one in the last bit on some
    processors, and history must equal live.
    """
    return np.fromiter(map(log_of, x.tolist()), dtype=np.float64, count=len(x))


def _sqrt_of(value: float) -> float:
    return math.sqrt(value) if value >= 0.0 else math.nan


def _smaller(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else min(a, b)


def _larger(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else max(a, b)


def _clip_of(x: float, lo: float, hi: float) -> float:
    return _smaller(_larger(x, lo), hi)


def _clip_columns(x: Floats, lo: Floats, hi: Floats) -> Floats:
    return np.minimum(np.maximum(x, lo), hi)


def _where_of(cond: float, a: float, b: float) -> float:
    if cond == TRUE:
        return a
    return b if cond == FALSE else math.nan


def _where_columns(cond: Conditions, a: Floats, b: Floats) -> Floats:
    return np.where(cond == TRUE, a, np.where(cond == FALSE, b, math.nan))


def _cross_sign_columns(a: Floats, b: Floats) -> Floats:
    known = ~(np.isnan(a) | np.isnan(b))
    return np.where(known, (a > b).astype(np.float64) - (a < b), math.nan)


FUNCTIONS = (
    number(
        "abs",
        (X,),
        np.abs,
        lambda: PureNode(abs),
        text=Text("|x|", "unit of x", _NO_WARMUP, _SOURCE),
    ),
    number(
        "min",
        (A, B),
        np.minimum,
        lambda: PureNode(_smaller),
        text=Text("the smaller one", "a and b alike", _NO_WARMUP, _SOURCE),
    ),
    number(
        "max",
        (A, B),
        np.maximum,
        lambda: PureNode(_larger),
        text=Text("the larger one", "a and b alike", _NO_WARMUP, _SOURCE),
    ),
    number(
        "log",
        (X,),
        log_column,
        lambda: PureNode(log_of),
        unit=RATIO_RULE,
        text=Text("natural logarithm; no value for x <= 0", "ratio", _NO_WARMUP, _SOURCE),
    ),
    number(
        "sqrt",
        (X,),
        np.sqrt,
        lambda: PureNode(_sqrt_of),
        unit=root,
        text=Text(
            "square root; no value for x < 0",
            "root of the unit of x (its powers must be even)",
            _NO_WARMUP,
            _SOURCE,
        ),
    ),
    number(
        "clip",
        (X, Arg("lo", ArgKind.SERIES), Arg("hi", ArgKind.SERIES)),
        _clip_columns,
        lambda: PureNode(_clip_of),
        text=Text("min(max(x, lo), hi)", "all alike", _NO_WARMUP, _SOURCE),
    ),
    number(
        "where",
        (Arg("cond", ArgKind.CONDITION), A, B),
        _where_columns,
        lambda: PureNode(_where_of),
        text=Text(
            "a where cond is true, b where it is false, no value where it is unknown",
            "a and b alike",
            _NO_WARMUP,
            _SOURCE,
        ),
    ),
    number(
        "cross_sign",
        (A, B),
        _cross_sign_columns,
        lambda: PureNode(compare),
        unit=comparable,
        text=Text(
            "+1 where a > b, -1 where a < b, 0 where equal",
            "a and b alike; ratio",
            _NO_WARMUP,
            _SOURCE,
        ),
    ),
)
