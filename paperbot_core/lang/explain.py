"""Why a rule was true or not: the tree of its parts with the values of one bar."""

from __future__ import annotations

import math
from dataclasses import dataclass

from paperbot_core.domain.market import timeframe_text
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.compiled import CompiledStrategy
from paperbot_core.lang.graph import Kind, Node
from paperbot_core.lang.scope import Expression
from paperbot_core.lang.syntax import Expr, Index, Name, Number, Text, children
from paperbot_core.lang.units import as_paid, unit_text

#: How many features that read features are followed; beyond that only their value is shown.
_FEATURES_MAX = 8


@dataclass(frozen=True, slots=True)
class Explained:
    """One part of an expression as it was on one bar.

    `truth` is `true`, `false`, `unknown` (a value is missing on this bar) or `not ready` (still
    warming up), empty for a number with a value. `value` is None for conditions and where there
    is none. `timeframe` is empty on the strategy's own. `parts` leaves literals out; what stands
    below `x[n]` is as it was n bars ago.
    """

    text: str
    kind: str
    value: float | None
    truth: str
    unit: str
    timeframe: str
    parts: tuple[Explained, ...] = ()


def explain(
    compiled: CompiledStrategy, columns: Columns, row: int, factor: float = 1.0
) -> dict[str, Explained]:
    """Return the tree of every expression of a strategy at one row of its own candles.

    Prices and volumes are told as paid at `factor` (see `units.as_paid`), on earlier bars too.

    Keys are the names of `CompiledStrategy.expressions` without `feature.`: named features
    appear below the rules that read them. `dataclasses.asdict` makes plain JSON of a tree.
    Times of longer timeframes: the value is that of the last bar closed at this row's close.
    """
    view = _View(compiled, columns, factor)
    return {
        name: view.part(expression.syntax, expression, row, 0)
        for name, expression in compiled.expressions.items()
        if not name.startswith("feature.")
    }


@dataclass(frozen=True, slots=True)
class _View:
    compiled: CompiledStrategy
    columns: Columns
    factor: float

    def part(self, expr: Expr, owner: Expression, row: int, followed: int) -> Explained:
        """Explain one part of `owner`; `followed` counts the features passed on the way."""
        node = owner.nodes[expr.start, expr.end]
        text = " ".join(owner.text[expr.start : expr.end].split())
        return self._explained(text, node, row, self._parts(expr, owner, row, followed))

    def _parts(
        self, expr: Expr, owner: Expression, row: int, followed: int
    ) -> tuple[Explained, ...]:
        node = owner.nodes[expr.start, expr.end]
        feature = self._feature(expr, node)
        if feature is not None:
            if followed == _FEATURES_MAX:
                return ()
            return (self.part(feature.syntax, feature, row, followed + 1),)
        if isinstance(expr, Index):
            if node.timeframe != self.compiled.timeframe_ms:
                return ()
            bars = int(owner.nodes[expr.bars.start, expr.bars.end].params[0])
            return (self.part(expr.operand, owner, row - bars, followed),)
        return tuple(
            self.part(child, owner, row, followed)
            for child in children(expr)
            if not isinstance(child, Number | Text) and (child.start, child.end) in owner.nodes
        )

    def _feature(self, expr: Expr, node: Node) -> Expression | None:
        if not isinstance(expr, Name):
            return None
        found = self.compiled.expressions.get(f"feature.{expr.name}")
        # Inside `at` a feature is another computation than on the strategy's own bars.
        return found if found is not None and found.root is node else None

    def _explained(
        self, text: str, node: Node, row: int, parts: tuple[Explained, ...]
    ) -> Explained:
        value = self.columns.value(node, row)
        ready = row >= self.columns.seen_row(node)
        missing = "unknown" if ready else "not ready"
        own = node.timeframe in (0, self.compiled.timeframe_ms)
        frame = "" if own else timeframe_text(node.timeframe)
        if node.kind is Kind.CONDITION:
            truth = {1: "true", 0: "false"}.get(int(value), missing) if ready else missing
            return Explained(text, "condition", None, truth, "", frame, parts)
        known = not math.isnan(value)
        value = as_paid(value, node.unit, self.factor)
        unit = "" if node.unit is None else unit_text(node.unit)
        return Explained(
            text, "number", value if known else None, "" if known else missing, unit, frame, parts
        )
