"""Calls to graph: functions, their constants, and everything on other timeframes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import did_you_mean
from paperbot_core.domain.market import timeframe_ms, timeframe_text
from paperbot_core.features.function import WINDOW_MAX, Arg, ArgKind, Function, UnitError
from paperbot_core.lang.arguments import bind, signature
from paperbot_core.lang.graph import Kind, Node, constant_value
from paperbot_core.lang.problem import Problem
from paperbot_core.lang.regimes import REGIME, lower_regime, varies_by_regime
from paperbot_core.lang.series import COLUMNS
from paperbot_core.lang.syntax import Call, Expr, Name, Text
from paperbot_core.lang.units import call_unit

if TYPE_CHECKING:
    from paperbot_core.lang.lower import Lowering

AT_SIGNATURE = '`at("4h", x)`'


def lower_call(low: Lowering, expr: Call, timeframe: int) -> Node | None:
    """Return the node of a call read on bars of `timeframe`; None after reporting a problem."""
    if expr.name == "at":
        return _at(low, expr, timeframe)
    if expr.name == REGIME:
        return lower_regime(low, expr, timeframe)
    function = low.scope.functions.get(expr.name)
    if function is None:
        _unknown_function(low, expr)
        return None
    bound = bind(function, expr)
    if isinstance(bound, Problem):
        low.report(bound)
        return None
    inner = timeframe
    if bound.timeframe is not None:
        frame = _frame(low, bound.timeframe, timeframe)
        if frame is None:
            return None
        inner = frame
    node = _function(low, expr, function, bound.values, inner)
    return node and low.graph.align(node, timeframe)


def _unknown_function(low: Lowering, expr: Call) -> None:
    where = Name(expr.name, expr.start, expr.name_end)
    if expr.name in low.scope.names():
        low.fail(
            "PB2121",
            f"`{expr.name}` is a value, not a function",
            where,
            help=f"the value n bars ago is `{expr.name}[n]`",
        )
        return
    low.fail(
        "PB2121",
        f"unknown function `{expr.name}`",
        where,
        help=did_you_mean(expr.name, [*low.scope.functions, "at", REGIME]),
    )


def _at(low: Lowering, expr: Call, timeframe: int) -> Node | None:
    if len(expr.args) != 2 or expr.keywords:
        low.fail("PB2122", "`at` takes a timeframe and an expression", expr, AT_SIGNATURE)
        return None
    inner = _frame(low, expr.args[0], timeframe)
    if inner is None:
        return None
    node = low.lower(expr.args[1], inner)
    return node and low.graph.align(node, timeframe)


def _frame(low: Lowering, expr: Expr, outer: int) -> int | None:
    if not isinstance(expr, Text):
        low.fail(
            "PB2140",
            f"{low.quote(expr)} is not a timeframe",
            expr,
            'a quoted timeframe such as `"4h"`',
        )
        return None
    try:
        inner = timeframe_ms(expr.value)
    except ValueError:
        low.fail(
            "PB2140",
            f"`{expr.value}` is not a timeframe",
            expr,
            "a number and one of s, m, h, d, w: `15m`, `4h`, `1d`",
        )
        return None
    if inner >= outer and inner % outer == 0:
        return inner
    owner = "the strategy's own" if outer == low.scope.timeframe else "the one around it"
    name = timeframe_text(outer)
    relation = "is below" if inner < outer else "is not a multiple of"
    low.fail(
        "PB2141",
        f"the timeframe `{expr.value}` {relation} {owner}, `{name}`",
        expr,
        f"a multiple of `{name}`",
    )
    return None


def _function(
    low: Lowering,
    expr: Call,
    function: Function,
    values: Sequence[tuple[Arg, Expr]],
    timeframe: int,
) -> Node | None:
    columns: list[Node | None] = []
    constants: list[float | None] = []
    for arg, value in values:
        if arg.kind is ArgKind.SERIES:
            columns.append(low.number(value, timeframe))
        elif arg.kind is ArgKind.CONDITION:
            columns.append(low.condition(value, timeframe))
        else:
            constants.append(_constant(low, function, arg, value, timeframe))
    args = [column for column in columns if column is not None]
    params = [constant for constant in constants if constant is not None]
    if len(args) < len(columns) or len(params) < len(constants):
        return None
    try:
        unit = call_unit(function, [arg.unit for arg in args if arg.kind is Kind.NUMBER])
    except UnitError as error:
        low.fail("PB2132", f"{low.quote(expr)}: {error}", expr)
        return None
    args.extend(low.graph.series(name, COLUMNS[name].unit, timeframe) for name in function.inputs)
    return low.has_value(expr, low.graph.call(function, args, params, unit, timeframe))


def _constant(
    low: Lowering, function: Function, arg: Arg, value: Expr, timeframe: int
) -> float | None:
    node = low.number(value, timeframe)
    if node is None:
        return None
    name = f"`{arg.name}` of `{function.name}`"
    if not node.is_constant:
        low.fail(
            "PB2123",
            f"{name} must not change from bar to bar",
            value,
            "a number or a parameter",
            varies_by_regime(value, low.scope.regimes)
            or f"it is called as {signature(function)}",
        )
        return None
    number = constant_value(node)
    if arg.kind is ArgKind.NUMBER:
        return number
    if not 1 <= number <= WINDOW_MAX or number != int(number):
        low.fail(
            "PB2124",
            f"{name} cannot be {number:g}",
            value,
            f"a whole number of bars from 1 to {WINDOW_MAX:,}",
        )
        return None
    return number
