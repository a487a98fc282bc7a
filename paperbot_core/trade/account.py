"""One account between journal and kernel: load, warm, step, commit. No waiting, no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from paperbot_core.api import Notice
from paperbot_core.config.project import Project
from paperbot_core.diagnostics import user_error
from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.domain.events import Event
from paperbot_core.domain.market import DAY_MS, Bar
from paperbot_core.domain.words import Mode
from paperbot_core.kernel import records as rec
from paperbot_core.kernel.desk import Fills
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.records import Checkpoint, Request
from paperbot_core.plugins_guard import SafeRiskCheck
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.trade.acts import apply_acts
from paperbot_core.trade.agree import check_agreement
from paperbot_core.trade.bank import SignalBank
from paperbot_core.trade.checkpoint import (
    ACCOUNT_KEY,
    DRY_KEY,
    State,
    capture,
    dump,
    parse,
    restore,
)
from paperbot_core.trade.conditions import Conditions, Watch
from paperbot_core.trade.engine import Engine
from paperbot_core.trade.feed import Batch
from paperbot_core.trade.layout import Layout, Orphan, make_layout, same_timeframes
from paperbot_core.trade.notices import daily_summary, notices_of
from paperbot_core.trade.outcome import Mark, Outcome
from paperbot_core.trade.recorder import Recorder

#: Name of the one simulated account of a state directory; part of every order id.
ACCOUNT = "paper"


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """What an account is opened with, besides its journal."""

    project: Project
    strategies: tuple[CompiledStrategy, ...]
    symbols: Mapping[str, tuple[str, ...]]
    mode: Mode
    market: str
    feed_ms: int
    source: SignalSource
    watch: Watch
    checks: Sequence[SafeRiskCheck] = ()


def stored_state(journal: Journal) -> State | None:
    """Return the account's state as of the last commit; None before the first session.

    Raises:
        IntegrityError: PB7010, PB8004.
    """
    found = journal.checkpoint(ACCOUNT_KEY)
    return None if found is None else parse(found.body)


class Account:
    """The kernel of one account, its signals, and the journal that both follow from.

    In DRY_RUN nothing of the account is written: proposals and verdicts are.
    """

    def __init__(self, plan: AccountPlan, journal: Journal) -> None:
        """Go on from the journal's last commit, or start with the wallet of paperbot.yaml.

        Raises:
            IntegrityError: PB8003 fills and stored state disagree, PB8004, PB7010.
            UserError: PB8005 the account belongs to another market, PB8009.
        """
        self.plan = plan
        self.journal = journal
        self.moves = plan.mode is not Mode.DRY_RUN
        cash = float(plan.project.settings.wallet.cash)
        stored = stored_state(journal)
        self.fresh = stored is None
        self.state = stored or State(None, cash, plan.market, plan.feed_ms)
        if stored is not None:
            self._check(stored)
        self.layout = self._layout()
        same_timeframes(self.layout, self.state.specs)
        self.bank = SignalBank(
            plan.strategies, self.layout.symbols, plan.feed_ms, plan.source,
            Conditions(plan.watch, self.layout.traded), self.layout.extra,
        )  # fmt: skip
        self.engine = Engine(
            self.layout.desk, self.bank, self.layout.rules, simulate=self.moves, checks=plan.checks,
            policy=plan.project.policy,
        )
        books = self.state.books if self.moves else deepcopy(self.state.books)
        self.recorder = Recorder(ACCOUNT, self.layout.desk, books, plan.project.policy_place)
        #: The events of the last commit of `advance`, for whoever tells people.
        self.events: list[Event] = []
        self.now = self.state.now
        self.last_bar = self.state.books.last_bar

    def _check(self, stored: State) -> None:
        if stored.market != self.plan.market:
            raise user_error(
                "PB8005",
                f"this account trades on {stored.market}, paperbot.yaml now says "
                f"{self.plan.market}",
                help="put the old `exchange` back, start anew with `paperbot paper reset`, or "
                "choose another --state-dir",
            )
        with JournalReader(self.journal.path) as reader:
            check_agreement(reader, stored)

    def _layout(self) -> Layout:
        plan = self.plan
        wanted = {(name, s) for name, some in plan.symbols.items() for s in some}
        left = [
            Orphan(key, spec) for key, spec in self.state.specs.items()
            if (key.strategy, key.symbol) not in wanted
        ]
        simulation = plan.project.settings.simulation
        return make_layout(
            plan.strategies, plan.symbols, plan.project.universe, plan.project.policy,
            plan.feed_ms, cash=self.state.cash,
            fills=Fills(simulation.slippage_bps, simulation.volume_share_pct or 0.0),
            orphans=left,
        )  # fmt: skip

    @property
    def watched(self) -> tuple[str, ...]:
        """Every symbol whose bars are needed: the traded ones and the one that tells the regime."""
        key = self.bank.conditions.regime_key
        return tuple(sorted({*self.layout.traded, *([key[0]] if key else [])}))

    def know(self, events: Mapping[str, CorporateEvents]) -> list[str]:
        """Take the splits and dividends of symbols: before `begin`, or anew between two bars.

        Returns the symbols whose events of the past are not those that were decided on.
        """
        self.bank.know(events)
        then, now = self.recorder.books.shares, self.bank.shares_in_force(self.last_bar or 0)
        decided = {symbol for symbol, _ in self.state.rows}
        return sorted(s for s in decided if then.get(s) != now.get(s))

    def stored_bars(self, symbol: str) -> list[Bar]:
        """Return the bars of a symbol that the journal already holds, oldest first."""
        with JournalReader(self.journal.path) as reader:
            return reader.bars(symbol, self.plan.feed_ms)

    def begin(
        self, started: Event, notices: Sequence[Notice], new_bars: Sequence[Bar],
        bars: Iterable[Bar],
    ) -> None:
        """Warm up on `bars` and commit the start of the session with the bars that are `new_bars`.

        Args:
            started: the event of the start.
            notices: to send about it.
            new_bars: bars that the journal does not hold yet; kept out of it in DRY_RUN.
            bars: all bars of the past, new ones included.
        """
        past = sorted(bars, key=lambda b: (b.close_ts, b.symbol))
        self.bank.warm(past, self.now)
        if past:
            self.last_bar = max(past[-1].ts, self.last_bar or 0)
        if not self.fresh:
            restore(self.state, self.engine.kernel, self.bank.rows)
        known = self.bank.conditions.present(started.ts) if self.fresh else []
        self._commit([started, *known], bars=new_bars if self.moves else (), notices=notices)

    def advance(self, batch: Batch, *, entries: bool = True) -> list[Outcome]:
        """Work through one decision time of the feed and commit all of it at once."""
        outcomes: list[Outcome] = []
        for end in self.bank.ends_before(batch.now):
            outcomes.append(self.engine.step(end, self.bank.close(end), entries=entries))
        bars = list(batch.bars.values())
        self.bank.take(bars)
        closed = self.bank.close(batch.now)
        if closed:
            outcomes.append(self.engine.step(batch.now, closed, entries=entries))
        events: list[Event] = [*self.bank.conditions.drain()]
        notices = notices_of(events, self.plan.mode)
        for outcome in outcomes:
            fresh = self.recorder.events(outcome, moves=self.moves)
            notices += notices_of(fresh, self.plan.mode) + self._summary(outcome)
            events += fresh
            self.now = outcome.now
        self.last_bar = max(b.ts for b in bars)
        self.events = events
        if self.moves or events:
            self._commit(events, bars=bars if self.moves else (), notices=notices)
        return outcomes

    def hush(self, now: int) -> list[Event]:
        """Note that nothing came until the wall-clock time `now`; commit which breakers opened."""
        self.bank.conditions.silence(now)
        events: list[Event] = [*self.bank.conditions.drain()]
        if events:
            self._commit(events, notices=notices_of(events, self.plan.mode))
        return events

    def answer(self, requests: Sequence[Request]) -> list[Event]:
        """Carry out what a person asked for and commit it."""
        if not requests:
            return []
        now = self.now or 0
        events = apply_acts(
            self.engine.kernel.account, self.recorder.books, requests, now
        )
        if not self.moves:
            stored = rec.AccountObject({**self._wallet(), **self.state.account})
            apply_acts(stored, self.state.books, requests, now)
            row = {name: value for name, value in rec.as_row(rec.ACCOUNT, stored).items() if value}
            self.state = replace(self.state, account=row)
        self._commit(
            events, notices=notices_of(events, self.plan.mode), answered=requests, account=True
        )
        return events

    def finish(self, stopped: Event, notice: Notice) -> None:
        """Commit the end of the session."""
        self._commit([stopped], notices=[notice])

    def fail(self, stopped: Event, notice: Notice) -> None:
        """Commit that the session cannot go on.

        The stored state stays that of the last commit: what failed after it was never stored.
        """
        self.journal.commit([stopped], notices=[notice])

    def mark(self) -> Mark:
        """Return the account as it was valued last."""
        return self.engine.mark(self.now or 0)

    def _wallet(self) -> dict[str, Any]:
        return dict(self.layout.desk.account)

    def _summary(self, outcome: Outcome) -> list[Notice]:
        """Return the summary of a day at the first close on or after its end."""
        books, mark = self.recorder.books, outcome.mark
        day = outcome.now // DAY_MS
        if mark is None or day == books.summary_day:
            return []
        before, books.summary_day = books.summary_day, day
        start, books.day_start = books.day_start, mark.equity
        if before < 0:
            return []
        held = sum(slot.qty != 0.0 for slot in self.engine.kernel.slots)
        return [daily_summary(day - 1, mark, start, held)]

    def _commit(
        self, events: Sequence[Event], *, bars: Sequence[Bar] = (),
        notices: Sequence[Notice] = (), answered: Sequence[Request] = (), account: bool = False,
    ) -> None:
        self.recorder.books.last_bar = self.last_bar
        self.recorder.books.shares = self.bank.shares_in_force(self.last_bar or 0)
        if self.moves:
            self.state = capture(
                self.engine.kernel, self.bank.rows, self.recorder.books,
                replace(self.state, now=self.now),
            )
        if self.moves or account:
            checkpoint = Checkpoint(ACCOUNT_KEY, dump(self.state))
        else:
            checkpoint = Checkpoint(DRY_KEY, json.dumps({
                "now": self.now, "last_bar": self.last_bar, "state": self.recorder.books.state,
            }))  # fmt: skip
        self.journal.commit(
            events, bars=bars, notices=notices, checkpoint=checkpoint, answered=answered
        )


def answer_stopped(journal: Journal, requests: Sequence[Request]) -> list[Event]:
    """Carry out acts on an account that no session runs; the same lines as in a session.

    Without an account yet the requests stay where they are, for the first session to answer.
    """
    state = stored_state(journal)
    if state is None or not requests:
        return []
    account = rec.AccountObject(state.account)
    events = apply_acts(account, state.books, requests, state.now or 0)
    row = {name: value for name, value in rec.as_row(rec.ACCOUNT, account).items() if value}
    checkpoint = Checkpoint(ACCOUNT_KEY, dump(replace(state, account=row)))
    journal.commit(events, checkpoint=checkpoint, answered=requests)
    return events
