"""The conditions of one strategy on one bar: trees with values, and which part said no."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paperbot_core.lang.columns import Columns
from paperbot_core.lang.explain import Explained, explain
from paperbot_core.lang.parse import parse
from paperbot_core.lang.signals import GROUPS
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.lang.syntax import Logic, Name

Row = dict[str, Any]

#: Expressions that give numbers to an entry or a position; conditions are told apart.
_LEVELS = ("strength.", "limit.", "per", "stop", "trail")


def condition_rows(
    compiled: CompiledStrategy, trees: Mapping[str, Explained], bits: int,
    reason_of: Callable[[str], str],
) -> list[Row]:  # fmt: skip
    """Return every entry and exit rule: its truth, whether it counted, its tree, its reason.

    `signal` says whether the kernel saw the rule as true: during warm-up it never does.
    `reason_of` gives the text of a rule by name.
    """
    rows = []
    for kind, side, first in GROUPS:
        for number, rule in enumerate(compiled.rules(kind, side)):
            name = f"{kind}.{side}.{number}"
            tree = trees[name]
            gates = {
                key: getattr(rule, key)
                for key in ("min_r", "max_r", "min_bars")
                if getattr(rule, key, None) is not None
            }
            rows.append({
                "rule": name,
                "text": tree.text,
                "truth": tree.truth,
                "signal": bool(bits >> (first + number) & 1),
                "gates": gates,
                "reason": reason_of(name),
                "tree": plain(tree),
            })  # fmt: skip
    return rows


def level_rows(trees: Mapping[str, Explained]) -> list[Row]:
    """Return strength, limit and distances as they were on the bar."""
    return [
        {"name": name, "text": tree.text, "value": tree.value, "tree": plain(tree)}
        for name, tree in trees.items()
        if name.startswith(_LEVELS)
    ]


def trees_at(compiled: CompiledStrategy, columns: Columns, row: int) -> dict[str, Explained]:
    """Return the tree of every rule and level of a strategy at one row of its own candles."""
    return {
        name: tree
        for name, tree in explain(compiled, columns, row).items()
        if not name.startswith("reason.")
    }


def plain(tree: Explained) -> Row:
    """Return a tree as nested dicts and lists."""
    return {
        "text": tree.text, "kind": tree.kind, "value": tree.value, "truth": tree.truth,
        "unit": tree.unit, "timeframe": tree.timeframe,
        "parts": [plain(part) for part in tree.parts],
    }  # fmt: skip


def blame(tree: Explained) -> list[Explained]:
    """Return the smallest parts that made a condition not true.

    Only `and`, `or` and names are looked into: of a comparison or a function the whole is to blame.
    """
    root = parse(tree.text).root
    inside = isinstance(root, Logic | Name)
    guilty = [p for p in tree.parts if p.kind == "condition" and p.truth != "true"]
    if not inside or not guilty:
        return [tree]
    found = [part for one in guilty for part in blame(one)]
    return list({part.text: part for part in found}.values())


def why_untrue(trees: Sequence[tuple[str, Explained]]) -> list[str]:
    """Return a sentence for each rule that was not true: which part, and how."""
    return [
        f"{name}: " + " and ".join(f"`{part.text}` is {part.truth}" for part in blame(tree))
        for name, tree in trees
        if tree.truth != "true"
    ]
