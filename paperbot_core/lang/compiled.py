"""A strategy ready to run: its graph, its roots by name, its sizes and texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from paperbot_core.config.strategy import EntryRule, ExitRule, StrategyFile
from paperbot_core.diagnostics import Diagnostic
from paperbot_core.lang.graph import Graph, Kind, Node
from paperbot_core.lang.scope import Expression
from paperbot_core.lang.units import as_paid

#: A percentage for all, or one for each tier of the universe.
SizeByTier = float | Mapping[str, float]

#: Rules of one side and kind, at most; bits of `Signals.bits` have room for no more.
RULES_MAX = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """The text shown with a signal: pieces of text and nodes whose values are filled in."""

    pieces: tuple[str | Node, ...]

    def text(self, value_of: Callable[[Node], float], factor: float = 1.0) -> str:
        """Return the text with the values of one bar, as paid at `factor` (see `units.as_paid`)."""
        return "".join(
            p if isinstance(p, str) else _shown(p, as_paid(value_of(p), p.unit, factor))
            for p in self.pieces
        )


def _shown(node: Node, value: float) -> str:
    if node.kind is Kind.CONDITION:
        return {1: "true", 0: "false"}.get(int(value), "unknown")
    return "unknown" if math.isnan(value) else f"{value:.8g}"


@dataclass(frozen=True, slots=True, eq=False)
class CompiledStrategy:
    """One strategy with one set of parameters.

    `expressions` holds every compiled text by the name of its root: `entry.long.0`,
    `exit.short.1`, `strength.long.0`, `limit.long.0`, `per`, `stop`, `trail`,
    `reason.entry.long.0.0` (the placeholders of a reason, in order) and `feature.NAME`; absent
    where the file has none.
    `per` is the stop's expression where the file sizes by risk and says nothing else.

    `warmup` is how many bars of the strategy's own timeframe are enough before the first signal,
    bars of longer timeframes counted in full. Sizes are percentages of equity.
    """

    file: StrategyFile
    params: Mapping[str, float]
    timeframe_ms: int
    graph: Graph
    expressions: Mapping[str, Expression]
    reasons: Mapping[str, Reason]
    equity_pct: SizeByTier | None
    risk_pct: SizeByTier | None
    warmup: int
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def roots(self) -> dict[str, Node]:
        """Return the node of every expression, by name."""
        return {name: found.root for name, found in self.expressions.items()}

    @property
    def deciding(self) -> list[Node]:
        """Return the nodes that decide: no signal before all of them are warm.

        Reasons and features that no rule reads are shown, not decided by; a plugin may read every
        feature of its file.
        """
        shown = ("reason.", "feature.") if self.file.uses is None else ("reason.",)
        return [e.root for name, e in self.expressions.items() if not name.startswith(shown)]

    def root(self, name: str) -> Node | None:
        """Return the node of one expression, None where the file has none."""
        found = self.expressions.get(name)
        return None if found is None else found.root

    def rules(self, kind: str, side: str) -> Sequence[EntryRule | ExitRule]:
        """Return the rules of `entry` or `exit` for `long` or `short`, in the file's order."""
        block = self.file.entry if kind == "entry" else self.file.exit
        if block is None:
            return ()
        return (block.long if side == "long" else block.short) or ()

    def conditions(self, kind: str, side: str) -> list[Node]:
        """Return the conditions of these rules, in order."""
        names = [f"{kind}.{side}.{k}" for k in range(len(self.rules(kind, side)))]
        return [self.expressions[name].root for name in names]
