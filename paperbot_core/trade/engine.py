"""The kernel of a session: one call a decision time, the same step as a backtest's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from paperbot_core.config.policy import PolicyFile
from paperbot_core.domain.events import OrderKind
from paperbot_core.domain.market import Bar
from paperbot_core.domain.words import ExitReason, Rule, Side
from paperbot_core.kernel import records as rec
from paperbot_core.kernel import words as w
from paperbot_core.kernel.desk import Desk
from paperbot_core.kernel.drive import load_event
from paperbot_core.kernel.fills import release, settle_event
from paperbot_core.kernel.match import whole
from paperbot_core.kernel.plain import PlainKernel
from paperbot_core.lang.strategy import SignalRow
from paperbot_core.market.universe.standing import Eligibility
from paperbot_core.plugins_guard import SafeRiskCheck
from paperbot_core.plugins_review import RiskReview
from paperbot_core.plugins_signals import BarSignals
from paperbot_core.trade.bank import SignalBank
from paperbot_core.trade.conditions import Key
from paperbot_core.trade.outcome import (
    Decision,
    ExitDecision,
    Mark,
    Outcome,
    Raised,
    RuleFact,
    Settled,
    trading_state,
)

_FRACTIONS = frozenset({Rule.MAX_DRAWDOWN_PCT, Rule.DAILY_STOP_LOSS_PCT})
_SHARES = frozenset({
    Rule.MAX_POSITION_SIZE_PCT, Rule.MAX_GROSS_PCT, Rule.MAX_NET_PCT, Rule.MAX_CLUSTER_PCT,
    Rule.MAX_TIER_PCT,
})  # fmt: skip
_SIZES = _SHARES | {Rule.POSITION_CAP, Rule.CASH, Rule.RISK_CHECK}


class Engine:
    """Kernel, signals and slots of one session; `step` is the only way to move it."""

    def __init__(
        self, desk: Desk, bank: SignalBank, rules: Sequence[Eligibility | None], *, simulate: bool,
        checks: Sequence[SafeRiskCheck] = (), policy: PolicyFile,
    ) -> None:  # fmt: skip
        """Build it; with `simulate` false every order is taken back and no position ever moves.

        `rules` say of each slot what it may do, None of one that was left behind.
        """
        self._review: RiskReview | None = None
        self.kernel = PlainKernel(desk, witness=self._witness)
        if checks:
            self._review = RiskReview(self.kernel, checks, policy, self._rule_reason)
            self.kernel.review = self._review
        self.bank = bank
        self.simulate = simulate
        self._outcome = Outcome(0)
        self._keys: list[Key] = [
            (key.symbol, spec["tf_ms"]) for key, spec in zip(desk.slots, desk.specs, strict=True)
        ]
        self._rules = rules
        self._live: list[BarSignals | None] = [
            bank.signals(key.strategy, key.symbol) for key in desk.slots
        ]

    def step(self, now: int, closed: Mapping[Key, Bar], *, entries: bool = True) -> Outcome:
        """Run one decision time over the bars that close at `now`.

        Args:
            now: decision time, UTC ms.
            closed: every bar of every timeframe that closes now.
            entries: false drops entry signals (they are older than one bar).
        """
        k = self.kernel
        out = self._outcome = Outcome(now)
        if k.account.anchor_day < 0:
            k.start_day(now - min(m.tf_ms for m in k.markets))
        k.load([self._paid_bar((i.symbol, m.tf_ms), closed) for i, m in
                     zip(k.desk.instruments, k.markets, strict=True)])  # fmt: skip
        if self.simulate and self.bank.paid:
            out.settled = self._load_events()
        if self.bank.conditions.tiers_change:
            for i, m in zip(k.desk.instruments, k.markets, strict=True):
                m.tier = k.desk.tier_names.index(self.bank.conditions.last_tier(i.symbol))
        for s, key in enumerate(self._keys):
            self._load_box(s, key, closed, entries)
        out.open_slots = frozenset(s for s, slot in enumerate(k.slots) if slot.qty != 0.0)
        exits_before = [slot.exit_due for slot in k.slots]
        before = None if self.simulate else self._positions()
        k.step(now, simulate=self.simulate)
        out.legs = [rec.as_row(rec.LEG, leg) for leg in k.legs[: k.account.legs]]
        out.trades = [rec.as_row(rec.TRADE, trade) for trade in k.trades[: k.account.trades]]
        for s, slot in enumerate(k.slots):
            if slot.exit_due != 0 and exits_before[s] == 0:
                out.exits.append(self._exit(s))
        if before is not None:
            self._take_back(before)
        out.mark = self.mark(now)
        return out

    def mark(self, now: int) -> Mark:
        """Return the account as it was valued last."""
        a = self.kernel.account
        fall = 100.0 * (a.peak - a.equity) / a.peak if a.peak > 0.0 else 0.0
        return Mark(
            a.cash, a.equity, a.gross, a.peak, a.anchor, a.anchor_day, fall, trading_state(a, now)
        )

    def _paid_bar(self, key: Key, closed: Mapping[Key, Bar]) -> Bar | None:
        """Return what is traded on: the bar as it was paid."""
        paid = self.bank.paid.get(key)
        return closed.get(key) if paid is None else paid.bar

    def _load_events(self) -> list[Settled]:
        """Set what comes into force at the loaded bars; return what it will do to each slot."""
        k = self.kernel
        found: list[Settled] = []
        for number, (i, m) in enumerate(zip(k.desk.instruments, k.markets, strict=True)):
            paid = self.bank.paid.get((i.symbol, m.tf_ms))
            if paid is None:
                continue
            load_event(m, paid.split, paid.dividend)
            if not m.event:
                continue
            found += [
                _settled(m, s, slot) for s, slot in enumerate(k.slots)
                if k.specs[s].market == number and (slot.qty != 0.0 or slot.order != w.ORDER_NONE)
            ]
        return found

    def _load_box(
        self, s: int, key: Key, closed: Mapping[Key, Bar], entries: bool
    ) -> None:
        box, live = self.kernel.boxes[s], self._live[s]
        count = self.bank.rows[key]
        if key not in closed:
            box.row, box.bits = -count - 1, 0
            return
        box.row = count - 1
        rules = self._rules[s]
        if live is None or rules is None:
            box.bits = 0
            return
        known = self.bank.conditions
        standing = rules.judge(
            known.tier(key[0]), closed[key].regime, stale=known.is_stale(key),
            chosen=known.is_chosen(self.kernel.desk.slots[s].strategy, key[0]),
        )
        box.size, box.barred = standing.size, int(standing.barred)
        row = live.row()
        box.bits, box.strength = row.bits, row.strength
        paid = self.bank.paid.get(key)
        factor = 1.0 if paid is None else paid.factor
        box.per, box.stop = row.per / factor, row.stop / factor
        box.trail, box.limit = row.trail / factor, row.limit / factor
        if not row.bits & w.ENTRY_BITS or self.kernel.slots[s].qty != 0.0:
            return
        self._outcome.raised.append(self._raised(s, row))
        if not entries:
            box.bits &= ~w.ENTRY_BITS
            self._outcome.dropped += 1

    def _raised(self, s: int, row: SignalRow) -> Raised:
        long = row.bits & w.RULE_MASK != 0
        rule = _lowest(row.bits & w.RULE_MASK if long else (row.bits >> 8) & w.RULE_MASK)
        name = f"entry.{'long' if long else 'short'}.{rule}"
        limited = self.kernel.specs[s].limit_bars[rule if long else rec.MAX_RULES + rule] > 0
        kind = OrderKind.LIMIT if limited else OrderKind.ENTRY
        side = Side.LONG if long else Side.SHORT
        return Raised(s, side, kind, row.strength, self._rule_reason(s, name))

    def _exit(self, s: int) -> ExitDecision:
        slot = self.kernel.slots[s]
        side = Side.LONG if slot.qty > 0.0 else Side.SHORT
        reason, text = ExitReason(slot.exit_due), "held as long as allowed"
        if reason is ExitReason.SIGNAL and self._live[s] is not None:
            text = self._rule_reason(s, f"exit.{side.name.lower()}.{slot.exit_rule}")
        quantity = whole(self.kernel.markets[self.kernel.specs[s].market], slot)
        return ExitDecision(s, side, reason, quantity, text)

    def _entry_reason(self, s: int) -> str:
        slot = self.kernel.slots[s]
        if slot.order_add:
            return f"level {slot.added} of the pyramid"
        side = "long" if slot.order_side > 0 else "short"
        return self._rule_reason(s, f"entry.{side}.{slot.order_rule}")

    def _rule_reason(self, s: int, rule: str, _row: int = 0) -> str:
        live, paid = self._live[s], self.bank.paid.get(self._keys[s])
        return "" if live is None else live.reason(rule, 1.0 if paid is None else paid.factor)

    def _witness(self, s: int, wished: float, rule: int) -> None:
        k = self.kernel
        slot, account = k.slots[s], k.account
        refused = Rule(rule)
        kind = OrderKind.ADD if slot.order_add else (
            OrderKind.LIMIT if slot.order_bars > 0 else OrderKind.ENTRY
        )
        facts = self._facts(wished)
        shrunk = [f.rule for f in facts if f.answer == w.SHRUNK]
        close = k.markets[k.specs[s].market].last
        equity = account.equity
        asked = self._review is not None and Rule.RISK_CHECK in {refused, *shrunk}
        check = self._review.reasons.get(s, "") if asked and self._review else ""
        if (rules := self._rules[s]) is not None:
            check = check or self.bank.conditions.barred_text(
                refused, k.desk.slots[s].strategy, rules.symbol, sorted(rules.wanted)
            )
        self._outcome.decisions.append(Decision(
            slot=s, side=Side(slot.order_side), kind=kind, rule=refused,
            shrunk_by=shrunk[-1] if shrunk else Rule.NONE, wished=wished,
            granted=slot.order_qty if refused is Rule.NONE else 0.0, price=slot.order_price,
            size_pct=100.0 * wished * close / equity if equity > 0.0 else math.nan,
            strength=slot.strength, reason=self._entry_reason(s), check=check, facts=facts,
        ))  # fmt: skip

    def _facts(self, wished: float) -> tuple[RuleFact, ...]:
        equity = self.kernel.account.equity
        found, left = [], wished
        for number, fact in enumerate(self.kernel.facts):
            if fact.answer == w.NOT_ASKED:
                continue
            rule = Rule(number)
            limit, observed = fact.limit, fact.observed
            if rule in _FRACTIONS:
                limit, observed = 100.0 * limit, 100.0 * observed
            elif rule in _SHARES:
                limit = 100.0 * limit / equity if equity > 0.0 else math.nan
                observed = 100.0 * observed / equity if equity > 0.0 else math.nan
            asked = left
            if fact.answer == w.REFUSED:
                left = 0.0
            elif fact.answer == w.SHRUNK and rule in _SIZES:
                left = fact.allowed
            found.append(RuleFact(rule, fact.answer, limit, observed, asked, left))
        return tuple(found)

    def _positions(self) -> dict[int, dict[str, object]]:
        return {
            s: rec.as_row(rec.SLOT, slot) for s, slot in enumerate(self.kernel.slots)
            if slot.qty != 0.0
        }

    def _take_back(self, before: Mapping[int, dict[str, object]]) -> None:
        """Release every order of a dry step and put open positions back as they were."""
        k = self.kernel
        for s, slot in enumerate(k.slots):
            kept = before.get(s, {}).get("order", w.ORDER_NONE)
            if slot.order != w.ORDER_NONE and kept == w.ORDER_NONE:
                market = k.markets[k.specs[s].market]
                release(k.account, market, slot, k.legs, k.refused, s, w.NONE)
            for name, value in before.get(s, {}).items():
                setattr(slot, name, value)


def _settled(market: rec.Market, number: int, slot: rec.Slot) -> Settled:
    """Return what the event of a market will do to a slot, found out on copies."""
    after = rec.SlotObject(rec.as_row(rec.SLOT, slot))
    account, legs, refused = rec.AccountObject(), [rec.LegObject()], [0] * w.RULES
    settle_event(account, market, after, legs, refused, number)
    rests = after.order != w.ORDER_NONE
    return Settled(
        number, market.ts, market.dividend, slot.qty, account.income, market.split, after.qty,
        after.order_qty if rests else 0.0, after.order_price if rests else 0.0,
    )  # fmt: skip


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
