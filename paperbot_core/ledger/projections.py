"""Projections: orders, fills, positions, trades, verdicts, equity ..., from events alone.

One class serves the live journal and a rebuild, so they cannot differ by design.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal

from paperbot_core.domain.event_text import decimal_text
from paperbot_core.domain.events import (
    AnchorMoved,
    ConditionChanged,
    DividendPaid,
    EquityMarked,
    Event,
    FillBooked,
    Halted,
    OrderPlaced,
    OrderReleased,
    Resumed,
    RunStarted,
    RunStopped,
    SharesSplit,
    TradingStateChanged,
    VerdictGiven,
)
from paperbot_core.domain.words import Rule, Side
from paperbot_core.ledger.slot import EXACT, Slot, book, exchanged, pay, split

#: An order counts as filled from this share on: see `slot` on quantities without a grid.
_WHOLE = Decimal("0.999999999")


class Projector:
    """Applies events, in order, to the projection tables of one connection."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        """Take a connection whose schema is in place; the caller holds the transaction."""
        self._conn = conn

    def apply(self, seq: int, event: Event) -> None:
        """Book one event.

        Raises:
            ValueError: it contradicts the events before it.
            sqlite3.IntegrityError: its order or fill exists already.
        """
        match event:
            case EquityMarked():
                self._mark(seq, event)
            case VerdictGiven():
                self._verdict(seq, event)
            case OrderPlaced():
                self._order(event)
            case OrderReleased():
                self._release(event)
            case FillBooked():
                self._fill(seq, event)
            case DividendPaid():
                self._dividend(seq, event)
            case SharesSplit():
                self._split(seq, event)
            case TradingStateChanged():
                self._say(event.ts, state=event.state.name.lower(), state_rule=event.rule.name,
                          state_reason=event.reason)  # fmt: skip
            case AnchorMoved():
                self._say(event.ts, anchor_day=str(event.day),
                          anchor_equity=decimal_text(event.equity))  # fmt: skip
            case RunStarted():
                self._say(event.ts, run_id=event.run_id, mode=event.mode.value, run_state="running")
            case RunStopped():
                self._say(event.ts, run_state=f"stopped: {event.reason}")
            case Halted():
                self._say(event.ts, manual_halt=event.reason or "halted by hand")
            case Resumed():
                self._say(event.ts, manual_halt="")
            case ConditionChanged(condition="regime"):
                self._say(event.ts, regime=event.state)
            case ConditionChanged(condition="data_breaker"):
                self._say(event.ts, **{f"data_breaker {event.subject}": event.state})
            case ConditionChanged(condition="mode"):
                self._say(event.ts, **{f"mode {event.subject}": event.state})
            case _:
                # Bars, signals and proposals are read from the events themselves.
                return

    def _say(self, ts: int, **facts: str) -> None:
        self._conn.executemany(
            "INSERT OR REPLACE INTO account VALUES (?, ?, ?)",
            [(key, value, ts) for key, value in facts.items()],
        )

    def _mark(self, seq: int, event: EquityMarked) -> None:
        self._conn.execute(
            "INSERT INTO equity VALUES (?, ?, ?, ?, ?, ?)",
            (
                seq, event.ts, decimal_text(event.cash), decimal_text(event.equity),
                decimal_text(event.gross), event.drawdown_pct,
            ),
        )  # fmt: skip

    def _verdict(self, seq: int, event: VerdictGiven) -> None:
        self._conn.execute(
            "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq, event.ts, event.client_id, event.strategy, event.symbol, int(event.approved),
                event.rule.name, decimal_text(event.asked), decimal_text(event.allowed),
                event.reason,
            ),
        )  # fmt: skip

    def _order(self, event: OrderPlaced) -> None:
        limit = None if event.limit_price is None else decimal_text(event.limit_price)
        self._conn.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'placed', '0', ?, NULL)",
            (
                event.client_id, event.ts, event.strategy, event.symbol, event.side.name.lower(),
                event.kind.value, event.action.value, decimal_text(event.quantity), limit,
                event.exit_reason.name.lower(), event.reason, Rule.NONE.name,
            ),
        )  # fmt: skip

    def _release(self, event: OrderReleased) -> None:
        changed = self._conn.execute(
            "UPDATE orders SET state = 'released', rule = ?, done_ts = ?"
            " WHERE client_id = ? AND state IN ('placed', 'partly')",
            (event.rule.name, event.ts, event.client_id),
        )
        if changed.rowcount != 1:
            raise ValueError(f"order {event.client_id} is released and was not open")

    def _fill(self, seq: int, fill: FillBooked) -> None:
        self._conn.execute(
            "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq, fill.fill_id, fill.ts, fill.bar_ts, fill.client_id, fill.strategy, fill.symbol,
                fill.side.name.lower(), fill.kind.value, fill.action.value, fill.leg,
                decimal_text(fill.quantity), decimal_text(fill.price),
                decimal_text(fill.reference_price), decimal_text(fill.fee), fill.fee_asset,
                decimal_text(fill.fee_quote), fill.liquidity.value, fill.exit_reason.name.lower(),
            ),
        )  # fmt: skip
        self._fill_order(fill)
        crumbs = fill.flat and self._was_split(fill.strategy, fill.symbol)
        after = book(self._slot(fill.strategy, fill.symbol), fill, crumbs=crumbs)
        if fill.flat:
            self._conn.execute(
                "DELETE FROM positions WHERE strategy = ? AND symbol = ?",
                (fill.strategy, fill.symbol),
            )
            self._trade(seq, fill, after)
        else:
            self._position(fill.ts, after)

    def _dividend(self, seq: int, event: DividendPaid) -> None:
        self._conn.execute(
            "INSERT INTO corporate VALUES (?, ?, ?, ?, ?, 'dividend', ?, NULL, ?, ?)",
            (
                seq, event.ts, event.bar_ts, event.strategy, event.symbol,
                decimal_text(event.quantity), decimal_text(event.per_share),
                decimal_text(event.amount),
            ),
        )  # fmt: skip
        self._position(event.ts, pay(self._slot(event.strategy, event.symbol), event))

    def _split(self, seq: int, event: SharesSplit) -> None:
        self._conn.execute(
            "INSERT INTO corporate VALUES (?, ?, ?, ?, ?, 'split', ?, ?, NULL, NULL)",
            (
                seq, event.ts, event.bar_ts, event.strategy, event.symbol,
                decimal_text(event.quantity), decimal_text(event.ratio),
            ),
        )  # fmt: skip
        slot = split(self._slot(event.strategy, event.symbol), event)
        if slot is not None:
            self._position(event.ts, slot)
        self._exchange_orders(event)

    def _exchange_orders(self, event: SharesSplit) -> None:
        """Put the open orders of a slot into new shares."""
        open_ = self._conn.execute(
            "SELECT client_id, quantity, filled, limit_price FROM orders WHERE strategy = ?"
            " AND symbol = ? AND state IN ('placed', 'partly')",
            (event.strategy, event.symbol),
        ).fetchall()
        for name, old, filled, limit in open_:
            quantity, price = exchanged(Decimal(old), event.ratio), limit
            if limit is not None and event.limit_price is not None:
                # The one that rests: in whole lots, its price on the tick. An exit has no price.
                quantity, price = event.order_quantity, decimal_text(event.limit_price)
            self._conn.execute(
                "UPDATE orders SET quantity = ?, filled = ?, limit_price = ? WHERE client_id = ?",
                (
                    decimal_text(quantity), decimal_text(exchanged(Decimal(filled), event.ratio)),
                    price, name,
                ),
            )  # fmt: skip

    def _was_split(self, strategy: str, symbol: str) -> bool:
        """Return whether shares of a slot, or of an order of it, were ever exchanged."""
        found = self._conn.execute(
            "SELECT 1 FROM corporate WHERE strategy = ? AND symbol = ? AND kind = 'split' LIMIT 1",
            (strategy, symbol),
        )
        return found.fetchone() is not None

    def _fill_order(self, fill: FillBooked) -> None:
        row = self._conn.execute(
            "SELECT quantity, filled FROM orders WHERE client_id = ?", (fill.client_id,)
        ).fetchone()
        if row is None:
            # A simulated stop or target guards the slot without being an order of its own.
            return
        filled = EXACT.add(Decimal(row[1]), fill.quantity)
        whole = filled >= EXACT.multiply(Decimal(row[0]), _WHOLE)
        self._conn.execute(
            "UPDATE orders SET filled = ?, state = ?, done_ts = ? WHERE client_id = ?",
            (
                decimal_text(filled), "filled" if whole else "partly", fill.ts if whole else None,
                fill.client_id,
            ),
        )  # fmt: skip

    def _slot(self, strategy: str, symbol: str) -> Slot | None:
        row = self._conn.execute(
            "SELECT side, entry_ts, quantity, entry_quantity, entry_value, exit_quantity,"
            " exit_value, fees, cash_fees, income FROM positions WHERE strategy = ? AND symbol = ?",
            (strategy, symbol),
        ).fetchone()
        if row is None:
            return None
        amounts = [Decimal(text) for text in row[2:]]
        return Slot(strategy, symbol, Side[row[0].upper()], row[1], *amounts)

    def _position(self, ts: int, slot: Slot) -> None:
        self._conn.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                slot.strategy, slot.symbol, slot.side.name.lower(), decimal_text(slot.quantity),
                decimal_text(slot.entry_price), slot.entry_ts, decimal_text(slot.entry_quantity),
                decimal_text(slot.entry_value), decimal_text(slot.exit_quantity),
                decimal_text(slot.exit_value), decimal_text(slot.fees),
                decimal_text(slot.cash_fees), ts, decimal_text(slot.income),
            ),
        )  # fmt: skip

    def _trade(self, seq: int, fill: FillBooked, slot: Slot) -> None:
        self._conn.execute(
            "INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq, fill.ts, slot.symbol, slot.strategy, slot.side.name.lower(), slot.entry_ts,
                decimal_text(slot.entry_price), decimal_text(slot.entry_quantity), fill.bar_ts,
                decimal_text(slot.exit_price), decimal_text(slot.fees), decimal_text(slot.pnl),
                fill.r_multiple, fill.exit_reason.name.lower(), fill.bars_held,
            ),
        )  # fmt: skip
