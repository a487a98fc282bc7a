"""Values worked out by hand, and the edges that the definitions name."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from paperbot_core.features.function import PRICE, RATIO, VOLUME, ArgKind, UnitError
from paperbot_core.features.table import FUNCTIONS

NAN = math.nan
HOUR_MS = 3_600_000.0


def run(name: str, columns: list[Any], *values: float) -> list[float | None]:
    """The result with None for NaN."""
    function = FUNCTIONS[name]
    kinds = [a.kind for a in function.columns] + [ArgKind.SERIES] * len(function.inputs)
    taken = [
        np.array(c, dtype=np.int8 if kind is ArgKind.CONDITION else np.float64)
        for c, kind in zip(columns, kinds, strict=True)
    ]
    out = function.batch(taken, values)
    return [None if math.isnan(v) else v for v in out.tolist()]


CASES: list[tuple[str, list[Any], tuple[float, ...], list[float | None]]] = [
    ("abs", [[-2.0, 0.0, NAN]], (), [2.0, 0.0, None]),
    ("min", [[1.0, 2.0, NAN], [3.0, 1.0, 1.0]], (), [1.0, 1.0, None]),
    ("max", [[1.0, 2.0, 1.0], [3.0, 1.0, NAN]], (), [3.0, 2.0, None]),
    ("log", [[1.0, 0.0, -1.0, math.e]], (), [0.0, None, None, 1.0]),
    ("sqrt", [[4.0, 0.0, -1.0]], (), [2.0, 0.0, None]),
    ("clip", [[-1.0, 0.5, 2.0], [0.0] * 3, [1.0] * 3], (), [0.0, 0.5, 1.0]),
    ("where", [[1, 0, -1, 1], [1.0] * 4, [2.0, 2.0, 2.0, NAN]], (), [1.0, 2.0, None, 1.0]),
    ("cross_sign", [[1.0, 2.0, 3.0, NAN], [2.0] * 4], (), [-1.0, 0.0, 1.0, None]),
    ("sma", [[1.0, 2.0, 3.0, 4.0]], (2,), [None, 1.5, 2.5, 3.5]),
    ("ema", [[1.0, 3.0, 5.0, 1.0]], (2,), [None, 2.0, 4.0, 2.0]),
    ("wma", [[1.0, 2.0, 4.0]], (2,), [None, 5 / 3, 10 / 3]),
    ("rma", [[1.0, 3.0, 5.0, 1.0]], (2,), [None, 2.0, 3.5, 2.25]),
    ("std", [[1.0, 3.0, 3.0]], (2,), [None, 1.0, 0.0]),
    ("sum", [[1.0, 2.0, NAN, 4.0, 5.0]], (2,), [None, 3.0, None, None, 9.0]),
    ("highest", [[3.0, 1.0, 2.0, NAN, 5.0]], (2,), [None, 3.0, 2.0, None, None]),
    ("lowest", [[3.0, 1.0, 2.0, 0.5]], (2,), [None, 1.0, 1.0, 0.5]),
    ("zscore", [[1.0, 3.0, 3.0]], (2,), [None, 1.0, 0.0]),
    ("skew", [[0.0, 0.0, 3.0, 3.0]], (3,), [None, None, math.sqrt(0.5), -math.sqrt(0.5)]),
    ("kurtosis", [[0.0, 1.0, 0.0, 1.0]], (4,), [None, None, None, -2.0]),
    ("roc", [[2.0, 3.0, 0.0, 5.0]], (1,), [None, 50.0, -100.0, None]),
    ("change", [[2.0, 3.0, 0.0]], (2,), [None, None, -2.0]),
    ("rsi", [[1.0, 2.0, 1.0, 1.0]], (2,), [None, None, 50.0, 50.0]),
    ("rsi", [[5.0, 5.0, 5.0]], (2,), [None, None, 50.0]),
    ("rsi", [[1.0, 2.0, 3.0, 4.0]], (2,), [None, None, 100.0, 100.0]),
    ("rsi", [[4.0, 3.0, 2.0, 1.0]], (2,), [None, None, 0.0, 0.0]),
    ("macd", [[1.0, 2.0, 3.0, 4.0]], (1, 2), [None, 0.5, 0.5, 0.5]),
    ("true_range", [[3.0, 4.0], [1.0, 3.5], [2.0, 4.0]], (), [2.0, 2.0]),
    ("atr", [[3.0, 4.0, 4.0], [1.0, 3.5, 3.0], [2.0, 4.0, 3.0]], (2,), [None, 2.0, 1.5]),
    ("bollinger_upper", [[1.0, 3.0]], (2, 2.0), [None, 4.0]),
    ("bollinger_lower", [[1.0, 3.0]], (2, 2.0), [None, 0.0]),
    ("donchian_high", [[3.0, 1.0]], (2,), [None, 3.0]),
    ("donchian_low", [[3.0, 1.0]], (2,), [None, 1.0]),
    ("obv", [[1.0, 2.0, 2.0, 1.0], [5.0, 3.0, 9.0, 4.0]], (), [5.0, 8.0, 8.0, 4.0]),
    ("volume_ratio", [[1.0, 3.0, 4.0, 0.0]], (2,), [None, None, 2.0, 0.0]),
    ("volume_ratio", [[0.0, 0.0, 4.0]], (2,), [None, None, None]),
    ("realized_vol", [[1.0, math.e, 1.0]], (2,), [None, None, math.sqrt(2.0)]),
    ("trend_strength", [[1.0, math.e, math.e**4]], (2,), [None, None, 2.0]),
    ("trend_strength", [[1.0, 1.0, 1.0]], (2,), [None, None, None]),
    ("crosses_above", [[1.0, 2.0, 3.0, NAN, 3.0], [2.0] * 5], (), [-1, 0, 1, -1, -1]),
    ("crosses_below", [[3.0, 2.0, 1.0, 1.0], [2.0] * 4], (), [-1, 0, 1, 0]),
    ("bars_since", [[0, 1, 0, -1, 0, 1]], (), [None, 0.0, 1.0, None, 3.0, 0.0]),
    ("count", [[1, 1, 0, -1, 1, 1]], (2,), [None, 2.0, 1.0, None, None, 2.0]),
    ("hysteresis", [[0, 1, 0, 1, 0, 1], [0, 0, 0, 1, 0, 0]], (), [0, 1, 1, 0, 0, 1]),
    ("hysteresis", [[1, -1, 0, 0, 0], [0, 0, -1, 0, 1]], (), [1, -1, -1, 1, 0]),
    ("hysteresis", [[1, -1, 0], [0, 1, 0]], (), [1, -1, 0]),
]


@pytest.mark.parametrize(("name", "columns", "values", "expected"), CASES)
def test_by_hand(
    name: str, columns: list[Any], values: tuple[float, ...], expected: list[float | None]
) -> None:
    tolerance = [None if v is None else pytest.approx(v, rel=1e-9, abs=1e-12) for v in expected]
    assert run(name, columns, *values) == tolerance


def test_vwap_starts_again_at_midnight() -> None:
    hours = [22 * HOUR_MS, 23 * HOUR_MS, 24 * HOUR_MS, 25 * HOUR_MS, 26 * HOUR_MS]
    price = [10.0, 20.0, 30.0, NAN, 40.0]
    volume = [1.0, 3.0, 0.0, 5.0, 2.0]
    assert run("vwap", [price, volume, hours]) == [10.0, 17.5, None, None, 40.0]


@pytest.mark.parametrize("price", [0.1, 1 / 3, 64_123.37])
def test_a_flat_market_has_no_distance_from_its_vwap(price: float) -> None:
    bars = 50
    flat = [price] * bars
    volume = [0.1 * (i % 7 + 1) for i in range(bars)]
    hours = [HOUR_MS * i for i in range(bars)]
    typical = [(price + price + price) / 3] * bars
    assert run("vwap", [typical, volume, hours]) == typical
    assert run("z_vwap", [flat, typical, volume, hours], 10)[9:] == [0.0] * 41
    assert run("zscore", [flat], 10)[9:] == [0.0] * 41
    assert run("std", [flat], 10)[9:] == [0.0] * 41
    assert run("skew", [flat], 10) == [None] * bars


def test_z_vwap_is_the_zscore_of_the_distance() -> None:
    rng = np.random.default_rng(1)
    close, volume = 100 + rng.normal(size=60), 1 + rng.random(60)
    hours = HOUR_MS * np.arange(60)
    vwap = np.array(run("vwap", [close, volume, hours]), dtype=np.float64)
    got = run("z_vwap", [close, close, volume, hours], 20)
    assert got == run("zscore", [close - vwap], 20)
    last = (close - vwap)[-20:]
    assert got[-1] == pytest.approx((last[-1] - last.mean()) / last.std(), rel=1e-9)


def test_vwap_is_the_plain_quotient() -> None:
    rng = np.random.default_rng(2)
    price, volume = 100 + rng.normal(size=24), rng.random(24)
    got = run("vwap", [price, volume, HOUR_MS * np.arange(24)])
    assert got == pytest.approx(list(np.cumsum(price * volume) / np.cumsum(volume)), rel=1e-12)


def test_keltner_is_made_of_ema_and_atr() -> None:
    rng = np.random.default_rng(3)
    close = 100 + np.cumsum(rng.normal(size=40))
    hlc = [close + 1, close - 2, close]
    ema, atr = run("ema", [close], 10), run("atr", hlc, 7)
    wide = [None if e is None or a is None else e + 1.5 * a for e, a in zip(ema, atr, strict=True)]
    assert run("keltner_upper", hlc, 10, 1.5, 7) == wide
    assert run("keltner_middle", [close], 10, 1.5, 7) == ema


def test_recurrences_skip_unknown_bars_and_recover() -> None:
    x = [1.0, NAN, 3.0, 5.0, NAN, 1.0]
    assert run("ema", [x], 2) == [None, None, 2.0, 4.0, None, 2.0]
    assert run("obv", [x, [1.0] * 6]) == [1.0, None, 2.0, 3.0, None, 2.0]


def test_overflow_is_no_value() -> None:
    huge = [1e308] * 4
    assert run("sum", [huge], 3) == [None] * 4
    assert run("roc", [[1e-300, 1e300]], 1) == [None, None]
    node = FUNCTIONS["ema"].start([2])
    assert [math.isnan(node.update(v)) for v in (1e308, 1e308, 1.0)] == [True] * 3
    text = json.dumps(node.state(), allow_nan=False)
    node.restore(json.loads(text))
    assert json.dumps(node.state(), allow_nan=False) == text


UNITS = [
    ("sma", [PRICE], PRICE),
    ("sma", [None], None),
    ("zscore", [PRICE], RATIO),
    ("min", [PRICE, None], PRICE),
    ("clip", [RATIO, None, None], RATIO),
    ("obv", [], VOLUME),
    ("atr", [], PRICE),
    ("rsi", [PRICE], RATIO),
    ("roc", [VOLUME], RATIO),
    ("sqrt", [(2, 0)], PRICE),
    ("crosses_above", [PRICE, PRICE], RATIO),
    ("where", [PRICE, None], PRICE),
    ("volume_ratio", [], RATIO),
    ("macd_hist", [PRICE], PRICE),
]


@pytest.mark.parametrize(("name", "units", "expected"), UNITS)
def test_units(name: str, units: list[Any], expected: Any) -> None:
    assert FUNCTIONS[name].unit(units) == expected


@pytest.mark.parametrize(
    ("name", "units", "text"),
    [
        ("min", [PRICE, VOLUME], "price and volume do not go together"),
        ("crosses_above", [(1, 1), RATIO], "price \\* volume and ratio do not go together"),
        ("clip", [PRICE, None, (2, -1)], "price and price\\^2 \\* volume\\^-1"),
        ("sqrt", [PRICE], "the square root of price has no unit"),
    ],
)
def test_units_that_do_not_fit(name: str, units: list[Any], text: str) -> None:
    with pytest.raises(UnitError, match=text):
        FUNCTIONS[name].unit(units)


def test_the_language_by_name() -> None:
    named = """
        abs min max log sqrt clip where sma ema wma rma std sum highest lowest zscore skew kurtosis
        roc change rsi atr true_range adx macd macd_signal macd_hist bollinger_upper
        bollinger_middle bollinger_lower keltner_upper keltner_middle keltner_lower donchian_high
        donchian_low obv vwap z_vwap volume_ratio realized_vol trend_strength cross_sign
        crosses_above crosses_below bars_since count hysteresis
    """
    assert set(FUNCTIONS) == set(named.split())


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_documented(name: str) -> None:
    function = FUNCTIONS[name]
    assert function.name == name
    assert all((function.formula, function.units_text, function.warmup_text, function.source))
