"""What the contract settles where the numbered rules leave it open, worked out by hand.

As in the tests of the rules: 10,000 of cash, 10 units at 100, a stop and an R of 10.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from paperbot_core.domain.market import HOUR_MS
from tests.unit.kernel.fill_world import START, Row, Says, play

FLAT = (100.0, 101.0, 99.0, 100.0)
DEAD = (100.0, 101.0, 99.0, 100.0, 0.0)
DAY_MS = 24 * HOUR_MS


# Days and latches.


def test_a_close_on_midnight_is_judged_by_the_old_anchor_and_closes_the_new_day() -> None:
    # Row 0 opens at 22:00, the entry is at 23:00; at 00:00 its 10 units have lost 9.5 each: 0.95 %.
    bars = [FLAT, (100.0, 101.0, 91.0, 90.5), FLAT, FLAT]
    told = play(
        {"A/USDT": bars, "B/USDT": [FLAT] * 4}, Says("A/USDT", long=[0], stop=50.0),
        Says("B/USDT", long=[1, 2], stop=50.0), limits={"daily_stop": 0.009},
        start=START - 2 * HOUR_MS,
    )  # fmt: skip
    assert told.equity[1] == pytest.approx(9_905.0)
    assert told.rejections == {"DAILY_STOP_LOSS_PCT": 2}


def test_a_trip_of_the_day_ends_at_midnight() -> None:
    # Row 0 opens at 21:00; the loss is marked at 23:00, B asks at 23:00 and at 00:00.
    bars = [FLAT, (100.0, 101.0, 91.0, 90.5), (90.5, 91.0, 90.0, 90.5), FLAT]
    told = play(
        {"A/USDT": bars, "B/USDT": [FLAT] * 4}, Says("A/USDT", long=[0], stop=50.0),
        Says("B/USDT", long=[1, 2], stop=50.0), limits={"daily_stop": 0.009},
        start=START - 3 * HOUR_MS,
    )  # fmt: skip
    assert told.rejections == {"DAILY_STOP_LOSS_PCT": 1}
    assert [(f["symbol"], f["ts"] - START) for f in told.fills] == [
        ("A/USDT", -2 * HOUR_MS), ("B/USDT", 0),
    ]  # fmt: skip


def test_bars_of_a_day_are_judged_at_every_close() -> None:
    # 10 units lose 100 on each of two days in a row: 1 % of 10,000, then 1.01 % of 9,900.
    bars = [FLAT, (100.0, 101.0, 89.0, 90.0), (90.0, 91.0, 79.0, 80.0), FLAT, FLAT]
    told = play(
        {"A/USDT": bars, "B/USDT": [FLAT] * 5}, Says("A/USDT", long=[0], stop=90.0),
        Says("B/USDT", long=[1, 2], stop=90.0), limits={"daily_stop": 0.01}, tf_ms=DAY_MS,
    )  # fmt: skip
    assert told.rejections == {"DAILY_STOP_LOSS_PCT": 2}


# Readings 4 to 6: service, absent bars, bars without volume.


def test_service_by_strength_then_symbol_and_an_unknown_strength_holds_nobody_up() -> None:
    names = ["A/USDT", "B/USDT", "C/USDT", "D/USDT"]
    strengths = [0.2, float("nan"), 0.9, 0.9]
    told = play(
        {n: [FLAT, FLAT] for n in names},
        *(Says(n, long=[0], strength=x) for n, x in zip(names, strengths, strict=True)),
        limits={"max_open": 2},
    )
    assert [f["symbol"] for f in told.fills] == ["C/USDT", "D/USDT"]
    assert told.rejections == {"NOT_FINITE": 1, "MAX_OPEN_POSITIONS": 1}


def test_an_absent_bar_ends_an_entry_and_gives_its_count_back() -> None:
    bars: dict[str, list[Row]] = {"A/USDT": [FLAT, None, FLAT, FLAT], "B/USDT": [FLAT] * 4}
    says = Says("A/USDT", long=[0]), Says("B/USDT", long=[1])
    told = play(bars, *says, limits={"max_open": 1, "max_day": 1})
    assert told.rejections == {"BAR_ABSENT": 1}
    assert [(f["symbol"], f["ts"]) for f in told.fills] == [("B/USDT", START + 2 * HOUR_MS)]


def test_a_market_with_sessions_waits_for_its_next_bar() -> None:
    bars: dict[str, list[Row]] = {"A": [FLAT, None, FLAT], "B": [FLAT] * 3}
    told = play(bars, Says("A", long=[0]), Says("B"), instrument={"sessions": True})
    assert told.rejections == {}
    assert told.told == [(2, "entry", 10.0, 100.0)]


def test_an_exit_waits_for_volume_and_its_slot_counts_as_open_until_then() -> None:
    bars: dict[str, list[Row]] = {"A/USDT": [FLAT, FLAT, DEAD, FLAT, FLAT], "B/USDT": [FLAT] * 5}
    says = Says("A/USDT", long=[0], exit_long=[1]), Says("B/USDT", long=[2, 3])
    told = play(bars, *says, limits={"max_open": 1})
    assert told.rejections == {"MAX_OPEN_POSITIONS": 1}
    assert [(f["symbol"], f["ts"] - START) for f in told.fills[1:]] == [
        ("A/USDT", 3 * HOUR_MS), ("B/USDT", 4 * HOUR_MS),
    ]  # fmt: skip


def test_a_stop_sleeps_through_a_bar_without_volume_and_acts_in_the_next() -> None:
    dead = (100.0, 101.0, 80.0, 85.0, 0.0)
    bars = [FLAT, FLAT, dead, (85.0, 95.0, 84.0, 95.0)]
    assert play(bars, Says(long=[0])).told[1] == (3, "stop", 10.0, 85.0)


def test_an_add_fills_before_the_stop_of_its_bar() -> None:
    # The add of 5 at 96 fills at the open, then the stop at 90 takes all 15.
    bars = [FLAT, (100.0, 106.0, 99.0, 105.0), (104.0, 105.0, 89.0, 95.0)]
    told = play(bars, Says(long=[0]), plan={"adds": [(0.5, 0.5)]}).told
    assert told[1:] == [(2, "add", 5.0, 104.0), (2, "stop", 15.0, 90.0)]


# Readings 7 to 9: minimum, exits that block, cooldowns, time.


def test_min_notional_counts_the_close_less_the_takers_fee() -> None:
    fee = Decimal(10)  # 1000 * (1 - 0.001) = 999
    for least, refused in ((999, {}), (Decimal("999.01"), {"MIN_NOTIONAL": 1})):
        facts = {"min_notional": Decimal(least), "taker_bps": fee}
        assert play([FLAT, FLAT], Says(long=[0]), instrument=facts).rejections == refused


def test_a_true_exit_condition_blocks_entries_unless_it_asks_about_a_position() -> None:
    assert play([FLAT] * 3, Says(long=[0], exit_long=[0])).fills == []
    gated = {"gated": 1, "min_r": [0.5] + [-1e300] * 15}
    assert len(play([FLAT] * 3, Says(long=[0], exit_long=[0]), plan=gated).fills) == 1


def test_cooldown_after_a_loss_runs_from_the_close_of_the_exit_bar() -> None:
    # Stopped out in row 1, which closes at 02:00; 120 minutes later is the close of row 3.
    bars = [FLAT, (100.0, 101.0, 89.0, 100.0), FLAT, FLAT, FLAT]
    limits = {"loss_cooldown_ms": 2 * HOUR_MS}
    told = play(bars, Says(long=[0, 1, 2, 3]), limits=limits)
    assert told.rejections == {"COOLDOWN_AFTER_LOSS_MIN": 2}
    assert [t[:2] for t in told.told] == [(1, "entry"), (1, "stop"), (4, "entry")]


def test_a_loss_is_a_loss_net_of_fees() -> None:
    fee = {"taker_bps": Decimal(10)}
    bars = [FLAT, FLAT, (100.1, 101.0, 99.0, 100.0), FLAT]
    says = Says(long=[0, 2], exit_long=[1])
    # Gross +1, fees 1 + 1.001.
    told = play(bars, says, instrument=fee, limits={"loss_cooldown_ms": HOUR_MS})
    assert told.rejections == {"COOLDOWN_AFTER_LOSS_MIN": 1}


def test_cooldown_bars_count_from_the_exit_bar() -> None:
    # Out in bar 1, n = 2: no entry at the closes of bars 1 and 2, one at that of bar 3.
    bars = [FLAT, (100.0, 101.0, 89.0, 100.0), FLAT, FLAT, FLAT]
    told = play(bars, Says(long=[0, 1, 2, 3]), plan={"cooldown_bars": 2})
    assert told.told[-1][:2] == (4, "entry")
    assert told.rejections == {}


def test_max_bars_sells_at_the_open_of_bar_e_plus_n() -> None:
    told = play([FLAT] * 6, Says(long=[0]), plan={"max_bars": 3})
    assert told.told[1] == (4, "time", 10.0, 100.0)
    assert told.trades[0]["bars_held"] == 3


# Reading 10: trail, break-even, adds.


def test_a_trail_is_armed_by_the_high_and_never_lowered() -> None:
    # Armed at 110: bar 2 makes 111 - 5 = 106; a wider market later does not lower it.
    plan = {"has_trail": True, "trail_after_r": 1.0}
    bars = [FLAT, (100.0, 109.9, 99.0, 109.0), (109.0, 111.0, 108.0, 110.0),
            (110.0, 110.5, 107.0, 108.0), (108.0, 109.0, 105.0, 106.0)]  # fmt: skip
    told = play(bars, Says(long=[0], trail=5.0), plan=plan)
    assert told.told[1:] == [(4, "trail", 10.0, 106.0)]


def test_break_even_moves_the_stop_to_the_first_entry_price() -> None:
    plan = {"breakeven_after_r": 0.5}
    bars = [FLAT, (100.0, 105.0, 99.0, 104.0), (104.0, 105.0, 99.5, 101.0)]
    told = play(bars, Says(long=[0]), plan=plan)
    assert told.told[1:] == [(2, "breakeven", 10.0, 100.0)]


def test_levels_reached_in_a_finer_bar_move_the_stop_at_the_slots_own_close() -> None:
    # Own bars of two: 106 in the first half of the second bar, its close sets break-even.
    plan = {"breakeven_after_r": 0.5}
    bars = [FLAT, FLAT, (100.0, 106.0, 99.9, 104.0), (104.0, 104.5, 103.0, 104.0),
            (104.0, 104.5, 99.0, 99.0)]  # fmt: skip
    told = play(bars, Says(long=[0]), plan=plan, own=2)
    assert told.told[1:] == [(4, "breakeven", 10.0, 100.0)]


def test_adds_come_one_level_a_bar_and_move_neither_stop_nor_targets() -> None:
    plan = {"adds": [(0.5, 0.5), (0.6, 0.25)], "rungs": [(3.0, 1.0)]}
    bars = [FLAT, (100.0, 108.0, 99.0, 107.0), (107.0, 108.0, 106.0, 107.0),
            (107.0, 108.0, 106.0, 107.0), (107.0, 108.0, 89.0, 95.0)]  # fmt: skip
    told = play(bars, Says(long=[0]), plan=plan)
    assert told.told[1:] == [
        (2, "add", 5.0, 107.0), (3, "add", 2.5, 107.0), (4, "stop", 17.5, 90.0),
    ]  # fmt: skip


def test_adds_count_as_trades() -> None:
    plan = {"adds": [(0.5, 0.5)]}
    bars = [FLAT, (100.0, 108.0, 99.0, 107.0), (107.0, 108.0, 106.0, 107.0)]
    told = play(bars, Says(long=[0]), plan=plan, limits={"max_day": 1})
    assert told.rejections == {"MAX_TRADES_PER_DAY": 1}


# Reading 11: targets.


def test_targets_are_live_in_the_entry_bar_and_every_rung_traded_through_fills() -> None:
    # Targets 105 and 110 of 111, not 120; no slippage, the maker's fee.
    plan = {"rungs": [(0.5, 0.3), (1.0, 0.3), (2.0, 0.3)]}
    told = play(
        [FLAT, (100.0, 111.0, 99.0, 110.0)], Says(long=[0]), plan=plan,
        instrument={"maker_bps": Decimal(2)},
    )  # fmt: skip
    assert told.told == [
        (1, "entry", 10.0, 100.0), (1, "target", 3.0, 105.0), (1, "target", 3.0, 110.0),
    ]  # fmt: skip
    assert told.fills[1]["fee"] == pytest.approx(3 * 105 * 0.0002)


def test_a_rung_is_rounded_down_to_the_lot_and_the_last_takes_the_rest() -> None:
    plan = {"rungs": [(0.5, 0.33), (1.0, 0.67)]}
    told = play(
        [FLAT, (100.0, 111.0, 99.0, 110.0)], Says(long=[0]), plan=plan,
        instrument={"lot": Decimal("0.5")},
    )  # fmt: skip
    assert told.told[1:] == [(1, "target", 3.0, 105.0), (1, "target", 7.0, 110.0)]


# Readings 16, 17, 19: pyramids, ticks, limit entries.


def test_a_level_is_used_up_when_it_misses_or_is_refused() -> None:
    plan = {"adds": [(0.5, 0.5)], "collar": 0.01}
    bars = [FLAT, (100.0, 108.0, 99.0, 107.0), (109.0, 110.0, 106.0, 107.0),
            (107.0, 108.0, 106.0, 107.0)]  # fmt: skip
    told = play(bars, Says(long=[0]), plan=plan)
    assert told.rejections == {"COLLAR_MISSED": 1}
    assert len(told.fills) == 1


def test_a_row_with_adds_is_weighted_by_quantity_and_r_by_the_first() -> None:
    # 10 at 100 and 5 at 106, all out at 112: pnl 120 + 30, R * first quantity = 100.
    plan = {"adds": [(0.5, 0.5)]}
    bars = [FLAT, (100.0, 107.0, 99.0, 106.0), (106.0, 108.0, 105.0, 107.0),
            (112.0, 113.0, 111.0, 112.0)]  # fmt: skip
    told = play(bars, Says(long=[0], exit_long=[2]), plan=plan)
    (row,) = told.trades
    assert row["quantity"] == pytest.approx(15.0)
    assert row["entry_price"] == pytest.approx((1000 + 530) / 15)
    assert (row["pnl"], row["r_multiple"]) == (pytest.approx(150.0), pytest.approx(1.5))


def test_ticks_go_against_us_collar_down_stop_up_target_up() -> None:
    grid = {"tick": Decimal("0.5")}
    # Collar 100 * 1.0033 = 100.33, down to 100: an open of 100.4 fills at 100.5 and misses.
    tight = {"collar": 0.0033}
    missed = play([FLAT, (100.4, 101.0, 99.0, 100.0)], Says(long=[0]), plan=tight, instrument=grid)
    assert missed.rejections == {"COLLAR_MISSED": 1}
    # Stop 100 - 9.7 = 90.3, up to 90.5; target 100 + 9.7 = 109.7, up to 110.
    bars = [FLAT, FLAT, (100.0, 110.1, 91.0, 100.0), (100.0, 101.0, 90.5, 95.0)]
    told = play(bars, Says(long=[0], stop=9.7), plan={"rungs": [(1.0, 0.5)]}, instrument=grid)
    assert told.told[1:] == [(2, "target", 5.0, 110.0), (3, "stop", 5.0, 90.5)]
    # A short mirrors it: stop 109.7 down to 109.5, target 90.3 down to 90.
    bars = [FLAT, FLAT, (100.0, 109.0, 89.9, 100.0), (100.0, 109.5, 99.0, 105.0)]
    told = play(bars, Says(short=[0], stop=9.7), plan={"rungs": [(1.0, 0.5)]}, instrument=grid)
    assert told.told[1:] == [(2, "target", 5.0, 90.0), (3, "stop", 5.0, 109.5)]


def test_a_limit_entry_rests_for_its_bars_and_keeps_its_reservation() -> None:
    plan = {"limit_bars": [2] * 16}
    bars = [FLAT, FLAT, (100.0, 101.0, 97.0, 100.0), FLAT]
    says = Says(strategy="a", long=[0], limit=98.0), Says(strategy="b", long=[1], limit=90.0)
    told = play(bars, *says, plan=plan, limits={"max_open": 1})
    assert told.told == [(2, "entry", 10.0, 98.0)]
    assert told.rejections == {"MAX_OPEN_POSITIONS": 1}
    late = play([FLAT] * 3 + bars[2:], Says(long=[0], limit=98.0), plan=plan)
    assert late.rejections == {"LIMIT_EXPIRED": 1}
    assert late.fills == []


def test_a_limit_entry_has_no_collar_and_its_cap_is_at_the_limit() -> None:
    # 5 % of 10,000 at the limit of 80: 6.25 units, however far 80 is from the close.
    bars = [FLAT, (100.0, 101.0, 79.0, 85.0)]
    told = play(
        bars, Says(long=[0], limit=80.0), plan={"limit_bars": [1] * 16, "collar": 0.01},
        limits={"max_position": 0.05},
    )  # fmt: skip
    assert told.told == [(1, "entry", 6.25, 80.0)]
    assert told.shrunk == {"MAX_POSITION_SIZE_PCT": 1}


def test_both_sides_at_once_are_neither_even_if_one_is_blocked() -> None:
    # The limit of a row belongs to the long rule; a short must not rest there.
    told = play(
        [FLAT, FLAT], Says(long=[0], short=[0], exit_long=[0], limit=95.0),
        plan={"limit_bars": [1] * 16},
    )  # fmt: skip
    assert (told.fills, told.rejections) == ([], {})


def test_noise_of_a_subtraction_is_no_room() -> None:
    # Three take 10 % each at the collar; of 0.1 + 0.2 = 0.30000000000000004 something seems left.
    limits = {"max_position": 0.1 + 0.2}
    told = play(
        [FLAT] * 3, Says(strategy="a", long=[0]), Says(strategy="b", long=[0]),
        Says(strategy="c", long=[0]), Says(strategy="d", long=[0]),
        plan={"collar": 0.0}, limits=limits,
    )  # fmt: skip
    assert [f["quantity"] for f in told.fills] == pytest.approx([10.0] * 3)
    assert told.rejections == {"MAX_POSITION_SIZE_PCT": 1}
