"""What the pretended exchange does about splits and dividends, before the bar opens.

Cash is paid on what was held at the close before, by shorts as to longs, then shares are exchanged:
everything counted in shares times the ratio, everything priced a share divided by it. What rests at
the exchange rests on its grid.
"""

from __future__ import annotations

from tests.oracle.account import Account
from tests.oracle.words import Event, Market, Order, Position, against, whole_lots


def settle(account: Account, market: Market, event: Event) -> None:
    """Apply an event to everything that is held, ordered or left over in one instrument."""
    # What is left below one lot is exchanged, and too little to be paid for.
    market.dust *= event.split
    for slot in account.world.slots:
        if slot.market is not market:
            continue
        if slot.position is not None:
            paid = slot.position.side * slot.position.qty * event.dividend
            account.cash += paid
            slot.position.cash_flow += paid
            account.met["dividend of a short"] += paid < 0.0
        if event.split == 1.0:
            continue
        if slot.position is not None:
            account.met.update(_met_by_split(slot.position))
            _exchange_position(slot.position, event.split, market.tick)
        if slot.pending is not None:
            _exchange_order(account, slot.pending, event.split)


def _met_by_split(p: Position) -> list[str]:
    """Name the states in which a split finds a position."""
    states = {
        "exit due": p.leaving is not None,
        "between rungs": any(r.done for r in p.rungs) and not all(r.done for r in p.rungs),
        "inside a rung": any(r.filled and not r.done for r in p.rungs),
        "trail armed": p.armed,
        "stop moved": p.stop_reason != "stop",
        "after an add": p.entered > p.first_qty,
        "short": p.side < 0,
    }
    return [name for name, is_met in states.items() if is_met]


def _exchange_position(p: Position, ratio: float, tick: float) -> None:
    p.qty *= ratio
    p.first_qty *= ratio
    p.entered *= ratio
    p.exited *= ratio
    p.entry /= ratio
    p.r /= ratio
    p.extreme /= ratio
    if p.stop is not None:
        p.stop = against(p.stop / ratio, tick, p.side)
    for rung in p.rungs:
        # A target is so many R from the entry, not a price of its own.
        rung.price = against(p.entry + p.side * rung.at_r * p.r, tick, p.side)
        rung.filled *= ratio


def _exchange_order(account: Account, order: Order, ratio: float) -> None:
    tick, lot = order.slot.market.tick, order.slot.market.lot
    kind = "entry" if order.limit is None else "limit"
    account.met[f"{'add' if order.is_add else kind} pending"] += 1
    # Orders are for whole lots; parts of one are for owners only.
    qty = whole_lots(order.qty * ratio, lot)
    order.qty = qty
    if qty <= 0.0:
        account.void(order, "LOT")
        return
    order.worst /= ratio
    order.distance /= ratio
    # A buy's limit down to the tick, a sale's up: never worse than what was granted.
    if order.collar is not None:
        order.collar = against(order.collar / ratio, tick, -order.side)
    if order.limit is not None:
        order.limit = against(order.limit / ratio, tick, -order.side)
