"""What an account adds up over a run, and what stands on the tape, worked out by hand.

As in the tests of the rules: 10,000 of cash, 10 units at 100, a stop and an R of 10.
"""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.domain.words import ExitReason, Rule
from paperbot_core.kernel import records as rec
from paperbot_core.kernel import words as w
from paperbot_core.kernel.fills import forming_row, write_trade
from paperbot_core.kernel.mark import mark
from tests.unit.kernel.fill_world import START, Says, play
from tests.unit.kernel.test_corporate_events import play as play_shares

FLAT = (100.0, 101.0, 99.0, 100.0)
FEES = {"taker_bps": Decimal(10), "maker_bps": Decimal(2)}
LOTS = {"lot": Decimal(1)}


# What fills add up to.


def test_what_was_traded_paid_and_lost_to_slippage_adds_up() -> None:
    # Bought at 100.1; half sold at the target of 110.1, no slippage; half at 98 less 0.098.
    bars = [FLAT, FLAT, (100.0, 111.0, 99.0, 100.0), (98.0, 99.0, 97.0, 98.0)]
    told = play(
        bars, Says(long=[0], exit_long=[2]), plan={"rungs": [(1.0, 0.5)]}, instrument=FEES,
        slippage_bps=10.0,
    )  # fmt: skip
    assert [f["reason"] for f in told.fills] == ["entry", "target", "signal"]
    account = told.account
    assert account["traded"] == pytest.approx(1_001.0 + 550.5 + 489.51)
    assert account["fees"] == pytest.approx(1.001 + 0.1101 + 0.48951)
    assert account["slippage_cost"] == pytest.approx(1.0 + 0.49)
    assert account["cash"] == pytest.approx(10_000.0 - 1_001.0 + 550.5 + 489.51 - 1.60061)


def test_a_short_adds_up_with_the_same_signs() -> None:
    # Sold at 99.9, 0.1 below the open; bought back at 102 and 0.102.
    bars = [FLAT, FLAT, (102.0, 103.0, 101.0, 102.0)]
    told = play(bars, Says(short=[0], exit_short=[1]), instrument=FEES, slippage_bps=10.0)
    account = told.account
    assert account["traded"] == pytest.approx(999.0 + 1_021.02)
    assert account["fees"] == pytest.approx(0.999 + 1.02102)
    assert account["slippage_cost"] == pytest.approx(1.0 + 1.02)
    assert account["cash"] == pytest.approx(10_000.0 + 999.0 - 1_021.02 - 2.02002)


def test_dividends_add_up_over_a_run_but_start_anew_with_each_trade() -> None:
    # 10 shares get 3 each, then the 10.03 of the second trade, which has only its own.
    told = play_shares(
        [FLAT] * 6, Says(long=[0, 2], exit_long=[1, 4]), dividends={2: 3.0, 4: 3.0}
    )
    assert told.account["income"] == pytest.approx(60.09)
    assert [t["pnl"] for t in told.trades] == pytest.approx([30.0, 30.09])
    short = play_shares([FLAT] * 3, Says(short=[0]), dividends={2: 3.0})
    assert short.account["income"] == -30.0


# What marks add up to.


def test_exposure_is_summed_over_every_mark_as_a_part_of_equity() -> None:
    rise = (110.0, 110.0, 110.0, 110.0)
    told = play([FLAT, FLAT, rise, rise], Says(long=[0], exit_long=[2]))
    assert told.account["marks"] == 4
    assert told.account["exposure_sum"] == pytest.approx(1_000 / 10_000 + 1_100 / 10_100)


def test_exposure_counts_a_short_like_a_long() -> None:
    told = play(
        {"A/USDT": [FLAT] * 2, "B/USDT": [FLAT] * 2}, Says("A/USDT", long=[0]),
        Says("B/USDT", short=[0]),
    )  # fmt: skip
    assert told.account["gross"] == 2_000.0
    assert told.account["exposure_sum"] == pytest.approx(0.2)


def _marked(cash: float, qty: float, price: float, dust: float = 0.0) -> rec.Account:
    """Return an account of that cash and one position after one mark on the day 1."""
    account = rec.AccountObject(
        {"cash": cash, "peak": 1.0, "anchor": 1.0, "anchor_day": 1, "trip_day": -1,
         "dusty": int(dust != 0.0)}
    )  # fmt: skip
    limits = rec.LimitsObject({"daily_stop": 2.0, "max_drawdown": 2.0})
    markets = [rec.MarketObject({"last": price, "dust": dust})]
    mark(DAY_MS + 1, account, limits, markets, [rec.SpecObject()], [rec.SlotObject({"qty": qty})])
    return account


def test_exposure_has_no_part_of_nothing() -> None:
    ruined = _marked(-1_000.0, 10.0, 100.0)
    assert (ruined.equity, ruined.exposure_sum, ruined.marks) == (0.0, 0.0, 1)
    poor = _marked(-999.5, 10.0, 100.0)
    assert (poor.equity, poor.exposure_sum) == (0.5, 2_000.0)
    one = _marked(-999.0, 10.0, 100.0)
    assert (one.equity, one.exposure_sum) == (1.0, 1_000.0)


def test_one_unit_counts_as_any_other() -> None:
    assert _marked(5.0, 1.0, 100.0).equity == 105.0
    assert _marked(5.0, 0.0, 100.0, dust=1.0).equity == 105.0
    assert _marked(5.0, 0.0, 100.0, dust=-0.25).equity == -20.0


def test_trips_of_the_daily_stop_are_counted_once_a_day() -> None:
    fallen = (90.0, 91.0, 89.0, 90.0)
    bars = [FLAT, (100.0, 101.0, 89.0, 90.0), fallen, fallen]
    told = play(bars, Says(long=[0], stop=50.0), limits={"daily_stop": 0.01})
    assert told.account["trips"] == 1
    assert told.account["reduce_until"] == START + DAY_MS
    days = [FLAT, (100.0, 101.0, 89.0, 90.0), (90.0, 91.0, 79.0, 80.0), FLAT]
    told = play(days, Says(long=[0], stop=90.0), limits={"daily_stop": 0.01}, tf_ms=DAY_MS)
    assert told.account["trips"] == 2


@pytest.mark.parametrize(("close", "halted"), [(90.0, True), (90.01, False)])
def test_a_drawdown_equal_to_the_limit_halts(close: float, halted: bool) -> None:
    # 10 units lose 10 each: 100 of 10,000.
    bars = [FLAT, (100.0, 101.0, 90.0, close), FLAT]
    told = play(bars, Says(long=[0], stop=50.0), limits={"max_drawdown": 0.01})
    assert told.account["halt"] == (w.HALT_DRAWDOWN if halted else 0)
    assert told.account["halted_ts"] == (START + 2 * HOUR_MS if halted else 0)
    assert told.account["peak"] == 10_000.0


# What is ambiguous: the stop fills, but a target lay inside the same bar.


def _ambiguous(bar: tuple[float, ...]) -> int:
    plan = {"rungs": [(1.0, 0.5)]}
    return int(play([FLAT, FLAT, bar], Says(long=[0]), plan=plan).account["ambiguous"])


def test_a_bar_that_meets_stop_and_target_is_ambiguous() -> None:
    assert _ambiguous((100.0, 110.01, 90.0, 100.0)) == 1
    assert _ambiguous((100.0, 110.0, 90.0, 100.0)) == 0  # not traded through
    assert _ambiguous((90.0, 120.0, 85.0, 100.0)) == 0  # the open is the stop
    short = play([FLAT, FLAT, (100.0, 110.0, 89.99, 100.0)], Says(short=[0]),
                 plan={"rungs": [(1.0, 0.5)]})  # fmt: skip
    assert short.account["ambiguous"] == 1
    gap = play([FLAT, FLAT, (110.0, 115.0, 80.0, 100.0)], Says(short=[0]),
               plan={"rungs": [(1.0, 0.5)]})  # fmt: skip
    assert gap.account["ambiguous"] == 0


def test_a_stop_without_a_target_is_not_ambiguous() -> None:
    bar = (100.0, 130.0, 90.0, 100.0)
    assert play([FLAT, FLAT, bar], Says(long=[0])).account["ambiguous"] == 0
    assert play([FLAT, FLAT, bar], Says(short=[0], stop=20.0)).account["ambiguous"] == 0
    # Nor with its only rung behind it.
    taken = [FLAT, FLAT, (100.0, 111.0, 99.0, 105.0), bar]
    told = play(taken, Says(long=[0]), plan={"rungs": [(1.0, 0.5)]})
    assert [f["reason"] for f in told.fills] == ["entry", "target", "stop"]
    assert told.account["ambiguous"] == 0


def test_no_target_waits_behind_a_limit_that_filled_inside_the_bar() -> None:
    plan = {"rungs": [(0.5, 1.0)], "limit_bars": [1] * 16}
    told = play([FLAT, (100.0, 104.0, 88.0, 100.0)], Says(long=[0], limit=98.0), plan=plan)
    assert [f["reason"] for f in told.fills] == ["entry", "stop"]
    assert told.account["ambiguous"] == 0


# What stands on the tape.


def test_a_leg_says_what_happened_at_which_price_and_rung() -> None:
    plan = {"rungs": [(0.5, 0.3), (1.0, 0.3)], "adds": [(0.2, 0.5)]}
    bars = [FLAT, (100.0, 106.0, 99.0, 103.0), (103.0, 111.0, 102.0, 105.0),
            (100.0, 101.0, 90.0, 95.0)]  # fmt: skip
    told = play(bars, Says(long=[0]), plan=plan, instrument=FEES, slippage_bps=10.0)
    kinds = [(leg["kind"], leg["rung"], leg["maker"], leg["side"]) for leg in told.legs]
    assert kinds == [
        (w.LEG_ENTRY, 0, 0, 1), (w.LEG_EXIT, 0, 1, -1), (w.LEG_ADD, 0, 0, 1),
        (w.LEG_EXIT, 1, 1, -1), (w.LEG_EXIT, 0, 0, -1),
    ]  # fmt: skip
    assert [leg["reason"] for leg in told.legs] == [
        Rule.NONE, ExitReason.TARGET, Rule.NONE, ExitReason.TARGET, ExitReason.STOP,
    ]  # fmt: skip
    # The open where slippage was paid, the price itself where none was, the stop where it filled.
    assert [leg["reference"] for leg in told.legs] == pytest.approx([100, 105.1, 103, 110.1, 90.1])


def test_the_end_of_an_order_is_a_leg_without_fee_maker_or_rung() -> None:
    plan = {"limit_bars": [1] * 16}
    (leg,) = play([FLAT, FLAT], Says(long=[0], limit=90.0), plan=plan).legs
    assert (leg["kind"], leg["reason"], leg["side"]) == (w.LEG_RELEASED, Rule.LIMIT_EXPIRED, 1)
    assert (leg["qty"], leg["price"], leg["reference"]) == (pytest.approx(1_000 / 100), 90.0, 100.0)
    assert (leg["fee"], leg["maker"], leg["rung"]) == (0.0, 0, 0)
    assert (leg["ts"], leg["order_ts"]) == (START + HOUR_MS, START + HOUR_MS)


def test_bars_held_are_counted_in_own_bars_of_which_some_are_still_forming() -> None:
    # Own bars of two: bought in the first half of bar 1, stopped out in the first half of bar 3.
    bars = [FLAT] * 6 + [(100.0, 101.0, 90.0, 95.0), FLAT]
    told = play(bars, Says(long=[0]), own=2)
    assert [row for row, *_ in told.told] == [2, 6]
    assert told.trades[0]["bars_held"] == 2
    closing = [FLAT] * 3 + [(100.0, 101.0, 90.0, 95.0), FLAT]
    assert play(closing, Says(long=[0]), own=2).trades[0]["bars_held"] == 0


def test_the_bar_that_closes_and_the_one_that_forms_have_one_number() -> None:
    assert [forming_row(rec.BoxObject({"row": row})) for row in (0, 1, 7)] == [0, 1, 7]
    assert [forming_row(rec.BoxObject({"row": row})) for row in (-1, -2, -8)] == [0, 1, 7]


# Nothing is nothing: no leg of no quantity.


def test_an_exit_of_less_than_one_lot_of_the_volume_waits_without_a_leg() -> None:
    thin = (100.0, 101.0, 99.0, 100.0, 50.0)
    told = play(
        [FLAT, FLAT, thin, FLAT], Says(long=[0], exit_long=[1]), instrument=LOTS,
        volume_share_pct=1.0,
    )  # fmt: skip
    assert told.told == [(1, "entry", 10.0, 100.0), (3, "signal", 10.0, 100.0)]


def test_a_limit_of_less_than_one_lot_of_the_volume_rests_on() -> None:
    bars = [FLAT, (100.0, 101.0, 97.0, 100.0, 50.0), (100.0, 101.0, 97.0, 100.0), FLAT]
    told = play(
        bars, Says(long=[0], limit=98.0), plan={"limit_bars": [3] * 16}, instrument=LOTS,
        volume_share_pct=1.0,
    )  # fmt: skip
    assert told.told == [(2, "entry", 10.0, 98.0)]


def test_a_limit_at_the_open_is_not_traded_through() -> None:
    plan = {"limit_bars": [1] * 16}
    long, short = Says(long=[0], limit=98.0), Says(short=[0], limit=98.0)
    assert play([FLAT, (98.0, 101.0, 98.0, 100.0)], long, plan=plan).fills == []
    assert play([FLAT, (98.0, 98.0, 97.0, 98.0)], short, plan=plan).fills == []
    # Touched at the open, traded through later: filled inside the bar, no target is live in it.
    rung = {"rungs": [(0.5, 1.0)], "limit_bars": [1] * 16}
    told = play([FLAT, (98.0, 104.0, 97.0, 100.0)], long, plan=rung)
    assert told.told == [(1, "entry", 10.0, 98.0)]
    assert told.legs[0]["maker"] == 1


def test_a_rung_of_less_than_one_lot_is_passed_without_a_leg() -> None:
    plan = {"rungs": [(0.5, 0.05), (1.0, 0.95)]}
    told = play([FLAT, (100.0, 111.0, 99.0, 110.0)], Says(long=[0]), plan=plan, instrument=LOTS)
    assert told.told == [(1, "entry", 10.0, 100.0), (1, "target", 10.0, 110.0)]


@pytest.mark.parametrize("lot", ["1", "0.5"])
def test_one_lot_is_not_dust(lot: str) -> None:
    # 1 % of the volume is one lot less than the 10; the last is sold in the next bar.
    one = float(lot)
    bars = [FLAT, FLAT, (100.0, 101.0, 99.0, 100.0, 100.0 * (10.0 - one)), FLAT]
    told = play(
        bars, Says(long=[0], exit_long=[1]), instrument={"lot": Decimal(lot)},
        volume_share_pct=1.0,
    )  # fmt: skip
    assert told.told[1:] == [(2, "signal", 10.0 - one, 100.0), (3, "signal", one, 100.0)]
    assert (told.account["dusty"], len(told.trades)) == (0, 1)


def test_a_position_of_less_than_one_lot_is_sold_whole() -> None:
    # Of 10 shares 0.625 of 1,600 are left by a split.
    dear = (1_600.0,) * 4
    told = play_shares(
        [FLAT, FLAT, dear, dear], Says(long=[0], exit_long=[2]), splits={2: 0.0625},
        instrument=LOTS,
    )  # fmt: skip
    assert told.told[1:] == [(3, "signal", 0.625, 1_600.0)]
    assert (told.equity[-1], told.account["dusty"]) == (10_000.0, 0)


def test_r_is_not_a_number_without_a_stop() -> None:
    told = play([FLAT] * 3, Says(long=[0], exit_long=[1]), plan={"has_stop": False})
    assert math.isnan(told.trades[0]["r_multiple"])
    assert told.trades[0]["pnl"] == 0.0


# What the end of an order gives back.


def test_an_order_that_ends_gives_back_its_count_of_the_day_and_of_the_hour() -> None:
    # Missed in minute 1; asked for again at that close, which is the one trade of hour and day.
    bars = [FLAT, (105.01, 106.0, 104.0, 100.0), FLAT]
    told = play(
        bars, Says(long=[0, 1]), limits={"max_day": 1, "max_hour": 1}, tf_ms=HOUR_MS // 60
    )
    assert told.rejections == {"COLLAR_MISSED": 1}
    assert [row["reason"] for row in told.fills] == ["entry"]
    assert (told.account["trades_day"], told.account["trades_hour"]) == (1, 1)


def test_an_order_of_another_hour_gives_nothing_back_to_this_one() -> None:
    # A rests from 00:30 to 01:30; B asks at 01:00 and is the only trade of its hour.
    told = play(
        {"A/USDT": [FLAT] * 3, "B/USDT": [FLAT] * 3}, Says("A/USDT", strategy="a", long=[0],
        limit=90.0), Says("B/USDT", strategy="b", long=[1], limit=99.5),
        plan={"limit_bars": [2] * 16}, tf_ms=HOUR_MS // 2,
    )  # fmt: skip
    assert told.rejections == {"LIMIT_EXPIRED": 1}
    assert (told.account["trades_day"], told.account["trades_hour"]) == (1, 1)


def test_a_slot_that_is_flat_again_has_no_exit_due() -> None:
    told = play([FLAT] * 3, Says(long=[0], exit_long=[1]))
    assert (told.slots[0]["qty"], told.slots[0]["exit_due"]) == (0.0, 0)


# What a trade says, record by record.


def _traded(
    slot: dict[str, float], reason: ExitReason = ExitReason.STOP, has_stop: int = 1
) -> tuple[rec.Record, rec.Market]:
    """Return the trade of a slot of 10 bought for 1,000, and its market; bars of an hour."""
    held = rec.SlotObject(
        {"entered_qty": 10.0, "entered_value": 1_000.0, "exited_qty": 10.0, "first_qty": 10.0,
         "exit_rule": 3, "entry_row": 2} | slot
    )  # fmt: skip
    market = rec.MarketObject({"ts": START, "tf_ms": HOUR_MS})
    spec = rec.SpecObject({"has_stop": has_stop, "cooldown_bars": 4})
    trades, account = [rec.TradeObject()], rec.AccountObject()
    box = rec.BoxObject({"row": 7})
    write_trade(account, market, spec, held, box, trades, 0, 1, int(reason))
    assert (account.trades, held.no_entry_before) == (1, 11)
    return trades[0], market


def test_a_trade_names_the_exit_rule_of_a_signal_only() -> None:
    assert _traded({}, ExitReason.SIGNAL)[0].rule == 3
    assert _traded({}, ExitReason.STOP)[0].rule == -1
    assert _traded({}, ExitReason.TARGET)[0].bars_held == 5


def test_a_trade_has_a_multiple_of_r_where_there_is_a_stop_and_an_r() -> None:
    gained = {"exited_value": 1_050.0, "r": 10.0}
    assert _traded(gained)[0].r_multiple == 0.5
    assert math.isnan(_traded(gained, has_stop=0)[0].r_multiple)
    assert math.isnan(_traded(gained | {"r": 0.0})[0].r_multiple)
    assert _traded(gained | {"r": 0.0625})[0].r_multiple == 80.0


@pytest.mark.parametrize(("lost", "is_loss"), [(0.0, False), (5e-10, False), (2e-9, True)])
def test_the_rounding_of_sums_is_no_loss(lost: float, is_loss: bool) -> None:
    # Noise is up to 1e-12 of 1,000, which is 1e-9.
    _, market = _traded({"exited_value": 1_000.0 - lost})
    assert market.loss_ts == (START + HOUR_MS if is_loss else 0)


def test_a_position_that_has_just_opened_does_not_trail_yet() -> None:
    told = play([FLAT] * 2, Says(long=[0], trail=5.0),
                plan={"has_trail": True, "trail_after_r": 1.0})  # fmt: skip
    assert (told.slots[0]["trailing"], told.slots[0]["water"]) == (0, 101.0)


# Small numbers of shares in a split.


@pytest.mark.parametrize("size", [0.01, 0.005])
def test_a_share_and_half_a_share_are_exchanged_and_their_stop_goes_up_to_the_tick(
    size: float
) -> None:
    # The stop of 90.03 is 45.015 and goes up to 45.02.
    half = (50.0, 50.0, 50.0, 50.0)
    told = play_shares(
        [FLAT, (100.03, 101.0, 99.0, 100.0), half, (50.0, 50.0, 45.0, 50.0)], Says(long=[0]),
        splits={2: 2.0}, plan={"size": size}, instrument={"tick": Decimal("0.01")},
    )  # fmt: skip
    assert told.told == [
        (1, "entry", size * 100, 100.03), (3, "stop", size * 200, 45.02),
    ]  # fmt: skip


def test_an_order_of_which_one_lot_is_left_is_filled() -> None:
    told = play_shares([FLAT, (800.0,) * 4], Says(long=[0]), splits={1: 0.125}, instrument=LOTS)
    assert told.told == [(1, "entry", 1.0, 800.0)]
