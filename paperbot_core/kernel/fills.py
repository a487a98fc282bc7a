"""What a fill does to a slot and the account: simulated and exchange fills enter here only."""

from __future__ import annotations

import math

from paperbot_core.features.compiling import lean
from paperbot_core.kernel.grid import ceil_grid, floor_grid, snap
from paperbot_core.kernel.records import Account, Box, Market, Slot, Spec, Table
from paperbot_core.kernel.words import (
    DAY_MS,
    EXIT_SIGNAL,
    EXIT_STOP,
    EXIT_TARGET,
    HOUR_MS,
    LEG_ADD,
    LEG_ENTRY,
    LEG_EXIT,
    LEG_RELEASED,
    LOT,
    NONE,
    ORDER_NONE,
)

#: Part of what was traded below which a profit or a loss is the rounding of sums.
NOISE = 1e-12


@lean
def forming_row(box: Box) -> int:
    """Return the number of the slot's bar that this step belongs to."""
    if box.row >= 0:
        return int(box.row)
    return int(-box.row - 1)


@lean
def write_leg(
    a: Account, m: Market, slot: Slot, legs: Table, s: int, kind: int, reason: int, side: int,
    qty: float, price: float, reference: float, fee: float, maker: int, rung: int,
) -> None:
    """Append one leg to the tape; the driver drains it before it can be full."""
    leg = legs[a.legs]
    leg.ts, leg.slot, leg.kind, leg.reason, leg.side = m.ts, s, kind, reason, side
    leg.qty, leg.price, leg.reference, leg.fee, leg.maker = qty, price, reference, fee, maker
    leg.order_ts, leg.rung = slot.order_ts, rung
    a.legs += 1


@lean
def release(
    a: Account, m: Market, slot: Slot, legs: Table, refused: Table, s: int, rule: int
) -> None:
    """End the pending order of a slot without a fill: count and reservation come back.

    A pyramid level stays used up. `rule` says why and is counted.
    """
    if a.count_day == slot.order_ts // DAY_MS:
        a.trades_day -= 1
    if a.count_hour == slot.order_ts // HOUR_MS:
        a.trades_hour -= 1
    refused[rule] += 1
    write_leg(a, m, slot, legs, s, LEG_RELEASED, rule, slot.order_side, slot.order_qty,
              slot.order_price, m.last, 0.0, 0, 0)
    slot.order = ORDER_NONE


@lean
def settle_event(
    a: Account, m: Market, slot: Slot, legs: Table, refused: Table, s: int
) -> None:
    """Apply the event of `m` to one slot: pay the dividend, then exchange the shares of a split.

    A short pays what a long receives. Levels are rounded to the tick as they were when set: stops
    towards the price, limits and collars against filling. A pending order is for whole lots again;
    one of which no lot is left ends.
    """
    paid = slot.qty * m.dividend
    a.cash += paid
    a.income += paid
    slot.income += paid
    if m.split == 1.0:
        return
    ratio = m.split
    if slot.qty != 0.0:
        long = slot.qty > 0.0
        slot.qty *= ratio
        slot.first_qty *= ratio
        slot.entered_qty *= ratio
        slot.exited_qty *= ratio
        slot.rung_filled *= ratio
        slot.first_price /= ratio
        slot.r /= ratio
        slot.water /= ratio
        level = slot.stop / ratio
        slot.stop = (
            ceil_grid(level, m.tick_n, m.tick_d) if long else floor_grid(level, m.tick_n, m.tick_d)
        )
    if slot.order != ORDER_NONE:
        buys = slot.order_side > 0
        slot.order_qty = floor_grid(slot.order_qty * ratio, m.lot_n, m.lot_d)
        slot.order_cap /= ratio
        slot.order_stop /= ratio
        level = slot.order_price / ratio
        slot.order_price = (
            floor_grid(level, m.tick_n, m.tick_d) if buys else ceil_grid(level, m.tick_n, m.tick_d)
        )
        if slot.order_qty <= 0.0:
            release(a, m, slot, legs, refused, s, LOT)


@lean
def open_leg(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, s: int,
    qty: float, price: float, reference: float, maker: int,
) -> None:
    """Book the fill of a slot's pending entry or add: `qty` > 0 at `price`, then the order is gone.

    A fee in the base asset is taken from what a buy receives; everywhere else it is paid in quote.
    """
    side = slot.order_side
    notional = qty * price
    fee = notional * (m.maker if maker else m.taker)
    got = qty
    if m.fee_in_base and side > 0:
        got = qty - qty * (m.maker if maker else m.taker)
        a.cash -= notional
    else:
        a.cash -= side * notional + fee
    a.traded += notional
    a.fees += fee
    a.slippage_cost += abs(price - reference) * qty
    kind = LEG_ADD if slot.order_add else LEG_ENTRY
    write_leg(a, m, slot, legs, s, kind, NONE, side, qty, price, reference, fee, maker, 0)
    if slot.qty == 0.0:
        slot.first_price, slot.first_qty, slot.r = price, got, slot.order_stop
        slot.entry_ts, slot.entry_row = m.ts, forming_row(box)
        slot.entered_qty, slot.entered_value = 0.0, 0.0
        slot.exited_qty, slot.exited_value, slot.trade_fees = 0.0, 0.0, 0.0
        slot.income = 0.0
        slot.rung, slot.rung_filled, slot.added = 0, 0.0, 0
        slot.trailing, slot.water = 0, price
        slot.entry_rule, slot.exit_due, slot.targets_wait = slot.order_rule, 0, 0
        slot.stop, slot.stop_reason = math.nan, EXIT_STOP
        if spec.has_stop:
            if side > 0:
                slot.stop = ceil_grid(price - slot.r, m.tick_n, m.tick_d)
            else:
                slot.stop = floor_grid(price + slot.r, m.tick_n, m.tick_d)
    slot.qty = snap(slot.qty + side * got, m.lot_n, m.lot_d)
    slot.entered_qty += got
    slot.entered_value += got * price
    slot.trade_fees += fee
    slot.order = ORDER_NONE


@lean
def write_trade(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, trades: Table, s: int, side: int,
    reason: int,
) -> None:
    """Append the finished round trip of a slot and start its cooldowns."""
    paid = slot.exited_value - slot.entered_value
    pnl = side * paid - slot.trade_fees + slot.income
    risk = slot.r * slot.first_qty
    trade = trades[a.trades]
    trade.slot, trade.side, trade.entry_ts, trade.exit_ts = s, side, slot.entry_ts, m.ts
    trade.quantity, trade.fees, trade.pnl = slot.entered_qty, slot.trade_fees, pnl
    trade.entry_price = slot.entered_value / slot.entered_qty
    trade.exit_price = slot.exited_value / slot.exited_qty
    trade.r_multiple = pnl / risk if spec.has_stop and risk > 0.0 else math.nan
    trade.reason = reason
    trade.rule = slot.exit_rule if reason == EXIT_SIGNAL else -1
    trade.bars_held = forming_row(box) - slot.entry_row
    a.trades += 1
    slot.no_entry_before = forming_row(box) + spec.cooldown_bars
    # A trade that came out even is no loss, whatever the last bits of its sums say.
    if pnl < -NOISE * slot.entered_value:
        m.loss_ts = m.ts + m.tf_ms


@lean
def close_leg(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, trades: Table, s: int,
    qty: float, price: float, reference: float, maker: int, reason: int,
) -> None:
    """Book the fill of an exit: `qty` > 0 at `price`. What remains below one lot becomes dust."""
    side = 1 if slot.qty > 0.0 else -1
    notional = qty * price
    fee = notional * (m.maker if maker else m.taker)
    a.cash += side * notional - fee
    a.traded += notional
    a.fees += fee
    a.slippage_cost += abs(price - reference) * qty
    write_leg(a, m, slot, legs, s, LEG_EXIT, reason, -side, qty, price, reference, fee, maker,
              slot.rung if reason == EXIT_TARGET else 0)
    slot.qty = snap(slot.qty - side * qty, m.lot_n, m.lot_d)
    slot.exited_qty += qty
    slot.exited_value += notional
    slot.trade_fees += fee
    rest = abs(slot.qty)
    if rest > 0.0 and rest * m.lot_d >= m.lot_n * (1.0 - 1e-9):
        return
    if rest > 0.0:
        m.dust += slot.qty
        a.dusty = 1
    slot.qty = 0.0
    write_trade(a, m, spec, slot, box, trades, s, side, reason)
    slot.exit_due = 0
