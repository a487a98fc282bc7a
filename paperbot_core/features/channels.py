"""Ranges and bands: true range, ATR, Bollinger, Keltner, Donchian."""

from __future__ import annotations

from collections.abc import Callable

from paperbot_core.features import window_rules, windows
from paperbot_core.features.arrays import Floats
from paperbot_core.features.averages import ema, ema_node, window_warmup
from paperbot_core.features.defining import PRICE_RULE, X_CLOSE, K, N, Text, number
from paperbot_core.features.function import Arg, ArgKind, Function
from paperbot_core.features.nodes import CombinedNode, ExtremeNode, WindowNode
from paperbot_core.features.recurrences import (
    atr_loop,
    atr_step,
    true_range_loop,
    true_range_step,
)
from paperbot_core.features.running import StepNode, run

_HLC = ("high", "low", "close")
_M = Arg("m", ArgKind.WINDOW)
_BOLLINGER = "Bollinger (2001), Bollinger on Bollinger Bands; TA-Lib BBANDS"
_KELTNER = "Keltner (1960) as changed by Raschke: EMA and ATR"
_DONCHIAN = "Donchian (1960)"


def _true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    return run(true_range_loop, (high, low, close), ())


def _atr(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    return run(atr_loop, (high, low, close), (n,))


def _atr_node(n: int) -> StepNode:
    return StepNode(atr_step, (n,), (0.0,) * 5)


def _bollinger(side: str, sign: float) -> Function:
    def batch(x: Floats, n: int, k: float) -> Floats:
        mean = windows.window_mean(x, n)
        return mean + sign * k * windows.window_std(x, n, mean)

    def start(n: int, k: float) -> WindowNode:
        def rule(values: list[float]) -> float:
            return window_rules.mean(values) + sign * k * window_rules.std(values)

        return WindowNode(n, rule)

    mark = "+" if sign > 0 else "-"
    return number(
        f"bollinger_{side}",
        (N, K, X_CLOSE),
        batch,
        start,
        warmup=lambda n, _k: window_warmup(n),
        text=Text(f"sma(x, n) {mark} k * std(x, n), ddof 0", "unit of x", "n - 1", _BOLLINGER),
    )


def _bollinger_middle(x: Floats, n: int, _k: float) -> Floats:
    return windows.window_mean(x, n)


def _keltner(side: str, sign: float) -> Function:
    def batch(high: Floats, low: Floats, close: Floats, n: int, k: float, m: int) -> Floats:
        return ema(close, n) + sign * k * _atr(high, low, close, m)

    def start(n: int, k: float, m: int) -> CombinedNode:
        def rule(mean: StepNode, span: StepNode, high: float, low: float, close: float) -> float:
            return mean.update(close) + sign * k * span.update(high, low, close)

        return CombinedNode((ema_node(n), _atr_node(m)), rule)

    mark = "+" if sign > 0 else "-"
    return number(
        f"keltner_{side}",
        (N, K, _M),
        batch,
        start,
        inputs=_HLC,
        unit=PRICE_RULE,
        warmup=lambda n, _k, m: max(n, m) - 1,
        text=Text(f"ema(close, n) {mark} k * atr(m)", "price", "max(n, m) - 1", _KELTNER),
    )


def _keltner_middle(close: Floats, n: int, _k: float, _m: int) -> Floats:
    return ema(close, n)


def _donchian(
    side: str, series: str, batch: Callable[[Floats, int], Floats], sign: float, formula: str
) -> Function:
    return number(
        f"donchian_{side}",
        (N,),
        batch,
        lambda n: ExtremeNode(n, sign),
        inputs=(series,),
        unit=PRICE_RULE,
        warmup=window_warmup,
        text=Text(formula, "price", "n - 1", _DONCHIAN),
    )


FUNCTIONS = (
    number(
        "true_range",
        (),
        _true_range,
        lambda: StepNode(true_range_step, (), (0.0, 0.0)),
        inputs=_HLC,
        unit=PRICE_RULE,
        text=Text(
            "largest of high - low, |high - close[1]|, |low - close[1]|; first bar: high - low",
            "price",
            "0",
            "Wilder (1978); TA-Lib TRANGE, which has no value on the first bar",
        ),
    ),
    number(
        "atr",
        (N,),
        _atr,
        _atr_node,
        inputs=_HLC,
        unit=PRICE_RULE,
        warmup=window_warmup,
        text=Text(
            "rma(true_range(), n): Wilder's mean, seeded with the mean of the first n",
            "price",
            "n - 1",
            "Wilder (1978); TA-Lib ATR starts one bar later, so the first values differ",
        ),
    ),
    _bollinger("upper", 1.0),
    number(
        "bollinger_middle",
        (N, K, X_CLOSE),
        _bollinger_middle,
        lambda n, _k: WindowNode(n, window_rules.mean),
        warmup=lambda n, _k: window_warmup(n),
        text=Text("sma(x, n)", "unit of x", "n - 1", _BOLLINGER),
    ),
    _bollinger("lower", -1.0),
    _keltner("upper", 1.0),
    number(
        "keltner_middle",
        (N, K, _M),
        _keltner_middle,
        lambda n, _k, _m: ema_node(n),
        inputs=("close",),
        unit=PRICE_RULE,
        warmup=lambda n, _k, _m: window_warmup(n),
        text=Text("ema(close, n)", "price", "n - 1", _KELTNER),
    ),
    _keltner("lower", -1.0),
    _donchian("high", "high", windows.window_highest, 1.0, "highest(high, n), this bar included"),
    _donchian("low", "low", windows.window_lowest, -1.0, "lowest(low, n), this bar included"),
)
