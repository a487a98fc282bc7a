"""The typed, shared graph: equal sub-expressions are one node, constants are already worked out.

A node's key is a digest of what it computes, so columns and running states can be shared between
strategies, parameter sets and processes. Graphs only grow; nodes never change.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from paperbot_core.features.function import UNKNOWN, Function, Unit
from paperbot_core.lang.operators import OPERATORS


class Kind(StrEnum):
    """What a node gives on each bar."""

    NUMBER = "number"
    CONDITION = "condition"


class Op(StrEnum):
    """How a node comes by its value."""

    CONST = "const"  # params[0]
    SERIES = "series"  # a column of the candles, by name
    OPERATOR = "operator"  # OPERATORS[name] over the arguments
    LAG = "lag"  # the argument params[0] bars ago
    CALL = "call"  # function over the arguments, constants in params
    ALIGN = "align"  # the last value of an argument that lives on a longer timeframe


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One shared computation; compared by identity inside a graph, by `key` across graphs.

    `timeframe` is the length in ms of the bars that `args` and `params` count, 0 for a constant,
    which lives on any. `unit` is None for a condition and for a number that adapts.
    """

    key: str
    op: Op
    name: str
    args: tuple[Node, ...]
    params: tuple[float, ...]
    kind: Kind
    unit: Unit | None
    timeframe: int
    function: Function | None = None

    @property
    def is_constant(self) -> bool:
        """Tell whether the value is known without any bar."""
        return self.op is Op.CONST

    @property
    def unknown(self) -> float:
        """Return what this node gives where it has no value: NaN, or -1 for a condition."""
        return math.nan if self.kind is Kind.NUMBER else UNKNOWN


#: Functions without memory, which may be worked out when all arguments are constants.
_PURE = frozenset({"abs", "min", "max", "log", "sqrt", "clip", "where"})

_CONDITIONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "and", "or", "not"})


class Graph:
    """Makes nodes, each once. Types and units are the caller's business (`lower`)."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def _node(
        self,
        op: Op,
        name: str,
        args: tuple[Node, ...],
        params: tuple[float, ...],
        kind: Kind,
        unit: Unit | None,
        timeframe: int,
        function: Function | None = None,
    ) -> Node:
        parts = [op, name, str(timeframe), repr(params), *(arg.key for arg in args)]
        key = hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()
        node = self._nodes.get(key)
        if node is None:
            node = Node(key, op, name, args, params, kind, unit, timeframe, function)
            self._nodes[key] = node
        return node

    def constant(self, value: float, kind: Kind = Kind.NUMBER) -> Node:
        """Return the node of a constant; a condition's value is 1, 0 or -1."""
        return self._node(Op.CONST, kind, (), (float(value),), kind, None, 0)

    def series(self, name: str, unit: Unit, timeframe: int) -> Node:
        """Return the node of a column of the candles of `timeframe`."""
        return self._node(Op.SERIES, name, (), (), Kind.NUMBER, unit, timeframe)

    def operator(self, name: str, args: Sequence[Node], unit: Unit | None = None) -> Node:
        """Return the node of `OPERATORS[name]` over `args`, folded if all are constants."""
        kind = Kind.CONDITION if name in _CONDITIONS else Kind.NUMBER
        if all(arg.is_constant for arg in args):
            return self.constant(OPERATORS[name].bar(*map(constant_value, args)), kind)
        timeframe = max(arg.timeframe for arg in args)
        return self._node(Op.OPERATOR, name, tuple(args), (), kind, unit, timeframe)

    def lag(self, arg: Node, bars: int) -> Node:
        """Return the node of `arg[bars]`."""
        if bars == 0 or arg.is_constant:
            return arg
        return self._node(Op.LAG, "lag", (arg,), (bars,), arg.kind, arg.unit, arg.timeframe)

    def call(
        self,
        function: Function,
        args: Sequence[Node],
        constants: Sequence[float],
        unit: Unit | None,
        timeframe: int,
    ) -> Node:
        """Return the node of a function; `args` are its columns, then its hidden inputs."""
        kind = Kind(function.result)
        if function.name in _PURE and all(arg.is_constant for arg in args):
            values = [constant_value(arg) for arg in args]
            return self.constant(function.start(constants).update(*values), kind)
        return self._node(
            Op.CALL,
            function.name,
            tuple(args),
            tuple(constants),
            kind,
            unit if kind is Kind.NUMBER else None,
            timeframe,
            function,
        )

    def align(self, arg: Node, timeframe: int) -> Node:
        """Return the node that reads `arg`, of a longer timeframe, on bars of `timeframe`."""
        if arg.timeframe in (0, timeframe):
            return arg
        return self._node(Op.ALIGN, str(arg.timeframe), (arg,), (), arg.kind, arg.unit, timeframe)


def constant_value(node: Node) -> float:
    """Return the value of a constant: a float, or an int for a condition."""
    value = node.params[0]
    return value if node.kind is Kind.NUMBER else int(value)


def in_order(roots: Iterable[Node], known: Callable[[Node], bool] | None = None) -> list[Node]:
    """Return everything that `roots` need, arguments first, each once; nothing below `known` nodes.

    Keys, not identities, decide what is the same, so roots may come from several graphs.
    """
    order: list[Node] = []
    seen: set[str] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node.key not in seen:
            seen.add(node.key)
            stack.append((node, True))
            if known is None or not known(node):
                stack.extend((arg, False) for arg in reversed(node.args))
    return order
