"""The conditions of one strategy on one bar: trees with values, and which part said no."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paperbot_core.api.facts import Action, Signal
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.explain import Explained, explain
from paperbot_core.lang.graph import Kind
from paperbot_core.lang.parse import parse
from paperbot_core.lang.signals import GROUPS
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.lang.syntax import Logic, Name
from paperbot_core.lang.units import as_paid

Row = dict[str, Any]

#: Expressions that give numbers to an entry or a position; conditions are told apart.
_LEVELS = ("strength.", "limit.", "per", "stop", "trail")


def condition_rows(
    compiled: CompiledStrategy, trees: Mapping[str, Explained], bits: int,
    reason_of: Callable[[str], str], said_of: Callable[[str], Signal | None],
) -> list[Row]:  # fmt: skip
    """Return every entry and exit rule: its truth, whether it counted, its tree, its reason.

    `signal` says whether the kernel saw the rule as true: during warm-up it never does.
    `reason_of` gives the text of a rule by name; `said_of` what the plugin of the strategy said
    as a rule, whose strength and numbers then stand below it.
    """
    rows = []
    if compiled.file.uses is not None:
        return _plugin_rows(compiled, bits, reason_of, said_of)
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


def _plugin_rows(
    compiled: CompiledStrategy, bits: int, reason_of: Callable[[str], str],
    said_of: Callable[[str], Signal | None],
) -> list[Row]:  # fmt: skip
    """Return what the plugin of a strategy said, as if its answers were rules."""
    rows = []
    for kind, side, first in GROUPS:
        name, true = f"{kind}.{side}.0", bool(bits >> first & 1)
        truth = "true" if true else "false"
        parts = _numbers(said_of(name)) if true else ()
        tree = Explained(f"plugin {compiled.file.uses}", "condition", None, truth, "", "", parts)
        rows.append({
            "rule": name, "text": tree.text, "truth": truth, "signal": true, "gates": {},
            "reason": reason_of(name) if true else "", "tree": plain(tree),
        })  # fmt: skip
    return rows


def _numbers(said: Signal | None) -> tuple[Explained, ...]:
    """Return the strength of a plugin's signal and the numbers behind its reason, as parts."""
    if said is None:
        return ()
    strength = {"strength": said.strength} if said.action is Action.ENTER else {}
    return tuple(
        Explained(name, "number", value if math.isfinite(value) else None,
                  "" if math.isfinite(value) else "unknown", "", "")
        for name, value in {**strength, **said.params}.items()
    )  # fmt: skip


def plugin_inputs(
    compiled: CompiledStrategy, columns: Columns, row: int, factor: float = 1.0
) -> list[Row]:
    """Return the named features that the plugin of a strategy was shown; conditions are 0 or 1.

    Prices and volumes are told as paid at `factor`, as by `trees_at`.
    """
    if compiled.file.uses is None:
        return []
    found = []
    for name in compiled.file.features:
        expression = compiled.expressions[f"feature.{name}"]
        number = as_paid(columns.value(expression.root, row), expression.root.unit, factor)
        unknown = expression.root.kind is Kind.CONDITION and number == expression.root.unknown
        value = None if unknown or not math.isfinite(number) else number
        text = " ".join(expression.text.split())
        tree = Explained(text, "number", value, "" if value is not None else "unknown", "", "")
        found.append({"name": f"feature.{name}", "text": text, "value": value, "tree": plain(tree)})
    return found


def level_rows(trees: Mapping[str, Explained]) -> list[Row]:
    """Return strength, limit and distances as they were on the bar."""
    return [
        {"name": name, "text": tree.text, "value": tree.value, "tree": plain(tree)}
        for name, tree in trees.items()
        if name.startswith(_LEVELS)
    ]


def trees_at(
    compiled: CompiledStrategy, columns: Columns, row: int, factor: float = 1.0
) -> dict[str, Explained]:
    """Return the tree of every rule and level of a strategy at one row of its own candles.

    Prices and volumes are told as paid at `factor` (see `lang.units.as_paid`).
    """
    return {
        name: tree
        for name, tree in explain(compiled, columns, row, factor).items()
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
