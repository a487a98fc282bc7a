"""What slots ask for at a close, record by record: stops moved, adds, entries, service."""

from __future__ import annotations

import math
from typing import Any

import pytest

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.domain.words import Rule
from paperbot_core.kernel import propose as ask
from paperbot_core.kernel import records as rec
from paperbot_core.kernel import words as w
from tests.unit.kernel.test_kernel_wishes import LONG, NOW, SHORT, market, padded, spec

# Stops.


@pytest.mark.parametrize(
    ("slot", "fields", "trail", "stop", "reason"),
    [
        # Break-even at 0.5 R: reached at 105, on the tick up.
        ({"water": 105.0}, {"breakeven_after_r": 0.5}, 0.0, 100.0, w.EXIT_BREAKEVEN),
        ({"water": 104.99}, {"breakeven_after_r": 0.5}, 0.0, 90.0, w.EXIT_STOP),
        ({"water": 105.0, "stop": 100.0}, {"breakeven_after_r": 0.5}, 0.0, 100.0, w.EXIT_STOP),
        ({"water": 105.0, "stop": 99.5}, {"breakeven_after_r": 0.5}, 0.0, 100.0, w.EXIT_BREAKEVEN),
        ({"water": 120.0}, {"breakeven_after_r": 0.0}, 0.0, 90.0, w.EXIT_STOP),
        # A trail from 1 R on: 5 behind the best price.
        ({"water": 110.0}, {"has_trail": 1, "trail_after_r": 1.0}, 5.004, 105.0, w.EXIT_TRAIL),
        ({"water": 109.99}, {"has_trail": 1, "trail_after_r": 1.0}, 5.0, 90.0, w.EXIT_STOP),
        ({"water": 110.0}, {"has_trail": 1, "trail_after_r": 1.0}, 20.0, 90.0, w.EXIT_STOP),
        ({"water": 110.0}, {"has_trail": 1, "trail_after_r": 1.0}, 19.5, 90.5, w.EXIT_TRAIL),
        ({"water": 110.0}, {"has_trail": 1, "trail_after_r": 1.0}, math.nan, 90.0, w.EXIT_STOP),
        ({"water": 110.0}, {"has_trail": 0, "trail_after_r": 0.0}, 5.0, 90.0, w.EXIT_STOP),
        # The higher of both.
        ({"water": 110.0}, {"has_trail": 1, "breakeven_after_r": 0.5}, 5.0, 105.0, w.EXIT_TRAIL),
        ({"water": 110.0}, {"has_trail": 1, "breakeven_after_r": 0.5}, 12.0, 100.0,
         w.EXIT_BREAKEVEN),
    ],
)  # fmt: skip
def test_a_stop_moves_towards_the_price_only(
    slot: dict[str, Any], fields: dict[str, Any], trail: float, stop: float, reason: int
) -> None:
    box = rec.BoxObject({"trail": trail})
    long = rec.SlotObject(LONG | {"stop_reason": w.EXIT_STOP} | slot)
    ask.move_stop(market(), spec(**fields), long, box)
    assert (long.stop, long.stop_reason) == (pytest.approx(stop), reason)
    mirror = {key: 200.0 - value for key, value in slot.items()}
    short = rec.SlotObject(SHORT | {"stop_reason": w.EXIT_STOP} | mirror)
    ask.move_stop(market(), spec(**fields), short, box)
    assert (short.stop, short.stop_reason) == (pytest.approx(200.0 - stop), reason)
    armed = fields.get("has_trail", 0) and slot["water"] >= 100.0 + 10 * fields.get(
        "trail_after_r", 0.0
    )
    assert long.trailing == short.trailing == int(bool(armed))


def test_an_entry_price_between_ticks_is_rounded_towards_the_price() -> None:
    plan = spec(breakeven_after_r=0.5)
    long = rec.SlotObject(LONG | {"first_price": 100.005, "water": 106.0})
    ask.move_stop(market(), plan, long, rec.BoxObject())
    assert long.stop == 100.01
    short = rec.SlotObject(SHORT | {"first_price": 100.005, "water": 94.0})
    ask.move_stop(market(), plan, short, rec.BoxObject())
    assert short.stop == 100.0


# Adds.


@pytest.mark.parametrize(
    ("slot", "close", "added"),
    [(LONG, 105.0, 1), (LONG, 104.99, 0), (SHORT, 95.0, 1), (SHORT, 95.01, 0),
     (LONG | {"added": 1}, 110.0, 2), (LONG | {"added": 1}, 109.99, 1),
     (LONG | {"added": 2}, 500.0, 2), (LONG, math.nan, 0)],
)  # fmt: skip
def test_an_add_is_asked_for_at_its_level(slot: dict[str, Any], close: float, added: int) -> None:
    held = rec.SlotObject(slot)
    plan = spec(adds=2, add_r=padded(0.5, 1.0), add_fraction=padded(0.5, 0.25), collar=0.01)
    before = held.added
    box = rec.BoxObject({"row": 6, "barred": int(Rule.REGIME)})
    asked = ask.ask_add(NOW, market(last=close), plan, held, box)
    assert (held.added, asked) == (added, added > before)
    if asked:
        side = 1 if held.qty > 0 else -1
        assert (held.order_add, held.order_side, held.order_rule) == (1, side, 2)
        assert held.order_qty == 10.0 * (0.5, 0.25)[before]
        assert (held.order_stop, held.barred) == (10.0, Rule.REGIME)
        assert (held.order_ts, held.order_row, held.order_bars) == (NOW, 6, 0)
        assert held.order_price == pytest.approx(close * (1.0 + side * 0.01), abs=0.0101)


def test_the_collar_is_rounded_against_filling_and_the_cap_is_what_may_be_paid() -> None:
    plan = spec(collar=0.01)
    buy = rec.SlotObject({"order_side": 1, "order_bars": 4})
    ask.price_market(market(last=100.55), plan, buy)
    assert (buy.order_price, buy.order_cap, buy.order_bars) == (101.55, 101.55, 0)  # of 101.5555
    sell = rec.SlotObject({"order_side": -1, "order_bars": 4})
    ask.price_market(market(last=100.55), plan, sell)
    assert (sell.order_price, sell.order_bars) == (99.55, 0)  # of 99.5445
    assert sell.order_cap == pytest.approx(101.5555)


# Entries.


def _entered(
    bits: int, box: dict[str, Any] | None = None, held: dict[str, Any] | None = None,
    now: int = NOW, hold: int = 7, **fields: Any,
) -> rec.Slot | None:
    """Return the slot that asks for an entry at the signals `bits`; None if it asks for none."""
    slot = rec.SlotObject(held or {})
    said = {"row": 6, "bits": bits, "strength": 0.7, "per": 4.0, "stop": 3.0, "limit": 98.006,
            "size": 0.1, "barred": int(Rule.REGIME)}  # fmt: skip
    account = rec.AccountObject({"equity": 5_000.0})
    signals = rec.BoxObject(said | (box or {}))
    plan = spec(**({"collar": 0.01} | fields))
    return slot if ask.ask_entry(now, account, market(), plan, slot, signals, hold) else None


@pytest.mark.parametrize(("bits", "side", "rule"), [(0b100, 1, 2), (0b110, 1, 1), (1 << 7, 1, 7),
                                                    (1 << 8, -1, 0), (0b1100 << 8, -1, 2),
                                                    (1 << 15, -1, 7)])  # fmt: skip
def test_an_entry_takes_its_numbers_from_the_close(bits: int, side: int, rule: int) -> None:
    slot = _entered(bits)
    assert slot is not None
    assert (slot.order_add, slot.order_side, slot.order_rule) == (0, side, rule)
    assert (slot.order_ts, slot.order_row, slot.order_bars) == (NOW, 6, 0)
    assert (slot.strength, slot.barred, slot.hold_ms, slot.order_stop) == (0.7, Rule.REGIME, 7, 3.0)
    assert slot.order_price == pytest.approx(100.0 + side)
    assert slot.order_cap == pytest.approx(101.0)
    assert slot.order_qty == 5.0  # a tenth of 5,000 at 100
    free = _entered(bits, has_stop=0)
    assert free is not None
    assert free.order_stop == 0.0


def test_a_size_by_risk_is_divided_by_its_distance() -> None:
    slot = _entered(1, by_risk=1)
    assert slot is not None
    assert slot.order_qty == 125.0  # 500 / 4
    for per in (0.0, -1.0, math.nan):
        slot = _entered(1, {"per": per}, by_risk=1)
        assert slot is not None
        assert math.isnan(slot.order_qty)
    slot = _entered(1, {"per": 0.5}, by_risk=1)
    assert slot is not None
    assert slot.order_qty == 1_000.0


def test_a_limit_is_rounded_against_filling_and_rests_for_the_bars_of_its_rule() -> None:
    rests = [0] * 16
    rests[1], rests[10] = 3, 1
    long = _entered(0b10, limit_bars=rests)
    assert long is not None
    assert (long.order_price, long.order_cap, long.order_bars) == (98.0, 98.0, 3)
    short = _entered(0b100 << 8, limit_bars=rests)
    assert short is not None
    assert (short.order_price, short.order_cap, short.order_bars) == (98.01, 98.01, 1)
    # The other rules are at market.
    for bits in (0b1, 0b100, 0b10 << 8, 1 << 8):
        slot = _entered(bits, limit_bars=rests)
        assert slot is not None
        assert (slot.order_bars, slot.order_cap) == (0, pytest.approx(101.0))


@pytest.mark.parametrize("bits", [0, 0x0101, 0xFFFF, 1 | 1 << 16, 1 | 1 << 23, 1 << 8 | 1 << 24,
                                  1 << 15 | 1 << 31, 1 << 16, 1 << 24])  # fmt: skip
def test_no_entry_on_both_sides_or_against_an_exit(bits: int) -> None:
    assert _entered(bits) is None


def test_exits_of_the_other_side_and_gated_ones_block_no_entry() -> None:
    assert _entered(1 | 1 << 24) is not None
    assert _entered(1 << 8 | 1 << 16) is not None
    assert _entered(1 | 1 << 17, gated=1 << 1) is not None
    assert _entered(1 << 8 | 1 << 25, gated=1 << 9) is not None
    assert _entered(1 | 0b11 << 16, gated=1 << 1) is None
    assert _entered(1 << 8 | 1 << 25, gated=1 << 1) is None


def test_a_cooldown_ends_with_its_bar() -> None:
    assert _entered(1, held={"no_entry_before": 7}) is None
    assert _entered(1, held={"no_entry_before": 6}) is not None


# Resting limits.


def _rested(
    bits: int, order_bars: int, side: int = 1, gated: int = 0
) -> tuple[bool, rec.Slot, list[Rule]]:
    """Count a limit down once; return whether the slot is free, the slot, and why it ended."""
    slot = rec.SlotObject({"order": w.ORDER_LIMIT, "order_bars": order_bars, "order_side": side,
                           "order_qty": 2.0, "order_ts": NOW})  # fmt: skip
    account = rec.AccountObject({"count_day": NOW // DAY_MS, "count_hour": NOW // HOUR_MS,
                                 "trades_day": 5, "trades_hour": 4})  # fmt: skip
    legs, refused = [rec.LegObject()], [0] * w.RULES
    box = rec.BoxObject({"row": 6, "bits": bits})
    free = ask.rest_limit(account, market(), spec(gated=gated), slot, box, legs, refused, 0)
    told = [Rule(rule) for rule, count in enumerate(refused) if count]
    assert account.legs == len(told)
    assert (account.trades_day, account.trades_hour) == (5 - len(told), 4 - len(told))
    return free, slot, told


def test_a_limit_rests_until_its_bars_are_over_or_an_exit_withdraws_it() -> None:
    free, slot, told = _rested(0, 2)
    assert (free, slot.order, slot.order_bars, told) == (False, w.ORDER_LIMIT, 1, [])
    free, slot, told = _rested(1 << 16, 1)
    assert (free, slot.order, told) == (True, w.ORDER_NONE, [Rule.LIMIT_EXPIRED])
    for side, bit in ((1, 16), (1, 23), (-1, 24), (-1, 31)):
        free, slot, told = _rested(1 << bit, 2, side)
        assert (free, slot.order, told) == (False, w.ORDER_NONE, [Rule.SIGNAL_WITHDRAWN])
    # Not by exits of the other side, gated ones, or entries.
    for side, bits, gated in ((1, 1 << 24, 0), (-1, 1 << 16, 0), (1, 1 << 16, 1),
                              (-1, 1 << 24, 1 << 8), (1, 0xFFFF, 0)):  # fmt: skip
        free, slot, told = _rested(bits, 2, side, gated)
        assert (free, slot.order, told) == (False, w.ORDER_LIMIT, [])


# Service.


def _served(*slots: tuple[int, float]) -> list[int]:
    """Return the slots (strategy, strength) in order of service; all want to enter."""
    count = len(slots)
    specs = [spec(strategy=strategy) for strategy, _ in slots]
    boxes = [rec.BoxObject({"row": 6, "bits": 1, "strength": x, "size": 0.1}) for _, x in slots]
    held = [rec.SlotObject() for _ in slots]
    queue = [-1] * count
    asked = ask.propose(
        NOW, rec.AccountObject({"equity": 1_000.0}), [market()], specs, held, boxes,
        [rec.TierObject()], list(range(count)), count, queue, [], [0] * w.RULES,
    )  # fmt: skip
    return queue[:asked]


def test_strategies_in_order_then_the_surest_then_the_first() -> None:
    assert _served((0, 0.1), (0, 0.9), (0, 0.5)) == [1, 2, 0]
    assert _served((0, 0.5), (0, 0.5), (0, 0.5)) == [0, 1, 2]
    assert _served((0, 0.1), (1, 0.9), (1, 1.0), (2, 5.0)) == [0, 2, 1, 3]
    # One that is not known, which the policy refuses, leaves the others in their order.
    told = _served((0, 0.3), (0, math.nan), (0, 0.9))
    assert [s for s in told if s != 1] == [2, 0]
    assert _served((0, 0.3), (0, 0.2), (0, 0.9), (0, 0.25)) == [2, 0, 3, 1]
    assert ask.served_before([spec(strategy=1), spec(strategy=0)], [rec.SlotObject()] * 2, 1, 0)


def test_a_slot_between_its_closes_wants_nothing() -> None:
    boxes = [rec.BoxObject({"row": row, "bits": 1, "size": 0.1}) for row in (-1, 0, 1)]
    queue = [-1] * 3
    asked = ask.propose(
        NOW, rec.AccountObject({"equity": 1_000.0}), [market()], [spec() for _ in range(3)],
        [rec.SlotObject() for _ in range(3)], boxes, [rec.TierObject({"max_hold_ms": 9})],
        [0, 1, 2], 3, queue, [], [0] * w.RULES,
    )  # fmt: skip
    assert (asked, queue[:2]) == (2, [1, 2])
