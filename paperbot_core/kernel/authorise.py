"""The policy: every entry passes here or does not happen; what is granted is reserved at once.

Only entries and adds come here. Nothing in this module can see, delay or shrink an exit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from paperbot_core.features.compiling import lean
from paperbot_core.kernel.grid import floor_grid
from paperbot_core.kernel.records import Account, Limits, Market, Slot, Spec, Table
from paperbot_core.kernel.words import (
    CASH,
    COOLDOWN_AFTER_LOSS_MIN,
    DAILY_STOP_LOSS_PCT,
    DAY_MS,
    HALT_DRAWDOWN,
    HALT_MANUAL,
    HOUR_MS,
    LOT,
    MANUAL_HALT,
    MAX_CLUSTER_PCT,
    MAX_DRAWDOWN_PCT,
    MAX_GROSS_PCT,
    MAX_NET_PCT,
    MAX_OPEN_POSITIONS,
    MAX_POSITION_SIZE_PCT,
    MAX_STALE_BARS,
    MAX_TIER_PCT,
    MAX_TRADES_PER_DAY,
    MAX_TRADES_PER_HOUR,
    MIN_NOTIONAL,
    MODE_NOT_CHOSEN,
    NONE,
    NOT_ASKED,
    NOT_FINITE,
    OPPOSITE_SLOT_OPEN,
    ORDER_LIMIT,
    ORDER_MARKET,
    ORDER_NONE,
    PASSED,
    POSITION_CAP,
    REFUSED,
    RISK_CHECK,
    RULES,
    SHORT_NOT_ALLOWED,
    SHRUNK,
)

#: Called with (slot number, quantity, cap price) for every entry the policy would grant; returns
#: the quantity allowed. Anything that is not a number in [0, quantity] is a refusal.
Review = Callable[[int, float, float], float]
#: Called with (slot number, granted quantity or 0, rule) after every verdict; `facts` is filled.
Witness = Callable[[int, float, int], None]


@lean
def survey(
    a: Account, markets: Table, specs: Table, slots: Table, clusters: Table, tiers: Table
) -> None:
    """Add up what is held (at the last closes) and pending (at the collar), by every grouping.

    `net_if_long` leaves pending shorts out and `net_if_short` pending longs: an order that may
    not fill must not make room for another. Cash is free where it is neither reserved, nor the
    proceeds of a short, nor its collateral (the account is not leveraged).
    """
    for j in range(len(markets)):
        markets[j].exposure = 0.0
    for c in range(len(clusters)):
        clusters[c] = 0.0
    for t in range(len(tiers)):
        tiers[t].held = 0.0
    held_gross, net, longs, shorts, reserved, short_value = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    open_slots = 0
    for s in range(len(slots)):
        slot = slots[s]
        if slot.qty == 0.0 and slot.order == ORDER_NONE:
            continue
        open_slots += 1
        m = markets[specs[s].market]
        worth = abs(slot.qty) * m.last if slot.qty != 0.0 else 0.0
        net += worth if slot.qty > 0.0 else -worth
        if slot.qty < 0.0:
            short_value += worth
        pending = 0.0
        if slot.order != ORDER_NONE:
            pending = slot.order_qty * slot.order_cap
            reserved += slot.order_cash
            if slot.order_side > 0:
                longs += pending
            else:
                shorts += pending
        held_gross += worth + pending
        m.exposure += worth + pending
        clusters[m.cluster] += worth + pending
        tiers[m.tier].held += worth + pending
    a.open_slots = open_slots
    a.held_gross = held_gross
    a.net_if_long = net + longs
    a.net_if_short = net - shorts
    a.reserved = reserved
    a.available = a.cash - 2.0 * short_value - reserved


@lean
def state_fact(facts: Table, rule: int, limit: float, observed: float, holds: bool) -> bool:
    """Note the answer of a rule that can only refuse; return whether it holds."""
    fact = facts[rule]
    fact.answer = PASSED if holds else REFUSED
    fact.limit, fact.observed = limit, observed
    return holds


@lean
def cap_quantity(
    facts: Table, shrunk: Table, rule: int, limit: float, held: float, qty: float, price: float
) -> float:
    """Return the part of `qty` that fits below `limit` at `price`, and note limit and observed.

    Less than a billionth of what was asked is noise of the subtraction, and nothing.
    """
    fact = facts[rule]
    asked = held + qty * price
    fact.limit, fact.observed, fact.asked = limit, asked, qty
    if asked <= limit:
        fact.answer, fact.allowed = PASSED, qty
        return qty
    allowed = (limit - held) / price
    if not allowed > qty * 1e-9:
        allowed = 0.0
    fact.allowed = allowed
    if allowed > 0.0:
        fact.answer = SHRUNK
        shrunk[rule] += 1
    else:
        fact.answer = REFUSED
    return allowed


@lean
def opposite_open(specs: Table, slots: Table, s: int, side: int) -> bool:
    """Return whether another slot of the instrument holds or has pending the other side."""
    market = specs[s].market
    for t in range(len(slots)):
        if t != s and specs[t].market == market:
            other = slots[t]
            if other.qty * side < 0.0:
                return True
            if other.order != ORDER_NONE and other.order_side != side:
                return True
    return False


@lean
def may_enter(facts: Table, barred: int) -> bool:
    """Note what the market data, the universe, the regime and the mode say; True if all agree."""
    for rule in range(MAX_STALE_BARS, MODE_NOT_CHOSEN + 1):
        if not state_fact(facts, rule, 0.0, 1.0 if barred == rule else 0.0, barred != rule):
            return False
    return True


@lean
def refusal(
    now: int, a: Account, p: Limits, m: Market, spec: Spec, slot: Slot, specs: Table, slots: Table,
    facts: Table, s: int,
) -> int:
    """Return the first rule that refuses outright, whatever the size; NONE if none does."""
    if not may_enter(facts, slot.barred):
        return int(slot.barred)
    prices = slot.order_cap > 0.0 and slot.order_price > 0.0 and m.last > 0.0
    finite = math.isfinite(slot.order_cap) and math.isfinite(slot.order_price)
    stop = slot.order_stop > 0.0 and math.isfinite(slot.order_stop) if spec.has_stop else True
    size = math.isfinite(slot.order_qty) and slot.order_qty > 0.0
    sound = prices and finite and stop and size and math.isfinite(slot.strength)
    if not state_fact(facts, NOT_FINITE, 0.0, 0.0, sound and math.isfinite(a.equity)):
        return NOT_FINITE
    if not state_fact(facts, MANUAL_HALT, 0.0, 0.0, a.halt != HALT_MANUAL):
        return MANUAL_HALT
    fall = (a.peak - a.equity) / a.peak if a.peak > 0.0 else 0.0
    if not state_fact(facts, MAX_DRAWDOWN_PCT, p.max_drawdown, fall, a.halt != HALT_DRAWDOWN):
        return MAX_DRAWDOWN_PCT
    lost = (a.anchor - a.equity) / a.anchor if a.anchor > 0.0 else 0.0
    if not state_fact(facts, DAILY_STOP_LOSS_PCT, p.daily_stop, lost, now >= a.reduce_until):
        return DAILY_STOP_LOSS_PCT
    if not state_fact(facts, SHORT_NOT_ALLOWED, 0.0, 0.0, slot.order_side > 0 or m.shortable != 0):
        return SHORT_NOT_ALLOWED
    opposite = opposite_open(specs, slots, s, slot.order_side)
    if not state_fact(facts, OPPOSITE_SLOT_OPEN, 0.0, 1.0 if opposite else 0.0, not opposite):
        return OPPOSITE_SLOT_OPEN
    return refusal_by_count(now, a, p, m, slot, facts)


@lean
def refusal_by_count(
    now: int, a: Account, p: Limits, m: Market, slot: Slot, facts: Table
) -> int:
    """Return the first count or cooldown that refuses; NONE if none does."""
    if now // DAY_MS != a.count_day:
        a.count_day, a.trades_day = now // DAY_MS, 0
    if now // HOUR_MS != a.count_hour:
        a.count_hour, a.trades_hour = now // HOUR_MS, 0
    room = slot.order_add or a.open_slots < p.max_open
    if not state_fact(facts, MAX_OPEN_POSITIONS, p.max_open, a.open_slots, bool(room)):
        return MAX_OPEN_POSITIONS
    if not state_fact(facts, MAX_TRADES_PER_DAY, p.max_day, a.trades_day, a.trades_day < p.max_day):
        return MAX_TRADES_PER_DAY
    below = a.trades_hour < p.max_hour
    if not state_fact(facts, MAX_TRADES_PER_HOUR, p.max_hour, a.trades_hour, below):
        return MAX_TRADES_PER_HOUR
    passed = now - m.loss_ts
    cooled = passed >= p.loss_cooldown_ms
    minutes = passed / 60_000.0
    limit = p.loss_cooldown_ms / 60_000.0
    if not state_fact(facts, COOLDOWN_AFTER_LOSS_MIN, limit, minutes, cooled):
        return COOLDOWN_AFTER_LOSS_MIN
    return NONE


@lean
def fit(
    a: Account, p: Limits, m: Market, slot: Slot, clusters: Table, tiers: Table, facts: Table,
    shrunk: Table,
) -> float:
    """Return the quantity every size limit allows; 0 as soon as one leaves no room."""
    price = slot.order_cap
    e = a.equity
    held = m.exposure
    q = slot.order_qty
    q = cap_quantity(facts, shrunk, MAX_POSITION_SIZE_PCT, p.max_position * e, held, q, price)
    if q > 0.0:
        most = min(p.cap_multiple * e, p.cap_max)
        q = cap_quantity(facts, shrunk, POSITION_CAP, most, held, q, price)
    if q > 0.0:
        q = cap_quantity(facts, shrunk, MAX_GROSS_PCT, p.max_gross * e, a.held_gross, q, price)
    if q > 0.0:
        net = a.net_if_long if slot.order_side > 0 else -a.net_if_short
        q = cap_quantity(facts, shrunk, MAX_NET_PCT, p.max_net * e, net, q, price)
    if q > 0.0:
        group = clusters[m.cluster]
        q = cap_quantity(facts, shrunk, MAX_CLUSTER_PCT, p.max_cluster * e, group, q, price)
    if q > 0.0:
        tier = tiers[m.tier]
        q = cap_quantity(facts, shrunk, MAX_TIER_PCT, tier.limit * e, tier.held, q, price)
    if q > 0.0:
        with_fee = price * (1.0 + m.taker)
        q = cap_quantity(facts, shrunk, CASH, a.available, 0.0, q, with_fee)
    return q


@lean
def last_refused(facts: Table) -> int:
    """Return the last rule that answered REFUSED."""
    found = NONE
    for rule in range(RULES):
        if facts[rule].answer == REFUSED:
            found = rule
    return found


@lean
def too_small(p: Limits, m: Market, facts: Table, qty: float) -> int:
    """Return the rule that the rounded quantity breaks from below; NONE if none."""
    if not state_fact(facts, LOT, m.lot_n / m.lot_d, qty, qty > 0.0):
        return LOT
    position = m.exposure + qty * m.last
    if position < p.cap_min:
        state_fact(facts, POSITION_CAP, p.cap_min, position, False)
        return POSITION_CAP
    after_fee = qty * m.last * (1.0 - m.taker)
    if not state_fact(facts, MIN_NOTIONAL, m.min_notional, after_fee, after_fee >= m.min_notional):
        return MIN_NOTIONAL
    return NONE


@lean
def grant(
    a: Account, m: Market, slot: Slot, clusters: Table, tiers: Table, qty: float
) -> None:
    """Turn a proposal into an order and reserve its counts, notional and cash."""
    notional = qty * slot.order_cap
    slot.order_qty = qty
    slot.order_cash = notional * (1.0 + m.taker)
    slot.order = ORDER_LIMIT if slot.order_bars > 0 else ORDER_MARKET
    a.seq += 1
    slot.order_seq = a.seq
    a.trades_day += 1
    a.trades_hour += 1
    if not slot.order_add:
        a.open_slots += 1
    a.held_gross += notional
    a.available -= slot.order_cash
    if slot.order_side > 0:
        a.net_if_long += notional
    else:
        a.net_if_short -= notional
    m.exposure += notional
    clusters[m.cluster] += notional
    tiers[m.tier].held += notional


@lean
def judge(
    now: int, a: Account, p: Limits, markets: Table, specs: Table, slots: Table, clusters: Table,
    tiers: Table, facts: Table, shrunk: Table, s: int, review: Review,
) -> int:
    """Put one proposal through the policy; return the rule that refused it, NONE if granted."""
    for rule in range(RULES):
        facts[rule].answer = NOT_ASKED
    slot, spec = slots[s], specs[s]
    m = markets[spec.market]
    rule = refusal(now, a, p, m, spec, slot, specs, slots, facts, s)
    if rule != NONE:
        return rule
    qty = fit(a, p, m, slot, clusters, tiers, facts, shrunk)
    if qty <= 0.0:
        return last_refused(facts)
    allowed = review(s, qty, slot.order_cap)
    fact = facts[RISK_CHECK]
    fact.limit, fact.observed, fact.asked, fact.allowed = allowed, qty, qty, allowed
    if not (allowed > 0.0 and allowed <= qty):
        fact.answer = REFUSED
        return RISK_CHECK
    fact.answer = PASSED
    if allowed < qty:
        fact.answer = SHRUNK
        shrunk[RISK_CHECK] += 1
    qty = floor_grid(allowed, m.lot_n, m.lot_d)
    rule = too_small(p, m, facts, qty)
    if rule != NONE:
        return rule
    grant(a, m, slot, clusters, tiers, qty)
    return NONE


@lean
def authorise(
    now: int, a: Account, p: Limits, markets: Table, specs: Table, slots: Table, clusters: Table,
    tiers: Table, queue: Table, asked: int, facts: Table, refused: Table, shrunk: Table,
    review: Review, witness: Witness,
) -> None:
    """Judge the queued proposals in order of service; each sees what the earlier ones took."""
    survey(a, markets, specs, slots, clusters, tiers)
    for k in range(asked):
        s = queue[k]
        wished = slots[s].order_qty
        rule = judge(now, a, p, markets, specs, slots, clusters, tiers, facts, shrunk, s, review)
        if rule != NONE:
            refused[rule] += 1
        witness(s, wished, rule)
