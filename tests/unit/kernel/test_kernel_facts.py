"""What the policy refuses outright or at the end, and what it notes of each answer."""

from __future__ import annotations

import math

import pytest

from paperbot_core.domain.words import Rule
from paperbot_core.kernel import authorise as policy
from paperbot_core.kernel import words as w
from tests.unit.kernel.policy_world import NOON, WISH, Stage

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
    short = Stage(WISH | {"order_side": -1}, market=market)
    assert short.ask(0) == [Rule.SHORT_NOT_ALLOWED]
    assert short.fact(Rule.SHORT_NOT_ALLOWED) == (w.REFUSED, 0.0, 0.0)
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
