"""From outcomes of steps to events of the journal; the same outcomes give the same events."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from paperbot_core.domain.events import (
    Action,
    AnchorMoved,
    DividendPaid,
    EquityMarked,
    Event,
    FillBooked,
    Liquidity,
    OrderKind,
    OrderPlaced,
    OrderReleased,
    ProposalMade,
    SharesSplit,
    SignalRaised,
    TradingStateChanged,
    VerdictGiven,
    VerdictRow,
    client_id,
)
from paperbot_core.domain.market import DAY_MS
from paperbot_core.domain.words import ExitReason, Rule, Side, TradingState
from paperbot_core.kernel import words as w
from paperbot_core.kernel.desk import Desk
from paperbot_core.trade.amounts import amount
from paperbot_core.trade.checkpoint import Books, slot_text
from paperbot_core.trade.outcome import Decision, Mark, Outcome

#: An order counts as filled from this share on, as in the ledger's projection of it.
_WHOLE = 0.999999999
_BY_SIGNAL = frozenset({int(ExitReason.SIGNAL), int(ExitReason.TIME)})


class Recorder:
    """Names orders and fills and turns each step into events, in the order they happened."""

    def __init__(
        self, account: str, desk: Desk, books: Books, place: Callable[[Rule], str]
    ) -> None:
        """Go on from `books`; `place` says where the limit of a rule stands (`policy.yaml:14`)."""
        self.books = books
        self._account = account
        self._desk = desk
        self._place = place

    def events(self, out: Outcome, *, moves: bool = True) -> list[Event]:
        """Return the events of one step; `moves` false leaves out all that moves an account."""
        found: list[Event] = []
        if moves:
            found += self._settled(out)
            found += self._legs(out)
            found += self._marks(out)
        for raised in out.raised:
            key = self._desk.slots[raised.slot]
            late = " (dropped: older than one bar)" if out.dropped else ""
            found.append(SignalRaised(
                out.now, key.strategy, key.symbol, raised.side, raised.kind,
                raised.strength, raised.reason + late,
            ))  # fmt: skip
        for decision in out.decisions:
            found += self._decision(out.now, decision, moves=moves)
        for exit_ in out.exits:
            key = self._desk.slots[exit_.slot]
            found.append(SignalRaised(
                out.now, key.strategy, key.symbol, exit_.side, OrderKind.EXIT, 1.0, exit_.text
            ))  # fmt: skip
            if moves:
                name = self._id(exit_.slot, out.now, "exit")
                self.books.exits[slot_text(key)] = [name, exit_.quantity, 0.0]
                action = Action.SELL if exit_.side is Side.LONG else Action.BUY
                found.append(OrderPlaced(
                    out.now, name, key.strategy, key.symbol, exit_.side, OrderKind.EXIT, action,
                    amount(exit_.quantity), None, exit_.reason, exit_.text,
                ))  # fmt: skip
        if moves and out.mark is not None:
            found.append(equity_marked(out.now, out.mark))
        return found

    def state_events(self, now: int, mark: Mark, rule: Rule, reason: str) -> list[Event]:
        """Return the change of the trading state since the last call, if there is one."""
        if mark.state.name == self.books.state:
            return []
        self.books.state = mark.state.name
        return [TradingStateChanged(now, mark.state, rule, reason, amount(mark.equity))]

    def _id(self, slot: int, ts: int, leg: str) -> str:
        key = self._desk.slots[slot]
        return client_id(self._account, key.strategy, key.symbol, ts, leg)

    def _marks(self, out: Outcome) -> list[Event]:
        mark, found = out.mark, list[Event]()
        if mark is None:
            return found
        if mark.anchor_day != self.books.anchor_day:
            why = "first bar" if self.books.anchor_day < 0 else "new day"
            self.books.anchor_day = mark.anchor_day
            found.append(AnchorMoved(out.now, mark.anchor_day * DAY_MS, amount(mark.anchor), why))
        rule, reason = Rule.NONE, "a new day: entries are allowed again"
        if mark.state is TradingState.HALTED:
            rule = Rule.MAX_DRAWDOWN_PCT
            reason = f"{mark.drawdown_pct:.2f} % below the peak{self._at(rule)}"
        elif mark.state is TradingState.REDUCING:
            rule = Rule.DAILY_STOP_LOSS_PCT
            reason = f"the day's loss reached the daily stop{self._at(rule)}"
        return found + self.state_events(out.now, mark, rule, reason)

    def _at(self, rule: Rule) -> str:
        place = self._place(rule)
        return f" ({place})" if place else ""

    def _decision(self, now: int, d: Decision, *, moves: bool) -> list[Event]:
        key = self._desk.slots[d.slot]
        name = self._id(d.slot, now, "add" if d.kind is OrderKind.ADD else "entry")
        approved = d.rule is Rule.NONE
        by = d.shrunk_by if approved else d.rule
        found: list[Event] = [
            ProposalMade(
                now, name, key.strategy, key.symbol, d.side, d.kind, d.size_pct, amount(d.wished),
                amount(d.price), d.strength, d.reason,
            ),
            VerdictGiven(
                now, name, key.strategy, key.symbol, approved, by, amount(d.wished),
                amount(d.granted), self.verdict_text(d),
                tuple(
                    VerdictRow(f.rule, f.limit, f.observed, _number(f.asked), _number(f.allowed))
                    for f in d.facts
                ),
            ),
        ]  # fmt: skip
        if approved and moves:
            self.books.entries[slot_text(key)] = [name, d.granted, 0.0]
            action = Action.BUY if d.side is Side.LONG else Action.SELL
            found.append(OrderPlaced(
                now, name, key.strategy, key.symbol, d.side, d.kind, action, amount(d.granted),
                amount(d.price), ExitReason.NONE, d.reason,
            ))  # fmt: skip
        return found

    def verdict_text(self, d: Decision) -> str:
        """Return why an entry was refused or made smaller, as one line; empty if neither."""
        rule = d.shrunk_by if d.rule is Rule.NONE else d.rule
        if rule is Rule.NONE:
            return ""
        fact = next((f for f in d.facts if f.rule is rule), None)
        parts = [rule.name]
        if d.check:
            parts.append(d.check)
        elif fact is not None and not (fact.limit == 0.0 and fact.observed == 0.0):
            parts.append(f"limit={fact.limit:.8g}, observed={fact.observed:.8g}")
        if place := self._place(rule):
            parts.append(f"policy={place}")
        return f"{parts[0]}: {', '.join(parts[1:])}" if len(parts) > 1 else parts[0]

    def _settled(self, out: Outcome) -> list[Event]:
        """Return what splits and dividends did; open orders are counted in new shares from here."""
        found: list[Event] = []
        for one in out.settled:
            key = self._desk.slots[one.slot]
            if one.paid != 0.0:
                found.append(DividendPaid(
                    out.now, key.strategy, key.symbol, one.bar_ts, amount(one.dividend),
                    amount(one.held), amount(one.paid),
                ))  # fmt: skip
            if one.split != 1.0:
                found.append(SharesSplit(
                    out.now, key.strategy, key.symbol, one.bar_ts, amount(one.split),
                    amount(one.quantity), amount(one.order),
                    amount(one.limit) if one.order > 0.0 else None,
                ))  # fmt: skip
                text = slot_text(key)
                if text in self.books.entries:
                    self.books.entries[text][1] = one.order
                if order := self.books.exits.get(text):
                    order[1], order[2] = order[1] * one.split, order[2] * one.split
        return found

    def _legs(self, out: Outcome) -> list[Event]:
        found: list[Event] = []
        flats = _flat_legs(out)
        counts: dict[int, int] = defaultdict(int)
        for n, leg in enumerate(out.legs):
            s = leg["slot"]
            text = slot_text(self._desk.slots[s])
            if leg["kind"] == w.LEG_RELEASED:
                name, _, _ = self.books.entries.pop(text)
                found.append(OrderReleased(out.now, name, Rule(leg["reason"]), amount(leg["qty"])))
                continue
            found.append(self._fill(out.now, leg, counts[s], flats.get(n)))
            counts[s] += 1
            if leg["kind"] != w.LEG_EXIT:
                found += self._settle(out.now, self.books.entries, text, leg["qty"], done=True)
            elif leg["reason"] in _BY_SIGNAL:
                found += self._settle(out.now, self.books.exits, text, leg["qty"], done=False)
            if n in flats:
                # The stop or a target closed what a decided exit had still to close.
                found += self._settle(out.now, self.books.exits, text, 0.0, done=True)
        return found

    def _settle(
        self, now: int, open_: dict[str, list[Any]], text: str, qty: float, *, done: bool
    ) -> list[Event]:
        """Count a fill for the open order of a slot; `done` ends it, with what is left released."""
        order = open_.get(text)
        if order is None:
            return []
        order[2] += qty
        if order[2] >= order[1] * _WHOLE:
            del open_[text]
            return []
        if not done:
            return []
        del open_[text]
        return [OrderReleased(now, order[0], Rule.NONE, amount(order[1] - order[2]))]

    def _fill(
        self, now: int, leg: dict[str, Any], count: int, trade: dict[str, Any] | None
    ) -> FillBooked:
        s, opens = leg["slot"], leg["kind"] != w.LEG_EXIT
        key = self._desk.slots[s]
        spec = self._desk.specs[s]
        market = self._desk.markets[spec["market"]]
        reason = ExitReason.NONE if opens else ExitReason(leg["reason"])
        text = slot_text(key)
        books = self.books.entries if opens else self.books.exits
        if (opens or leg["reason"] in _BY_SIGNAL) and text in books:
            name = books[text][0]
        else:
            name = self._id(s, leg["ts"], reason.name.lower())
        in_base = opens and leg["side"] > 0 and bool(market["fee_in_base"])
        rate = market["maker"] if leg["maker"] else market["taker"]
        kinds = {w.LEG_ADD: OrderKind.ADD, w.LEG_EXIT: OrderKind.EXIT}
        r = math.nan if trade is None else trade["r_multiple"]
        return FillBooked(
            ts=now, fill_id=self._id(s, leg["ts"], f"fill{count}"), client_id=name,
            strategy=key.strategy, symbol=key.symbol,
            side=Side(leg["side"] if opens else -leg["side"]),
            kind=kinds.get(leg["kind"], OrderKind.ENTRY),
            action=Action.BUY if leg["side"] > 0 else Action.SELL,
            quantity=amount(leg["qty"]), price=amount(leg["price"]),
            reference_price=amount(leg["reference"]),
            fee=amount(leg["qty"] * rate) if in_base else amount(leg["fee"]),
            fee_asset="base" if in_base else "quote", fee_quote=amount(leg["fee"]),
            liquidity=Liquidity.MAKER if leg["maker"] else Liquidity.TAKER, exit_reason=reason,
            bar_ts=leg["ts"], leg=count, flat=trade is not None,
            r_multiple=r if math.isfinite(r) else None,
            bars_held=None if trade is None else trade["bars_held"],
        )  # fmt: skip


def equity_marked(now: int, mark: Mark) -> EquityMarked:
    """Return the event of one valuation."""
    return EquityMarked(
        now, amount(mark.cash), amount(mark.equity), amount(mark.gross), mark.drawdown_pct
    )


def _number(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _flat_legs(out: Outcome) -> dict[int, dict[str, Any]]:
    """Return the trade that each closing leg finished, by the number of the leg.

    A slot can finish two in one step: what it held, at the open, then an entry that was stopped
    out. The last exit before an entry, and the last of all where the slot ends flat, close it.
    """
    trades: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for trade in out.trades:
        trades[trade["slot"]].append(trade)
    closing: dict[int, list[int]] = defaultdict(list)
    for n, leg in enumerate(out.legs):
        s = leg["slot"]
        if s not in trades:
            continue
        if leg["kind"] == w.LEG_EXIT:
            if closing[s] and closing[s][-1] >= 0:
                closing[s][-1] = n
            else:
                closing[s].append(n)
        elif leg["kind"] == w.LEG_ENTRY and closing[s]:
            closing[s].append(-1)
    found: dict[int, dict[str, Any]] = {}
    for s, mine in trades.items():
        ends = [n for n in closing[s] if n >= 0]
        for n, trade in zip(ends, mine, strict=False):
            found[n] = trade
    return found
