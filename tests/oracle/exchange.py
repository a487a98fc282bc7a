"""The pretended exchange of the oracle: what fills in one bar, and at which price."""

from __future__ import annotations

import math
from bisect import bisect_right

from tests.oracle.account import Account
from tests.oracle.corporate import settle
from tests.oracle.words import (
    Candle,
    Market,
    Order,
    Position,
    Rung,
    Slot,
    against,
    step_down,
    step_up,
    whole_lots,
)

DUST = 1e-12


class Exchange:
    """Fills the orders of an account, one time step after the other."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.slots = account.world.slots
        self.slippage = account.world.slippage

    def trade(self, now: int) -> None:
        """Work through the bars that close at `now`."""
        for market in self.account.world.markets:
            if now in market.bars and now in market.events:
                settle(self.account, market, market.events[now])
        for slot in self.slots:
            if slot.pending is not None and slot.pending.limit is None:
                self._end_if_absent(slot, slot.pending, now)
        for slot in self.slots:
            bar = slot.market.bars.get(now)
            if bar is not None and bar.trades and slot.position is not None:
                self._leave(slot, slot.position, bar)
        waiting = [s.pending for s in self.slots if s.pending is not None]
        for order in sorted(waiting, key=lambda o: o.number):
            bar = order.slot.market.bars.get(now)
            if bar is not None and bar.ts >= order.decided:
                self._open_of_entry(order, bar)
        for slot in self.slots:
            bar = slot.market.bars.get(now)
            if bar is not None and bar.trades:
                self._inside(slot, bar)
            if bar is not None and bar.trades:
                self._see_extreme(slot, bar)
        for slot in self.slots:
            self._expire(slot, now)

    def _end_if_absent(self, slot: Slot, order: Order, now: int) -> None:
        """A market entry lives for the bar that opens at its decision, and for no other.

        A market with sessions closes: its next bar opens when the market does.
        """
        if slot.market.sessions:
            return
        bar = slot.market.bars.get(now)
        if now - order.decided >= slot.market.tf_ms and (bar is None or bar.ts != order.decided):
            self.account.void(order, "BAR_ABSENT")

    # Orders at the open.

    def _leave(self, slot: Slot, p: Position, bar: Candle) -> None:
        if p.leaving is None:
            return
        qty = min(_whole(slot.market, p.qty), self._share(slot.market, bar))
        if qty > 0.0:
            price = self._slipped(bar.open, -p.side, slot.market)
            self._reduce(slot, p, bar, qty, price, slot.market.taker, p.leaving)

    def _share(self, market: Market, bar: Candle) -> float:
        share = self.account.world.volume_share
        if share == 0.0 or math.isnan(bar.volume):
            return math.inf
        return whole_lots(share * bar.volume, market.lot)

    def _slipped(self, price: float, direction: int, market: Market) -> float:
        return against(price * (1.0 + direction * self.slippage), market.tick, direction)

    def _open_of_entry(self, order: Order, bar: Candle) -> None:
        """Fill or void a market entry; fill a limit entry whose price the open betters."""
        market = order.slot.market
        if not bar.trades:
            if order.limit is None:
                self.account.void(order, "VOLUME_ZERO")
            return
        if order.limit is not None:
            if (bar.open - order.limit) * order.side < 0.0:
                self._enter(order, bar, bar.open, market.maker, targets_live=True)
            return
        assert order.collar is not None
        price = self._slipped(bar.open, order.side, market)
        missed = (price - order.collar) * order.side > 0.0
        if order.side < 0:
            # The caps of a short hold at this price, so it must not sell above it either.
            missed = missed or bar.open > order.worst
        if missed:
            self.account.void(order, "COLLAR_MISSED")
        else:
            self._enter(order, bar, price, market.taker, targets_live=True)

    def _enter(
        self, order: Order, bar: Candle, price: float, rate: float, *, targets_live: bool
    ) -> None:
        slot, side = order.slot, order.side
        market = slot.market
        qty = min(order.qty, self._share(market, bar))
        if qty <= 0.0:
            if order.limit is None:
                self.account.void(order, "VOLUME_ZERO")
            return
        slot.pending = None
        moved, fee, flow = self.account.buy_or_sell(slot, side, qty, price, rate)
        p = slot.position
        if p is None:
            p = slot.position = Position(
                side=side, qty=0.0, entry=price, r=order.distance, first_qty=moved,
                entry_ts=bar.ts, entry_bar=bisect_right(slot.closes, bar.ts),
                extreme=price, strength=order.strength, hold_ms=order.hold_ms, stop=None,
                targets_from=bar.ts + (0 if targets_live else 1),
            )  # fmt: skip
            self._protect(slot, p)
        self.account.fills.append((bar.ts, market.symbol, slot.rules.name, side, qty, price))
        p.qty += moved
        p.entered += moved
        p.entry_notional += moved * price
        p.fees += fee
        p.cash_flow += flow

    def _protect(self, slot: Slot, p: Position) -> None:
        """Set the stop and the ladder from the first fill."""
        rules, tick = slot.rules, slot.market.tick
        if not rules.has_stop:
            return
        # A long's stop up, a short's down; a long's target up, a short's down.
        p.stop = against(p.entry - p.side * p.r, tick, p.side)
        total = math.fsum(fraction for _, fraction in rules.rungs)
        for k, (at_r, fraction) in enumerate(rules.rungs):
            last = k == len(rules.rungs) - 1 and abs(total - 1.0) < 1e-9
            price = against(p.entry + p.side * at_r * p.r, tick, p.side)
            p.rungs.append(Rung(at_r, price, fraction, last))

    # Inside the bar.

    def _inside(self, slot: Slot, bar: Candle) -> None:
        if slot.position is not None:
            self._open_beyond(slot, slot.position, bar)
        order = slot.pending
        if order is not None and order.limit is not None and bar.ts >= order.decided:
            worst_way = bar.low if order.side > 0 else bar.high
            if (worst_way - order.limit) * order.side < 0.0:
                self._enter(order, bar, order.limit, slot.market.maker, targets_live=False)
        if slot.position is not None:
            self._stop(slot, slot.position, bar)
        if slot.position is not None:
            self._targets(slot, slot.position, bar, at_open=False)

    def _open_beyond(self, slot: Slot, p: Position, bar: Candle) -> None:
        if p.stop is not None and (bar.open - p.stop) * p.side <= 0.0:
            self._stop(slot, p, bar)
        else:
            self._targets(slot, p, bar, at_open=True)

    def _stop(self, slot: Slot, p: Position, bar: Candle) -> None:
        if p.stop is None:
            return
        reached = bar.low <= p.stop if p.side > 0 else bar.high >= p.stop
        if reached:
            at = min(bar.open, p.stop) if p.side > 0 else max(bar.open, p.stop)
            price = self._slipped(at, -p.side, slot.market)
            qty = _whole(slot.market, p.qty)
            self._reduce(slot, p, bar, qty, price, slot.market.taker, p.stop_reason)

    def _targets(self, slot: Slot, p: Position, bar: Candle, *, at_open: bool) -> None:
        if bar.ts < p.targets_from:
            return
        best = bar.open if at_open else (bar.high if p.side > 0 else bar.low)
        for rung in p.rungs:
            if rung.done or (best - rung.price) * p.side <= 0.0 or slot.position is None:
                continue
            want = whole_lots(rung.fraction * p.entered, slot.market.lot) - rung.filled
            held = _whole(slot.market, p.qty)
            want = held if rung.takes_rest else min(want, held)
            room = self._share(slot.market, bar) - rung.taken.get(bar.ts, 0.0)
            qty = min(want, room)
            rung.done = qty >= want
            if qty > 0.0:
                rung.filled += qty
                rung.taken = {bar.ts: rung.taken.get(bar.ts, 0.0) + qty}
                price = bar.open if at_open else rung.price
                self._reduce(slot, p, bar, qty, price, slot.market.maker, "target")
            if not rung.done:
                return

    def _reduce(
        self, slot: Slot, p: Position, bar: Candle, qty: float, price: float, rate: float, why: str
    ) -> None:
        _, fee, flow = self.account.buy_or_sell(slot, -p.side, qty, price, rate)
        key = slot.market.symbol, slot.rules.name
        self.account.fills.append((bar.ts, *key, -p.side, qty, price))
        p.qty -= qty
        p.exited += qty
        p.exit_notional += qty * price
        p.fees += fee
        p.cash_flow += flow
        lot = slot.market.lot
        if p.qty <= DUST * p.entered or (lot and p.qty < lot * (1.0 - 1e-9)):
            slot.market.dust += p.side * p.qty
            bar_number = bisect_right(slot.closes, bar.ts)
            self.account.close_trade(slot, p, bar.ts, why, bar_number)

    # After the bar.

    def _see_extreme(self, slot: Slot, bar: Candle) -> None:
        p = slot.position
        if p is not None:
            p.extreme = max(p.extreme, bar.high) if p.side > 0 else min(p.extreme, bar.low)

    def _expire(self, slot: Slot, now: int) -> None:
        """A limit entry rests for so many bars of its slot."""
        order = slot.pending
        if order is not None and order.limit is not None and now in slot.signals:
            order.bars_left -= 1
            if order.bars_left <= 0:
                self.account.void(order, "LIMIT_EXPIRED")


def _whole(market: Market, qty: float) -> float:
    """Return what of a holding can be traded: whole lots, or all of it where that is none."""
    return whole_lots(qty, market.lot) or qty


def collar_price(close: float, fraction: float, side: int, tick: float) -> float:
    """Return the worst price of a market entry: a buy's down to the tick, a sale's up."""
    price = close * (1.0 + side * fraction)
    return step_down(price, tick) if side > 0 else step_up(price, tick)
