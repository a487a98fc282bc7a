"""The indicators. Definitions are the library's; `talib=False` keeps them so where TA-Lib exists.

Three sorts of memory: a window whose values are the same to the bit in any history (`exact`); a
window whose last bits depend on it (running sums, sums in machine order), so each bar is computed
anew; an endless one (exponential means), cut where what is left of older bars is below 1e-9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paperbot_core.api import FeatureArg
from paperbot_pandas_ta.indicator import CLOSE, Indicator, Length, window_arg

_N = (window_arg("n"),)
_LENGTH = {"n": "length"}
_OWN = {"talib": False}
_HL = ("high", "low")
_HLC = ("high", "low", "close")
_HLCV = (*_HLC, "volume")
_PRICE = (1, 0)
_PLAIN = (0, 0)


def _last(n: int) -> int:
    return n - 1


def _one_more(n: int) -> int:
    return n


def _fading(warm: Length, bars: int) -> Length:
    """Return a memory of the warm-up and `bars` times the longest constant."""
    return lambda *lengths: warm(*lengths) + 1 + bars * max(lengths)


def _of_close(
    name: str, title: str, warm: Length = _last, *, unit: tuple[int, int] | None = None,
    exact: bool = True, memory: Length | None = None, talib: bool = False,
) -> Indicator:  # fmt: skip
    return Indicator(
        name, title, _N + CLOSE, (), unit, warm, memory or (lambda n: warm(n) + 1), exact,
        keywords=_LENGTH, fixed=_OWN if talib else {},
    )  # fmt: skip


def _of_bars(
    name: str, title: str, inputs: tuple[str, ...], warm: Length = _last, *,
    args: tuple[FeatureArg, ...] = _N, unit: tuple[int, int] = _PLAIN, exact: bool = False,
    memory: Length | None = None, function: str = "", column: int | None = None,
    keywords: Mapping[str, str] = _LENGTH, fixed: Mapping[str, Any] | None = None,
) -> Indicator:  # fmt: skip
    return Indicator(
        name, title, args, inputs, unit, warm, memory or (lambda *n: warm(*n) + 1), exact,
        function, column, keywords, fixed or {},
    )  # fmt: skip


def _double(n: int) -> int:
    return 2 * n - 2


def _triple(n: int) -> int:
    return 3 * n - 3


_MEANS = (
    _of_close("wma", "weighted mean of x over n bars", exact=False, talib=True),
    _of_close("fwma", "Fibonacci-weighted mean of x over n bars", exact=False),
    _of_close("sinwma", "sine-weighted mean of x over n bars", exact=False),
    _of_close("alma", "Arnaud Legoux mean of x over n bars", exact=False),
    _of_close("linreg", "end of the regression line of x over n bars", exact=False, talib=True),
    _of_close("midpoint", "middle of the range of x over n bars", talib=True),
    _of_close("median", "median of x over n bars", exact=False),
    _of_close("ema", "exponential mean of x", exact=False, talib=True, memory=_fading(_last, 20)),
    _of_close("rma", "Wilder's mean of x", exact=False, memory=_fading(_last, 40)),
    _of_close(
        "dema", "double exponential mean of x", _double, exact=False, talib=True,
        memory=_fading(_double, 25),
    ),
    _of_close(
        "tema", "triple exponential mean of x", _triple, exact=False, talib=True,
        memory=_fading(_triple, 30),
    ),
)  # fmt: skip

_CHANGES = (
    _of_close("mom", "x minus x n bars ago", _one_more, talib=True),
    _of_close("roc", "percent change of x over n bars", _one_more, unit=_PLAIN, talib=True),
    _of_close("log_return", "log of x over x n bars ago", _one_more, unit=_PLAIN),
    _of_close("slope", "change of x per bar over n bars", _one_more),
    _of_close("er", "Kaufman's efficiency ratio of x, 0 to 1", _one_more, unit=_PLAIN, exact=False),
    _of_close("cmo", "Chande's momentum of x, -100 to 100", _one_more, unit=_PLAIN, exact=False,
              talib=True),
    _of_close("rsi", "relative strength of x, 0 to 100", _one_more, unit=_PLAIN, exact=False,
              talib=True, memory=_fading(_one_more, 40)),
    _of_close("vhf", "vertical horizontal filter of x", _one_more, unit=_PLAIN, exact=False),
)  # fmt: skip

_SPREADS = (
    _of_close("stdev", "standard deviation of x over n bars, ddof 1", exact=False, talib=True),
    _of_close("zscore", "x in standard deviations from its mean", unit=_PLAIN, exact=False),
    _of_close("skew", "skew of x over n bars", unit=_PLAIN, exact=False),
    _of_close("kurtosis", "excess kurtosis of x over n bars", unit=_PLAIN, exact=False),
    _of_close("mad", "mean absolute deviation of x over n bars", exact=False),
    _of_close("ui", "ulcer index of x", _double, unit=_PLAIN, exact=False),
    _of_bars("atr", "average true range", _HLC, _one_more, unit=_PRICE, fixed=_OWN,
             memory=_fading(_one_more, 40)),
    _of_bars("natr", "average true range in percent of the close", _HLC, _one_more, fixed=_OWN,
             memory=_fading(_one_more, 40)),
    _of_bars("chop", "choppiness, 0 to 100", _HLC, _one_more),
)  # fmt: skip

_OSCILLATORS = (
    _of_bars("willr", "Williams %R, -100 to 0", _HLC, fixed=_OWN, exact=True),
    _of_bars("cci", "commodity channel index", _HLC, fixed=_OWN),
    _of_bars("adx", "directional index, 0 to 100", _HLC, lambda n: 2 * n - 1, column=0,
             fixed=_OWN, memory=lambda n: 70 * n),
    _of_bars("aroon_down", "Aroon down, 0 to 100", _HL, _one_more, function="aroon", column=0,
             fixed=_OWN, exact=True),
    _of_bars("aroon_up", "Aroon up, 0 to 100", _HL, _one_more, function="aroon", column=1,
             fixed=_OWN, exact=True),
    _of_bars("vortex_up", "positive vortex", _HLC, _one_more, function="vortex", column=0),
    _of_bars("vortex_down", "negative vortex", _HLC, _one_more, function="vortex", column=1),
    _of_bars("bop", "balance of power of one bar, -1 to 1", ("open", *_HLC), lambda: 0, args=(),
             fixed=_OWN, exact=True),
    _of_bars("uo", "ultimate oscillator, 0 to 100", _HLC, lambda fast, medium, slow: slow - 1,
             args=(window_arg("fast", 3), window_arg("medium", 5), window_arg("slow", 8)),
             memory=lambda fast, medium, slow: slow + 1, keywords={}, fixed=_OWN),
    _of_bars("ao", "awesome oscillator", _HL, lambda fast, slow: slow - 1, unit=_PRICE,
             args=(window_arg("fast", 3), window_arg("slow", 8)), keywords={}),
)  # fmt: skip

_VOLUMES = (
    _of_bars("mfi", "money flow, 0 to 100", _HLCV, fixed=_OWN, memory=lambda n: n + 1),
    _of_bars("cmf", "Chaikin's money flow, -1 to 1", _HLCV),
    _of_bars("vwma", "volume-weighted mean of the close", ("close", "volume"), unit=_PRICE),
    _of_bars("efi", "Elder's force", ("close", "volume"), _one_more, unit=(1, 1),
             memory=_fading(_one_more, 20)),
)  # fmt: skip

INDICATORS: tuple[Indicator, ...] = _MEANS + _CHANGES + _SPREADS + _OSCILLATORS + _VOLUMES
