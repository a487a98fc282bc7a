"""History and live are one language: every expression gives the same bits both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from paperbot_core.domain.market import HOUR_MS, Candles
from paperbot_core.features.function import ArgKind, Function
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.graph import Graph, Kind, Node
from paperbot_core.lang.live import Live
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.scope import Scope
from paperbot_core.testing.expressions import candle_columns, expressions

Array = NDArray[Any]


def compiled(text: str) -> Node:
    lowering = Lowering(Scope(HOUR_MS, FUNCTIONS), Graph())
    found = lowering.expression(("x",), text)
    assert found is not None, (text, list(lowering.problems))
    return found.root


def same_bits(left: Array, right: Array) -> bool:
    if left.dtype == np.float64:
        nan = np.isnan(left)
        same_nan = bool((nan == np.isnan(right)).all())
        return same_nan and left[~nan].tobytes() == right[~nan].tobytes()
    return left.tobytes() == right.tobytes()


def live_column(node: Node, candles: Candles) -> Array:
    live = Live([node], HOUR_MS)
    values = [live.update(candles.bar(row))[0] for row in range(len(candles))]
    return np.array(values, dtype=np.float64 if node.kind is Kind.NUMBER else np.int8)


@given(expressions(depth=4), candle_columns())
def test_history_equals_live_to_the_bit(text: str, candles: Candles) -> None:
    node = compiled(text)
    column = Columns(candles).array(node)
    assert same_bits(column, live_column(node, candles)), text
    if node.kind is Kind.NUMBER:
        assert not np.isinf(column).any(), text
    else:
        assert set(np.unique(column)) <= {-1, 0, 1}, text


@given(expressions(), candle_columns(), st.data())
def test_what_comes_later_changes_nothing_before(
    text: str, candles: Candles, data: st.DataObject
) -> None:
    node = compiled(text)
    cut = data.draw(st.integers(1, len(candles)))
    whole = Columns(candles).array(node)
    assert same_bits(whole[:cut], Columns(candles.slice(0, cut)).array(node)), text


@given(expressions(), candle_columns())
def test_the_ready_row_is_the_same_both_ways(text: str, candles: Candles) -> None:
    node = compiled(text)
    row = Columns(candles).ready_row([node])
    live = Live([node], HOUR_MS)
    for now in range(len(candles)):
        live.update(candles.bar(now))
        known = live.ready_row([node])
        assert (known is not None and known <= now) == (row <= now), text


@given(expressions("number"), candle_columns())
def test_nothing_has_a_value_before_it_is_ready(text: str, candles: Candles) -> None:
    node = compiled(text)
    if not node.is_constant:
        columns = Columns(candles)
        # A pure choice such as `where(a, x, y)` may have one: it does not need both sides.
        before = columns.array(node)[: columns.ready_row([node])]
        assert np.isnan(before).all() or "where" in text, text


@given(expressions(), candle_columns(), st.integers(0, 200_000))
def test_a_small_memory_changes_no_value(text: str, candles: Candles, limit: int) -> None:
    node = compiled(text)
    small = Columns(candles, limit_bytes=limit)
    assert same_bits(Columns(candles).array(node), small.array(node)), text
    assert small.bytes_kept <= max(limit, 8 * len(candles))


def _call(function: Function, frame: str) -> str:
    shown = {
        ArgKind.SERIES: "close - open",
        ArgKind.CONDITION: "close > open",
        ArgKind.WINDOW: "5",
        ArgKind.LAG: "3",
        ArgKind.NUMBER: "1.5",
    }
    args = [shown[arg.kind] for arg in function.args]
    if function.name in {"log", "sqrt"}:
        args = ["close / open"]
    if function.name == "hysteresis":
        args = ["close > open", "low < low[1]"]
    return f"{function.name}({', '.join([*args, *frame.split()])})"


@pytest.mark.parametrize("frame", ["", 'timeframe="4h"'])
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@settings(max_examples=5)
@given(candle_columns())
def test_every_function_is_equal_both_ways(name: str, frame: str, candles: Candles) -> None:
    node = compiled(_call(FUNCTIONS[name], frame))
    assert same_bits(Columns(candles).array(node), live_column(node, candles))
