"""Syntax to graph: gives names their meaning, checks kinds and units, folds parameters in.

Owns every complaint about what an expression says (its form is `parse`'s). Collects all
problems of all expressions; a part that is wrong is left out, so that one mistake is told once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from paperbot_core.diagnostics import did_you_mean
from paperbot_core.features.function import WINDOW_MAX
from paperbot_core.lang.arguments import signature
from paperbot_core.lang.calls import AT_SIGNATURE, lower_call
from paperbot_core.lang.graph import Graph, Kind, Node
from paperbot_core.lang.parse import parse
from paperbot_core.lang.problem import Problem
from paperbot_core.lang.regimes import REGIME, SIGNATURE, by_regime, varies_by_regime
from paperbot_core.lang.scope import Expression, Path, Scope
from paperbot_core.lang.series import SERIES
from paperbot_core.lang.syntax import (
    Binary,
    Call,
    Compare,
    Expr,
    Index,
    Logic,
    Name,
    Negate,
    Not,
    Number,
    Text,
)
from paperbot_core.lang.units import Unit, divide, multiply, unit_text

_VERBS = {"+": "add", "-": "subtract", "%": "take the remainder of"}


@dataclass(slots=True)
class _Place:
    """The expression being lowered, and what its parts became."""

    path: Path
    text: str
    shift: int = 0
    nodes: dict[tuple[int, int], Node] = field(default_factory=dict)


class Lowering:
    """Compiles the expressions of one strategy into one graph; see `problems` when done."""

    def __init__(self, scope: Scope, graph: Graph) -> None:
        self.scope = scope
        self.graph = graph
        self._features: dict[tuple[str, int], Expression | None] = {}
        self._open: list[tuple[str, int]] = []
        self._place = _Place((), "")
        self.problems: dict[tuple[Path, Problem], None] = {}

    def expression(self, path: Path, text: str, shift: int = 0) -> Expression | None:
        """Compile one expression that stands at `path`; None after reporting what is wrong.

        `shift` is where the expression starts inside the text at `path`.
        """
        return self._compile(path, text, self.scope.timeframe, shift)

    def feature(self, name: str) -> Expression | None:
        """Compile a named feature on the strategy's own timeframe; None if it is wrong."""
        return self._feature(name, self.scope.timeframe)

    def report(self, problem: Problem, path: Path | None = None) -> None:
        """Add a problem of the current expression, or of the one at `path`; once each."""
        if path is None:
            path, shift = self._place.path, self._place.shift
            problem = replace(problem, start=problem.start + shift, end=problem.end + shift)
        self.problems[path, problem] = None

    def _compile(self, path: Path, text: str, timeframe: int, shift: int = 0) -> Expression | None:
        parsed = parse(text)
        outer, self._place = self._place, _Place(path, text, shift)
        found: Expression | None = None
        if parsed.problem is not None:
            self.report(parsed.problem)
        elif parsed.root is not None:
            root = self.lower(parsed.root, timeframe)
            if root is not None:
                found = Expression(text, parsed.root, root, self._place.nodes)
        self._place = outer
        return found

    def _feature(self, name: str, timeframe: int) -> Expression | None:
        key = (name, timeframe)
        if key not in self._features:
            for needed in self.scope.needs(name):
                step = (needed, timeframe)
                if step not in self._features and step not in self._open:
                    self._open.append(step)
                    text = self.scope.features[needed]
                    self._features[step] = self._compile(("features", needed), text, timeframe)
                    self._open.pop()
        return self._features[key]

    def fail(
        self, code: str, message: str, where: Expr, expected: str = "", help: str = ""
    ) -> None:
        """Report a problem of the part `where` of the current expression."""
        self.report(Problem(code, message, where.start, where.end, expected, help))

    def quote(self, expr: Expr) -> str:
        """Return the user's own text of a part, cut to a readable length, in backticks."""
        text = " ".join(self._place.text[expr.start : expr.end].split())
        return f"`{text}`" if len(text) <= 40 else f"`{text[:37]}...`"

    def lower(self, expr: Expr, timeframe: int) -> Node | None:
        """Return the node of `expr` read on bars of `timeframe`; None after reporting."""
        node = self._lower(expr, timeframe)
        if node is not None:
            self._place.nodes[expr.start, expr.end] = node
        return node

    def _lower(self, expr: Expr, timeframe: int) -> Node | None:
        node: Node | None = None
        match expr:
            case Number(value=number):
                node = self.graph.constant(number)
            case Name():
                node = self._name(expr, timeframe)
            case Negate(operand=operand):
                value = self.number(operand, timeframe)
                node = value and self._operator(expr, "negate", [value], value.unit)
            case Binary():
                node = self._binary(expr, timeframe)
            case Compare():
                node = self._compare(expr, timeframe)
            case Logic(op=op, operands=operands):
                node = self._joined(expr, op, [self.condition(o, timeframe) for o in operands])
            case Not(operand=operand):
                value = self.condition(operand, timeframe)
                node = value and self.graph.operator("not", [value])
            case Index():
                node = self._index(expr, timeframe)
            case Call():
                node = lower_call(self, expr, timeframe)
            case Text():
                self.fail(
                    "PB2106",
                    f"a text cannot stand here: {self.quote(expr)}",
                    expr,
                    help='texts are timeframes and regimes only: `at("4h", x)`, `regime("crash")`',
                )
        return node

    def number(self, expr: Expr, timeframe: int) -> Node | None:
        """Lower `expr` where a number belongs."""
        node = self.lower(expr, timeframe)
        if node is None or node.kind is Kind.NUMBER:
            return node
        self.fail(
            "PB2131",
            f"{self.quote(expr)} is a condition, a number belongs here",
            expr,
            help="turn it into a number with `where(condition, 1, 0)`",
        )
        return None

    def condition(self, expr: Expr, timeframe: int) -> Node | None:
        """Lower `expr` where a condition belongs."""
        node = self.lower(expr, timeframe)
        if node is None or node.kind is Kind.CONDITION:
            return node
        self.fail(
            "PB2130",
            f"{self.quote(expr)} is a number, a condition belongs here",
            expr,
            help="compare it with something, such as `x > 0`",
        )
        return None

    def has_value(self, expr: Expr, node: Node) -> Node | None:
        """Return `node`, or None after reporting a constant that is not a number."""
        if node.is_constant and node.kind is Kind.NUMBER and math.isnan(node.params[0]):
            self.fail(
                "PB2135",
                f"{self.quote(expr)} has no value",
                expr,
                "a finite number",
                "it divides by zero or leaves the range of numbers",
            )
            return None
        return node

    def _operator(
        self, expr: Expr, name: str, args: Sequence[Node], unit: Unit | None
    ) -> Node | None:
        return self.has_value(expr, self.graph.operator(name, args, unit))

    def _joined(self, expr: Expr, op: str, parts: Sequence[Node | None]) -> Node | None:
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            return None
        node = found[0]
        for part in found[1:]:
            node = self.graph.operator(op, [node, part])
        return node

    def _name(self, expr: Name, timeframe: int) -> Node | None:
        name = expr.name
        if name in SERIES:
            return self.graph.series(name, SERIES[name].unit, timeframe)
        if name in self.scope.regimes:
            return by_regime(self, name, timeframe)
        if name in self.scope.params:
            return self.graph.constant(self.scope.params[name])
        if name in self.scope.features:
            return self._feature_value(expr, timeframe)
        if name in self.scope.functions or name in {"at", REGIME}:
            self.fail(
                "PB2121",
                f"`{name}` is a function and needs its arguments",
                expr,
                self._signature(name),
            )
            return None
        self.fail(
            "PB2120",
            f"unknown name `{name}`",
            expr,
            "a series, a parameter or a named feature",
            did_you_mean(name, [*self.scope.names(), *self.scope.functions]),
        )
        return None

    def _feature_value(self, expr: Name, timeframe: int) -> Node | None:
        key = (expr.name, timeframe)
        if key in self._open:
            self.fail("PB2151", f"the feature `{expr.name}` depends on itself", expr)
            return None
        found = self._feature(expr.name, timeframe)
        return None if found is None else found.root

    def _signature(self, name: str) -> str:
        function = self.scope.functions.get(name)
        if function:
            return signature(function)
        return SIGNATURE if name == REGIME else AT_SIGNATURE

    def _binary(self, expr: Binary, timeframe: int) -> Node | None:
        left = self.number(expr.left, timeframe)
        right = self.number(expr.right, timeframe)
        if left is None or right is None:
            return None
        if expr.op == "*":
            return self._operator(expr, "*", [left, right], multiply(left.unit, right.unit))
        if expr.op == "/":
            return self._operator(expr, "/", [left, right], divide(left.unit, right.unit))
        if not self._same_unit(expr, expr.left, left, expr.right, right, _VERBS[expr.op]):
            return None
        unit = right.unit if left.unit is None else left.unit
        return self._operator(expr, expr.op, [left, right], unit)

    def _same_unit(
        self, expr: Expr, left: Expr, left_node: Node, right: Expr, right_node: Node, verb: str
    ) -> bool:
        first, second = left_node.unit, right_node.unit
        if first is None or second is None or first == second:
            return True
        self.fail(
            "PB2132",
            f"cannot {verb} {self.quote(left)} ({unit_text(first)}) and "
            f"{self.quote(right)} ({unit_text(second)})",
            expr,
            f"{unit_text(first)} on both sides",
        )
        return False

    def _compare(self, expr: Compare, timeframe: int) -> Node | None:
        nodes = [self.number(operand, timeframe) for operand in expr.operands]
        links: list[Node | None] = []
        for place, op in enumerate(expr.ops):
            left, right = nodes[place], nodes[place + 1]
            sides = expr.operands[place], expr.operands[place + 1]
            if (
                left is None
                or right is None
                or not self._same_unit(expr, sides[0], left, sides[1], right, "compare")
            ):
                links.append(None)
            else:
                links.append(self.graph.operator(op, [left, right]))
        return self._joined(expr, "and", links)

    def _index(self, expr: Index, timeframe: int) -> Node | None:
        node = self.lower(expr.operand, timeframe)
        bars = self.number(expr.bars, timeframe)
        if bars is None:
            return None
        shown = self.quote(expr.bars)
        if not bars.is_constant:
            self.fail(
                "PB2111",
                f"{shown} changes from bar to bar",
                expr.bars,
                "a constant whole number of bars",
                varies_by_regime(expr.bars, self.scope.regimes)
                or "`bars_since(condition)` counts bars",
            )
            return None
        count = bars.params[0]
        if count < 0:
            self.fail(
                "PB2110",
                f"{shown} bars ago would look ahead",
                expr.bars,
                "0 or more: `x[1]` is the bar before",
            )
            return None
        if count != int(count) or count > WINDOW_MAX:
            self.fail(
                "PB2111",
                f"cannot go back {count:g} bars",
                expr.bars,
                f"a whole number from 0 to {WINDOW_MAX:,}",
            )
            return None
        return node and self.graph.lag(node, int(count))
