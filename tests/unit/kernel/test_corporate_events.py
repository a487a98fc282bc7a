"""Splits and dividends, worked out by hand: 10,000 of cash, 10 shares at 100, a stop and R of 10.

An event is in force from the open of its row. Cash is paid on what was held before, then shares
are exchanged: numbers of shares times the ratio, prices of a share divided by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from paperbot_core.domain.market import HOUR_MS
from paperbot_core.kernel.desk import Desk
from paperbot_core.kernel.inputs import Inputs, Outputs
from paperbot_core.kernel.plain import run_plain
from tests.unit.kernel import fill_world
from tests.unit.kernel.fill_world import Result, Row, Says

FLAT = (100.0, 101.0, 99.0, 100.0)
HALF = (50.0, 50.5, 49.5, 50.0)
CENTS = {"tick": Decimal("0.01")}
LOTS = {"lot": Decimal(1)}
#: New shares for one old, cash a share held before, by row.
TWO_FOR_ONE = {2: 2.0}


def play(
    bars: Sequence[Row], *says: Says, splits: Mapping[int, float] | None = None,
    dividends: Mapping[int, float] | None = None, **asked: Any,
) -> Result:  # fmt: skip
    """Play rows of A/USDT with events before the opens of some of them."""

    def with_events(desk: Desk, inputs: Inputs) -> Outputs:
        split = np.ones(inputs.bars[0].shape)
        paid = np.zeros(inputs.bars[0].shape)
        for row, ratio in (splits or {}).items():
            split[0, row] = ratio
        for row, cash in (dividends or {}).items():
            paid[0, row] = cash
        return run_plain(desk, replace(inputs, splits=split, dividends=paid))

    table = bars if isinstance(bars, Mapping) else {"A/USDT": bars}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fill_world, "run_plain", with_events)
        return fill_world.play(table, *says, **asked)


# Positions.


def test_a_split_exchanges_shares_entry_and_stop_and_costs_nothing() -> None:
    bars = [FLAT, FLAT, HALF, (50.0, 50.0, 44.0, 44.0)]
    told = play(bars, Says(long=[0]), splits=TWO_FOR_ONE)
    assert told.told == [(1, "entry", 10.0, 100.0), (3, "stop", 20.0, 45.0)]
    assert told.equity == [10_000.0, 10_000.0, 10_000.0, 9_900.0]
    trade = told.trades[0]
    assert (trade["quantity"], trade["entry_price"], trade["exit_price"]) == (20.0, 50.0, 45.0)
    assert (trade["pnl"], trade["r_multiple"]) == (-100.0, -1.0)


def test_a_reverse_split_takes_shares_away() -> None:
    bars = [FLAT, FLAT, (800.0, 800.0, 800.0, 800.0), (800.0, 800.0, 719.0, 800.0)]
    told = play(bars, Says(long=[0]), splits={2: 0.125})
    assert told.told[1:] == [(3, "stop", 1.25, 720.0)]
    assert told.equity[-1] == 9_900.0


def test_a_short_is_exchanged_too() -> None:
    bars = [FLAT, FLAT, HALF, (50.0, 56.0, 50.0, 50.0)]
    told = play(bars, Says(short=[0]), splits=TWO_FOR_ONE)
    assert told.told[1:] == [(3, "stop", 20.0, 55.0)]
    assert (told.equity, told.trades[0]["pnl"]) == ([10_000.0] * 3 + [9_900.0], -100.0)


def test_the_stop_moves_to_the_tick_towards_the_price() -> None:
    # 90.03 / 2 is 45.015: a long's stop up, a short's (110.03 / 2 = 55.015) down.
    bars = [FLAT, (100.03, 101.0, 99.0, 100.0), HALF, (50.0, 60.0, 40.0, 50.0)]
    told = play(bars, Says(long=[0]), splits=TWO_FOR_ONE, instrument=CENTS)
    assert told.told[-1] == (3, "stop", 20.0, 45.02)
    told = play(bars, Says(short=[0]), splits=TWO_FOR_ONE, instrument=CENTS)
    assert told.told[-1] == (3, "stop", 20.0, 55.01)


def test_an_exit_that_is_due_sells_the_new_shares() -> None:
    told = play([FLAT, FLAT, HALF], Says(long=[0], exit_long=[1]), splits=TWO_FOR_ONE)
    assert told.told[1:] == [(2, "signal", 20.0, 50.0)]


def test_the_rest_of_an_exit_is_exchanged() -> None:
    # Half of row 2's volume of 8 is 4; of the other 6 come 12.
    bars = [FLAT, FLAT, (*FLAT, 8.0), HALF]
    told = play(
        bars, Says(long=[0], exit_long=[1]), splits={3: 2.0}, volume_share_pct=50.0
    )
    assert told.told[1:] == [(2, "signal", 4.0, 100.0), (3, "signal", 12.0, 50.0)]
    trade = told.trades[0]
    assert (trade["quantity"], trade["entry_price"], trade["exit_price"]) == (20.0, 50.0, 50.0)
    assert trade["pnl"] == 0.0


def test_a_split_between_two_rungs_of_a_ladder() -> None:
    plan = {"rungs": [(1.0, 0.5), (2.0, 0.5)]}
    bars = [FLAT, FLAT, (100.0, 111.0, 100.0, 110.0), (55.0, 55.0, 55.0, 55.0),
            (55.0, 60.5, 55.0, 60.0)]  # fmt: skip
    told = play(bars, Says(long=[0]), splits={3: 2.0}, plan=plan)
    assert told.told[1:] == [(2, "target", 5.0, 110.0), (4, "target", 10.0, 60.0)]
    # 5 sold at 110 are 10 at 55: 50 + 100 gained, of a risk of 100.
    trade = told.trades[0]
    assert (trade["quantity"], trade["exit_price"]) == (20.0, 57.5)
    assert (trade["pnl"], trade["r_multiple"]) == (150.0, 1.5)


def test_a_split_inside_a_rung() -> None:
    # A half of 10 is wanted, 2 fit into row 2; of the 3 that are left come 6.
    plan = {"rungs": [(1.0, 0.5)]}
    bars = [FLAT, FLAT, (100.0, 111.0, 100.0, 110.0, 4.0), (55.0, 55.5, 55.0, 55.0)]
    told = play(bars, Says(long=[0]), splits={3: 2.0}, plan=plan, volume_share_pct=50.0)
    assert told.told[1:] == [(2, "target", 2.0, 110.0), (3, "target", 6.0, 55.0)]


def test_a_target_is_so_many_r_from_the_entry_before_and_after() -> None:
    # 100.01 + 10 = 110.01 at first; 50.005 + 5 = 55.005, up to the tick, afterwards.
    bars = [FLAT, (100.01, 101.0, 99.0, 100.0), HALF, (50.0, 60.0, 50.0, 50.0)]
    told = play(
        bars, Says(long=[0]), splits=TWO_FOR_ONE, instrument=CENTS, plan={"rungs": [(1.0, 1.0)]}
    )
    assert told.told[1:] == [(3, "target", 20.0, 55.01)]


def test_an_armed_trail_stays_armed_and_is_not_lowered() -> None:
    # High 120 less 8 is 112, or 56 in new shares; 60 less 8 would be 52.
    plan = {"has_trail": True, "trail_after_r": 1.0}
    bars = [FLAT, (100.0, 120.0, 100.0, 118.0), (59.0, 59.5, 58.0, 59.0),
            (59.0, 59.0, 55.0, 59.0)]  # fmt: skip
    told = play(bars, Says(long=[0], trail=8.0), splits=TWO_FOR_ONE, plan=plan)
    assert told.told[1:] == [(3, "trail", 20.0, 56.0)]


def test_the_highest_high_of_a_trail_is_exchanged() -> None:
    # 120 is 60; with the distance 8 a high of 66 makes 58, above the 56 of before.
    plan = {"has_trail": True, "trail_after_r": 1.0}
    bars = [FLAT, (100.0, 120.0, 100.0, 118.0), (59.0, 66.0, 59.0, 65.0),
            (65.0, 65.0, 57.0, 59.0)]  # fmt: skip
    told = play(bars, Says(long=[0], trail=8.0), splits=TWO_FOR_ONE, plan=plan)
    assert told.told[1:] == [(3, "trail", 20.0, 58.0)]


def test_break_even_is_the_entry_price_of_a_new_share() -> None:
    bars = [FLAT, FLAT, (54.0, 55.0, 53.0, 54.0), (54.0, 54.0, 49.0, 50.0)]
    told = play(bars, Says(long=[0]), splits=TWO_FOR_ONE, plan={"breakeven_after_r": 1.0})
    assert told.told[1:] == [(3, "breakeven", 20.0, 50.0)]


def test_gates_compare_with_the_entry_price_of_a_new_share() -> None:
    plan = {"gated": 1, "min_r": [1.0, *[-math.inf] * 15]}
    bars = [FLAT, FLAT, (54.0, 55.0, 53.0, 54.9), (55.0, 56.0, 53.0, 55.0), HALF]
    told = play(bars, Says(long=[0], exit_long=[2, 3]), splits=TWO_FOR_ONE, plan=plan)
    assert told.told[1:] == [(4, "signal", 20.0, 50.0)]


def test_adds_count_in_new_shares() -> None:
    bars = [FLAT, FLAT, HALF, (54.0, 55.0, 53.0, 55.0), (55.0, 55.0, 55.0, 55.0)]
    told = play(bars, Says(long=[0]), splits=TWO_FOR_ONE, plan={"adds": [(1.0, 0.5)]})
    assert told.told[1:] == [(4, "add", 10.0, 55.0)]


# Orders.


def test_a_pending_entry_is_exchanged_with_its_collar_and_its_stop() -> None:
    bars = [FLAT, HALF, (50.0, 50.0, 44.0, 44.0)]
    told = play(bars, Says(long=[0]), splits={1: 2.0})
    assert told.told == [(1, "entry", 20.0, 50.0), (2, "stop", 20.0, 45.0)]
    assert told.trades[0]["r_multiple"] == -1.0
    # The collar of 105 is 52.50 now.
    missed = play([FLAT, (52.51, 53.0, 52.0, 53.0)], Says(long=[0]), splits={1: 2.0})
    assert (missed.fills, missed.rejections) == ([], {"COLLAR_MISSED": 1})


def test_the_collar_of_a_short_is_exchanged_on_both_sides() -> None:
    # Not below 95 / 2, and not above 105 / 2, the price at which it was counted.
    for price, fills in ((47.5, 1), (47.49, 0), (52.5, 1), (52.51, 0)):
        told = play([FLAT, (price,) * 4], Says(short=[0]), splits={1: 2.0})
        assert len(told.fills) == fills


def test_a_resting_limit_is_exchanged_to_the_tick_against_filling() -> None:
    # 90.01 / 2 is 45.005: a buy's limit down. Traded through, not only touched.
    bars = [FLAT, FLAT, HALF, (50.0, 50.0, 45.0, 45.0), (46.0, 46.0, 44.99, 46.0)]
    told = play(
        bars, Says(long=[0], limit=90.01), splits=TWO_FOR_ONE, instrument=CENTS,
        plan={"limit_bars": [4] * 16},
    )  # fmt: skip
    (fill,) = told.fills
    assert (fill["ts"], fill["price"]) == (fill_world.START + 4 * HOUR_MS, 45.0)
    assert fill["quantity"] == 20.0
    assert told.rejections == {}


def test_an_exchanged_order_reserves_the_same_cash() -> None:
    # 60 at 90 keep 5,400, as 120 at 45 do: of 10,000 are 4,600 left for the 5,400 of the other.
    told = play(
        [FLAT, FLAT, HALF, (44.0, 44.0, 44.0, 44.0)], Says(long=[0], limit=90.0),
        Says(strategy="t", long=[2], limit=45.0), splits=TWO_FOR_ONE,
        plan={"limit_bars": [4] * 16, "size": 0.6},
    )  # fmt: skip
    assert [f["quantity"] for f in told.fills] == pytest.approx([120.0, 4_600 / 45.0])
    assert told.shrunk == {"CASH": 1}


def test_an_entry_that_waits_for_its_market_is_exchanged_when_the_market_opens() -> None:
    told = play(
        [FLAT, None, HALF], Says(long=[0]), splits=TWO_FOR_ONE, instrument={"sessions": True}
    )
    assert told.told == [(2, "entry", 20.0, 50.0)]


# Dividends.


def test_a_dividend_is_part_of_the_trade() -> None:
    # 10 shares lost 3 each, got 3 each, and gained 1 each.
    bars = [FLAT, FLAT, (97.0, 98.0, 96.0, 97.0), (98.0, 99.0, 96.0, 98.0)]
    told = play(bars, Says(long=[0], exit_long=[2]), dividends={2: 3.0})
    assert told.equity == [10_000.0, 10_000.0, 10_000.0, 10_010.0]
    trade = told.trades[0]
    assert (trade["exit_price"], trade["pnl"], trade["r_multiple"]) == (98.0, 10.0, 0.1)


def test_a_short_pays_the_dividend() -> None:
    told = play(
        [FLAT, FLAT, (97.0, 98.0, 96.0, 97.0), (97.0, 98.0, 96.0, 97.0)],
        Says(short=[0], exit_short=[2]), dividends={2: 3.0},
    )  # fmt: skip
    assert (told.equity, told.trades[0]["pnl"]) == ([10_000.0] * 4, 0.0)


def test_who_sells_on_the_day_has_it_and_who_buys_on_the_day_has_not() -> None:
    sold = play([FLAT, FLAT, FLAT], Says(long=[0], exit_long=[1]), dividends={2: 3.0})
    assert (sold.trades[0]["pnl"], sold.equity[-1]) == (30.0, 10_030.0)
    bought = play([FLAT, FLAT, FLAT], Says(long=[1]), dividends={2: 3.0})
    assert bought.equity[-1] == 10_000.0


def test_a_dividend_on_the_day_of_a_split_is_paid_on_old_shares() -> None:
    told = play([FLAT, FLAT, HALF], Says(long=[0]), splits=TWO_FOR_ONE, dividends={2: 3.0})
    assert told.equity[-1] == 10_030.0


def test_a_dividend_moves_no_level_and_no_order() -> None:
    bars = [FLAT, FLAT, (97.0, 98.0, 90.01, 97.0), (97.0, 98.0, 90.0, 97.0)]
    told = play(bars, Says(long=[0]), dividends={2: 3.0})
    assert told.told[1:] == [(3, "stop", 10.0, 90.0)]
    told = play(
        [FLAT, FLAT, (97.0, 98.0, 90.0, 97.0), (97.0, 98.0, 89.9, 97.0)],
        Says(long=[0], limit=90.0), dividends={2: 3.0}, plan={"limit_bars": [4] * 16},
    )  # fmt: skip
    assert [(row, price) for row, _, _, price in told.told] == [(3, 90.0)]


def test_a_dividend_turns_a_loss_into_a_gain_for_the_cooldown() -> None:
    limits = {"loss_cooldown_ms": 10 * HOUR_MS}
    bars = [FLAT, FLAT, (98.0, 98.0, 98.0, 98.0), (98.0, 98.0, 98.0, 98.0), FLAT]
    says = Says(long=[0, 2, 3], exit_long=[1])
    lost = play(bars, says, limits=limits)
    assert (len(lost.fills), lost.rejections) == (2, {"COOLDOWN_AFTER_LOSS_MIN": 2})
    paid = play(bars, says, limits=limits, dividends={2: 3.0})
    assert (len(paid.fills), paid.rejections) == (3, {})


# Lots.


def test_what_a_reverse_split_leaves_below_one_lot_stays_in_the_account() -> None:
    # 10 shares are 1.25 of 800: one is sold, a quarter stays and is valued.
    eight = (800.0, 800.0, 800.0, 800.0)
    told = play(
        [FLAT, FLAT, eight, (880.0, 880.0, 880.0, 880.0)], Says(long=[0], exit_long=[2]),
        splits={2: 0.125}, instrument=LOTS,
    )  # fmt: skip
    assert told.told[1:] == [(3, "signal", 1.0, 880.0)]
    assert told.equity[-1] == pytest.approx(10_000.0 + 1.25 * 80.0)


def test_what_is_left_is_exchanged_by_the_next_split() -> None:
    eight = (800.0, 800.0, 800.0, 800.0)
    told = play(
        [FLAT, FLAT, eight, eight, (400.0, 400.0, 400.0, 400.0)], Says(long=[0], exit_long=[2]),
        splits={2: 0.125, 4: 2.0}, instrument=LOTS,
    )  # fmt: skip
    assert told.equity[-1] == pytest.approx(10_000.0)


def test_what_is_left_below_one_lot_gets_no_dividend() -> None:
    eight = (800.0, 800.0, 800.0, 800.0)
    told = play(
        [FLAT, FLAT, eight, eight, eight], Says(long=[0], exit_long=[2]),
        splits={2: 0.125}, dividends={4: 8.0}, instrument=LOTS,
    )  # fmt: skip
    assert told.equity[-1] == pytest.approx(10_000.0)


def test_an_exchanged_order_is_for_whole_lots() -> None:
    # 10 shares are 2.5 of 400: no exchange takes half a lot.
    told = play(
        [FLAT, (400.0,) * 4], Says(long=[0]), splits={1: 0.25}, instrument=LOTS
    )
    assert told.told == [(1, "entry", 2.0, 400.0)]


def test_an_order_that_a_reverse_split_leaves_below_one_lot_ends() -> None:
    told = play(
        [FLAT, (1600.0,) * 4], Says(long=[0]), splits={1: 0.0625}, instrument=LOTS
    )
    assert (told.fills, told.rejections) == ([], {"LOT": 1})


def test_break_even_after_a_split_is_on_the_tick() -> None:
    # 100.01 / 2 is 50.005: a long's stop up to 50.01, where it is filled.
    bars = [FLAT, (100.01, 101.0, 99.0, 100.0), (54.0, 56.0, 53.0, 54.0), (54.0, 54.0, 49.0, 50.0)]
    told = play(
        bars, Says(long=[0]), splits=TWO_FOR_ONE, instrument=CENTS,
        plan={"breakeven_after_r": 1.0},
    )  # fmt: skip
    assert told.told[1:] == [(3, "breakeven", 20.0, 50.01)]
