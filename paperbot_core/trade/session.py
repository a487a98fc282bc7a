"""A session from start to stop: feed, account, requests, notices. The only place that waits."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from paperbot_core.api import EventFact, Exchange, Notifier
from paperbot_core.config.project import POLICY_NAME, Project
from paperbot_core.diagnostics import Diagnostic, PaperbotError, Severity
from paperbot_core.diagnostics.redact import redact
from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.domain.event_text import render_event
from paperbot_core.domain.events import Event, RunStarted, RunStopped
from paperbot_core.domain.market import Bar, timeframe_text
from paperbot_core.domain.words import Mode
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.sender import NoticeSender
from paperbot_core.plugins_guard import SafeObserver, SafeRiskCheck
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.trade import notices
from paperbot_core.trade.account import Account, AccountPlan
from paperbot_core.trade.conditions import make_watch
from paperbot_core.trade.feed import BarFeed, Batch
from paperbot_core.trade.layout import feed_timeframe, history_bars
from paperbot_core.trade.outcome import Mark, Outcome
from paperbot_core.trade.record_watch import RecordWatch
from paperbot_core.trade.scheduler import beside, nightly_job
from paperbot_core.trade.shares import KnownShares
from paperbot_core.trade.symbols import find_symbols, has_symbol

_HEARTBEAT_S = 1.0
_WATCH_S = 2.0
#: How late a bar of a live market may be before it counts as missing.
_LATE_MS = 30_000
#: How often a person's requests are looked for while bars come in faster than that.
_REQUEST_S = 0.25


@dataclass(frozen=True, slots=True)
class SessionSetup:
    """Everything a session is made of; `market` names the market whose account it is.

    `record` is the file in which the universe was recorded so far. `host` are facts about the
    process, kept in the journal but not part of its content.
    """

    project: Project
    strategies: tuple[CompiledStrategy, ...]
    exchange: Exchange
    market: str
    mode: Mode
    seed: int | None
    run_id: str
    journal: Path
    source: SignalSource = field(default_factory=SignalSource)
    plugins: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[SafeRiskCheck] = ()
    notifiers: Mapping[str, Notifier] = field(default_factory=dict)
    cooldowns: Mapping[str, float] = field(default_factory=dict)
    observers: Sequence[SafeObserver] = ()
    admit_unlisted: bool = False
    record: Path | None = None
    host: tuple[tuple[str, str], ...] = ()


class Watcher:
    """Hears of everything worth telling while a session runs; does nothing by itself."""

    def on_start(self, mode: Mode, symbols: Sequence[str], resumed_at: int | None) -> None:
        """Say that the session is up; `resumed_at` is the account's last decision time."""

    def on_events(self, events: Sequence[Event]) -> None:
        """Say what was committed."""

    def on_step(self, now: int, outcomes: Sequence[Outcome], mark: Mark, seconds: float) -> None:
        """Say that the decision time `now` was worked through in so many seconds."""

    def on_warning(self, diagnostic: Diagnostic) -> None:
        """Say what is wrong although the session goes on."""


@dataclass(frozen=True, slots=True)
class SessionResult:
    """How a session ended. `steps` are decision times of the feed, `last_seq` the journal's end.

    `shares` are the splits and dividends that it knew, by symbol.
    """

    run_id: str
    mode: Mode
    reason: str
    steps: int
    first_seq: int
    last_seq: int
    mark: Mark
    strategies: tuple[CompiledStrategy, ...]
    symbols: tuple[str, ...]
    feed_ms: int
    refused_bars: int
    start_cash: float
    shares: Mapping[str, CorporateEvents] = field(default_factory=dict)


class Session:
    """One run over one account. Make it, then `run` it once."""

    def __init__(self, setup: SessionSetup, watcher: Watcher) -> None:
        """Prepare; nothing is opened yet."""
        self.setup = setup
        self.watcher = watcher
        self.steps = 0
        #: From which open time the stream goes on; None for a market without a past.
        self.since: int | None = None
        #: What `start` left out of the warm-up.
        self.spared: list[Bar] = []
        self._shares = KnownShares(setup.exchange)
        self._beat = self._looked = self._watched = 0.0
        self._policy_told = self._faults_told = False
        self._record = RecordWatch(setup.record)

    async def run(self, *, stop: asyncio.Event, bars: int | None = None) -> SessionResult:
        """Trade until the market ends, `bars` decision times have passed, or `stop` is set.

        Raises:
            PaperbotError: what ended the session; the journal holds all that was decided.
        """
        setup = self.setup
        with self.open() as journal:
            first = journal.head.seq + 1
            sender = NoticeSender(setup.journal, setup.notifiers)
            if setup.notifiers:
                sender.start()
            try:
                account, feed = await self.start(journal)
                try:
                    nightly = nightly_job(setup.project, setup.journal.parent)
                    async with beside(nightly, journal, self.watcher.on_warning):
                        reason = await self._loop(account, feed, stop, bars)
                except PaperbotError as error:
                    self._failed(account, error)
                    raise
                self._faults()
                mark = account.mark()
                account.finish(
                    RunStopped(account.now or 0, reason), notices.stopped(setup.mode, reason, mark)
                )
            finally:
                if setup.notifiers:
                    sender.stop()
            return self.result(account, feed, first, reason, mark)

    def result(
        self, account: Account, feed: BarFeed, first_seq: int, reason: str, mark: Mark
    ) -> SessionResult:
        """Return how the session ended; its journal is still open."""
        return SessionResult(
            self.setup.run_id, self.setup.mode, reason, self.steps, first_seq,
            account.journal.head.seq, mark, account.plan.strategies, account.layout.traded,
            feed.feed_ms, feed.guard.total, account.state.cash,
            self._shares.some,
        )  # fmt: skip

    def open(self) -> Journal:
        """Open the account's journal for this run."""
        setup = self.setup
        targets = {name: setup.cooldowns.get(name, 0.0) for name in setup.notifiers}
        return Journal.open(
            setup.journal, account="paper", run_id=setup.run_id, targets=targets
        )

    async def start(self, journal: Journal, *, spare: int = 0) -> tuple[Account, BarFeed]:
        """Open the account, warm it up, commit the start.

        Args:
            journal: the account's, open.
            spare: leave so many of the latest decision times of the history out of the warm-up
                of a fresh account; they are in `spared` then.
        """
        setup = self.setup
        watch = make_watch(setup.project, setup.record)
        detector = watch.detector
        feed_ms = feed_timeframe(
            setup.strategies, None if detector is None else detector.tf_ms
        )
        traded = await find_symbols(
            setup.project, setup.strategies, setup.exchange, feed_ms,
            admit_unlisted=setup.admit_unlisted,
        )
        if detector is not None and not await has_symbol(setup.exchange, detector.symbol, feed_ms):
            watch = replace(watch, detector=None)
            text = f"the regime is not known: the exchange does not have {detector.symbol}"
            self.watcher.on_warning(Diagnostic(
                "PB8019", text, severity=Severity.WARNING,
                help="what depends on the regime does not trade; name a symbol of the exchange",
            ))  # fmt: skip
        for warning in traded.warnings:
            self.watcher.on_warning(warning)
        wanted = {s for some in traded.symbols.values() for s in some}
        await self._shares.ask(wanted)
        feed_ms = await self._shares.feed_ms(feed_ms)
        account = Account(
            AccountPlan(
                setup.project, traded.strategies, traded.symbols, setup.mode, setup.market,
                feed_ms, setup.source, watch, setup.checks,
            ),
            journal,
        )  # fmt: skip
        symbols = account.watched
        live = await self._is_live(symbols[0], feed_ms)
        feed = BarFeed(setup.exchange, symbols, feed_ms, live=live)
        await self._shares.ask(symbols)
        # Where all is known from the start, the others need none of the work that shares make.
        self._know(account, self._shares.events if live else self._shares.some)
        stored, fresh = await self._past(account, feed)
        times = sorted({b.close_ts for b in fresh})
        cut = times[-spare] if spare and account.now is None and len(times) > spare else None
        self.spared = [b for b in fresh if cut is not None and b.close_ts >= cut]
        warm = [b for b in fresh if cut is None or b.close_ts < cut]
        self.since = _after([*stored, *fresh], feed_ms)
        names = [c.file.name for c in account.plan.strategies]
        known = [account.now or 0, *(b.close_ts for b in warm)]
        started = RunStarted(
            max(known), setup.run_id, setup.mode, tuple(names), setup.seed,
            setup.project.policy.digest, tuple(sorted(setup.project.texts.items())),
            tuple(sorted(setup.plugins.items())), setup.host,
        )  # fmt: skip
        notice = notices.started(setup.mode, names, symbols, setup.run_id)
        account.begin(started, [notice], warm, [*stored, *warm])
        self._tell([started], journal)
        self.watcher.on_start(setup.mode, symbols, account.now)
        return account, feed

    async def _is_live(self, symbol: str, feed_ms: int) -> bool:
        """Return whether the market's present is the wall clock's: it then has recent bars."""
        recent = _wall_ms() - 3 * feed_ms
        page = await self.setup.exchange.bars(symbol, timeframe_text(feed_ms), recent)
        return any(bar.close_ts > recent for bar in page)

    async def _past(self, account: Account, feed: BarFeed) -> tuple[list[Bar], list[Bar]]:
        """Return the bars of the past that the journal holds, and those it does not."""
        stored: list[Bar] = []
        fresh: list[Bar] = []
        plan = account.plan
        count = history_bars(plan.strategies, plan.symbols, plan.watch.detector, feed.feed_ms)
        since = _wall_ms() - count * feed.feed_ms if feed.live else 0
        for symbol in account.watched:
            mine = account.stored_bars(symbol)
            if mine:
                feed.guard.last[symbol] = mine[-1].ts
                stored += mine
            else:
                fresh += await feed.history(symbol, since, account.now)
        feed.guard.done = account.now or -(2**62)
        return stored, fresh

    async def _loop(
        self, account: Account, feed: BarFeed, stop: asyncio.Event, limit: int | None
    ) -> str:
        async for batch in feed.batches(self.since):
            self._attend(account, batch is None)
            if batch is None and feed.live:
                # Bars trickle in after their close; what is late by less is not missing.
                self._tell(account.hush(_wall_ms() - _LATE_MS), account.journal)
            if stop.is_set():
                return "asked to stop"
            if batch is not None:
                if feed.live:
                    know = partial(self._know, account)
                    for problem in await self._shares.renew(batch.now, know):
                        self.watcher.on_warning(problem)
                self.step(account, feed, batch)
                if limit is not None and self.steps >= limit:
                    return f"{limit} bars done"
            if stop.is_set():
                return "asked to stop"
        return "the market ended"

    def step(self, account: Account, feed: BarFeed, batch: Batch) -> list[Outcome]:
        """Work through one decision time and tell everybody."""
        began = time.perf_counter()
        late = feed.live and _wall_ms() - batch.now > feed.feed_ms
        outcomes = account.advance(batch, entries=not late)
        self.steps += 1
        self._beat = time.monotonic()
        self._refused(feed)
        if not self._faults_told:
            self._faults()
        self._tell(account.events, account.journal)
        self.watcher.on_step(
            batch.now, outcomes, account.mark(), time.perf_counter() - began
        )
        return outcomes

    def _know(self, account: Account, events: Mapping[str, CorporateEvents]) -> None:
        if changed := account.know(events):
            text = f"splits or dividends of the past have changed: {', '.join(changed)}"
            self.watcher.on_warning(Diagnostic("PB8020", text, severity=Severity.WARNING))

    def _refused(self, feed: BarFeed) -> None:
        for bar, why in feed.guard.refused:
            text = f"a bar of {bar.symbol} at {bar.ts} ms was refused: {why}"
            self.watcher.on_warning(Diagnostic("PB8011", text, severity=Severity.WARNING))
        feed.guard.refused.clear()

    def _faults(self) -> None:
        """Say whose signals were lost to a failing plugin: at the first time, and at the end."""
        for warning in self.setup.source.faults.warnings():
            self.watcher.on_warning(warning)
            self._faults_told = True

    def _attend(self, account: Account, idle: bool) -> None:
        """Look for requests, a changed policy, and whether the heartbeat is due."""
        now = time.monotonic()
        if idle or now - self._looked >= _REQUEST_S:
            self._looked = now
            events = account.answer(account.journal.pending_requests())
            if events:
                self._tell(events, account.journal)
        if now - self._beat >= _HEARTBEAT_S:
            self._beat = now
            account.journal.heartbeat()
        if now - self._watched >= _WATCH_S:
            self._watched = now
            self._watch_policy()
            self._watch_record(account)

    def _watch_policy(self) -> None:
        project = self.setup.project
        path = project.directory / POLICY_NAME
        try:
            changed = path.read_text("utf-8") != project.texts[POLICY_NAME]
        except (OSError, UnicodeDecodeError):
            changed = True
        if changed and not self._policy_told:
            text = f"{path} was changed: it takes effect at the restart, not before"
            self.watcher.on_warning(Diagnostic(
                "PB8012", text, severity=Severity.WARNING,
                help="to stop entries at once: `paperbot halt`",
            ))  # fmt: skip
        self._policy_told = changed

    def _watch_record(self, account: Account) -> None:
        """Take what was recorded of the universe while the session runs."""
        recorded, problems = self._record.news()
        if recorded is not None:
            account.bank.conditions.learn(recorded)
        for problem in problems:
            self.watcher.on_warning(problem)

    def _tell(self, events: Sequence[Event], journal: Journal) -> None:
        if events:
            self.watcher.on_events(events)
        if not self.setup.observers:
            return
        first = journal.head.seq - len(events) + 1
        for n, event in enumerate(events):
            body = json.loads(render_event(event))
            fact = EventFact(
                first + n, self.setup.run_id, event.ts, type(event).__name__, body
            )
            for observer in self.setup.observers:
                if problem := observer.tell(fact):
                    self.watcher.on_warning(problem)

    def _failed(self, account: Account, error: PaperbotError) -> None:
        """Record why a session cannot go on, if the journal still takes it."""
        text = redact(str(error))
        try:
            account.fail(
                RunStopped(account.now or 0, f"failed: {text}"),
                notices.failed(self.setup.mode, text),
            )
        except PaperbotError as second:
            error.add_note(f"nor could the journal record it: {second}")


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _after(bars: Sequence[Bar], feed_ms: int) -> int | None:
    """Return from which open time the stream goes on; None where there is no past."""
    return max(b.ts for b in bars) + feed_ms if bars else None
