"""What the names of one strategy mean, and what a compiled expression is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from paperbot_core.config.selection import RegimeName
from paperbot_core.features.function import Function
from paperbot_core.lang.graph import Node
from paperbot_core.lang.parse import parse
from paperbot_core.lang.problem import Problem
from paperbot_core.lang.series import SERIES
from paperbot_core.lang.syntax import Expr, Name, children

#: Where an expression stands in its file: keys and list positions.
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression: its text, tree and node, and the node of every part by offsets."""

    text: str
    syntax: Expr
    root: Node
    nodes: Mapping[tuple[int, int], Node]


@dataclass(frozen=True, slots=True)
class Scope:
    """The names an expression may use; `timeframe` is the strategy's own, in ms.

    `regimes` are the values of parameters by regime where they differ from `params`. `no_regime`
    is what to say where an expression asks for the regime and nothing tells it; None if it may.
    """

    timeframe: int
    functions: Mapping[str, Function]
    params: Mapping[str, float] = field(default_factory=dict)
    features: Mapping[str, str] = field(default_factory=dict)
    regimes: Mapping[str, Mapping[RegimeName, float]] = field(default_factory=dict)
    no_regime: Problem | None = None

    def names(self) -> list[str]:
        """Return every plain name that an expression may use."""
        return [*SERIES, *self.params, *self.features]

    def needs(self, feature: str) -> list[str]:
        """Return the features that `feature` reads at any depth, then itself, needed ones first.

        Features that read each other in a circle come in some order.
        """
        order: list[str] = []
        seen: set[str] = set()
        stack = [(feature, False)]
        while stack:
            name, ready = stack.pop()
            if ready:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack.extend((other, False) for other in self._mentions(name))
        return order

    def _mentions(self, feature: str) -> list[str]:
        root = parse(self.features[feature]).root
        found: dict[str, None] = {}
        stack = [root] if root is not None else []
        while stack:
            expr = stack.pop()
            if isinstance(expr, Name) and expr.name in self.features:
                found[expr.name] = None
            stack.extend(reversed(children(expr)))
        return list(found)
