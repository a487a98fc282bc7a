"""The policy of the oracle: what a wish becomes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tests.oracle.account import Account
from tests.oracle.exchange import collar_price
from tests.oracle.words import DAY_MS, HOUR_MS, Order, Slot, against, whole_lots

#: What is left of a wish after a limit is nothing below this part of it: noise of subtraction.
NOTHING = 1e-9


@dataclass
class Wish:
    """An entry or an add as the strategy wants it."""

    slot: Slot
    side: int
    qty: float
    close: float
    strength: float
    distance: float
    is_add: bool
    barred: str | None
    limit: float | None = None
    limit_bars: int = 1


class Policy:
    """Grants orders, shrunk where the limits say so; each grant reserves at once."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.limits = account.world.limits
        self.number = 0

    def ask(self, wish: Wish, now: int) -> None:
        """Turn a wish into a pending order of its slot, or count why not."""
        refusal = self._refusal(wish, now)
        if refusal is None:
            order = self._order(wish, now)
            refusal = self._shrink(wish, order)
            if refusal is None:
                wish.slot.pending = order
                self.account.count(order)
                return
        self.account.rejections[refusal] += 1

    def _order(self, wish: Wish, now: int) -> Order:
        self.number += 1
        rules, market = wish.slot.rules, wish.slot.market
        collar, hold_ms = None, self.account.world.holds.get(market.tier, 0)
        if wish.limit is not None:
            wish.limit = against(wish.limit, market.tick, -wish.side)
            worst = wish.limit
        else:
            collar = collar_price(wish.close, rules.collar, wish.side, market.tick)
            worst = collar if wish.side > 0 else wish.close * (1.0 + rules.collar)
        return Order(
            wish.slot, wish.side, wish.qty, worst, now, self.number, wish.distance, wish.strength,
            wish.is_add, hold_ms, collar, wish.limit, wish.limit_bars,
        )  # fmt: skip

    def _refusal(self, wish: Wish, now: int) -> str | None:
        a, limits, slot = self.account, self.limits, wish.slot
        if wish.barred is not None:
            return wish.barred
        needed = [wish.close, wish.qty, wish.strength]
        needed += [wish.distance] if slot.rules.has_stop else []
        needed += [wish.limit] if wish.limit is not None else []
        if not all(math.isfinite(x) for x in needed) or wish.qty <= 0.0:
            return "NOT_FINITE"
        if slot.rules.has_stop and wish.distance <= 0.0:
            return "NOT_FINITE"
        if wish.limit is not None and against(wish.limit, slot.market.tick, -wish.side) <= 0.0:
            return "NOT_FINITE"
        if a.halted_at is not None:
            return "MAX_DRAWDOWN_PCT"
        if a.reducing:
            return "DAILY_STOP_LOSS_PCT"
        if wish.side < 0 and not slot.market.shortable:
            return "SHORT_NOT_ALLOWED"
        others = [s for s in a.world.slots if s is not slot]
        if any(
            x.side == -wish.side
            for s in others
            if s.market is slot.market
            for x in (s.position, s.pending)
            if x is not None
        ):
            return "OPPOSITE_SLOT_OPEN"
        taken = sum(s.position is not None or s.pending is not None for s in others)
        if not wish.is_add and taken >= limits.max_open:
            return "MAX_OPEN_POSITIONS"
        if a.trades_by_day[now // DAY_MS] >= limits.max_day:
            return "MAX_TRADES_PER_DAY"
        if a.trades_by_hour[now // HOUR_MS] >= limits.max_hour:
            return "MAX_TRADES_PER_HOUR"
        lost = slot.market.last_loss_close
        if lost is not None and now - lost < limits.loss_cooldown_ms:
            return "COOLDOWN_AFTER_LOSS_MIN"
        return None

    def _used(self, chosen: list[Slot]) -> float:
        return sum(abs(self.account.held(s)) + abs(self.account.pending(s)) for s in chosen)

    def _rooms(self, wish: Wish) -> list[tuple[str, float]]:
        """Return, in the order of the rules, how much notional each leaves."""
        a, limits, slot = self.account, self.limits, wish.slot
        market, equity = slot.market, a.equity
        slots = a.world.slots

        used = self._used
        here = used([s for s in slots if s.market is market])
        # What may not fill cannot make room: pending orders of the other side do not count.
        net = sum(a.held(s) for s in slots)
        net += sum(a.pending(s) for s in slots if s.pending and s.pending.side == wish.side)
        cap = min(limits.cap_multiple * equity, limits.cap_max)
        tier = limits.max_tier.get(market.tier, math.inf)
        rooms = [
            ("MAX_POSITION_SIZE_PCT", limits.max_position * equity - here),
            ("POSITION_CAP", cap - here),
            ("MAX_GROSS_PCT", limits.max_gross * equity - used(slots)),
            ("MAX_NET_PCT", limits.max_net * equity - wish.side * net),
            (
                "MAX_CLUSTER_PCT",
                limits.max_cluster * equity
                - used([s for s in slots if s.market.cluster == market.cluster]),
            ),
            (
                "MAX_TIER_PCT",
                tier * equity - used([s for s in slots if s.market.tier == market.tier]),
            ),
        ]
        rooms.append(("CASH", a.free_cash() / (1.0 + market.taker)))
        return rooms

    def _shrink(self, wish: Wish, order: Order) -> str | None:
        """Cut the quantity to what is free; return the rule that what is left fails."""
        market = wish.slot.market
        here = self._used([s for s in self.account.world.slots if s.market is market])
        for rule, room in self._rooms(wish):
            fits = max(room, 0.0) / order.worst
            if fits <= order.qty * NOTHING:
                return rule
            if fits < order.qty:
                order.qty = fits
                self.account.shrunk[rule] += 1
        order.qty = whole_lots(order.qty, market.lot)
        if order.qty <= 0.0:
            return "LOT"
        if here + order.qty * wish.close < self.limits.cap_min:
            return "POSITION_CAP"
        if order.qty * wish.close * (1.0 - market.taker) < market.min_notional:
            return "MIN_NOTIONAL"
        return None
