"""The sums behind the policy's limits and what it notes of each answer, record by record."""

from __future__ import annotations

import math
from typing import Any

import pytest

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.domain.words import Rule
from paperbot_core.kernel import authorise as policy
from paperbot_core.kernel import records as rec
from paperbot_core.kernel import words as w
from paperbot_core.kernel.plain import no_review

NOON = 20_000 * DAY_MS + 12 * HOUR_MS
#: Limits that nothing reaches.
WIDE: dict[str, Any] = {
    "daily_stop": 1.0, "max_drawdown": 1.0, "max_position": 1e3, "max_gross": 1e3, "max_net": 1e3,
    "max_cluster": 1e3, "cap_multiple": 1e3, "cap_max": 1e12, "max_open": 99, "max_day": 99,
    "max_hour": 99,
}  # fmt: skip
#: An account at noon: 100 of 1,000 lost since the peak, 50 of 950 since midnight.
ACCOUNT: dict[str, Any] = {
    "cash": 900.0, "equity": 900.0, "peak": 1_000.0, "anchor": 950.0, "available": 900.0,
    "count_day": NOON // DAY_MS, "count_hour": NOON // HOUR_MS,
}  # fmt: skip
#: A market that trades at 10, bought with a collar of 1, at a fee of 1 %.
MARKET: dict[str, Any] = {"last": 10.0, "lot_d": 1.0, "tick_d": 1.0, "taker": 0.01, "shortable": 1,
                          "loss_ts": -w.NEVER}  # fmt: skip
WISH: dict[str, Any] = {
    "order_side": 1, "order_qty": 5.0, "order_price": 11.0, "order_cap": 11.0, "order_stop": 2.0,
    "strength": 1.0,
}  # fmt: skip


class Stage:
    """One account, one or two markets, and the slots of a test."""

    def __init__(
        self, *slots: dict[str, Any], account: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None, market: dict[str, Any] | None = None,
        has_stop: int = 1,
    ) -> None:
        self.account: Any = rec.AccountObject(ACCOUNT | (account or {}))
        self.limits: Any = rec.LimitsObject(WIDE | (limits or {}))
        one = MARKET | (market or {})
        self.markets: list[Any] = [
            rec.MarketObject(one | {"cluster": 1, "tier": 0}),
            rec.MarketObject(one | {"last": 20.0, "cluster": 0, "tier": 1}),
        ]
        self.specs: list[Any] = [
            rec.SpecObject({"market": row.get("market", 0), "has_stop": has_stop}) for row in slots
        ]
        self.slots: list[Any] = [
            rec.SlotObject({k: v for k, v in row.items() if k != "market"}) for row in slots
        ]
        self.clusters = [0.0, 0.0]
        self.tiers: list[Any] = [rec.TierObject({"limit": math.inf}) for _ in range(2)]
        self.facts: list[Any] = [rec.FactObject() for _ in range(w.RULES)]
        self.refused, self.shrunk = [0] * w.RULES, [0] * w.RULES
        self.told: list[tuple[int, float, int]] = []

    def survey(self) -> None:
        policy.survey(
            self.account, self.markets, self.specs, self.slots, self.clusters, self.tiers
        )

    def ask(self, *queue: int, now: int = NOON, review: policy.Review = no_review) -> list[Rule]:
        """Put the slots of `queue` to the policy; return the rules that refused them."""
        self.told = []
        policy.authorise(
            now, self.account, self.limits, self.markets, self.specs, self.slots, self.clusters,
            self.tiers, list(queue), len(queue), self.facts, self.refused, self.shrunk, review,
            lambda s, wished, rule: self.told.append((s, wished, rule)),
        )  # fmt: skip
        return [Rule(rule) for _, _, rule in self.told]

    def fact(self, rule: Rule) -> tuple[int, float, float]:
        """Return answer, limit and observed."""
        found = self.facts[rule]
        return found.answer, found.limit, found.observed


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


# Latches: what they note.


def test_a_halt_notes_how_far_equity_fell_and_a_trip_what_was_lost_today() -> None:
    limits = {"max_drawdown": 0.2, "daily_stop": 0.03}
    stage = Stage(WISH, limits=limits)
    assert stage.ask(0) == [Rule.NONE]
    assert stage.fact(Rule.MAX_DRAWDOWN_PCT) == (w.PASSED, 0.2, pytest.approx(0.1))
    assert stage.fact(Rule.DAILY_STOP_LOSS_PCT) == (w.PASSED, 0.03, pytest.approx(50 / 950))
    stage = Stage(WISH, limits=limits, account={"halt": w.HALT_DRAWDOWN})
    assert stage.ask(0) == [Rule.MAX_DRAWDOWN_PCT]
    assert stage.fact(Rule.MAX_DRAWDOWN_PCT) == (w.REFUSED, 0.2, pytest.approx(0.1))
    assert stage.fact(Rule.DAILY_STOP_LOSS_PCT)[0] == w.NOT_ASKED
    stage = Stage(WISH, account={"halt": w.HALT_MANUAL})
    assert stage.ask(0) == [Rule.MANUAL_HALT]
    assert stage.fact(Rule.MANUAL_HALT) == (w.REFUSED, 0.0, 0.0)
    for until, expected in ((NOON, Rule.NONE), (NOON + 1, Rule.DAILY_STOP_LOSS_PCT)):
        assert Stage(WISH, account={"reduce_until": until}).ask(0) == [expected]


def test_an_account_that_had_nothing_lost_no_part_of_it() -> None:
    stage = Stage(WISH, account={"peak": 0.0, "anchor": 0.0})
    stage.ask(0)
    assert stage.fact(Rule.MAX_DRAWDOWN_PCT)[2] == stage.fact(Rule.DAILY_STOP_LOSS_PCT)[2] == 0.0
    small = Stage(WISH, account={"peak": 1.0, "anchor": 0.5, "equity": 0.25})
    small.ask(0)
    assert small.fact(Rule.MAX_DRAWDOWN_PCT)[2] == 0.75
    assert small.fact(Rule.DAILY_STOP_LOSS_PCT)[2] == 0.5


# What is no number, what is barred, what is on the other side.


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("key", ["order_cap", "order_price", "order_qty", "order_stop", "strength"])
def test_what_is_no_number_is_refused(key: str, value: float) -> None:
    stage = Stage(WISH | {key: value})
    assert stage.ask(0) == [Rule.NOT_FINITE]
    assert stage.fact(Rule.NOT_FINITE) == (w.REFUSED, 0.0, 0.0)
    assert Stage(WISH, account={"equity": value}).ask(0) == [Rule.NOT_FINITE]
    assert Stage(WISH, market={"last": math.nan}).ask(0) == [Rule.NOT_FINITE]


@pytest.mark.parametrize("key", ["order_cap", "order_price", "order_qty", "order_stop"])
def test_what_must_be_positive_is_refused_at_zero_and_granted_below_one(key: str) -> None:
    assert Stage(WISH | {key: 0.0}).ask(0) == [Rule.NOT_FINITE]
    assert Stage(WISH | {key: 0.5}).ask(0) == [Rule.NONE]


def test_a_price_of_nothing_is_refused_and_one_below_one_is_not() -> None:
    assert Stage(WISH, market={"last": 0.0}).ask(0) == [Rule.NOT_FINITE]
    assert Stage(WISH, market={"last": 0.5}).ask(0) == [Rule.NONE]


def test_without_a_stop_its_distance_is_not_looked_at() -> None:
    assert Stage(WISH | {"order_stop": 0.0}, has_stop=0).ask(0) == [Rule.NONE]


@pytest.mark.parametrize("rule", [Rule.MAX_STALE_BARS, Rule.NOT_IN_UNIVERSE, Rule.REGIME,
                                  Rule.MODE_NOT_CHOSEN])  # fmt: skip
def test_what_bars_a_slot_is_noted_after_what_does_not(rule: Rule) -> None:
    stage = Stage(WISH | {"barred": int(rule)})
    assert stage.ask(0) == [rule]
    assert stage.fact(rule) == (w.REFUSED, 0.0, 1.0)
    for other in range(Rule.MAX_STALE_BARS, Rule.MODE_NOT_CHOSEN + 1):
        expected = w.PASSED if other < rule else w.NOT_ASKED
        assert other == rule or stage.fact(Rule(other)) == (expected, 0.0, 0.0)
    assert stage.fact(Rule.NOT_FINITE)[0] == w.NOT_ASKED


def test_a_side_that_another_slot_holds_or_asks_for_is_taken() -> None:
    for other in ({"qty": -1.0}, {"order": w.ORDER_LIMIT, "order_side": -1}):
        stage = Stage(other, WISH)
        assert stage.ask(1) == [Rule.OPPOSITE_SLOT_OPEN]
        assert stage.fact(Rule.OPPOSITE_SLOT_OPEN) == (w.REFUSED, 0.0, 1.0)
        assert Stage(WISH, other).ask(0) == [Rule.OPPOSITE_SLOT_OPEN]
    for other in ({"qty": 0.5}, {"order": w.ORDER_LIMIT, "order_side": 1}, {"order_side": -1},
                  {"qty": -1.0, "market": 1}):  # fmt: skip
        stage = Stage(WISH, other)
        assert stage.ask(0) == [Rule.NONE]
        assert stage.fact(Rule.OPPOSITE_SLOT_OPEN) == (w.PASSED, 0.0, 0.0)
    assert Stage({"qty": 1.0}, WISH | {"order_side": -1}).ask(1) == [Rule.OPPOSITE_SLOT_OPEN]


def test_a_market_that_cannot_be_sold_short_takes_longs() -> None:
    market = {"shortable": 0}
    assert Stage(WISH | {"order_side": -1}, market=market).ask(0) == [Rule.SHORT_NOT_ALLOWED]
    assert Stage(WISH, market=market).ask(0) == [Rule.NONE]


# What the quantity that is left must satisfy.


def test_a_review_may_shrink_or_refuse_and_never_grow() -> None:
    seen: list[tuple[int, float, float]] = []

    def allow(part: float) -> policy.Review:
        def review(s: int, qty: float, price: float) -> float:
            seen.append((s, qty, price))
            return qty * part

        return review

    stage = Stage({}, WISH)
    assert stage.ask(1, review=allow(0.5)) == [Rule.NONE]
    assert (stage.slots[1].order_qty, stage.shrunk[Rule.RISK_CHECK]) == (2.5, 1)
    assert stage.fact(Rule.RISK_CHECK) == (w.SHRUNK, 2.5, 5.0)
    assert (stage.facts[Rule.RISK_CHECK].asked, stage.facts[Rule.RISK_CHECK].allowed) == (5.0, 2.5)
    assert seen == [(1, 5.0, 11.0)]
    for part in (0.0, 1.5, -1.0, math.nan):
        stage = Stage(WISH)
        assert stage.ask(0, review=allow(part)) == [Rule.RISK_CHECK]
        assert (stage.facts[Rule.RISK_CHECK].answer, sum(stage.shrunk)) == (w.REFUSED, 0)
        assert stage.refused[Rule.RISK_CHECK] == 1
    stage = Stage(WISH)
    assert stage.ask(0, review=allow(1.0)) == [Rule.NONE]
    assert (stage.facts[Rule.RISK_CHECK].answer, sum(stage.shrunk)) == (w.PASSED, 0)


def test_a_quantity_below_one_lot_is_refused_with_the_lot() -> None:
    market = {"lot_n": 3.0, "lot_d": 2.0}
    stage = Stage(WISH | {"order_qty": 1.4}, market=market)
    assert stage.ask(0) == [Rule.LOT]
    assert stage.fact(Rule.LOT) == (w.REFUSED, 1.5, 0.0)
    stage = Stage(WISH | {"order_qty": 1.6}, market=market)
    assert stage.ask(0) == [Rule.NONE]
    assert stage.fact(Rule.LOT) == (w.PASSED, 1.5, 1.5)
    assert Stage(WISH | {"order_qty": 0.5}).ask(0) == [Rule.NONE]


def test_a_position_below_the_least_is_refused_with_both() -> None:
    # 30 held and 5 at 10 make 80.
    for least, expected in ((80.0, Rule.NONE), (80.01, Rule.POSITION_CAP)):
        stage = Stage({"qty": 3.0}, WISH, limits={"cap_min": least})
        assert stage.ask(1) == [expected]
        if expected:
            assert stage.fact(Rule.POSITION_CAP) == (w.REFUSED, least, 80.0)


def test_a_notional_below_the_least_is_refused_with_both() -> None:
    # 5 at 10 less 1 % are 49.5.
    for least, expected in ((49.5, Rule.NONE), (49.51, Rule.MIN_NOTIONAL)):
        stage = Stage(WISH, market={"min_notional": least})
        assert stage.ask(0) == [expected]
        answer = w.REFUSED if expected else w.PASSED
        assert stage.fact(Rule.MIN_NOTIONAL) == (answer, least, 49.5)
