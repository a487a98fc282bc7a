"""Averages, spreads and extremes of the last n values, and the two exponential means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paperbot_core.features import window_rules, windows
from paperbot_core.features.arrays import Floats
from paperbot_core.features.defining import RATIO_RULE, N, Text, X, number, same
from paperbot_core.features.function import Function, UnitRule
from paperbot_core.features.nodes import ExtremeNode, WindowNode
from paperbot_core.features.recurrences import ema_loop, ema_step, rma_loop, rma_step
from paperbot_core.features.running import StepNode, run

_WARMUP = "n - 1"
_SAME = "unit of x"


def window_warmup(n: int) -> int:
    """Return the bars before a window of n is full."""
    return n - 1


def ema(x: Floats, n: int) -> Floats:
    """Return the exponential mean of a column."""
    return run(ema_loop, (x,), (n,))


def ema_node(n: int) -> StepNode:
    """Return the exponential mean bar by bar."""
    return StepNode(ema_step, (n,), (0.0, 0.0, 0.0))


def _rma(x: Floats, n: int) -> Floats:
    return run(rma_loop, (x,), (n,))


def _wma(x: Floats, n: int) -> Floats:
    total = windows.weighted_sum(x, n)
    return np.divide(total, n * (n + 1) / 2, out=total)


def _window(
    name: str,
    batch: Callable[[Floats, int], Floats],
    rule: Callable[[list[float]], float],
    text: Text,
    unit: UnitRule = same,
) -> Function:
    return number(
        name,
        (X, N),
        batch,
        lambda n: WindowNode(n, rule),
        unit=unit,
        warmup=window_warmup,
        text=text,
    )


FUNCTIONS = (
    _window(
        "sma",
        windows.window_mean,
        window_rules.mean,
        Text("sum of the last n / n", _SAME, _WARMUP, "TA-Lib SMA"),
    ),
    number(
        "ema",
        (X, N),
        ema,
        ema_node,
        warmup=window_warmup,
        text=Text(
            "e + (x - e) * 2 / (n + 1), seeded with the mean of the first n",
            _SAME,
            _WARMUP,
            "TA-Lib EMA",
        ),
    ),
    _window(
        "wma",
        _wma,
        window_rules.weighted_mean,
        Text("weights 1 (oldest) to n (newest)", _SAME, _WARMUP, "TA-Lib WMA"),
    ),
    number(
        "rma",
        (X, N),
        _rma,
        lambda n: StepNode(rma_step, (n,), (0.0, 0.0, 0.0)),
        warmup=window_warmup,
        text=Text(
            "(r * (n - 1) + x) / n, seeded with the mean of the first n",
            _SAME,
            _WARMUP,
            "Wilder (1978), New Concepts in Technical Trading Systems",
        ),
    ),
    _window(
        "std",
        windows.window_std,
        window_rules.std,
        Text("root of the mean squared deviation (ddof 0)", _SAME, _WARMUP, "TA-Lib STDDEV"),
    ),
    _window(
        "sum",
        windows.window_sum,
        window_rules.total,
        Text("sum of the last n", _SAME, _WARMUP, "TA-Lib SUM"),
    ),
    number(
        "highest",
        (X, N),
        windows.window_highest,
        lambda n: ExtremeNode(n, 1.0),
        warmup=window_warmup,
        text=Text("largest of the last n, this bar included", _SAME, _WARMUP, "TA-Lib MAX"),
    ),
    number(
        "lowest",
        (X, N),
        windows.window_lowest,
        lambda n: ExtremeNode(n, -1.0),
        warmup=window_warmup,
        text=Text("smallest of the last n, this bar included", _SAME, _WARMUP, "TA-Lib MIN"),
    ),
    _window(
        "zscore",
        windows.window_zscore,
        window_rules.zscore,
        Text(
            "(x - sma(x, n)) / std(x, n); 0 where std is 0",
            "ratio",
            _WARMUP,
            "standard score, ddof 0",
        ),
        RATIO_RULE,
    ),
    _window(
        "skew",
        windows.window_skew,
        window_rules.skew,
        Text(
            "m3 / m2^1.5 of the last n (population moments, not bias-corrected); no value where "
            "nothing deviates",
            "ratio",
            _WARMUP,
            "Fisher-Pearson coefficient g1",
        ),
        RATIO_RULE,
    ),
    _window(
        "kurtosis",
        windows.window_kurtosis,
        window_rules.kurtosis,
        Text(
            "m4 / m2^2 - 3 of the last n (excess; population moments, not bias-corrected); no "
            "value where nothing deviates",
            "ratio",
            _WARMUP,
            "Fisher's g2",
        ),
        RATIO_RULE,
    ),
)
