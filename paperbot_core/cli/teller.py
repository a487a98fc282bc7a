"""What a session says on the terminal: one calm line an event worth reading."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.diagnostics import Diagnostic
from paperbot_core.domain.events import (
    AnchorMoved,
    ConditionChanged,
    DividendPaid,
    Event,
    FillBooked,
    ProposalMade,
    SharesSplit,
    TradingStateChanged,
    VerdictGiven,
)
from paperbot_core.domain.market import DAY_MS
from paperbot_core.domain.words import Mode, Rule, TradingState
from paperbot_core.trade.notices import condition_texts, fill_title, is_news, shares_title
from paperbot_core.trade.session import Watcher

if TYPE_CHECKING:
    from paperbot_core.observe.metrics import SessionMetrics
    from paperbot_core.trade.outcome import Mark, Outcome
    from paperbot_core.trade.session import SessionResult

#: Symbols that the first line names.
_SYMBOLS = 6


class Teller(Watcher):
    """Prints lines (unless quiet), collects warnings, feeds the metrics where they are on."""

    def __init__(self, *, quiet: bool) -> None:
        """Start silent or talking; warnings go to standard error either way."""
        self.quiet = quiet
        self.warnings: list[str] = []
        self.metrics: SessionMetrics | None = None
        self._mode = Mode.DRY_RUN
        self._told: set[tuple[str, ...]] = set()
        #: Why the regime bars entries, as told since it changed last.
        self._barred: set[str] = set()
        self._day = -1

    def say(self, ts: int, text: str) -> None:
        """Print one line with the market's time."""
        if not self.quiet:
            click.echo(f"{_clock(ts)}  {text}")

    def on_start(self, mode: Mode, symbols: Sequence[str], resumed_at: int | None) -> None:
        """Say that the session is up."""
        self._mode = mode
        since = "" if resumed_at is None else f", going on after {_clock(resumed_at)}"
        if not self.quiet:
            shown = ", ".join(symbols[:_SYMBOLS])
            rest = f" and {len(symbols) - _SYMBOLS} more" if len(symbols) > _SYMBOLS else ""
            click.echo(f"{mode} on {shown}{rest}{since}; Ctrl+C stops")

    def on_events(self, events: Sequence[Event]) -> None:
        """Say what a person wants to know of what was committed."""
        changes = {id(event): text for event, text in condition_texts(events)}
        for event in events:
            if isinstance(event, FillBooked):
                self.say(event.ts, fill_title(event))
            elif isinstance(event, DividendPaid | SharesSplit):
                self.say(event.ts, shares_title(event))
            elif isinstance(event, VerdictGiven) and not event.approved:
                self._refused(event)
            elif isinstance(event, ProposalMade) and self._mode is Mode.DRY_RUN:
                key = (event.strategy, event.symbol, "proposal")
                self._once(event.ts, key, f"would {event.kind} {event.side.name.lower()} "
                           f"{event.symbol}, {event.size_pct:.2f} % of equity, {event.strategy}: "
                           f"{event.reason}")
            elif isinstance(event, TradingStateChanged):
                self.say(event.ts, f"account is {event.state.name.lower()}: {event.reason}")
            elif isinstance(event, AnchorMoved) and event.why == "moved by hand":
                self.say(event.ts, f"the day's anchor is now {event.equity:.2f}")
            elif isinstance(event, ConditionChanged) and id(event) in changes:
                self.say(event.ts, changes[id(event)])
                if event.condition == "regime":
                    self._barred.clear()
        if self.metrics is not None:
            self.metrics.on_events(events)

    def on_step(
        self, now: int, outcomes: Sequence[Outcome], mark: Mark, seconds: float
    ) -> None:
        """Feed the metrics."""
        if self.metrics is not None:
            self.metrics.on_step(now, mark, seconds)

    def on_warning(self, diagnostic: Diagnostic) -> None:
        """Print a warning to standard error."""
        from paperbot_core.diagnostics.render import render_full

        self.warnings.append(diagnostic.message)
        click.echo(render_full([diagnostic]), err=True)

    def on_stop(self, result: SessionResult, trades: int, folder: Path) -> None:
        """Say how the session ended."""
        if self.quiet:
            return
        click.echo(
            f"stopped: {result.reason}; {result.steps:,} bars, {trades:,} trades, equity "
            f"{result.mark.equity:,.2f}, drawdown {result.mark.drawdown_pct:.2f} %"
        )
        if result.mark.state is TradingState.HALTED:
            click.echo("the account is HALTED: only exits, until `paperbot resume --reason R`")
        click.echo(f"run: {folder}")
        sys.stdout.flush()

    def _refused(self, event: VerdictGiven) -> None:
        if event.rule is Rule.REGIME and event.reason not in self._barred:
            self._barred.add(event.reason)
            self.say(event.ts, f"no entries, {event.reason}")
        elif is_news(event):
            key = (event.strategy, event.symbol, event.rule.name)
            text = f"refused {event.symbol} for {event.strategy}: {event.reason}"
            self._once(event.ts, key, text)

    def _once(self, ts: int, key: tuple[str, ...], text: str) -> None:
        """Say something at most once a UTC day."""
        day = ts // DAY_MS
        if day != self._day:
            self._day = day
            self._told.clear()
        if key not in self._told:
            self._told.add(key)
            self.say(ts, text)


def _clock(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d %H:%M")
