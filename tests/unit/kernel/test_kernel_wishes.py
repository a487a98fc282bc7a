"""What a slot wants at a close, record by record: when it is looked at, exits, stops, sizes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from paperbot_core.domain.market import HOUR_MS
from paperbot_core.kernel import propose as ask
from paperbot_core.kernel import records as rec
from paperbot_core.kernel import words as w

NOW = 1_000 * HOUR_MS
#: 10 long (or short) from 100 in bar 5, with an R of 10; the close is 100, the tick a cent.
LONG: dict[str, Any] = {
    "qty": 10.0, "first_price": 100.0, "first_qty": 10.0, "r": 10.0, "stop": 90.0, "water": 100.0,
    "entry_row": 5, "entry_ts": NOW - HOUR_MS, "entry_rule": 2,
}  # fmt: skip
SHORT = LONG | {"qty": -10.0, "stop": 110.0}
MARKET: dict[str, Any] = {
    "tick_n": 1.0, "tick_d": 100.0, "lot_d": 1.0, "last": 100.0, "present": 1, "low": 99.0,
    "high": 101.0,
}  # fmt: skip
STOPPED: dict[str, Any] = {"has_stop": 1}
#: Two ticks and a billionth of the price early.
EARLY = 0.02 + 1e-7


def spec(**fields: Any) -> rec.Spec:
    gates = {"min_r": [-math.inf] * 16, "max_r": [math.inf] * 16}
    return rec.SpecObject(STOPPED | gates | fields)


def market(**fields: Any) -> rec.Market:
    return rec.MarketObject(MARKET | fields)


def padded(*values: float) -> list[float]:
    return [*values, *[0.0] * (8 - len(values))]


# When a position must be looked at again.


def _woken(slot: dict[str, Any], **fields: Any) -> rec.Slot:
    held = rec.SlotObject(slot)
    ask.rearm(market(), spec(**fields), held)
    return held


@pytest.mark.parametrize(
    ("fields", "more", "ahead"),
    [
        ({"rungs": 2, "rung_r": padded(1.5, 3.0)}, {}, 1.5),
        ({"rungs": 2, "rung_r": padded(1.5, 3.0)}, {"rung": 1}, 3.0),
        ({"adds": 2, "add_r": padded(0.5, 0.8)}, {}, 0.5),
        ({"adds": 2, "add_r": padded(0.5, 0.8)}, {"added": 1}, 0.8),
        ({"has_trail": 1, "trail_after_r": 1.25}, {}, 1.25),
        ({"breakeven_after_r": 0.25}, {}, 0.25),
        ({"breakeven_after_r": 1.5}, {}, 1.5),
        ({"rungs": 1, "rung_r": padded(2.0), "adds": 1, "add_r": padded(1.0)}, {}, 1.0),
        ({"rungs": 1, "rung_r": padded(2.0), "has_trail": 1, "trail_after_r": 3.0}, {}, 2.0),
        ({"breakeven_after_r": 0.7, "adds": 1, "add_r": padded(1.0)}, {}, 0.7),
    ],
)
def test_a_level_ahead_wakes_two_ticks_early(
    fields: dict[str, Any], more: dict[str, Any], ahead: float
) -> None:
    far = ahead * 10.0 - EARLY
    for qty in (10.0, 1.0, 0.5):
        long = _woken(LONG | more | {"qty": qty}, **fields)
        assert (long.wake_low, long.wake_high) == (90.0, pytest.approx(100.0 + far, abs=1e-11))
        short = _woken(SHORT | more | {"qty": -qty}, **fields)
        assert (short.wake_low, short.wake_high) == (pytest.approx(100.0 - far, abs=1e-11), 110.0)


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({}, {}),
        ({"rungs": 1, "rung_r": padded(1.5)}, {"rung": 1}),
        ({"adds": 1, "add_r": padded(1.5)}, {"added": 1}),
        ({"breakeven_after_r": 1.0}, {"stop": 100.0}),  # the stop is there already
    ],
)
def test_with_nothing_ahead_only_the_stop_wakes(
    fields: dict[str, Any], more: dict[str, Any]
) -> None:
    long = _woken(LONG | more, **fields)
    assert (long.wake_low, long.wake_high) == (long.stop, math.inf)
    short = _woken(SHORT | more, **fields)
    assert (short.wake_low, short.wake_high) == (-math.inf, short.stop)


def test_a_stop_that_trails_is_looked_at_at_every_bar_and_none_at_no_price() -> None:
    long = _woken(LONG | {"trailing": 1}, has_trail=1, trail_after_r=1.0)
    assert (long.wake_low, long.wake_high) == (90.0, -math.inf)
    short = _woken(SHORT | {"trailing": 1}, has_trail=1, trail_after_r=1.0)
    assert (short.wake_low, short.wake_high) == (math.inf, 110.0)
    free = _woken(LONG, has_stop=0)
    assert (free.wake_low, free.wake_high) == (-math.inf, math.inf)
    free = _woken(SHORT, has_stop=0)
    assert (free.wake_low, free.wake_high) == (-math.inf, math.inf)


def test_time_wakes_at_the_last_bar_and_at_the_end_of_the_hold() -> None:
    assert (_woken(LONG).wake_row, _woken(LONG).wake_ts) == (w.NEVER, w.NEVER)
    assert [_woken(LONG, max_bars=n).wake_row for n in (1, 3)] == [5, 7]
    assert [_woken(LONG | {"hold_ms": n}).wake_ts for n in (1, HOUR_MS)] == [
        NOW - HOUR_MS + 1, NOW,
    ]  # fmt: skip
    flat = _woken(LONG | {"qty": 0.0, "wake_row": 3})
    assert (flat.wake_row, flat.wake_high) == (3, 0.0)


AWAKE = {"wake_low": 90.0, "wake_high": 110.0, "wake_row": 9, "wake_ts": NOW + 1}


@pytest.mark.parametrize(
    ("slot", "box", "bar", "idle"),
    [
        ({}, {}, {}, True),
        ({"order": w.ORDER_MARKET}, {}, {}, False),
        ({"exit_due": w.EXIT_TIME}, {}, {}, False),
        ({}, {}, {"event": 1}, False),
        ({}, {"bits": 1 << 16}, {}, False),
        ({}, {"bits": 1 << 31}, {}, False),
        ({}, {"bits": 1}, {}, True),  # no second entry while it holds
        ({}, {"bits": 1 << 15}, {}, True),
        ({}, {"row": 8}, {}, True),
        ({}, {"row": 9}, {}, False),
        ({"wake_ts": NOW}, {}, {}, False),
        ({}, {}, {"high": 110.0}, False),
        ({}, {}, {"high": 109.99}, True),
        ({}, {}, {"low": 90.0}, False),
        ({}, {}, {"low": 90.01}, True),
        ({}, {}, {"high": 110.0, "present": 0}, True),
        # A finer bar went so far; it is looked at when the slot's own bar closes, 0 the first.
        ({"water": 110.0}, {"row": 8}, {}, False),
        ({"water": 110.0}, {"row": 0}, {}, False),
        ({"water": 110.0}, {"row": -8}, {}, True),
        ({"water": 90.0}, {"row": 8}, {}, False),
        ({"water": 109.99}, {"row": 8}, {}, True),
        ({"qty": 0.0}, {}, {"event": 1}, True),
        ({"qty": 0.0}, {"bits": 1}, {}, False),
        ({"qty": 0.0}, {"bits": 1 << 15}, {}, False),
        ({"qty": 0.0}, {"bits": 1 << 16}, {}, True),
        ({"qty": 1.0}, {"bits": 1}, {}, True),
    ],
)
def test_a_slot_is_idle_until_something_can_happen_to_it(
    slot: dict[str, Any], box: dict[str, Any], bar: dict[str, Any], idle: bool
) -> None:
    held = rec.SlotObject(LONG | AWAKE | slot)
    told = ask.idle(NOW, held, rec.BoxObject({"row": 6} | box), market(**bar))
    assert told is idle


# Exits.


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 0b1010_0000, 0b1000_0000, 0xFF])
def test_the_lowest_rule_comes_first(bits: int) -> None:
    expected = next((k for k in range(8) if bits >> k & 1), -1)
    assert ask.first_rule(bits) == expected
    assert ask.exit_rule(market(), spec(), rec.SlotObject(LONG),
                         rec.BoxObject({"row": 6, "bits": bits << 16})) == expected  # fmt: skip
    assert ask.exit_rule(market(), spec(), rec.SlotObject(SHORT),
                         rec.BoxObject({"row": 6, "bits": bits << 24})) == expected  # fmt: skip


@pytest.mark.parametrize(
    ("side", "close", "row", "rule"),
    [
        # Rule 0 asks for 1 R, rule 1 for three bars, rule 2 for at most half an R.
        ("long", 110.0, 5, 0), ("long", 109.99, 5, -1), ("long", 105.0, 5, 2),
        ("long", 105.01, 5, -1), ("long", 109.99, 7, 1), ("long", 109.99, 6, -1),
        ("short", 90.0, 5, 0), ("short", 90.01, 5, -1), ("short", 95.0, 5, 2),
        ("short", 94.99, 5, -1), ("short", 90.01, 7, 1), ("short", 90.01, 6, -1),
    ],
)  # fmt: skip
def test_gates_of_an_exit_rule(side: str, close: float, row: int, rule: int) -> None:
    first = 0 if side == "long" else 8
    gates: dict[str, list[float]] = {
        "min_r": [-math.inf] * 16, "max_r": [math.inf] * 16, "min_bars": [0] * 16,
    }  # fmt: skip
    gates["min_r"][first], gates["min_bars"][first + 1], gates["max_r"][first + 2] = 1.0, 3, 0.5
    # The gates of the other side must not be looked at.
    gates["min_bars"][8 - first] = gates["min_bars"][9 - first] = 99
    slot = rec.SlotObject(LONG if side == "long" else SHORT)
    box = rec.BoxObject({"row": row, "bits": 0b111 << (16 if side == "long" else 24)})
    assert ask.exit_rule(market(last=close), spec(**gates), slot, box) == rule


def test_without_an_r_nothing_is_in_front() -> None:
    gates = {"min_r": [0.0] * 16, "max_r": [0.0] * 16}
    box = rec.BoxObject({"row": 6, "bits": 1 << 16})
    slot = rec.SlotObject(LONG | {"r": 0.0})
    assert ask.exit_rule(market(last=150.0), spec(**gates), slot, box) == 0
    half = rec.SlotObject(LONG | {"r": 0.5})
    assert ask.exit_rule(market(last=101.0), spec(min_r=[2.0] * 16), half, box) == 0
    assert ask.exit_rule(market(last=100.9), spec(min_r=[2.0] * 16), half, box) == -1


@pytest.mark.parametrize(("row", "max_bars", "over"), [(5, 1, True), (5, 2, False), (6, 2, True),
                                                       (50, 0, False)])  # fmt: skip
def test_bars_run_out_with_the_last_of_them(row: int, max_bars: int, over: bool) -> None:
    slot, box = rec.SlotObject(LONG), rec.BoxObject({"row": row})
    assert ask.out_of_time(NOW, spec(max_bars=max_bars), slot, box) is over


def test_the_hold_of_a_tier_runs_out_to_the_ms() -> None:
    box = rec.BoxObject({"row": 6})
    for hold, over in ((HOUR_MS, True), (HOUR_MS + 1, False), (1, True), (0, False)):
        slot = rec.SlotObject(LONG | {"hold_ms": hold})
        assert ask.out_of_time(NOW, spec(), slot, box) is over


def test_a_decided_exit_keeps_its_reason_and_asks_for_no_add() -> None:
    plan = spec(adds=1, add_r=padded(0.0), add_fraction=padded(0.5), max_bars=1)
    slot, box = rec.SlotObject(LONG | {"exit_due": w.EXIT_TIME}), rec.BoxObject({"row": 6})
    box.bits = 1 << 16
    assert ask.manage(NOW, market(), plan, slot, box) is False
    assert (slot.exit_due, slot.added) == (w.EXIT_TIME, 0)
    slot = rec.SlotObject(LONG)
    assert ask.manage(NOW, market(), plan, slot, box) is False
    assert (slot.exit_due, slot.exit_rule) == (w.EXIT_SIGNAL, 0)
    slot = rec.SlotObject(LONG | {"order": w.ORDER_MARKET, "entry_row": 9})
    box.bits = 0
    assert ask.manage(NOW, market(), plan, slot, box) is False
    assert (slot.exit_due, slot.added) == (0, 0)
    slot = rec.SlotObject(LONG | {"entry_row": 9})
    assert ask.manage(NOW, market(), plan, slot, box) is True
