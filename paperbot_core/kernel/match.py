"""SIMULATION ONLY: pretends to be the exchange for one closed bar of each instrument.

Order of a bar (docs/fill-rules.md): signal exits at the open, entries at the open in order of
service, an open beyond stop or target, then inside the bar the stop before the targets.
"""

from __future__ import annotations

import math

from paperbot_core.features.compiling import lean
from paperbot_core.kernel.fills import close_leg, open_leg, release, settle_event
from paperbot_core.kernel.grid import ceil_grid, floor_grid, worse
from paperbot_core.kernel.records import Account, Box, Market, Slot, Spec, Table
from paperbot_core.kernel.words import (
    BAR_ABSENT,
    COLLAR_MISSED,
    EXIT_TARGET,
    ORDER_LIMIT,
    ORDER_NONE,
    SIGNAL_WITHDRAWN,
    VOLUME_ZERO,
)


@lean
def tradable(m: Market) -> bool:
    """Return whether anything can fill in the current bar: it exists and its volume is not 0."""
    return bool(m.present and m.volume != 0.0)


@lean
def room(m: Market) -> float:
    """Return how much one order may take of the bar: the volume share, or infinity where off."""
    if m.volume_share <= 0.0 or not math.isfinite(m.volume):
        return math.inf
    return floor_grid(m.volume_share * m.volume, m.lot_n, m.lot_d)


@lean
def whole(m: Market, slot: Slot) -> float:
    """Return the quantity that closes the slot: all of it, or its whole lots."""
    held = abs(slot.qty)
    lots = floor_grid(held, m.lot_n, m.lot_d)
    return lots if lots > 0.0 else held


@lean
def exit_at_open(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, trades: Table, s: int
) -> None:
    """Fill a decided exit at the open, worse by slippage; what the volume does not take waits."""
    qty = min(whole(m, slot), room(m))
    if qty <= 0.0:
        return
    side = -1 if slot.qty > 0.0 else 1
    price = worse(side, m.open, m.slippage, m.tick_n, m.tick_d)
    close_leg(a, m, spec, slot, box, legs, trades, s, qty, price, m.open, 0, slot.exit_due)


@lean
def enter_market(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, refused: Table, s: int
) -> None:
    """Fill an immediate-or-cancel entry at the open, or end it: collar missed, no volume."""
    side = slot.order_side
    price = worse(side, m.open, m.slippage, m.tick_n, m.tick_d)
    qty = min(slot.order_qty, room(m))
    beyond = price > slot.order_price if side > 0 else price < slot.order_price
    if beyond or (side < 0 and m.open > slot.order_cap):
        release(a, m, slot, legs, refused, s, COLLAR_MISSED)
    elif qty <= 0.0:
        release(a, m, slot, legs, refused, s, VOLUME_ZERO)
    else:
        open_leg(a, m, spec, slot, box, legs, s, qty, price, m.open, 0)


@lean
def enter_limit(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, s: int
) -> None:
    """Fill a resting entry traded through: at the open if that is better, else at its price."""
    limit = slot.order_price
    better = m.open < limit if slot.order_side > 0 else m.open > limit
    through = m.low < limit if slot.order_side > 0 else m.high > limit
    qty = min(slot.order_qty, room(m))
    if qty <= 0.0 or not (better or through):
        return
    price = m.open if better else limit
    open_leg(a, m, spec, slot, box, legs, s, qty, price, price, 1)
    slot.targets_wait = 0 if better else 1


@lean
def serve_entry(
    a: Account, now: int, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, refused: Table,
    s: int,
) -> None:
    """Give one pending entry its chance at this step, or end it when its open has passed."""
    if slot.order_add and slot.qty == 0.0:
        release(a, m, slot, legs, refused, s, SIGNAL_WITHDRAWN)
    elif slot.order == ORDER_LIMIT:
        if tradable(m):
            enter_limit(a, m, spec, slot, box, legs, s)
    elif m.present:
        if m.continuous and m.ts > slot.order_ts:
            release(a, m, slot, legs, refused, s, BAR_ABSENT)
        elif m.volume == 0.0:
            release(a, m, slot, legs, refused, s, VOLUME_ZERO)
        else:
            enter_market(a, m, spec, slot, box, legs, refused, s)
    elif m.continuous and now >= slot.order_ts + m.tf_ms:
        release(a, m, slot, legs, refused, s, BAR_ABSENT)


@lean
def rung_price(m: Market, spec: Spec, slot: Slot) -> float:
    """Return the price of the next take-profit rung; infinite where there is none."""
    side = 1.0 if slot.qty > 0.0 else -1.0
    if slot.rung >= spec.rungs:
        return side * math.inf
    price = slot.first_price + side * spec.rung_r[slot.rung] * slot.r
    if side > 0.0:
        return ceil_grid(price, m.tick_n, m.tick_d)
    return floor_grid(price, m.tick_n, m.tick_d)


@lean
def rung_quantity(m: Market, spec: Spec, slot: Slot) -> float:
    """Return what the next rung still has to sell: its fraction of the quantity entered so far."""
    if spec.rungs_full and slot.rung == spec.rungs - 1:
        return whole(m, slot)
    part = floor_grid(spec.rung_fraction[slot.rung] * slot.entered_qty, m.lot_n, m.lot_d)
    return min(float(part - slot.rung_filled), whole(m, slot))


@lean
def take_targets(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, trades: Table, s: int,
    at_open: bool,
) -> bool:
    """Fill every rung that the open (or, later, the bar) traded through; maker, no slippage.

    Returns whether a rung was filled in part: it has had its share of this bar's volume.
    """
    while slot.qty != 0.0 and slot.rung < spec.rungs:
        price = rung_price(m, spec, slot)
        extreme = m.open if at_open else (m.high if slot.qty > 0.0 else m.low)
        if not (extreme > price if slot.qty > 0.0 else extreme < price):
            return False
        want = rung_quantity(m, spec, slot)
        qty = min(want, room(m))
        if qty > 0.0:
            fill = m.open if at_open else price
            close_leg(a, m, spec, slot, box, legs, trades, s, qty, fill, fill, 1, EXIT_TARGET)
        if qty < want:
            slot.rung_filled += qty
            return True
        slot.rung += 1
        slot.rung_filled = 0.0
    return False


@lean
def stop_out(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, trades: Table, s: int,
    reference: float,
) -> None:
    """Fill the stop at `reference`, worse by slippage; stops are never limited by volume."""
    side = -1 if slot.qty > 0.0 else 1
    price = worse(side, reference, m.slippage, m.tick_n, m.tick_d)
    close_leg(a, m, spec, slot, box, legs, trades, s, whole(m, slot), price, reference, 0,
              slot.stop_reason)


@lean
def protect(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, trades: Table, s: int
) -> None:
    """Work the stop and the targets of one open position through the bar."""
    long = slot.qty > 0.0
    if m.open <= slot.stop if long else m.open >= slot.stop:
        stop_out(a, m, spec, slot, box, legs, trades, s, m.open)
        return
    targets_wait = bool(slot.targets_wait)
    if not targets_wait:
        targets_wait = take_targets(a, m, spec, slot, box, legs, trades, s, True)
        if slot.qty == 0.0:
            return
    if m.low <= slot.stop if long else m.high >= slot.stop:
        target = rung_price(m, spec, slot)
        if (m.high > target if long else m.low < target) and not slot.targets_wait:
            a.ambiguous += 1
        stop_out(a, m, spec, slot, box, legs, trades, s, slot.stop)
        return
    if not targets_wait:
        take_targets(a, m, spec, slot, box, legs, trades, s, False)


@lean
def match(
    now: int, a: Account, markets: Table, specs: Table, slots: Table, boxes: Table, active: Table,
    count: int, queue: Table, legs: Table, trades: Table, refused: Table,
) -> None:
    """Fill what the bars of this step allow, for the first `count` slots listed in `active`."""
    for k in range(count):
        s = active[k]
        m = markets[specs[s].market]
        if m.event:
            settle_event(a, m, slots[s], legs, refused, s)
    pending = 0
    for k in range(count):
        s = active[k]
        slot, spec = slots[s], specs[s]
        m = markets[spec.market]
        if slot.exit_due != 0 and slot.qty != 0.0 and tradable(m):
            exit_at_open(a, m, spec, slot, boxes[s], legs, trades, s)
        if slot.order != ORDER_NONE:
            place = pending
            while place > 0 and slots[queue[place - 1]].order_seq > slot.order_seq:
                queue[place] = queue[place - 1]
                place -= 1
            queue[place] = s
            pending += 1
    for k in range(pending):
        s = queue[k]
        spec = specs[s]
        serve_entry(a, now, markets[spec.market], spec, slots[s], boxes[s], legs, refused, s)
    for k in range(count):
        s = active[k]
        slot, spec = slots[s], specs[s]
        m = markets[spec.market]
        if slot.qty != 0.0 and tradable(m):
            protect(a, m, spec, slot, boxes[s], legs, trades, s)
            slot.targets_wait = 0
            if slot.qty > 0.0:
                slot.water = max(slot.water, m.high)
            elif slot.qty < 0.0:
                slot.water = min(slot.water, m.low)
