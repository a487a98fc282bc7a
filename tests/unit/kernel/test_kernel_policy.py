"""The sums behind the policy's limits, caps and counts, worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.domain.words import Rule
from paperbot_core.kernel import authorise as policy
from paperbot_core.kernel import records as rec
from paperbot_core.kernel import words as w
from tests.unit.kernel.policy_world import NOON, WISH, Stage

# What is held and pending.

HELD: tuple[dict[str, Any], ...] = (
    {"qty": 3.0},
    {"qty": 2.0, "order": w.ORDER_MARKET, "order_add": 1, "order_side": 1, "order_qty": 1.0,
     "order_cap": 11.0, "order_cash": 11.5},
    {"market": 1, "qty": -4.0, "order": w.ORDER_MARKET, "order_side": -1, "order_qty": 2.0,
     "order_cap": 21.0, "order_cash": 43.0},
    {"market": 1},
    {"order": w.ORDER_LIMIT, "order_side": 1, "order_qty": 5.0, "order_cap": 12.0,
     "order_cash": 61.0},
)  # fmt: skip


def test_what_is_held_and_pending_is_added_up_by_every_grouping() -> None:
    # Held: 30 and 20 long of the first, 80 short of the second. Pending: 11, 42 short, 60.
    stage = Stage(*HELD, account={"cash": 1_000.0})
    for _ in range(2):  # again: sums start anew
        stage.survey()
    account = stage.account
    assert account.open_slots == 4
    assert account.held_gross == 30.0 + 31.0 + 122.0 + 60.0
    assert account.net_if_long == 50.0 - 80.0 + 11.0 + 60.0
    assert account.net_if_short == 50.0 - 80.0 - 42.0
    assert account.reserved == 11.5 + 43.0 + 61.0
    assert account.available == 1_000.0 - 2.0 * 80.0 - 115.5
    assert [m.exposure for m in stage.markets] == [121.0, 122.0]
    assert stage.clusters == [122.0, 121.0]
    assert [t.held for t in stage.tiers] == [121.0, 122.0]


def test_a_slot_with_nothing_is_no_position() -> None:
    stage = Stage({}, {"market": 1}, market={"last": math.nan})
    stage.survey()
    account = stage.account
    assert (account.open_slots, account.held_gross, account.available) == (0, 0.0, 900.0)
    assert (account.net_if_long, account.net_if_short, account.reserved) == (0.0, 0.0, 0.0)


def test_half_a_unit_is_long_or_short_like_any_other() -> None:
    stage = Stage({"qty": 0.5}, {"market": 1, "qty": -0.5})
    stage.survey()
    account = stage.account
    assert (account.held_gross, account.net_if_long, account.net_if_short) == (15.0, -5.0, -5.0)
    assert account.available == 900.0 - 2.0 * 10.0


def test_a_market_without_a_close_yet_costs_a_pending_order_nothing_else() -> None:
    order = {"order": w.ORDER_LIMIT, "order_side": -1, "order_qty": 1.0, "order_cap": 9.0}
    stage = Stage(order, market={"last": math.nan})
    stage.survey()
    assert (stage.account.held_gross, stage.account.net_if_short) == (9.0, -9.0)
    assert (stage.account.net_if_long, stage.account.available) == (0.0, 900.0)


# What a grant reserves.


def test_a_granted_entry_reserves_counts_notional_and_cash_at_once() -> None:
    stage = Stage(*HELD[:3], WISH, account={"cash": 1_000.0, "seq": 7, "trades_day": 3,
                                            "trades_hour": 2})  # fmt: skip
    assert stage.ask(3) == [Rule.NONE]
    assert stage.told == [(3, 5.0, Rule.NONE)]
    account, slot = stage.account, stage.slots[3]
    assert (slot.order, slot.order_qty, slot.order_seq) == (w.ORDER_MARKET, 5.0, 8)
    assert slot.order_cash == pytest.approx(55.0 * 1.01)
    assert (account.seq, account.trades_day, account.trades_hour) == (8, 4, 3)
    assert account.open_slots == 4
    assert account.held_gross == 183.0 + 55.0
    assert (account.net_if_long, account.net_if_short) == (-19.0 + 55.0, -72.0)
    assert account.available == pytest.approx(1_000.0 - 160.0 - 54.5 - 55.55)
    assert [m.exposure for m in stage.markets] == [61.0 + 55.0, 122.0]
    assert stage.clusters == [122.0, 116.0]
    assert [t.held for t in stage.tiers] == [116.0, 122.0]


def test_a_granted_add_takes_no_place_and_a_limit_rests() -> None:
    stage = Stage({"qty": 3.0} | WISH | {"order_add": 1, "order_bars": 1})
    assert stage.ask(0) == [Rule.NONE]
    assert (stage.account.open_slots, stage.slots[0].order) == (1, w.ORDER_LIMIT)


def test_a_granted_short_counts_below() -> None:
    stage = Stage(WISH | {"order_side": -1})
    assert stage.ask(0) == [Rule.NONE]
    assert (stage.account.net_if_long, stage.account.net_if_short) == (0.0, -55.0)


def test_each_of_a_queue_sees_what_the_ones_before_took() -> None:
    # 30 % of 900 is 270 for all: 110 at first, then 110 again, then 50 are left.
    wish = WISH | {"order_qty": 10.0}
    stage = Stage(wish, wish, wish, wish, limits={"max_gross": 0.3})
    assert stage.ask(0, 1, 2, 3) == [Rule.NONE, Rule.NONE, Rule.NONE, Rule.MAX_GROSS_PCT]
    assert [s.order_qty for s in stage.slots[:3]] == pytest.approx([10.0, 10.0, 50.0 / 11.0])
    assert (stage.shrunk[Rule.MAX_GROSS_PCT], stage.refused[Rule.MAX_GROSS_PCT]) == (1, 1)
    assert sum(stage.shrunk) == sum(stage.refused) == 1
    assert stage.told[3][1] == 10.0


# Each cap alone: what it counts from, what it leaves, what it notes.


@pytest.mark.parametrize(
    ("rule", "limits", "limit", "held"),
    [
        # The market holds 61 of the first, pending included; the account 183; net -19, 72 short.
        (Rule.MAX_POSITION_SIZE_PCT, {"max_position": 0.1}, 90.0, 61.0),
        (Rule.POSITION_CAP, {"cap_multiple": 0.1}, 90.0, 61.0),
        (Rule.POSITION_CAP, {"cap_max": 90.0}, 90.0, 61.0),
        (Rule.MAX_GROSS_PCT, {"max_gross": 0.22}, 198.0, 183.0),
        (Rule.MAX_NET_PCT, {"max_net": 0.02}, 18.0, -19.0),
        (Rule.MAX_CLUSTER_PCT, {"max_cluster": 0.1}, 90.0, 61.0),
    ],
)
def test_a_cap_leaves_what_is_below_it(
    rule: Rule, limits: dict[str, Any], limit: float, held: float
) -> None:
    stage = Stage(*HELD[:3], WISH, limits=limits)
    assert stage.ask(3) == [Rule.NONE]
    assert stage.slots[3].order_qty == pytest.approx((limit - held) / 11.0)
    assert stage.fact(rule) == (w.SHRUNK, pytest.approx(limit), pytest.approx(held + 55.0))
    assert (stage.facts[rule].asked, stage.facts[rule].allowed) == (
        5.0, pytest.approx((limit - held) / 11.0),
    )  # fmt: skip
    assert [Rule(r) for r, n in enumerate(stage.shrunk) if n] == [rule]


def test_a_short_is_capped_by_the_net_below() -> None:
    # Net short 72 already; 0.1 of 900 leaves 18.
    wish = WISH | {"order_side": -1, "market": 1, "order_cap": 9.0, "order_price": 8.0}
    stage = Stage(*HELD[:3], wish, limits={"max_net": 0.1})
    assert stage.ask(3) == [Rule.NONE]
    assert stage.slots[3].order_qty == pytest.approx(2.0)


def test_a_tier_is_capped_by_what_it_holds() -> None:
    stage = Stage(*HELD[:3], WISH)
    stage.tiers[0].limit = 0.1
    assert stage.ask(3) == [Rule.NONE]
    assert stage.slots[3].order_qty == pytest.approx(29.0 / 11.0)
    assert stage.fact(Rule.MAX_TIER_PCT) == (w.SHRUNK, 90.0, 116.0)


def test_cash_is_what_is_free_with_the_fee() -> None:
    stage = Stage(WISH, account={"cash": 33.33, "equity": 900.0})
    assert stage.ask(0) == [Rule.NONE]
    assert stage.slots[0].order_qty == pytest.approx(3.0)
    assert stage.fact(Rule.CASH) == (w.SHRUNK, 33.33, pytest.approx(5 * 11 * 1.01))


def test_a_cap_that_is_met_exactly_passes() -> None:
    facts = [rec.FactObject() for _ in range(w.RULES)]
    shrunk = [0] * w.RULES
    rule = int(Rule.MAX_GROSS_PCT)
    assert policy.cap_quantity(facts, shrunk, rule, 100.0, 50.0, 5.0, 10.0) == 5.0
    fact = facts[rule]
    assert (fact.answer, fact.limit, fact.observed, fact.asked, fact.allowed) == (
        w.PASSED, 100.0, 100.0, 5.0, 5.0,
    )  # fmt: skip
    assert sum(shrunk) == 0


@pytest.mark.parametrize("wished", [5.0, 1.0, 0.5])
def test_the_first_cap_without_room_is_told_and_those_behind_it_are_not_asked(
    wished: float
) -> None:
    caps = {
        Rule.MAX_POSITION_SIZE_PCT: "max_position", Rule.POSITION_CAP: "cap_max",
        Rule.MAX_GROSS_PCT: "max_gross", Rule.MAX_NET_PCT: "max_net",
        Rule.MAX_CLUSTER_PCT: "max_cluster", Rule.MAX_TIER_PCT: "", Rule.CASH: "",
    }  # fmt: skip
    order = list(caps)
    for place, rule in enumerate(order):
        closed = {caps[one]: 0.0 for one in order[place:] if caps[one]}
        stage = Stage(WISH | {"order_qty": wished}, limits=closed, account={"cash": 0.0})
        stage.tiers[0].limit = math.inf if rule == Rule.CASH else 0.0
        assert stage.ask(0) == [rule]
        answers = [stage.fact(one)[0] for one in order]
        behind = len(order) - place - 1
        assert answers == [w.PASSED] * place + [w.REFUSED] + [w.NOT_ASKED] * behind
        assert (stage.facts[rule].allowed, stage.slots[0].order) == (0.0, w.ORDER_NONE)


@pytest.mark.parametrize("held", [100.0, 100.0 - 5e-9, 120.0])
def test_a_cap_without_room_leaves_nothing(held: float) -> None:
    # Less than a billionth of the 10 asked for is the noise of a subtraction.
    facts = [rec.FactObject() for _ in range(w.RULES)]
    shrunk = [0] * w.RULES
    assert policy.cap_quantity(facts, shrunk, w.MAX_GROSS_PCT, 100.0, held, 10.0, 1.0) == 0.0
    fact = facts[w.MAX_GROSS_PCT]
    assert (fact.answer, fact.asked, fact.allowed) == (w.REFUSED, 10.0, 0.0)
    assert sum(shrunk) == 0
    assert policy.last_refused(facts) == Rule.MAX_GROSS_PCT


def test_a_little_room_is_room() -> None:
    facts = [rec.FactObject() for _ in range(w.RULES)]
    shrunk = [0] * w.RULES
    room = policy.cap_quantity(facts, shrunk, w.CASH, 100.0, 100.0 - 2e-8, 10.0, 1.0)
    assert room == pytest.approx(2e-8, rel=1e-6)
    assert (facts[w.CASH].answer, shrunk[w.CASH]) == (w.SHRUNK, 1)


# Counts and cooldowns.


@pytest.mark.parametrize(
    ("rule", "limits", "account"),
    [
        (Rule.MAX_TRADES_PER_DAY, {"max_day": 3}, {"trades_day": 3}),
        (Rule.MAX_TRADES_PER_HOUR, {"max_hour": 3}, {"trades_hour": 3}),
    ],
)
def test_trades_are_counted_by_the_day_and_by_the_hour(
    rule: Rule, limits: dict[str, Any], account: dict[str, Any]
) -> None:
    stage = Stage(WISH, limits=limits, account=account)
    assert stage.ask(0) == [rule]
    assert stage.fact(rule) == (w.REFUSED, 3, 3)
    fewer = Stage(WISH, limits=limits, account=dict.fromkeys(account, 2))
    assert fewer.ask(0) == [Rule.NONE]
    assert fewer.fact(rule) == (w.PASSED, 3, 2)
    key = next(iter(account))
    assert getattr(fewer.account, key) == 3


def test_a_new_hour_and_a_new_day_begin_with_no_trades() -> None:
    counts = {"trades_day": 3, "trades_hour": 3}
    stage = Stage(WISH, limits={"max_day": 4, "max_hour": 3}, account=counts)
    assert stage.ask(0, now=NOON + HOUR_MS - 1) == [Rule.MAX_TRADES_PER_HOUR]
    assert stage.ask(0, now=NOON + HOUR_MS) == [Rule.NONE]
    account = stage.account
    assert (account.trades_day, account.trades_hour) == (4, 1)
    assert (account.count_day, account.count_hour) == (NOON // DAY_MS, NOON // HOUR_MS + 1)
    stage = Stage(WISH, limits={"max_day": 3, "max_hour": 3}, account=counts)
    assert stage.ask(0, now=NOON + DAY_MS // 2 - 1) == [Rule.MAX_TRADES_PER_DAY]
    assert stage.ask(0, now=NOON + DAY_MS // 2) == [Rule.NONE]
    assert (stage.account.trades_day, stage.account.trades_hour) == (1, 1)


def test_places_are_taken_by_whoever_holds_or_waits() -> None:
    stage = Stage(*HELD, WISH, limits={"max_open": 4}, account={"cash": 1_000.0})
    assert stage.ask(5) == [Rule.MAX_OPEN_POSITIONS]
    assert stage.fact(Rule.MAX_OPEN_POSITIONS) == (w.REFUSED, 4, 4)
    stage = Stage(*HELD, WISH, limits={"max_open": 5}, account={"cash": 1_000.0})
    assert stage.ask(5) == [Rule.NONE]
    # An add has its place already.
    stage = Stage({"qty": 3.0} | WISH | {"order_add": 1}, limits={"max_open": 1})
    assert stage.ask(0) == [Rule.NONE]


def test_a_cooldown_is_told_in_minutes() -> None:
    limits = {"loss_cooldown_ms": 30 * 60_000}
    stage = Stage(WISH, limits=limits, market={"loss_ts": NOON - 29 * 60_000 - 30_000})
    assert stage.ask(0) == [Rule.COOLDOWN_AFTER_LOSS_MIN]
    assert stage.fact(Rule.COOLDOWN_AFTER_LOSS_MIN) == (w.REFUSED, 30.0, 29.5)
    stage = Stage(WISH, limits=limits, market={"loss_ts": NOON - 30 * 60_000})
    assert stage.ask(0) == [Rule.NONE]
    assert stage.fact(Rule.COOLDOWN_AFTER_LOSS_MIN) == (w.PASSED, 30.0, 30.0)
