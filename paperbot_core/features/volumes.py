"""Functions of volume: OBV, the session's VWAP and the distance from it, the volume ratio."""

from __future__ import annotations

import math

from paperbot_core.features import window_rules, windows
from paperbot_core.features.arrays import Floats, clean, divide, divided, lagged
from paperbot_core.features.averages import window_warmup
from paperbot_core.features.defining import (
    PRICE_RULE,
    RATIO_RULE,
    VOLUME_RULE,
    N,
    Text,
    number,
)
from paperbot_core.features.nodes import CombinedNode, WindowNode
from paperbot_core.features.recurrences import obv_loop, obv_step, vwap_loop, vwap_step
from paperbot_core.features.running import StepNode, run

_VWAP_INPUTS = ("hlc3", "volume", "ts")


def _obv(close: Floats, volume: Floats) -> Floats:
    return run(obv_loop, (close, volume), ())


def _vwap(price: Floats, volume: Floats, ts: Floats) -> Floats:
    return run(vwap_loop, (price, volume, ts), ())


def _vwap_node() -> StepNode:
    return StepNode(vwap_step, (), (-1.0, 0.0, 0.0, 0.0))


def _z_vwap(close: Floats, price: Floats, volume: Floats, ts: Floats, n: int) -> Floats:
    return windows.window_zscore(close - _vwap(price, volume, ts), n)


def _z_vwap_node(n: int) -> CombinedNode:
    def rule(
        vwap: StepNode, window: WindowNode, close: float, price: float, volume: float, ts: float
    ) -> float:
        return window.update(close - vwap.update(price, volume, ts))

    return CombinedNode((_vwap_node(), WindowNode(n, window_rules.zscore)), rule)


def _volume_ratio(volume: Floats, n: int) -> Floats:
    return divided(volume, lagged(windows.window_mean(volume, n), 1))


class _RatioNode(WindowNode):
    """This value over the mean of the n values before it."""

    __slots__ = ()

    def __init__(self, n: int) -> None:
        super().__init__(n, window_rules.mean)

    def update(self, *values: float) -> float:
        """Take one value and return the ratio, NaN until n came before."""
        full = len(self._values) == self._values.maxlen
        before = window_rules.mean(list(self._values)) if full else math.nan
        self._values.append(values[0])
        return clean(divide(values[0], before))


FUNCTIONS = (
    number(
        "obv",
        (),
        _obv,
        lambda: StepNode(obv_step, (), (0.0, 0.0, 0.0)),
        inputs=("close", "volume"),
        unit=VOLUME_RULE,
        text=Text(
            "running sum of volume, added where close rises, taken off where it falls; starts with "
            "the first bar's volume, so only its changes mean something",
            "volume",
            "0",
            "Granville (1963); TA-Lib OBV",
        ),
    ),
    number(
        "vwap",
        (),
        _vwap,
        _vwap_node,
        inputs=_VWAP_INPUTS,
        unit=PRICE_RULE,
        text=Text(
            "sum(hlc3 * volume) / sum(volume) since 00:00 UTC; no value until something was traded",
            "price",
            "0 (a history that starts within a day knows that part of the day)",
            "Berkowitz, Logue and Noser (1988)",
        ),
    ),
    number(
        "z_vwap",
        (N,),
        _z_vwap,
        _z_vwap_node,
        inputs=("close", *_VWAP_INPUTS),
        unit=RATIO_RULE,
        warmup=window_warmup,
        text=Text(
            "zscore(close - vwap(), n): (d - mean) / std (ddof 0), 0 where std is 0",
            "ratio",
            "n - 1",
            "standard score, ddof 0",
        ),
    ),
    number(
        "volume_ratio",
        (N,),
        _volume_ratio,
        _RatioNode,
        inputs=("volume",),
        unit=RATIO_RULE,
        warmup=lambda n: n,
        text=Text(
            "volume / mean volume of the n bars before; no value where that is 0",
            "ratio",
            "n",
            "arithmetic",
        ),
    ),
)
