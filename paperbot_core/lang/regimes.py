"""The market's regime in expressions: `regime("crash")`, and parameters with a value for each.

The regime comes with the bars, as a number (see `Bar.regime`). While it is unknown, a condition
that asks for it is unknown and a parameter that depends on it has no value: neither trades.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import replace
from typing import TYPE_CHECKING

from paperbot_core.config.selection import REGIMES, RegimeName
from paperbot_core.diagnostics import did_you_mean
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.graph import Graph, Node
from paperbot_core.lang.series import COLUMNS
from paperbot_core.lang.syntax import Call, Expr, Name, Text, children

if TYPE_CHECKING:
    from paperbot_core.lang.lower import Lowering

REGIME = "regime"
SIGNATURE = '`regime("crash")`'
_NAMES = ", ".join(f'`"{name}"`' for name in REGIMES)


def regime_code(name: str) -> int:
    """Return the number of a regime in `Bar.regime`, from 1 on."""
    return REGIMES.index(name) + 1


def regime_name(code: float) -> RegimeName | None:
    """Return the regime of a number, None where it is unknown (NaN)."""
    return None if math.isnan(code) else REGIMES[int(code) - 1]


def lower_regime(low: Lowering, expr: Call, timeframe: int) -> Node | None:
    """Return the condition `regime("name")`; None after reporting a problem."""
    if len(expr.args) != 1 or expr.keywords:
        low.fail("PB2122", "`regime` takes the name of a regime", expr, SIGNATURE)
        return None
    name = expr.args[0]
    if not isinstance(name, Text) or name.value not in REGIMES:
        is_text = isinstance(name, Text | Name)
        word = name.value if isinstance(name, Text) else low.quote(name).strip("`")
        near = did_you_mean(word, REGIMES) if is_text else ""
        shown = f"`{word}`" if isinstance(name, Text) else low.quote(name)
        low.fail("PB2125", f"{shown} is not a regime", name, f"one of {_NAMES}", near)
        return None
    if low.scope.no_regime is not None:
        low.report(replace(low.scope.no_regime, start=expr.start, end=expr.end))
        return None
    return _is(low.graph, name.value, timeframe)


def by_regime(low: Lowering, name: str, timeframe: int) -> Node:
    """Return the value of a parameter on bars of `timeframe`: that of the regime, or the default.

    It has no value while the regime is unknown.
    """
    graph = low.graph
    node = graph.constant(low.scope.params[name])
    for regime, value in low.scope.regimes[name].items():
        chosen = [_is(graph, regime, timeframe), graph.constant(value), node]
        node = graph.call(FUNCTIONS["where"], chosen, (), None, timeframe)
    return node


def varies_by_regime(expr: Expr, names: Container[str]) -> str:
    """Return the help for a constant that is none because a parameter of `names` has `regimes`.

    Empty where no such parameter stands in `expr`.
    """
    parts = [expr]
    while parts:
        part = parts.pop()
        if isinstance(part, Name) and part.name in names:
            return f"`{part.name}` has `regimes`, and so is no constant"
        parts.extend(children(part))
    return ""


def _is(graph: Graph, name: str, timeframe: int) -> Node:
    series = graph.series(REGIME, COLUMNS[REGIME].unit, timeframe)
    return graph.operator("==", [series, graph.constant(regime_code(name))])
