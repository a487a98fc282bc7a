"""The account of the oracle: cash, marks, latches, counts, and what is reserved."""

from __future__ import annotations

from collections import Counter

from tests.oracle.words import DAY_MS, HOUR_MS, Order, Position, Slot, World


class Account:
    """Cash and everything the policy looks at. Pending orders live in their slots."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cash = self.peak = self.anchor = self.equity = world.cash
        self.day = (world.times[0] - 1) // DAY_MS
        self.reducing = self.tripped = False
        self.halted_at: int | None = None
        self.trades_by_day: Counter[int] = Counter()
        self.trades_by_hour: Counter[int] = Counter()
        self.rejections: Counter[str] = Counter()
        self.shrunk: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.trades: list[dict[str, object]] = []
        self.fills: list[tuple[int, str, str, int, float, float]] = []

    # What is held and what is pending, in quote currency.

    def held(self, slot: Slot) -> float:
        """Return the signed value of a slot's position at the last close."""
        p = slot.position
        return 0.0 if p is None else p.side * p.qty * slot.market.last_close

    def pending(self, slot: Slot) -> float:
        """Return the signed value of a slot's pending entry at its worst price."""
        o = slot.pending
        return 0.0 if o is None else o.side * o.qty * o.worst

    def free_cash(self) -> float:
        """Return the cash that is not reserved, nor the proceeds of shorts, nor their collateral.

        The specification says what a buy reserves; that a short is covered in full by cash of the
        account's own (no leverage) is a reading.
        """
        slots = self.world.slots
        reserved = sum(
            s.pending.qty * s.pending.worst * (1.0 + s.market.taker) for s in slots if s.pending
        )
        shorts = sum(-min(self.held(s), 0.0) for s in slots)
        return self.cash - reserved - 2.0 * shorts

    # Marks.

    def mark(self, now: int) -> None:
        """Value the account at a close; set and clear the latches."""
        limits = self.world.limits
        self.equity = self.cash + sum(
            self.held(s) for s in self.world.slots if s.position is not None
        )
        self.equity += sum(m.dust * m.last_close for m in self.world.markets if m.dust)
        self.peak = max(self.peak, self.equity)
        if self.peak - self.equity >= limits.max_drawdown * self.peak and self.halted_at is None:
            self.halted_at = now
        if now // DAY_MS != self.day:
            # A new day lifts the latch; a close on midnight is still judged by the old anchor.
            self.reducing = False
            if now % DAY_MS == 0:
                self._judge_day()
            self.day, self.anchor, self.tripped = now // DAY_MS, self.equity, False
        else:
            self._judge_day()

    def _judge_day(self) -> None:
        # One trip an anchor: the midnight that lifts a latch does not set it for the same loss.
        lost = self.anchor - self.equity
        if not self.tripped and lost >= self.world.limits.daily_stop * self.anchor:
            self.reducing = self.tripped = True

    # Counts.

    def count(self, order: Order) -> None:
        """Count a granted entry or add on its decision's day and hour."""
        self.trades_by_day[order.decided // DAY_MS] += 1
        self.trades_by_hour[order.decided // HOUR_MS] += 1

    def void(self, order: Order, rule: str) -> None:
        """End an order that did not fill: release its count, notional and cash."""
        self.trades_by_day[order.decided // DAY_MS] -= 1
        self.trades_by_hour[order.decided // HOUR_MS] -= 1
        self.rejections[rule] += 1
        order.slot.pending = None

    # Fills.

    def buy_or_sell(
        self, slot: Slot, side: int, qty: float, price: float, rate: float
    ) -> tuple[float, float, float]:
        """Move cash; return (quantity received or given, fee in quote, cash flow)."""
        fee = qty * price * rate
        opens = slot.position is None or slot.position.side == side
        if opens and side > 0 and slot.market.fee_in_base:
            flow, moved = -qty * price, qty * (1.0 - rate)
        else:
            flow, moved = -side * qty * price - fee, qty
        self.cash += flow
        return moved, fee, flow

    def close_trade(self, slot: Slot, p: Position, ts: int, reason: str, bar: int) -> None:
        """Write the row of a slot that went flat in the bar that opened at `ts`."""
        self.trades.append(
            {
                "symbol": slot.market.symbol,
                "strategy": slot.rules.name,
                "side": "long" if p.side > 0 else "short",
                "entry_ts": p.entry_ts,
                "entry_price": p.entry_notional / p.entered,
                "quantity": p.entered,
                "exit_ts": ts,
                "exit_price": p.exit_notional / p.exited,
                "fees": p.fees,
                "pnl": p.cash_flow,
                "r_multiple": p.cash_flow / (p.r * p.first_qty) if p.r == p.r else float("nan"),
                "exit_reason": reason,
                "bars_held": bar - p.entry_bar,
            }
        )
        if p.cash_flow < -1e-12 * p.entry_notional:
            slot.market.last_loss_close = ts + slot.market.tf_ms
        slot.position, slot.last_exit_bar = None, bar
