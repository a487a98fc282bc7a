"""Sharing, folding, unknown values, units of results, and the memory of columns."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from paperbot_core.domain.market import HOUR_MS, Candles
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.graph import Graph, Node, in_order
from paperbot_core.lang.live import Live
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.operators import OPERATORS
from paperbot_core.lang.scope import Scope

Walk = Callable[..., Candles]


def node_of(text: str, graph: Graph | None = None, **params: float) -> Node:
    graph = Graph() if graph is None else graph
    found = Lowering(Scope(HOUR_MS, FUNCTIONS, params), graph).expression(("x",), text)
    assert found is not None
    return found.root


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7.0), ("-(1 - 3)", 2.0), ("7 % 4", 3.0), ("-7 % 4", 1.0), ("1 < 2 < 3", 1),
        ("1 < 2 and 3 < 2", 0), ("not 1 > 2", 1), ("max(2, p)", 5.0), ("clip(p, 0, 1)", 1.0),
        ("sqrt(16)[3]", 4.0), ("where(1 > 2, 3, 4)", 4.0), ("+p", 5.0), ("2 - -2", 4.0),
    ],
)  # fmt: skip
def test_constants_are_worked_out(text: str, value: float) -> None:
    node = node_of(text, p=5.0)
    assert node.is_constant
    assert node.params == (value,)


def test_equal_expressions_are_one_node_across_texts() -> None:
    graph = Graph()
    first = node_of("sma(close, 2 * 5) > open[1]", graph)
    assert node_of("sma( close , n = p + 5 ) > (open)[1]", graph, p=5.0) is first
    assert len(graph) == 9  # two series, four constants (5 twice), sma, lag, comparison
    assert node_of("close[0]", graph) is node_of("close", graph)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("close * 2", (1, 0)), ("close * volume", (1, 1)), ("1 / close", (-1, 0)),
        ("close / open", (0, 0)), ("100 * (close / open - 1)", (0, 0)), ("5 + 3", None),
        ("close % 10", (1, 0)), ("10 - close", (1, 0)), ("sqrt(close * close)", (1, 0)),
        ("obv()", (0, 1)), ("rsi(14)", (0, 0)), ("where(close > open, 1, volume)", (0, 1)),
        ("atr(3) / close", (0, 0)), ("log(close / open)", (0, 0)), ("-volume", (0, 1)),
    ],
)  # fmt: skip
def test_units_of_results(text: str, unit: tuple[int, int] | None) -> None:
    assert node_of(text).unit == unit


@pytest.mark.parametrize("name", ["+", "-", "*", "/", "%"])
def test_arithmetic_gives_a_finite_number_or_none(name: str) -> None:
    values = [0.0, -0.0, 1.0, -1.5, 3.25, 1e308, -1e308, 5e-324, math.nan]
    operator = OPERATORS[name]
    left, right = (grid.ravel() for grid in np.meshgrid(values, values))
    column = operator.column(left, right)
    assert not np.isinf(column).any()
    bars = [operator.bar(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    assert np.array_equal(column, np.array(bars), equal_nan=True)
    known = ~np.isnan(column)
    assert np.array_equal(np.signbit(column[known]), np.signbit(np.array(bars)[known]))
    for constant in values:
        column = operator.column(np.array(values), constant)
        assert np.array_equal(column, [operator.bar(v, constant) for v in values], equal_nan=True)


@pytest.mark.parametrize("name", ["<", "<=", ">", ">=", "==", "!="])
def test_a_comparison_with_an_unknown_is_unknown(name: str) -> None:
    values = [0.0, -0.0, 1.0, -1.5, math.nan]
    operator = OPERATORS[name]
    left, right = (grid.ravel() for grid in np.meshgrid(values, values))
    column = operator.column(left, right)
    assert column.dtype == np.int8
    unknown = np.isnan(left) | np.isnan(right)
    assert (column[unknown] == -1).all()
    plain = eval(f"left {name} right", {"left": left, "right": right})  # the oracle
    assert (column[~unknown] == plain[~unknown]).all()
    bars = [operator.bar(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    assert column.tolist() == bars


def test_logic_with_unknowns() -> None:
    values = [1, 0, -1]
    expected = {"and": [1, 0, -1, 0, 0, -1, -1, -1, -1], "or": [1, 1, -1, 1, 0, -1, -1, -1, -1]}
    left = np.repeat(np.array(values, dtype=np.int8), 3)
    right = np.tile(np.array(values, dtype=np.int8), 3)
    for name, result in expected.items():
        assert OPERATORS[name].column(left, right).tolist() == result
        pairs = zip(left.tolist(), right.tolist(), strict=True)
        assert [OPERATORS[name].bar(a, b) for a, b in pairs] == result
    assert OPERATORS["not"].column(np.array(values, dtype=np.int8)).tolist() == [0, 1, -1]
    assert [OPERATORS["not"].bar(v) for v in values] == [0, 1, -1]


def test_columns_are_computed_once_and_forgotten_when_memory_is_short(
    walk: Walk,
) -> None:
    candles = walk(100)
    columns = Columns(candles)
    node = node_of("sma(close, 5) > open")
    assert columns.column(node) is columns.column(node_of("sma(close, 5) > open"))
    assert columns.column(node.args[0]) is columns.column(node.args[0])
    assert columns.bytes_kept == 900
    tight = Columns(candles, limit_bytes=1_700)
    slow = node_of("sma(close, 9)")
    first = tight.column(node.args[0])
    assert tight.column(node.args[0]) is first
    tight.column(slow)
    tight.column(node_of("sma(close, 10)"))
    assert tight.bytes_kept <= 1_700
    again = tight.column(node.args[0])
    assert again is not first
    assert np.array_equal(again, first, equal_nan=True)
    assert Columns(candles).column(node_of("close")) is candles.close


def test_the_order_puts_arguments_first_and_survives_deep_graphs(
    walk: Walk,
) -> None:
    graph = Graph()
    node = node_of("close", graph)
    for _ in range(5_000):
        node = graph.operator("+", [node, node_of("open", graph)], (1, 0))
    order = in_order([node])
    assert len(order) == 5_002
    assert order[-1] is node
    candles = walk(3)
    live = Live([node], HOUR_MS)
    assert live.update(candles.bar(0))[0] == Columns(candles).array(node)[0]


def test_a_chain_of_comparisons_joins_its_links(walk: Walk) -> None:
    assert node_of("open < close < high").key == node_of("open < close and close < high").key
