"""Change, strength and trend: roc, rsi, macd, adx, realised volatility and trend strength."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paperbot_core.features import window_rules, windows
from paperbot_core.features.arrays import Floats, divide, divided, lagged
from paperbot_core.features.averages import ema, ema_node
from paperbot_core.features.defining import K_BARS, RATIO_RULE, X_CLOSE, N, Text, X, number
from paperbot_core.features.function import Arg, ArgKind
from paperbot_core.features.nodes import CombinedNode, LagNode, WindowNode
from paperbot_core.features.plain import log_column, log_of
from paperbot_core.features.recurrences import (
    adx_loop,
    adx_step,
    macd_loop,
    macd_step,
    rsi_loop,
    rsi_step,
)
from paperbot_core.features.running import StepNode, run

_WILDER = "Wilder (1978), New Concepts in Technical Trading Systems"
_APPEL = "Appel (1979); TA-Lib MACD"

_FAST = Arg("f", ArgKind.WINDOW)
_SLOW = Arg("s", ArgKind.WINDOW)
_SIGNAL = Arg("g", ArgKind.WINDOW)


def _roc(x: Floats, k: int) -> Floats:
    return 100.0 * (divided(x, lagged(x, k)) - 1.0)


def _change(x: Floats, k: int) -> Floats:
    return x - lagged(x, k)


def _rsi(x: Floats, n: int) -> Floats:
    return run(rsi_loop, (x,), (n,))


def _adx(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    return run(adx_loop, (high, low, close), (n,))


def _macd(x: Floats, fast: int, slow: int) -> Floats:
    return run(macd_loop, (x,), (fast, slow))


def _macd_node(fast: int, slow: int) -> StepNode:
    return StepNode(macd_step, (fast, slow), (0.0,) * 5)


def _macd_signal(x: Floats, fast: int, slow: int, signal: int) -> Floats:
    return ema(_macd(x, fast, slow), signal)


def _macd_signal_node(fast: int, slow: int, signal: int) -> CombinedNode:
    def rule(macd: StepNode, mean: StepNode, x: float) -> float:
        return mean.update(macd.update(x))

    return CombinedNode((_macd_node(fast, slow), ema_node(signal)), rule)


def _macd_hist(x: Floats, fast: int, slow: int, signal: int) -> Floats:
    macd = _macd(x, fast, slow)
    return macd - ema(macd, signal)


def _macd_hist_node(fast: int, slow: int, signal: int) -> CombinedNode:
    def rule(macd: StepNode, mean: StepNode, x: float) -> float:
        value = macd.update(x)
        return value - mean.update(value)

    return CombinedNode((_macd_node(fast, slow), ema_node(signal)), rule)


def _macd_warmup(fast: int, slow: int, signal: int = 1) -> int:
    return max(fast, slow) + signal - 2


def _log_returns(close: Floats) -> Floats:
    return log_column(divided(close, lagged(close, 1)))


def _realized_vol(close: Floats, n: int) -> Floats:
    returns = _log_returns(close)
    return np.sqrt(windows.window_sum(returns * returns, n))


def _trend_strength(close: Floats, n: int) -> Floats:
    returns = _log_returns(close)
    mean = windows.window_mean(returns, n)
    return divided(np.abs(mean), windows.window_std(returns, n, mean))


def _returns_node(n: int, rule: Callable[[list[float]], float]) -> CombinedNode:
    def update(returns: LagNode, window: WindowNode, close: float) -> float:
        return window.update(returns.update(close))

    returns = LagNode(1, lambda now, before: log_of(divide(now, before)))
    return CombinedNode((returns, WindowNode(n, rule)), update)


FUNCTIONS = (
    number(
        "roc",
        (X, K_BARS),
        _roc,
        lambda k: LagNode(k, lambda now, before: 100.0 * (divide(now, before) - 1.0)),
        unit=RATIO_RULE,
        warmup=lambda k: k,
        text=Text(
            "100 * (x / x[k] - 1), percent; no value where x[k] is 0", "ratio", "k", "TA-Lib ROC"
        ),
    ),
    number(
        "change",
        (X, K_BARS),
        _change,
        lambda k: LagNode(k, lambda now, before: now - before),
        warmup=lambda k: k,
        text=Text("x - x[k]", "unit of x", "k", "TA-Lib MOM"),
    ),
    number(
        "rsi",
        (N, X_CLOSE),
        _rsi,
        lambda n: StepNode(rsi_step, (n,), (0.0,) * 4),
        unit=RATIO_RULE,
        warmup=lambda n: n,
        text=Text(
            "100 * gain / (gain + loss) of Wilder's means of rises and falls, seeded with the mean "
            "of the first n; 50 only where both are 0",
            "ratio, 0 to 100",
            "n",
            _WILDER,
        ),
    ),
    number(
        "adx",
        (N,),
        _adx,
        lambda n: StepNode(adx_step, (n,), (0.0,) * 8),
        inputs=("high", "low", "close"),
        unit=RATIO_RULE,
        warmup=lambda n: 2 * n - 1,
        text=Text(
            "Wilder's mean of 100 * |+DI - -DI| / (+DI + -DI); a bar without movement is skipped",
            "ratio, 0 to 100",
            "2 * n - 1",
            f"{_WILDER}; warm-up of TA-Lib ADX",
        ),
    ),
    number(
        "macd",
        (_FAST, _SLOW, X_CLOSE),
        _macd,
        _macd_node,
        warmup=_macd_warmup,
        text=Text(
            "ema(x, f) - ema(x, s), both seeded on the bar on which the longer one is full",
            "unit of x",
            "max(f, s) - 1",
            _APPEL,
        ),
    ),
    number(
        "macd_signal",
        (_FAST, _SLOW, _SIGNAL, X_CLOSE),
        _macd_signal,
        _macd_signal_node,
        warmup=_macd_warmup,
        text=Text("ema(macd(f, s, x), g)", "unit of x", "max(f, s) + g - 2", _APPEL),
    ),
    number(
        "macd_hist",
        (_FAST, _SLOW, _SIGNAL, X_CLOSE),
        _macd_hist,
        _macd_hist_node,
        warmup=_macd_warmup,
        text=Text("macd - macd_signal", "unit of x", "max(f, s) + g - 2", _APPEL),
    ),
    number(
        "realized_vol",
        (N,),
        _realized_vol,
        lambda n: _returns_node(n, window_rules.volatility),
        inputs=("close",),
        unit=RATIO_RULE,
        warmup=lambda n: n,
        text=Text(
            "root of the sum of n squared log returns of close, not annualised",
            "ratio",
            "n",
            "Andersen and Bollerslev (1998)",
        ),
    ),
    number(
        "trend_strength",
        (N,),
        _trend_strength,
        lambda n: _returns_node(n, window_rules.trend),
        inputs=("close",),
        unit=RATIO_RULE,
        warmup=lambda n: n,
        text=Text(
            "|mean| / std (ddof 0) of n log returns of close; no value where std is 0",
            "ratio",
            "n",
            "ratio of drift to noise",
        ),
    ),
)
