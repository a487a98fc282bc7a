"""Warm-up: from which bar on every part of a value has all the history that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from paperbot_core.lang.graph import Node, Op, in_order

#: An ALIGN node and the first ready row on its longer timeframe -> the first ready row on its own.
AlignRow = Callable[[Node, int], int | None]


def ready_row(roots: Iterable[Node], align_row: AlignRow) -> int | None:
    """Return the first row (from 0) at which all `roots`, of one timeframe, are warm.

    Counts bars and looks at no value: a NaN in the data changes nothing here. None where
    `align_row` cannot tell yet.
    """
    roots = list(roots)
    rows: dict[str, int] = {}
    for node in in_order(roots):
        row = max((rows[arg.key] for arg in node.args), default=0)
        if node.op is Op.LAG:
            row += int(node.params[0])
        elif node.op is Op.CALL and node.function is not None:
            row += node.function.warmup(node.params)
        elif node.op is Op.ALIGN:
            found = align_row(node, row)
            if found is None:
                return None
            row = found
        rows[node.key] = row
    return max((rows[root.key] for root in roots), default=0)


def bars_needed(roots: Iterable[Node]) -> int:
    """Return how many bars before the first ready one are enough, whatever the history's start.

    Bars of a longer timeframe count in full, the first one possibly cut: without gaps in the
    data nothing needs more.
    """

    def whole_bars(node: Node, row: int) -> int:
        ratio = node.args[0].timeframe // node.timeframe
        return (row + 1) * ratio - 1

    needed = ready_row(roots, whole_bars)
    assert needed is not None
    return needed
