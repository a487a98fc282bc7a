"""The metrics of one session, in a registry of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from paperbot_core.domain.events import (
    BarConsumed,
    ConditionChanged,
    Event,
    FillBooked,
    ProposalMade,
    SignalRaised,
    TradingStateChanged,
    VerdictGiven,
)


class Valued(Protocol):
    """The account as it was valued last; quote currency, `drawdown_pct` positive."""

    @property
    def equity(self) -> float:
        """Cash plus positions."""

    @property
    def cash(self) -> float:
        """Cash."""

    @property
    def gross(self) -> float:
        """Sum of the absolute notionals."""

    @property
    def drawdown_pct(self) -> float:
        """Below the peak, in percent of it."""


class SessionMetrics:
    """Counts what was committed; told by the session, asks nobody."""

    def __init__(self) -> None:
        """Make the registry with every metric at zero."""
        self.registry = CollectorRegistry()
        r = self.registry
        self._bars = Counter("paperbot_steps", "Decision times worked through", registry=r)
        self._signals = Counter("paperbot_signals", "Signals raised", ["strategy"], registry=r)
        self._proposals = Counter("paperbot_proposals", "Entries asked for", ["strategy"],
                                  registry=r)
        self._verdicts = Counter("paperbot_verdicts", "Answers of the policy",
                                 ["approved", "rule"], registry=r)
        self._fills = Counter("paperbot_fills", "Executions", ["kind", "reason"], registry=r)
        self._fees = Counter("paperbot_fees_quote", "Fees paid, quote currency", registry=r)
        self._refused = Counter("paperbot_bars_refused", "Bars not believed", ["symbol"],
                                registry=r)
        self._breaker = Gauge("paperbot_data_breaker", "1 while the data of a symbol is stale",
                              ["symbol"], registry=r)
        self._regime = Gauge("paperbot_regime", "1 for the regime that the market is in",
                             ["regime"], registry=r)
        self._members = Counter("paperbot_universe_changes", "Symbols that joined, moved or left",
                                ["state"], registry=r)
        self._equity = Gauge("paperbot_equity_quote", "Equity, quote currency", registry=r)
        self._cash = Gauge("paperbot_cash_quote", "Cash, quote currency", registry=r)
        self._gross = Gauge("paperbot_gross_quote", "Gross exposure, quote currency", registry=r)
        self._drawdown = Gauge("paperbot_drawdown_pct", "Below the peak, percent", registry=r)
        self._state = Gauge("paperbot_trading_state", "0 active, 1 reducing, 2 halted", registry=r)
        self._decided = Gauge("paperbot_decision_time_seconds", "Last decision time", registry=r)
        self._beat = Gauge("paperbot_heartbeat_seconds", "Wall time of the last step", registry=r)
        self._step = Histogram("paperbot_step_seconds", "Time to work through a decision time",
                               registry=r, buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10))

    def on_events(self, events: Sequence[Event]) -> None:
        """Count what was committed."""
        for event in events:
            match event:
                case SignalRaised():
                    self._signals.labels(event.strategy).inc()
                case ProposalMade():
                    self._proposals.labels(event.strategy).inc()
                case VerdictGiven():
                    self._verdicts.labels(str(event.approved).lower(), event.rule.name).inc()
                case FillBooked():
                    reason = event.exit_reason.name.lower()
                    self._fills.labels(event.kind.value, reason).inc()
                    self._fees.inc(float(event.fee_quote))
                case TradingStateChanged():
                    self._state.set(int(event.state))
                case ConditionChanged():
                    self._condition(event)
                case BarConsumed() | _:
                    continue

    def _condition(self, event: ConditionChanged) -> None:
        match event.condition:
            case "bad_tick":
                self._refused.labels(event.subject).inc()
            case "data_breaker":
                self._breaker.labels(event.subject).set(1 if event.state == "open" else 0)
            case "universe":
                self._members.labels(event.state).inc()
            case "regime":
                self._regime.clear()
                self._regime.labels(event.state).set(1)

    def on_step(self, now: int, mark: Valued, seconds: float) -> None:
        """Note one decision time (UTC ms), the account at it, and how long it took."""
        self._bars.inc()
        self._equity.set(mark.equity)
        self._cash.set(mark.cash)
        self._gross.set(mark.gross)
        self._drawdown.set(mark.drawdown_pct)
        self._decided.set(now / 1000)
        self._beat.set(time.time())
        self._step.observe(seconds)
