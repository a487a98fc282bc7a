"""History and live are one language: every expression gives the same bits both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperbot_core.domain.market import HOUR_MS, Candles
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.graph import Graph, Kind, Node
from paperbot_core.lang.live import Live
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.scope import Scope
from paperbot_core.testing.expressions import candle_columns, expressions

FEW = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def compiled(text: str) -> Node:
    lowering = Lowering(Scope(HOUR_MS, FUNCTIONS), Graph())
    found = lowering.expression(("x",), text)
    assert found is not None, (text, list(lowering.problems))
    return found.root


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    if left.dtype == np.float64:
        nan = np.isnan(left)
        return bool((nan == np.isnan(right)).all()) and (
            left[~nan].tobytes() == right[~nan].tobytes()
        )
    return left.tobytes() == right.tobytes()


def live_column(node: Node, candles: Candles) -> np.ndarray:
    live = Live([node], HOUR_MS)
    values = [live.update(candles.bar(row))[0] for row in range(len(candles))]
    return np.array(values, dtype=np.float64 if node.kind is Kind.NUMBER else np.int8)


@FEW
@given(expressions(), candle_columns())
def test_history_equals_live_to_the_bit(text: str, candles: Candles) -> None:
    node = compiled(text)
    column = Columns(candles).array(node)
    assert same_bits(column, live_column(node, candles)), text
    if node.kind is Kind.NUMBER:
        assert not np.isinf(column).any(), text
    else:
        assert set(np.unique(column)) <= {-1, 0, 1}, text


@FEW
@given(expressions(), candle_columns(), st.data())
def test_what_comes_later_changes_nothing_before(
    text: str, candles: Candles, data: st.DataObject
) -> None:
    node = compiled(text)
    cut = data.draw(st.integers(1, len(candles)))
    whole = Columns(candles).array(node)
    assert same_bits(whole[:cut], Columns(candles.slice(0, cut)).array(node)), text


@FEW
@given(expressions(), candle_columns())
def test_the_ready_row_is_the_same_both_ways(text: str, candles: Candles) -> None:
    node = compiled(text)
    row = Columns(candles).ready_row([node])
    live = Live([node], HOUR_MS)
    for now in range(len(candles)):
        live.update(candles.bar(now))
        known = live.ready_row([node])
        assert (known is not None and known <= now) == (row <= now), text


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_function_is_equal_both_ways(name: str, data: st.DataObject) -> None:
    only = {name: FUNCTIONS[name]}
    text = data.draw(expressions(depth=2, functions=only | {"crosses_above": FUNCTIONS["crosses_above"], "abs": FUNCTIONS["abs"], "atr": FUNCTIONS["atr"], "obv": FUNCTIONS["obv"]}))
    candles = data.draw(candle_columns())
    node = compiled(text)
    assert same_bits(Columns(candles).array(node), live_column(node, candles)), text
