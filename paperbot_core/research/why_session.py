"""A session's account, rebuilt from its journal so that `why` can run it again from the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.config.project import Project
from paperbot_core.diagnostics import user_error
from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.domain.events import AnchorMoved, Event, Halted, Resumed, RunStarted
from paperbot_core.domain.market import Candles, timeframe_ms
from paperbot_core.domain.words import Mode
from paperbot_core.kernel.desk import Desk, Fills
from paperbot_core.kernel.inputs import Inputs
from paperbot_core.kernel.plain import PlainKernel
from paperbot_core.kernel.words import HALT_MANUAL
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.market.timerange import TimeRange
from paperbot_core.market.universe.membership_record import RECORD_NAME
from paperbot_core.market.universe.standing import admitted
from paperbot_core.research.backtest import Prepared
from paperbot_core.research.check import check_project
from paperbot_core.research.conditions import finest_frames, know, regime_line, with_regime
from paperbot_core.research.history import History
from paperbot_core.research.session_run import stored_candles
from paperbot_core.research.shares import (
    as_traded,
    believed_bars,
    find_shares,
    in_first_shares,
    payouts,
    share_factor,
)
from paperbot_core.research.simulate import Setup
from paperbot_core.research.why_record import cannot_explain, found_file

if TYPE_CHECKING:
    from paperbot_core.plugins import Plugins

#: What decides an account's trades; paperbot.yaml may change in ways that do not.
_DECIDING = ("policy.yaml", "universe.yaml", "strategies.d/")
_BY_HAND = "moved by hand"


@dataclass(slots=True)
class SessionPast:
    """An account as it began, with what people did to it, oldest first."""

    ready: Prepared
    acts: list[Event]
    times: list[int] = field(default_factory=list)

    def started(self, desk: Desk, inputs: Inputs) -> Desk:
        """Return the desk after the acts that came before the first decision."""
        self.times = inputs.times.tolist()
        early = [act for act in self.acts if act.ts < self.times[0]]
        self.acts = self.acts[len(early) :]
        halts = [act for act in early if not isinstance(act, AnchorMoved)]
        halted = bool(halts) and isinstance(halts[-1], Halted)
        return replace(desk, account={**desk.account, "halt": HALT_MANUAL if halted else 0})

    def act(self, step: int, kernel: PlainKernel) -> None:
        """Do to the account what people did after this decision."""
        a = kernel.account
        while self.acts and self.acts[0].ts <= self.times[step]:
            act = self.acts.pop(0)
            if isinstance(act, Halted):
                a.halt, a.halted_ts = HALT_MANUAL, act.ts
            elif isinstance(act, Resumed):
                a.halt, a.peak = 0, a.equity
            else:
                a.anchor = a.equity


def session_past(
    facts: Mapping[str, Any], folder: Path, journal: Path | None = None,
    plugins: Callable[[Project], Plugins] | None = None,
) -> SessionPast:  # fmt: skip
    """Return what a stored session was made of, from its files in `folder` and its journal.

    Raises:
        UserError: PB6601 it kept no bars or the files changed on the way, PB6602 no journal.
    """
    if facts["mode"] == Mode.DRY_RUN.value:
        raise cannot_explain(facts, "a DRY_RUN session keeps no bars")
    if facts.get("start") is None:
        raise cannot_explain(facts, "it decided on no bar")
    path = _journal(facts, journal)
    checked = check_project(folder, names=facts["strategies"], plugins=plugins)
    project = checked.project
    strategies = tuple(checked.compiled[name] for name in facts["strategies"])
    shares = _shares(facts)
    replayed = project.settings.exchange.plugin == "replay"
    symbols = {
        c.file.name: admitted(project, c.file.name, facts["symbols"], unlisted=replayed)
        for c in strategies
    }
    strategies = tuple(c for c in strategies if symbols[c.file.name])
    feed_ms = timeframe_ms(facts["timeframe"])
    with JournalReader(path) as reader:
        if reader.head().seq < facts["last_seq"]:
            raise cannot_explain(facts, f"`{path}` is the journal of another account")
        _same_files(facts, reader)
        feed = {
            s: _stored(project, reader, s, feed_ms, shares) for s in facts["symbols"]
        }
        leader = _leader(project, reader, feed_ms, shares)
        acts = [e for _, e in reader.events(kinds=("Halted", "Resumed", "AnchorMoved"))]
    simulation = project.settings.simulation
    wanted = project.settings.risk_checks
    setup = Setup(
        policy=project.policy,
        universe=project.universe,
        instruments={symbol: project.instrument(symbol) for symbol in feed},
        cash=float(facts["cash"]),
        fills=Fills(simulation.slippage_bps, simulation.volume_share_pct or 0.0),
        span=TimeRange(facts["start"], facts["end"]),
        checks=tuple(checked.plugins.risk_checks(wanted)) if checked.plugins else (),
    )
    ready = Prepared(
        project, strategies,
        _history(project, strategies, symbols, feed, leader, folder, shares), setup,
        checked.warnings, checked.functions, checked.plugins,
    )  # fmt: skip
    by_hand = [e for e in acts if not isinstance(e, AnchorMoved) or e.why == _BY_HAND]
    return SessionPast(ready, by_hand)


def _journal(facts: Mapping[str, Any], journal: Path | None) -> Path:
    places = [p for p in (journal, Path(facts["journal"])) if p is not None]
    found = next((p for p in places if p.is_file()), None)
    if found is None:
        raise user_error(
            "PB6602", "the journal of the session is gone", file=str(places[-1]),
            help="name the state directory with --state-dir",
        )  # fmt: skip
    return found


def _same_files(facts: Mapping[str, Any], reader: JournalReader) -> None:
    """Check that every run of the account up to this one had the same files.

    Raises:
        UserError: PB6601.
    """
    own = {n: t for n, t in facts["config"].items() if n.startswith(_DECIDING)}
    for seq, event in reader.events(kinds=("RunStarted",)):
        if not isinstance(event, RunStarted) or seq > facts["last_seq"]:
            continue
        theirs = {n: t for n, t in event.config if n.startswith(_DECIDING)}
        if event.mode is not Mode.DRY_RUN and theirs != own:
            changed = sorted(n for n in {*own, *theirs} if own.get(n) != theirs.get(n))
            raise cannot_explain(
                facts, f"{', '.join(changed)} changed since run `{event.run_id}` of its account"
            )


def _shares(facts: Mapping[str, Any]) -> dict[str, CorporateEvents]:
    """Return the splits and dividends that the session knew, as it wrote them beside its bars.

    Raises:
        UserError, DataError: PB6602 they are gone or have changed since.
    """
    found = {}
    for entry in facts.get("candles", ()):
        if entry.get("events") is None:
            continue
        events = find_shares([found_file(entry, Path())], entry["symbol"])
        if events is not None:
            found[entry["symbol"]] = events
    return found


def _stored(
    project: Project, reader: JournalReader, symbol: str, feed_ms: int,
    shares: Mapping[str, CorporateEvents],
) -> Candles:  # fmt: skip
    """Return the bars of a symbol that the session had and believed, in the prices paid."""
    bars = stored_candles(reader, symbol, feed_ms)
    return believed_bars(bars, shares.get(symbol), project.policy.data)[0]


def _leader(
    project: Project, reader: JournalReader, feed_ms: int, shares: Mapping[str, CorporateEvents]
) -> Candles | None:
    """Return the bars that told the session the regime; None where there were none."""
    wanted = project.universe.regime
    if wanted is None:
        return None
    found = _stored(project, reader, wanted.symbol, feed_ms, shares)
    if not len(found):
        return None
    return in_first_shares(found, shares.get(wanted.symbol), timeframe_ms(wanted.timeframe))


def _history(
    project: Project, strategies: tuple[CompiledStrategy, ...],
    symbols: Mapping[str, tuple[str, ...]], feed: Mapping[str, Candles], leader: Candles | None,
    folder: Path, shares: Mapping[str, CorporateEvents],
) -> History:  # fmt: skip
    line = None if leader is None else regime_line(project, leader)
    own = {
        (symbol, c.timeframe_ms): with_regime(
            in_first_shares(feed[symbol], shares.get(symbol), c.timeframe_ms), line
        )
        for c in strategies
        for symbol in symbols[c.file.name]
    }
    judged = {symbol: own[symbol, tf_ms] for symbol, tf_ms in finest_frames(own).items()}
    base = judged | {
        symbol: as_traded(feed[symbol], shares[symbol], bars)
        for symbol, bars in judged.items() if symbol in shares
    }  # fmt: skip
    return History(
        base, own, dict(symbols), know(project, own, line, folder / RECORD_NAME),
        factors={
            key: share_factor(feed[key[0]], shares[key[0]], bars)
            for key, bars in own.items() if key[0] in shares
        },
        paid={
            key: as_traded(feed[key[0]], shares[key[0]], bars)
            for key, bars in own.items() if key[0] in shares
        },
        payouts={
            symbol: payouts(feed[symbol], shares[symbol], bars)
            for symbol, bars in base.items() if symbol in shares
        },
    )  # fmt: skip
