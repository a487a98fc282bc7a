"""What each slot wants at the close of its bar: exits, stop moves, and sized entries and adds."""

from __future__ import annotations

import math

from paperbot_core.features.compiling import lean
from paperbot_core.kernel.fills import release
from paperbot_core.kernel.grid import ceil_grid, floor_grid
from paperbot_core.kernel.records import MAX_RULES, Account, Box, Market, Slot, Spec, Table
from paperbot_core.kernel.words import (
    ENTRY_BITS,
    EXIT_BITS,
    EXIT_BREAKEVEN,
    EXIT_SIGNAL,
    EXIT_TIME,
    EXIT_TRAIL,
    LIMIT_EXPIRED,
    NEVER,
    ORDER_LIMIT,
    ORDER_NONE,
    RULE_MASK,
    SIGNAL_WITHDRAWN,
)


@lean
def idle(now: int, slot: Slot, box: Box, m: Market) -> bool:
    """Return whether nothing can happen to this slot at this step except being valued.

    Must never say yes where the full step would act (a property test compares the two).
    """
    if slot.order != ORDER_NONE or slot.exit_due != 0:
        return False
    if slot.qty == 0.0:
        return bool((box.bits & ENTRY_BITS) == 0)
    if m.event:
        return False
    if (box.bits & EXIT_BITS) != 0 or box.row >= slot.wake_row or now >= slot.wake_ts:
        return False
    if box.row >= 0 and (slot.water >= slot.wake_high or slot.water <= slot.wake_low):
        # A finer bar inside this one went so far; stops are moved at the slot's own closes.
        return False
    return not (m.present and (m.low <= slot.wake_low or m.high >= slot.wake_high))


@lean
def rearm(m: Market, spec: Spec, slot: Slot) -> None:
    """Set the prices and times at which an open position must be looked at again (see `idle`)."""
    if slot.qty == 0.0:
        return
    side = 1.0 if slot.qty > 0.0 else -1.0
    ahead = math.inf
    if slot.rung < spec.rungs:
        ahead = spec.rung_r[slot.rung]
    if spec.has_trail:
        ahead = min(ahead, -math.inf if slot.trailing else spec.trail_after_r)
    if spec.breakeven_after_r > 0.0 and side * (slot.stop - slot.first_price) < 0.0:
        ahead = min(ahead, spec.breakeven_after_r)
    if slot.added < spec.adds:
        ahead = min(ahead, spec.add_r[slot.added])
    far = math.inf
    if math.isfinite(ahead):
        # Two ticks early: the levels themselves are rounded to the tick.
        far = ahead * slot.r - 2.0 * (m.tick_n / m.tick_d) - abs(slot.first_price) * 1e-9
    elif ahead < 0.0:
        far = -math.inf
    behind = slot.stop if spec.has_stop else -side * math.inf
    if side > 0.0:
        slot.wake_low, slot.wake_high = behind, slot.first_price + far
    else:
        slot.wake_low, slot.wake_high = slot.first_price - far, behind
    slot.wake_row = slot.entry_row + spec.max_bars - 1 if spec.max_bars > 0 else NEVER
    slot.wake_ts = slot.entry_ts + slot.hold_ms if slot.hold_ms > 0 else NEVER


@lean
def first_rule(bits: int) -> int:
    """Return the number of the lowest set bit of eight; -1 if none is set."""
    for k in range(MAX_RULES):
        if bits & (1 << k):
            return k
    return -1


@lean
def exit_rule(m: Market, spec: Spec, slot: Slot, box: Box) -> int:
    """Return the first true exit rule of the open position whose gates hold; -1 if none."""
    long = slot.qty > 0.0
    bits = (box.bits >> (16 if long else 24)) & RULE_MASK
    if bits == 0:
        return -1
    gain = (m.last - slot.first_price) * (1.0 if long else -1.0)
    so_far = gain / slot.r if slot.r > 0.0 else 0.0
    held = box.row - slot.entry_row + 1
    for k in range(MAX_RULES):
        g = k if long else MAX_RULES + k
        wide = spec.min_r[g] <= so_far <= spec.max_r[g]
        if bits & (1 << k) and held >= spec.min_bars[g] and wide:
            return k
    return -1


@lean
def move_stop(m: Market, spec: Spec, slot: Slot, box: Box) -> None:
    """Raise the stop to break-even or behind the best price; it never moves away from the price."""
    side = 1.0 if slot.qty > 0.0 else -1.0
    run = (slot.water - slot.first_price) * side
    if spec.breakeven_after_r > 0.0 and run >= spec.breakeven_after_r * slot.r:
        # The entry price is on the tick when it fills; a split leaves it anywhere.
        level = slot.first_price
        if side > 0.0:
            level = ceil_grid(level, m.tick_n, m.tick_d)
        else:
            level = floor_grid(level, m.tick_n, m.tick_d)
        if side * (level - slot.stop) > 0.0:
            slot.stop, slot.stop_reason = level, EXIT_BREAKEVEN
    if spec.has_trail and run >= spec.trail_after_r * slot.r:
        slot.trailing = 1
        level = slot.water - side * box.trail
        if side > 0.0:
            level = ceil_grid(level, m.tick_n, m.tick_d)
        else:
            level = floor_grid(level, m.tick_n, m.tick_d)
        if side * (level - slot.stop) > 0.0:
            slot.stop, slot.stop_reason = level, EXIT_TRAIL


@lean
def ask_add(now: int, m: Market, spec: Spec, slot: Slot, box: Box) -> bool:
    """Fill in the order fields of the next pyramid level if the close has reached it."""
    if slot.added >= spec.adds:
        return False
    side = 1 if slot.qty > 0.0 else -1
    level = slot.first_price + side * spec.add_r[slot.added] * slot.r
    if not (m.last - level) * side >= 0.0:
        return False
    slot.order_add, slot.order_side = 1, side
    slot.order_qty = spec.add_fraction[slot.added] * slot.first_qty
    slot.order_stop = slot.r
    slot.order_rule, slot.barred = slot.entry_rule, box.barred
    slot.added += 1
    price_market(m, spec, slot)
    slot.order_ts, slot.order_row = now, box.row
    return True


@lean
def price_market(m: Market, spec: Spec, slot: Slot) -> None:
    """Set the collar, and the price at which the caps count, of an entry at the next open."""
    slot.order_bars = 0
    if slot.order_side > 0:
        slot.order_price = floor_grid(m.last * (1.0 + spec.collar), m.tick_n, m.tick_d)
        slot.order_cap = slot.order_price
    else:
        slot.order_price = ceil_grid(m.last * (1.0 - spec.collar), m.tick_n, m.tick_d)
        slot.order_cap = m.last * (1.0 + spec.collar)


@lean
def ask_entry(
    now: int, a: Account, m: Market, spec: Spec, slot: Slot, box: Box, hold_ms: int
) -> bool:
    """Fill in the order fields of a wished entry; no two sides at once, none against an exit.

    Strength and limit of a box belong to its first true entry rule, so where both sides have one
    neither is asked for, even if an exit condition blocks the other.
    A size, distance or limit that is not finite becomes NaN here and is refused by the policy.
    """
    bits = box.bits
    long = (bits & RULE_MASK) != 0
    short = ((bits >> 8) & RULE_MASK) != 0
    exits = ((bits & ~(spec.gated << 16)) >> (16 if long else 24)) & RULE_MASK
    if long == short or exits != 0 or box.row < slot.no_entry_before:
        return False
    side = 1 if long else -1
    rule = first_rule(bits & RULE_MASK) if long else first_rule((bits >> 8) & RULE_MASK)
    slot.order_add, slot.order_side, slot.order_rule = 0, side, rule
    slot.order_ts, slot.order_row = now, box.row
    slot.strength, slot.barred, slot.hold_ms = box.strength, box.barred, hold_ms
    slot.order_stop = box.stop if spec.has_stop else 0.0
    limit_bars = spec.limit_bars[rule if long else MAX_RULES + rule]
    if limit_bars > 0:
        slot.order_bars = limit_bars
        if long:
            slot.order_price = floor_grid(box.limit, m.tick_n, m.tick_d)
        else:
            slot.order_price = ceil_grid(box.limit, m.tick_n, m.tick_d)
        slot.order_cap = slot.order_price
    else:
        price_market(m, spec, slot)
    base = box.per if spec.by_risk else m.last
    slot.order_qty = a.equity * box.size / base if base > 0.0 else math.nan
    return True


@lean
def out_of_time(now: int, spec: Spec, slot: Slot, box: Box) -> bool:
    """Return whether the position has been held for as long as its strategy or tier allows."""
    if spec.max_bars > 0 and box.row - slot.entry_row + 1 >= spec.max_bars:
        return True
    return bool(slot.hold_ms > 0 and now - slot.entry_ts >= slot.hold_ms)


@lean
def manage(now: int, m: Market, spec: Spec, slot: Slot, box: Box) -> bool:
    """Decide exits, stop moves and adds of an open position; True if an add is asked for."""
    rule = exit_rule(m, spec, slot, box)
    if slot.exit_due == 0:
        if rule >= 0:
            slot.exit_due, slot.exit_rule = EXIT_SIGNAL, rule
        elif out_of_time(now, spec, slot, box):
            slot.exit_due = EXIT_TIME
    move_stop(m, spec, slot, box)
    if slot.exit_due != 0 or slot.order != ORDER_NONE:
        return False
    return ask_add(now, m, spec, slot, box)


@lean
def rest_limit(
    a: Account, m: Market, spec: Spec, slot: Slot, box: Box, legs: Table, refused: Table, s: int
) -> bool:
    """Count down a resting limit entry; return whether its time is over and the slot free again.

    An exit condition of its side withdraws it before that, and then there is no entry at this
    close.
    """
    slot.order_bars -= 1
    exits = (box.bits & ~(spec.gated << 16)) >> (16 if slot.order_side > 0 else 24)
    if slot.order_bars <= 0:
        release(a, m, slot, legs, refused, s, LIMIT_EXPIRED)
        return True
    if exits & RULE_MASK:
        release(a, m, slot, legs, refused, s, SIGNAL_WITHDRAWN)
    return False


@lean
def propose(
    now: int, a: Account, markets: Table, specs: Table, slots: Table, boxes: Table, tiers: Table,
    active: Table, count: int, queue: Table, legs: Table, refused: Table,
) -> int:
    """Ask the listed slots; return how many entries stand in `queue`, in order of service.

    Order of service: strategies in their given order, inside them by strength descending, then
    symbol (slots are numbered by strategy, then symbol).
    """
    asked = 0
    for k in range(count):
        s = active[k]
        slot, box, spec = slots[s], boxes[s], specs[s]
        m = markets[spec.market]
        if box.row < 0:
            continue
        wants = False
        if slot.qty != 0.0:
            wants = manage(now, m, spec, slot, box)
        elif slot.order == ORDER_LIMIT:
            if rest_limit(a, m, spec, slot, box, legs, refused, s):
                wants = ask_entry(now, a, m, spec, slot, box, tiers[m.tier].max_hold_ms)
        elif slot.order == ORDER_NONE:
            wants = ask_entry(now, a, m, spec, slot, box, tiers[m.tier].max_hold_ms)
        if wants:
            place = asked
            while place > 0 and served_before(specs, slots, s, queue[place - 1]):
                queue[place] = queue[place - 1]
                place -= 1
            queue[place] = s
            asked += 1
    return asked


@lean
def served_before(specs: Table, slots: Table, s: int, t: int) -> bool:
    """Return whether slot `s` is served before slot `t`, which has a lower number.

    A NaN strength, which the policy refuses, holds nobody up: it stands before the others.
    """
    if specs[s].strategy != specs[t].strategy:
        return bool(specs[s].strategy < specs[t].strategy)
    return bool(not slots[s].strength <= slots[t].strength)
