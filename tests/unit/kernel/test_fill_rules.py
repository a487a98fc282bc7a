"""The numbered rules of simulated fills, one after the other, worked out by hand.

Cash is 10,000 and a strategy holds 10 %: 1,000, which is 10 units at a close of 100. The stop is 10
away, so R is 10. Nothing costs anything unless a test says so.
"""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from paperbot_core.domain.market import HOUR_MS
from paperbot_core.kernel.grid import ceil_grid, floor_grid
from tests.unit.kernel.fill_world import START, Says, play

FLAT = (100.0, 101.0, 99.0, 100.0)


def test_rule_1_exits_come_before_entries_at_one_open() -> None:
    # Strategy `a` is served first, but it enters at the open at which `b` leaves.
    told = play(
        [FLAT] * 4, Says(strategy="a", long=[1]), Says(strategy="b", long=[0], exit_long=[1])
    )
    assert [(f["strategy"], f["reason"]) for f in told.fills] == [
        ("b", "entry"), ("b", "signal"), ("a", "entry"),
    ]  # fmt: skip


def test_rule_1_an_open_beyond_a_target_settles_before_the_stop_of_that_bar() -> None:
    # Entry 100, stop 90, target 120. The bar opens at 125 and falls to 80: first the open.
    bars = [FLAT, FLAT, (125.0, 126.0, 80.0, 85.0)]
    told = play(bars, Says(long=[0]), plan={"rungs": [(2.0, 0.5)]})
    assert told.told == [
        (1, "entry", 10.0, 100.0), (2, "target", 5.0, 125.0), (2, "stop", 5.0, 90.0),
    ]  # fmt: skip


def test_rule_1_inside_a_bar_the_stop_comes_before_the_target() -> None:
    bars = [FLAT, FLAT, (100.0, 130.0, 89.0, 110.0)]
    told = play(bars, Says(long=[0]), plan={"rungs": [(2.0, 0.5)]})
    assert told.told[1:] == [(2, "stop", 10.0, 90.0)]


def test_rule_1_finer_bars_decide_what_came_first() -> None:
    # The same bar in two halves: up to 130 first, down to 89 later.
    halves = [FLAT, FLAT, FLAT, FLAT, (100.0, 130.0, 99.0, 120.0), (120.0, 120.0, 89.0, 110.0)]
    told = play(halves, Says(long=[0]), plan={"rungs": [(2.0, 0.5)]}, own=2)
    assert told.told[1:] == [(4, "target", 5.0, 120.0), (5, "stop", 5.0, 90.0)]


def test_rule_2_market_orders_fill_at_the_open_worse_by_slippage() -> None:
    # 10 bps of 102 up, 10 bps of 98 down.
    bars = [FLAT, (102.0, 103.0, 101.0, 102.0), (98.0, 99.0, 97.0, 98.0)]
    told = play(bars, Says(long=[0], exit_long=[1]), slippage_bps=10.0)
    assert told.told == [(1, "entry", 10.0, 102.102), (2, "signal", 10.0, 97.902)]


def test_rule_2_beyond_the_collar_nothing_fills_and_the_count_comes_back() -> None:
    # Collar 100 + 5 %. 105 fills, 105.01 does not; one trade a day, so the count must be free.
    missed = [FLAT, (105.01, 106.0, 104.0, 100.0), (105.0, 106.0, 104.0, 105.0)]
    told = play(missed, Says(long=[0, 1]), limits={"max_day": 1})
    assert told.rejections == {"COLLAR_MISSED": 1}
    assert told.told == [(2, "entry", 10.0, 105.0)]


def test_rule_2_a_short_misses_below_its_collar_and_above_its_cap() -> None:
    for opened in (94.99, 105.01):
        bars = [FLAT, (opened, 106.0, 94.0, 100.0)]
        assert play(bars, Says(short=[0])).rejections == {"COLLAR_MISSED": 1}
    assert play([FLAT, (95.0, 96.0, 94.0, 95.0)], Says(short=[0])).fills[0]["price"] == 95.0


def test_rule_3_a_stop_fills_at_the_worse_of_open_and_stop() -> None:
    touched = play([FLAT, FLAT, (95.0, 96.0, 90.0, 95.0)], Says(long=[0]), slippage_bps=10.0)
    # Entry 100.1, stop 90.1: low 90 <= 90.1, sold at 90.1 less 10 bps.
    assert touched.told[1] == (2, "stop", 10.0, round(90.1 * 0.999, 9))
    gapped = play([FLAT, FLAT, (85.0, 95.0, 84.0, 95.0)], Says(long=[0]))
    assert gapped.told[1] == (2, "stop", 10.0, 85.0)


def test_rule_3_a_stop_is_live_in_the_entry_bar_and_triggers_on_equality() -> None:
    told = play([FLAT, (100.0, 101.0, 90.0, 95.0)], Says(long=[0]))
    assert told.told == [(1, "entry", 10.0, 100.0), (1, "stop", 10.0, 90.0)]
    short = play([FLAT, (100.0, 110.0, 99.0, 105.0)], Says(short=[0]))
    assert short.told[1] == (1, "stop", 10.0, 110.0)


def test_rule_3_after_a_limit_fill_inside_a_bar_only_the_stop_is_live_in_it() -> None:
    # Limit 98 inside the bar: stop 88, target 98 + 0.5 R = 103; the bar saw 104, before or after.
    plan = {"rungs": [(0.5, 1.0)], "limit_bars": [1] * 16}
    bars = [FLAT, (100.0, 104.0, 97.0, 100.0), (100.0, 104.0, 99.0, 100.0)]
    told = play(bars, Says(long=[0], limit=98.0), plan=plan)
    assert told.told == [(1, "entry", 10.0, 98.0), (2, "target", 10.0, 103.0)]
    fell = play([FLAT, (100.0, 104.0, 88.0, 100.0)], Says(long=[0], limit=98.0), plan=plan)
    assert fell.told[1] == (1, "stop", 10.0, 88.0)


def test_rule_4_targets_and_limits_fill_only_when_traded_through() -> None:
    # Target 110: a high of 110 is not enough, 110.01 is; an open of 112 is better.
    for high, expected in ((110.0, []), (110.01, [(2, "target", 10.0, 110.0)])):
        bars = [FLAT, FLAT, (100.0, high, 99.0, 100.0)]
        told = play(bars, Says(long=[0]), plan={"rungs": [(1.0, 1.0)]})
        assert told.told[1:] == expected
    better = play(
        [FLAT, FLAT, (112.0, 113.0, 111.0, 112.0)], Says(long=[0]), plan={"rungs": [(1.0, 1.0)]}
    )
    assert better.told[1] == (2, "target", 10.0, 112.0)
    for low, fills in ((98.0, 0), (97.99, 1)):
        bars = [FLAT, (100.0, 101.0, low, 100.0)]
        told = play(bars, Says(long=[0], limit=98.0), plan={"limit_bars": [1] * 16})
        assert len(told.fills) == fills


def test_rule_4_a_limit_fills_at_a_better_open_and_its_targets_are_then_live() -> None:
    plan = {"rungs": [(0.5, 1.0)], "limit_bars": [1] * 16}
    told = play([FLAT, (97.0, 103.0, 96.0, 100.0)], Says(long=[0], limit=98.0), plan=plan)
    assert told.told == [(1, "entry", 10.0, 97.0), (1, "target", 10.0, 102.0)]


def test_rule_4_a_trailing_level_made_in_a_bar_acts_from_the_next() -> None:
    # The high of 120 in bar 2 makes the level 115; the low of 97 is of the same bar (level 96 yet).
    plan = {"has_trail": True}
    bars = [FLAT, FLAT, (100.0, 120.0, 97.0, 118.0), (118.0, 119.0, 114.0, 116.0)]
    told = play(bars, Says(long=[0], trail=5.0), plan=plan)
    assert told.told[1:] == [(3, "trail", 10.0, 115.0)]


def test_rule_5_the_volume_share_cancels_the_rest_of_an_entry() -> None:
    bars = [FLAT, (100.0, 101.0, 99.0, 100.0, 40.0), FLAT]
    told = play(bars, Says(long=[0]), volume_share_pct=10.0)
    assert told.told == [(1, "entry", 4.0, 100.0)]
    assert told.slots[0]["order"] == 0


def test_rule_5_the_rest_of_an_exit_goes_on_and_stops_are_not_limited() -> None:
    thin = (100.0, 101.0, 99.0, 100.0, 60.0)
    told = play([FLAT, FLAT, thin, thin], Says(long=[0], exit_long=[1]), volume_share_pct=10.0)
    assert told.told[1:] == [(2, "signal", 6.0, 100.0), (3, "signal", 4.0, 100.0)]
    crash = (100.0, 101.0, 80.0, 85.0, 1.0)
    told = play([FLAT, FLAT, crash], Says(long=[0]), volume_share_pct=10.0)
    assert told.told[1:] == [(2, "stop", 10.0, 90.0)]


def test_rule_5_a_target_takes_one_share_of_a_bar_and_goes_on_in_the_next() -> None:
    # The open is beyond the target already: its share is 3, not 3 at the open and 3 inside.
    rising = (112.0, 113.0, 111.0, 112.0, 30.0)
    told = play(
        [FLAT, FLAT, rising, rising], Says(long=[0]), plan={"rungs": [(1.0, 1.0)]},
        volume_share_pct=10.0,
    )  # fmt: skip
    assert told.told[1:] == [(2, "target", 3.0, 112.0), (3, "target", 3.0, 112.0)]


def test_rule_5_nothing_fills_without_volume_and_all_does_where_it_is_unknown() -> None:
    dead = (100.0, 101.0, 85.0, 100.0, 0.0)
    told = play([FLAT, dead], Says(long=[0]))
    assert told.rejections == {"VOLUME_ZERO": 1}
    unknown = (100.0, 101.0, 99.0, 100.0, math.nan)
    assert len(play([FLAT, unknown], Says(long=[0]), volume_share_pct=10.0).fills) == 1
    held = play([FLAT, FLAT, dead, (95.0, 96.0, 94.0, 95.0)], Says(long=[0]))
    assert len(held.fills) == 1


def test_rule_6_maker_for_resting_orders_taker_else() -> None:
    fees = {"maker_bps": Decimal(2), "taker_bps": Decimal(10)}
    bars = [FLAT, FLAT, (100.0, 111.0, 99.0, 100.0), (89.0, 90.0, 88.0, 89.0)]
    told = play(bars, Says(long=[0]), plan={"rungs": [(1.0, 0.5)]}, instrument=fees)
    # 1000 * 10 bps; 5 * 110 * 2 bps; 5 * 89 * 10 bps.
    assert [f["fee"] for f in told.fills] == pytest.approx([1.0, 0.11, 0.445])
    assert told.trades[0]["fees"] == pytest.approx(1.555)
    assert told.trades[0]["pnl"] == pytest.approx(5 * 10 - 5 * 11 - 1.555)


def test_rule_6_a_fee_in_the_base_asset_is_taken_from_what_a_buy_receives() -> None:
    facts = {"taker_bps": Decimal(100), "fee_asset": "base"}
    told = play([FLAT, FLAT, FLAT], Says(long=[0], exit_long=[1]), instrument=facts)
    # 10 bought, 9.9 received; 9.9 sold for 990 less 9.9.
    assert told.told[1][2] == pytest.approx(9.9)
    assert told.equity[-1] == pytest.approx(10_000 - 1_000 + 990 - 9.9)


def test_rule_7_quantities_go_down_to_the_lot_and_prices_against_us() -> None:
    grid = {"lot": Decimal("0.3"), "tick": Decimal("0.5")}
    bars = [FLAT, (100.2, 101.0, 99.0, 100.0), (99.9, 101.0, 99.0, 100.0)]
    told = play(bars, Says(long=[0], exit_long=[1]), instrument=grid)
    assert told.told == [(1, "entry", 9.9, 100.5), (2, "signal", 9.9, 99.5)]


def test_rule_7_a_quantity_on_the_grid_stays_there() -> None:
    # 10 / 0.1 may be 99.99999999999999 to a float: no lot may get lost.
    for lot in ("0.1", "0.01", "0.001"):
        told = play([FLAT, FLAT], Says(long=[0]), instrument={"lot": Decimal(lot)})
        assert told.told == [(1, "entry", 10.0, 100.0)]


def test_rule_8_entries_are_level_triggered_while_the_slot_is_flat() -> None:
    bars = [FLAT, (100.0, 101.0, 89.0, 100.0), FLAT, FLAT]
    told = play(bars, Says(long=[0, 1, 2, 3]))
    # Stopped out in bar 1; the signal still stands at its close.
    assert [t[:2] for t in told.told] == [(1, "entry"), (1, "stop"), (2, "entry")]


def test_rule_8_a_limit_entry_that_expires_is_asked_for_again_at_that_close() -> None:
    bars = [FLAT, FLAT, (100.0, 101.0, 97.0, 100.0)]
    told = play(bars, Says(long=[0, 1], limit=98.0), plan={"limit_bars": [1] * 16})
    assert told.rejections == {"LIMIT_EXPIRED": 1}
    assert told.told == [(2, "entry", 10.0, 98.0)]


def test_rule_8_no_reversal_within_one_bar() -> None:
    told = play([FLAT] * 5, Says(long=[0], short=[2, 3], exit_long=[2]))
    assert [t[:2] for t in told.told] == [(1, "entry"), (3, "signal"), (4, "entry")]


def test_rule_9_sizes_by_equity_and_by_risk() -> None:
    assert play([FLAT, FLAT], Says(long=[0])).told[0][2] == 10.0
    risk = play([FLAT, FLAT], Says(long=[0], per=4.0), plan={"by_risk": True, "size": 0.01})
    assert risk.told[0][2] == 25.0  # 10000 * 1 % / 4


def test_rule_9_the_stop_is_measured_from_the_fill_and_r_is_its_distance() -> None:
    bars = [FLAT, (103.0, 104.0, 102.0, 103.0), (94.0, 95.0, 93.0, 94.0), (94.0, 95.0, 92.0, 94.0)]
    told = play(bars, Says(long=[0]))
    assert told.told[1] == (2, "stop", 10.0, 93.0)
    assert told.trades[0]["r_multiple"] == pytest.approx(-1.0)


def test_rule_9_ladder_fractions_are_of_what_was_entered_by_then() -> None:
    # 10 at 100, 5 more at 106: the first rung is 0.5 of 15, the last takes the rest.
    bars = [FLAT, (100.0, 106.0, 99.0, 106.0), (106.0, 121.0, 105.0, 120.0),
            (120.0, 131.0, 119.0, 130.0)]  # fmt: skip
    plan = {"rungs": [(2.0, 0.5), (3.0, 0.5)], "adds": [(0.5, 0.5)]}
    told = play(bars, Says(long=[0]), plan=plan).told
    assert told == [(1, "entry", 10.0, 100.0), (2, "add", 5.0, 106.0), (2, "target", 7.5, 120.0),
                    (3, "target", 7.5, 130.0)]  # fmt: skip


def test_rule_10_a_row_is_one_slot_from_flat_to_flat() -> None:
    bars = [FLAT, FLAT, (100.0, 111.0, 99.0, 105.0), FLAT, FLAT]
    told = play(bars, Says(long=[0], exit_long=[3]), plan={"rungs": [(1.0, 0.5)]})
    (row,) = told.trades
    assert (row["entry_ts"], row["exit_ts"]) == (START + HOUR_MS, START + 4 * HOUR_MS)
    assert (row["entry_price"], row["exit_price"], row["quantity"]) == (100.0, 105.0, 10.0)
    assert (row["pnl"], row["exit_reason"], row["bars_held"]) == (50.0, "signal", 3)


def test_rule_10_an_open_position_is_valued_at_the_last_close_and_is_no_trade() -> None:
    told = play([FLAT, (100.0, 108.0, 99.0, 107.0)], Says(long=[0]))
    assert told.trades == []
    assert told.equity[-1] == pytest.approx(10_070.0)


@pytest.mark.parametrize("steps", [10_000_001, 13_107_200, 123_456_789, 98_765_432_101])
@pytest.mark.parametrize("tick", ["0.01", "0.00001", "0.00000001", "0.25"])
def test_rule_7_a_price_on_the_tick_stays_there_however_many_ticks_it_is(
    steps: int, tick: str
) -> None:
    # Bitcoin at 131072.02 is 13107202 cents, but 131072.02 * 100 is 13107201.999999998 to a float.
    n, d = (float(part) for part in Decimal(tick).as_integer_ratio())
    for near in range(steps, steps + 200):
        price = float(near * Decimal(tick))
        assert (floor_grid(price, n, d), ceil_grid(price, n, d)) == (price, price)
