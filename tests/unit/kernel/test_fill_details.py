"""The details of docs/fill-rules.md, worked out by hand.

As in the tests of the rules: 10,000 of cash, 10 units at 100, a stop and an R of 10.
"""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from paperbot_core.domain.market import HOUR_MS
from tests.unit.kernel.fill_world import Says, play

FLAT = (100.0, 101.0, 99.0, 100.0)
NO_COLLAR = {"collar": 0.0}


# Exits.


def test_min_bars_counts_as_bars_held_will() -> None:
    # Opened in row 1; at decision 1 it would leave after one bar, at decision 2 after two.
    plan = {"gated": 1, "min_bars": [2, *[0] * 15]}
    told = play([FLAT] * 5, Says(long=[0], exit_long=[1, 2]), plan=plan)
    assert told.told == [(1, "entry", 10.0, 100.0), (3, "signal", 10.0, 100.0)]
    assert told.trades[0]["bars_held"] == 2


def test_min_r_compares_the_close_with_the_first_entry_price() -> None:
    plan = {"gated": 1, "min_r": [1.0, *[-math.inf] * 15]}
    bars = [FLAT, (100.0, 111.0, 99.0, 109.9), (110.0, 111.0, 109.0, 110.0), FLAT]
    told = play(bars, Says(long=[0], exit_long=[1, 2]), plan=plan)
    assert told.told[1:] == [(3, "signal", 10.0, 100.0)]


def test_a_signal_comes_before_time() -> None:
    told = play([FLAT] * 3, Says(long=[0], exit_long=[1]), plan={"max_bars": 1})
    assert told.told[1:] == [(2, "signal", 10.0, 100.0)]


def test_a_decided_exit_goes_on_and_its_stop_stays_live() -> None:
    # Half of row 2's volume of 10 is 5; the other 5 meet the stop of 90 inside the bar.
    bars = [FLAT, FLAT, (100.0, 101.0, 89.0, 90.0, 10.0), FLAT]
    told = play(bars, Says(long=[0], exit_long=[1]), volume_share_pct=50.0)
    assert told.told[1:] == [(2, "signal", 5.0, 100.0), (2, "stop", 5.0, 90.0)]


def test_the_hold_of_a_tier_counts_from_the_open_of_the_entry_bar() -> None:
    told = play([FLAT] * 6, Says(long=[0]), holds={"unlisted": 3 * HOUR_MS})
    assert told.told[1:] == [(4, "time", 10.0, 100.0)]


# Entries that end.


def test_a_true_exit_condition_withdraws_a_resting_entry() -> None:
    told = play(
        [FLAT] * 4, Says(long=[0, 1], exit_long=[1], limit=90.0), plan={"limit_bars": [3] * 16}
    )
    assert (told.fills, told.rejections) == ([], {"SIGNAL_WITHDRAWN": 1})


def test_a_share_below_one_lot_is_no_volume() -> None:
    bars = [FLAT, (100.0, 101.0, 99.0, 100.0, 50.0), FLAT]
    told = play(bars, Says(long=[0]), instrument={"lot": Decimal(1)}, volume_share_pct=1.0)
    assert (told.fills, told.rejections) == ([], {"VOLUME_ZERO": 1})


def test_what_is_not_a_number_refuses_the_entry_and_no_exit() -> None:
    told = play([FLAT] * 3, Says(long=[0], stop=math.nan))
    assert (told.fills, told.rejections) == ([], {"NOT_FINITE": 1})


# What the policy counts.


def test_cash_is_counted_at_the_collar_with_the_takers_fee() -> None:
    told = play(
        [FLAT] * 2, Says(long=[0]), plan={"size": 1.0}, instrument={"taker_bps": Decimal(10)}
    )
    assert told.fills[0]["quantity"] == pytest.approx(10_000 / (105 * 1.001))
    assert told.shrunk == {"CASH": 1}


def test_a_short_leaves_cash_less_its_proceeds_and_as_much_again() -> None:
    # 70 short: cash 17,000 less twice 7,000 leaves 3,000, which is 30 of the 70 asked for.
    told = play(
        {"A/USDT": [FLAT] * 3, "B/USDT": [FLAT] * 3}, Says("A/USDT", short=[0]),
        Says("B/USDT", long=[1]), plan=NO_COLLAR | {"size": 0.7},
    )  # fmt: skip
    assert [f["quantity"] for f in told.fills] == pytest.approx([70.0, 30.0])
    assert told.shrunk == {"CASH": 1}


def test_a_pending_short_makes_no_room_for_a_long() -> None:
    told = play(
        {name: [FLAT] * 2 for name in ("A/USDT", "B/USDT", "C/USDT")}, Says("A/USDT", long=[0]),
        Says("B/USDT", short=[0]), Says("C/USDT", long=[0]), plan=NO_COLLAR,
        limits={"max_net": 0.1},
    )  # fmt: skip
    assert [f["symbol"] for f in told.fills] == ["A/USDT", "B/USDT"]
    assert told.rejections == {"MAX_NET_PCT": 1}


def test_the_other_side_of_a_held_or_pending_slot_is_refused() -> None:
    told = play(
        [FLAT] * 3, Says(strategy="a", long=[0]), Says(strategy="b", short=[0, 1]), plan=NO_COLLAR
    )
    assert [f["strategy"] for f in told.fills] == ["a"]
    assert told.rejections == {"OPPOSITE_SLOT_OPEN": 2}


def test_the_least_position_counts_what_is_held() -> None:
    # An add of 220 to 2,200 stands above a least position of 1,500; an entry of 1,000 does not.
    bars = [FLAT, FLAT, (100.0, 111.0, 99.0, 110.0), (110.0, 111.0, 109.0, 110.0)]
    limits = {"cap_min": 1_500.0}
    told = play(bars, Says(long=[0]), plan={"size": 0.2, "adds": [(1.0, 0.1)]}, limits=limits)
    assert told.told == [(1, "entry", 20.0, 100.0), (3, "add", 2.0, 110.0)]
    assert play(bars, Says(long=[0]), limits=limits).rejections == {"POSITION_CAP": 1}


# Dust.


def test_what_is_left_below_one_lot_stays_in_the_account() -> None:
    # 1 % of 10 is the fee; 9.9 arrive, 9 are sold for 900 less 9, and 0.9 is worth 90.
    instrument = {"lot": Decimal(1), "fee_asset": "base", "taker_bps": Decimal(100)}
    told = play([FLAT] * 4, Says(long=[0], exit_long=[1]), instrument=instrument)
    assert [f["quantity"] for f in told.fills] == pytest.approx([10.0, 9.0])
    assert told.equity[-1] == pytest.approx(9_000 + 891 + 90)
    assert told.slots[0]["qty"] == 0.0
