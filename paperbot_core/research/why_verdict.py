"""In one word and a few sentences: what a slot decided at a close, and what kept it from more.

The kernel decides; this module reads its records before and after and names the line of the kernel
that spoke (`kernel.propose`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from paperbot_core.domain.words import ExitReason
from paperbot_core.kernel import words as w
from paperbot_core.lang.explain import Explained
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.research.why_conditions import why_untrue
from paperbot_core.research.why_rerun import Judged

_RULES = 8


@dataclass(frozen=True, slots=True)
class Decision:
    """The records of one slot around one decision; `judged` is None where nothing was asked."""

    compiled: CompiledStrategy
    spec: Mapping[str, Any]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    box: Mapping[str, Any]
    last_price: float
    now: int
    trees: Mapping[str, Explained]
    judged: Judged | None
    bars_seen: int
    bars_needed: int


def decide_outcome(d: Decision) -> tuple[str, list[str]]:
    """Return the outcome and its reasons.

    `granted` and `refused` are entries and adds the policy was asked about; `exit` was decided at
    this close; `held` is an open position that stays; `waiting` a resting or unfilled order;
    `warming_up`, `blocked` and `no_signal` are the ways of staying flat.
    """
    if d.judged is not None:
        moved = list(_stop_move(d))
        if d.judged.rule != w.NONE:
            return "refused", moved
        word = "add" if d.judged.order["order_add"] else "entry"
        return "granted", [f"the policy granted the {word}", *moved]
    if d.after["qty"] != 0.0:
        return _open(d)
    if d.after["order"] == w.ORDER_LIMIT:
        price, left = d.after["order_price"], d.after["order_bars"]
        return "waiting", [f"a limit entry rests at {price:.8g} for {left} more bar(s)"]
    if d.after["order"] != w.ORDER_NONE:
        return "waiting", ["an entry granted earlier waits for the next open"]
    return _flat(d)


def _open(d: Decision) -> tuple[str, list[str]]:
    same = d.before["qty"] != 0.0 and d.before["entry_ts"] == d.after["entry_ts"]
    due = d.after["exit_due"]
    moved = list(_stop_move(d))
    if due and same and d.before["exit_due"] == due:
        reason = ExitReason(due).name.lower()
        return "waiting", [f"the exit ({reason}) waits for volume", *moved]
    if due:
        return "exit", [_exit_text(d, due), *moved]
    return "held", [*_exits_untrue(d), *moved, *_next_steps(d)]


def _exit_text(d: Decision, due: int) -> str:
    if due == w.EXIT_SIGNAL:
        side, verb = ("long", "sold") if d.after["qty"] > 0.0 else ("short", "bought back")
        return f"exit.{side}.{d.after['exit_rule']} is true: {verb} at the next open"
    if d.spec["max_bars"] and _held_bars(d) >= d.spec["max_bars"]:
        return f"max_bars {d.spec['max_bars']} reached"
    return "max_hold_hours of the tier reached"


def _held_bars(d: Decision) -> int:
    return int(d.box["row"] - d.after["entry_row"] + 1)


def _stop_move(d: Decision) -> Iterator[str]:
    old, new = d.before["stop"], d.after["stop"]
    if d.before["qty"] == 0.0 or d.before["entry_ts"] != d.after["entry_ts"]:
        return
    if d.after["qty"] != 0.0 and math.isfinite(new) and new != old:
        kind = ExitReason(d.after["stop_reason"]).name.lower()
        yield f"the stop moved from {old:.8g} to {new:.8g} ({kind})"


def _exits_untrue(d: Decision) -> Iterator[str]:
    """Say of each exit rule of the open side why it did not act."""
    long = d.after["qty"] > 0.0
    side, shift, first = ("long", 16, 0) if long else ("short", 24, _RULES)
    gain = (d.last_price - d.after["first_price"]) * (1.0 if long else -1.0)
    gain_r = gain / d.after["r"] if d.after["r"] > 0.0 else 0.0
    for number in range(len(d.compiled.rules("exit", side))):
        name = f"exit.{side}.{number}"
        if not d.box["bits"] >> (shift + number) & 1:
            if name in d.trees:
                yield from why_untrue([(name, d.trees[name])])
            continue
        g, held = first + number, _held_bars(d)
        if held < d.spec["min_bars"][g]:
            yield f"{name} is true, but min_bars is {d.spec['min_bars'][g]} and {held} held"
        elif gain_r < d.spec["min_r"][g]:
            yield f"{name} is true, but min_r is {d.spec['min_r'][g]:g} and the gain {gain_r:.3g} R"
        elif gain_r > d.spec["max_r"][g]:
            yield f"{name} is true, but max_r is {d.spec['max_r'][g]:g} and the gain {gain_r:.3g} R"


def _next_steps(d: Decision) -> Iterator[str]:
    slot, spec = d.after, d.spec
    if slot["added"] < spec["adds"] and slot["order"] == w.ORDER_NONE:
        side = 1.0 if slot["qty"] > 0.0 else -1.0
        level = slot["first_price"] + side * spec["add_r"][slot["added"]] * slot["r"]
        yield f"the next add is at a close of {level:.8g}"
    if spec["max_bars"]:
        left = spec["max_bars"] - _held_bars(d)
        yield f"max_bars closes it in {left} bar(s)"


def _flat(d: Decision) -> tuple[str, list[str]]:
    if d.bars_seen < d.bars_needed:
        text = f"warming up: bar {d.bars_seen} of {d.bars_needed} before the first decision"
        return "warming_up", [text]
    bits = d.box["bits"]
    sides = [
        side for side, shift in (("long", 0), ("short", 8)) if bits >> shift & w.RULE_MASK
    ]
    if not sides:
        return "no_signal", list(_entries_untrue(d))
    free = [side for side in sides if not _exit_bits(d, side)]
    if len(free) > 1:
        return "blocked", ["long and short entries are true at once: neither is taken"]
    if not free:
        names = [f"exit.{side}.{_lowest(_exit_bits(d, side))}" for side in sides]
        return "blocked", [f"{name} is true: no entry against it" for name in names]
    wait = d.after["no_entry_before"] - d.box["row"]
    if wait > 0:
        return "blocked", [
            f"cooldown_bars {d.spec['cooldown_bars']}: entries again in {wait} bar(s)"
        ]
    return "blocked", ["a limit entry ended at this close: the next may be asked for from here on"]


def _exit_bits(d: Decision, side: str) -> int:
    shift = 16 if side == "long" else 24
    free: int = (d.box["bits"] & ~(d.spec["gated"] << 16)) >> shift & w.RULE_MASK
    return free


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _entries_untrue(d: Decision) -> Iterator[str]:
    rules = [
        (name, tree) for name, tree in d.trees.items() if name.startswith("entry.")
    ]
    if not rules:
        yield f"the plugin `{d.compiled.file.uses}` gave no entry signal"
    yield from why_untrue(rules)
    if rules and all(tree.truth == "true" for _, tree in rules):
        yield "another expression of the strategy is not ready yet"
