"""The laws every function of the table obeys, on random columns with gaps, flat runs and zeros."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from paperbot_core.features.function import ArgKind, Function
from paperbot_core.features.table import FUNCTIONS

Column = NDArray[Any]
START_MS = 1_700_000_000_000
#: Everything that remembers more than a window: there, the start of history may show.
RECURSIVE = {
    "ema",
    "rma",
    "rsi",
    "adx",
    "atr",
    "true_range",
    "macd",
    "macd_signal",
    "macd_hist",
    "obv",
    "vwap",
    "z_vwap",
    "keltner_upper",
    "keltner_middle",
    "keltner_lower",
    "bars_since",
    "hysteresis",
}

every_function = pytest.mark.parametrize("name", sorted(FUNCTIONS))
law = settings(max_examples=12, deadline=None)


@st.composite
def columns(draw: st.DrawFn, function: Function, size_max: int = 60) -> list[Column]:
    """Columns for one function: a walk with flat runs, zeros and unknown values, and its ranges."""
    size = draw(st.integers(0, size_max))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    gaps = draw(st.sampled_from([0.0, 0.0, 0.03, 0.3]))
    flat = draw(st.sampled_from([0.0, 0.5, 1.0]))
    scale = draw(st.sampled_from([1e-8, 0.1, 1.0, 100.0, 1e12]))

    def walk() -> Column:
        moves = np.where(rng.random(size) < flat, 0.0, rng.normal(size=size))
        return scale * (5.0 + np.cumsum(moves))

    close = walk()
    high = close + scale * np.where(rng.random(size) < flat, 0.0, rng.random(size))
    low = close - scale * np.where(rng.random(size) < flat, 0.0, rng.random(size))
    step = draw(st.sampled_from([60_000, 3_600_000, 86_400_000]))
    hidden = {
        "high": high,
        "low": low,
        "close": close,
        "hlc3": (high + low + close) / 3,
        "volume": np.where(rng.random(size) < 0.2, 0.0, np.round(rng.random(size) * 9, 1)),
        "ts": START_MS + step * np.arange(size, dtype=np.float64),
    }
    made: list[Column] = []
    for argument in function.columns:
        if argument.kind is ArgKind.CONDITION:
            made.append(rng.choice([-1, 0, 0, 1, 1], size).astype(np.int8))
        else:
            series = draw(st.sampled_from([walk(), np.round(walk() / scale), np.full(size, 0.1)]))
            made.append(series)
    made += [hidden[series] for series in function.inputs]
    for column in made:
        if column.dtype == np.float64 and column is not hidden["ts"]:
            column[rng.random(size) < gaps] = math.nan
    return made


def constants(function: Function) -> st.SearchStrategy[list[float]]:
    """Constants for one function: short windows, so that they fill."""
    kinds: dict[ArgKind, st.SearchStrategy[float]] = {
        ArgKind.WINDOW: st.integers(1, 12),
        ArgKind.LAG: st.integers(1, 12),
        ArgKind.NUMBER: st.sampled_from([0.0, 0.5, 2.0]),
    }
    return st.tuples(*(kinds[a.kind] for a in function.constants)).map(list)


def bits(values: Column) -> list[int]:
    """Floats as bit patterns, so that 0.0 is not -0.0 and NaN equals NaN."""
    if values.dtype == np.int8:
        return [int(v) for v in values]
    return [int(v) for v in np.where(np.isnan(values), np.nan, values).view(np.int64)]


def bar_by_bar(node: Any, taken: list[Column], start: int, stop: int) -> list[float]:
    lists = [column.tolist() for column in taken]
    return [node.update(*(column[i] for column in lists)) for i in range(start, stop)]


def as_column(values: list[float], like: Column) -> Column:
    return np.array(values, dtype=like.dtype)


@every_function
@law
@given(data=st.data())
def test_history_equals_bar_by_bar_to_the_bit(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    taken = data.draw(columns(function))
    values = data.draw(constants(function))
    batch = function.batch(taken, values)
    live = bar_by_bar(function.start(values), taken, 0, len(batch))
    assert bits(as_column(live, batch)) == bits(batch)


@every_function
@law
@given(data=st.data())
def test_state_goes_through_json_at_any_bar(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    taken = data.draw(columns(function))
    values = data.draw(constants(function))
    size = len(taken[0])
    cut = data.draw(st.integers(0, size))
    node = function.start(values)
    bar_by_bar(node, taken, 0, cut)
    text = json.dumps(node.state(), allow_nan=False)
    again = function.start(values)
    again.restore(json.loads(text))
    assert json.dumps(again.state()) == text
    rest = function.batch(taken, values)[cut:]
    assert bits(as_column(bar_by_bar(again, taken, cut, size), rest)) == bits(rest)


@every_function
@law
@given(data=st.data())
def test_later_bars_change_nothing_earlier(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    taken = data.draw(columns(function))
    values = data.draw(constants(function))
    cut = data.draw(st.integers(0, len(taken[0])))
    changed = [column.copy() for column in taken]
    for column, series in zip(changed, [*function.columns, *function.inputs], strict=True):
        if series != "ts":
            column[cut:] = 1 if column.dtype == np.int8 else 1e6
    before = function.batch(taken, values)[:cut]
    assert bits(function.batch(changed, values)[:cut]) == bits(before)
    assert bits(function.batch([c[:cut] for c in taken], values)) == bits(before)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - RECURSIVE))
@law
@given(data=st.data())
def test_a_window_does_not_know_where_history_starts(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    taken = data.draw(columns(function))
    values = data.draw(constants(function))
    begin = data.draw(st.integers(0, len(taken[0])))
    whole = function.batch(taken, values)[begin:]
    part = function.batch([column[begin:] for column in taken], values)
    warm = function.warmup(values)
    assert bits(part[warm:]) == bits(whole[warm:])


@every_function
@law
@given(data=st.data())
def test_inputs_stay_and_results_are_new_and_finite(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    taken = data.draw(columns(function))
    values = data.draw(constants(function))
    kept = [column.copy() for column in taken]
    for column in taken:
        column.flags.writeable = False
    out = function.batch(taken, values)
    assert [bits(column) for column in taken] == [bits(column) for column in kept]
    assert len(out) == len(taken[0])
    assert not any(np.shares_memory(out, column) for column in taken)
    assert out.flags.writeable
    if function.result == "condition":
        assert out.dtype == np.int8
        assert set(out.tolist()) <= {-1, 0, 1}
    else:
        assert out.dtype == np.float64
        assert not np.isinf(out).any()


@every_function
@law
@given(data=st.data())
def test_warm_up_ends_when_the_table_says(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    values = data.draw(constants(function))
    warm = function.warmup(values)
    size = warm + 5
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    close = 100.0 + np.cumsum(rng.normal(size=size))
    hidden = {
        "high": close + 1.0,
        "low": close - 1.0,
        "close": close,
        "hlc3": close,
        "volume": 1.0 + rng.random(size),
        "ts": 60_000.0 * np.arange(size),
    }
    taken = [
        np.ones(size, dtype=np.int8) if a.kind is ArgKind.CONDITION else close + i
        for i, a in enumerate(function.columns)
    ]
    out = function.batch([*taken, *(hidden[series] for series in function.inputs)], values)
    ready = out != -1 if function.result == "condition" else ~np.isnan(out)
    # One value alone has no shape: the moments of a window of 1 or 2 may be undefined.
    if name in {"skew", "kurtosis", "trend_strength"} and values[0] == 1:
        assert not ready.any()
        return
    assert ready.tolist() == [False] * warm + [True] * 5


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 1100),
    size=st.integers(1, 1300),
    seed=st.integers(0, 1000),
    name=st.sampled_from(["sum", "sma", "wma", "std", "skew", "kurtosis", "zscore", "highest"]),
)
def test_long_windows_add_in_blocks(n: int, size: int, seed: int, name: str) -> None:
    function = FUNCTIONS[name]
    x = np.random.default_rng(seed).normal(size=size) * 1e3
    begin = max(0, size - 3 - n)  # few full windows: the plain side is slow
    batch = function.batch([x[begin:]], [n])
    live = bar_by_bar(function.start([n]), [x[begin:]], 0, size - begin)
    assert bits(as_column(live, batch)) == bits(batch)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 900), seed=st.integers(0, 1000))
def test_sum_is_plain_additions_in_the_promised_order(n: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=n + 2)
    out = FUNCTIONS["sum"].batch([x], [n])
    for row in range(n - 1, n + 2):
        window = x[row - n + 1 : row + 1].tolist()
        parts = window[::-1]  # pairs, newest first; an odd one out waits for the next round
        while len(parts) > 1:
            odd = parts[-1:] if len(parts) % 2 else []
            parts = [parts[i] + parts[i + 1] for i in range(0, len(parts) - 1, 2)] + odd
        total = parts[0]
        assert out[row] == total + 0.0
