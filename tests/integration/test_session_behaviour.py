"""Sessions beside the law: DRY_RUN, restarts with other files, acts, guards, notices, damage."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.api import Bar, Diagnostic, Notice, RetryableError
from paperbot_core.diagnostics import IntegrityError, PluginError, UserError
from paperbot_core.domain.events import OrderPlaced, TradingStateChanged
from paperbot_core.domain.market import HOUR_MS
from paperbot_core.domain.words import Mode, Rule, TradingState
from paperbot_core.ledger.chain import text_hash
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.records import Act
from paperbot_core.ledger.requests import request
from paperbot_core.ledger.verify import verify
from paperbot_core.trade import session as session_module
from paperbot_core.trade.feed import BarFeed
from paperbot_core.trade.once import run_once
from paperbot_core.trade.session import Session, SessionSetup
from paperbot_core.trade.status import account_status, account_trades
from tests import session_world as sw

NAMES = ["rsi_momentum", "sma_cross"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("candles")
    for seed, symbol in enumerate(("BTC/USDT", "SOL/USDT")):
        sw.write_candles(folder, sw.walk(symbol, 400, seed + 3))
    return folder


@pytest.fixture
def setup(data: Path, tmp_path: Path) -> SessionSetup:
    return _setup(tmp_path, data, NAMES)


def _setup(tmp: Path, data: Path, names: Sequence[str], **options: Any) -> SessionSetup:
    project = sw.make_project(
        tmp / "p", names, f"{{plugin: replay, path: {data}, timeframe: 1h}}"
    )
    return sw.replay_setup(project, data, tmp / "s", **options)


def test_dry_run_proposes_and_moves_nothing(data: Path, tmp_path: Path) -> None:
    notes = sw.Notes()
    result = sw.run_session(_setup(tmp_path, data, NAMES, mode=Mode.DRY_RUN), notes=notes)
    kinds = {type(event).__name__ for event in notes.events}
    assert {"SignalRaised", "ProposalMade", "VerdictGiven"} <= kinds
    assert not kinds & {"OrderPlaced", "FillBooked", "EquityMarked", "BarConsumed"}
    assert result.mark.cash == result.mark.equity == 10_000.0
    path = tmp_path / "s" / "journal.sqlite"
    with JournalReader(path) as reader:
        assert reader.table("positions") == reader.table("orders") == []
    status = account_status(path, cash=10_000.0)
    assert (status["mode"], status["equity"]) == ("DRY_RUN", 10_000.0)
    assert status["last_bar"] == sw.START + 399 * HOUR_MS
    # It never moved, so PAPER starts at the beginning, and trades as if nothing had been.
    sw.run_session(_setup(tmp_path, data, NAMES))
    expected = sw.backtest_trades(tmp_path / "p", NAMES, [data])
    assert sw.plain(account_trades(path)) == sw.plain(expected)
    assert verify(path).ok


def test_dry_run_reads_the_paper_account(setup: SessionSetup) -> None:
    paper = _until_position(setup)
    with JournalReader(setup.journal) as reader:
        before = reader.table("positions"), reader.head().content_hash
        rows = reader.table("fills")
    notes = sw.Notes()
    dry = sw.run_session(replace(_fresh(setup), mode=Mode.DRY_RUN), notes=notes, bars=50)
    assert dry.mark.cash == paper.mark.cash
    with JournalReader(setup.journal) as reader:
        assert (reader.table("positions"), reader.table("fills")) == (before[0], rows)


def _fresh(setup: SessionSetup) -> SessionSetup:
    """Return the setup of the next process: a replay that starts at its beginning."""
    data = Path(setup.project.settings.exchange.options["path"])
    return sw.replay_setup(setup.project.directory, data, setup.journal.parent)


def _until_position(setup: SessionSetup) -> session_module.SessionResult:
    """Run bar by bar until something is held."""
    result = sw.run_session(setup, bars=40)
    for _ in range(200):
        with JournalReader(setup.journal) as reader:
            if reader.table("positions"):
                return result
        result = sw.run_session(_fresh(setup), bars=1)
    raise AssertionError("nothing was ever held")


def test_a_strategy_that_was_taken_off_leaves_its_position_to_its_stop(
    setup: SessionSetup, data: Path
) -> None:
    _until_position(setup)
    with JournalReader(setup.journal) as reader:
        held = reader.table("positions")[0]["strategy"]
    other = next(name for name in NAMES if name != held)
    folder = setup.project.directory
    sw.make_project(folder, [other], f"{{plugin: replay, path: {data}, timeframe: 1h}}")
    sw.run_session(_fresh(setup))
    with JournalReader(setup.journal) as reader:
        last = reader.last_event("RunStarted")
        assert last is not None
        after = [
            event for _, event in reader.events(after=last[0], kinds=("OrderPlaced",))
            if isinstance(event, OrderPlaced) and event.strategy == held
        ]
        fills = [row for row in reader.table("fills") if row["strategy"] == held]
    # Whatever is still done for it closes the position: by its stop, its targets or its time.
    assert all(event.kind.value == "exit" for event in after)
    assert fills[-1]["kind"] == "exit"
    assert verify(setup.journal).ok


def test_a_changed_timeframe_of_a_held_position_is_refused(setup: SessionSetup) -> None:
    _until_position(setup)
    for path in (setup.project.directory / "strategies.d").glob("*.yaml"):
        path.write_text(path.read_text().replace("timeframe: 1h", "timeframe: 2h"))
    with pytest.raises(UserError, match="PB8009"):
        sw.run_session(_fresh(setup))


def test_another_market_is_refused(setup: SessionSetup) -> None:
    sw.run_session(setup, bars=3)
    with pytest.raises(UserError, match="PB8005"):
        sw.run_session(replace(_fresh(setup), market="sandbox seed=8"))


def test_fills_that_contradict_the_stored_state_stop_the_start(setup: SessionSetup) -> None:
    _until_position(setup)
    conn = sqlite3.connect(setup.journal)
    body = conn.execute("SELECT body FROM checkpoint WHERE key = 'session'").fetchone()[0]
    start = body.index('"cash":', body.index('"account"')) + 7
    forged = body[:start] + "1" + body[start:]
    conn.execute("UPDATE checkpoint SET body = ?, hash = ?", (forged, text_hash(forged)))
    conn.commit()
    conn.close()
    with pytest.raises(IntegrityError, match="PB8003"):
        sw.run_session(_fresh(setup))


def test_halt_resume_and_anchor_are_recorded_and_obeyed(setup: SessionSetup) -> None:
    sw.run_session(setup, bars=60)
    request(setup.journal, Act.HALT, "lunch")
    request(setup.journal, Act.ANCHOR_RESET, "deposit")
    sw.run_session(_fresh(setup), bars=100)
    assert account_status(setup.journal, cash=0.0)["state"] == "halted"
    with JournalReader(setup.journal) as reader:
        refused = {r["rule"] for r in reader.table("verdicts") if not r["approved"]}
        assert Rule.MANUAL_HALT.name in refused
        changes = [e for _, e in reader.events(kinds=("TradingStateChanged",))]
        assert isinstance(changes[-1], TradingStateChanged)
        assert changes[-1].state is TradingState.HALTED
        assert changes[-1].reason == "lunch"
    request(setup.journal, Act.RESUME, "back")
    sw.run_session(_fresh(setup), bars=100)
    assert account_status(setup.journal, cash=0.0)["state"] == "active"
    assert verify(setup.journal).ok


def test_a_drawdown_halts_and_the_peak_restarts_at_resume(data: Path, tmp_path: Path) -> None:
    policy = sw.WIDE_POLICY.replace("max_drawdown_pct: 90.0", "max_drawdown_pct: 0.6")
    policy = policy.replace("daily_stop_loss_pct: 50.0", "daily_stop_loss_pct: 0.3")
    project = sw.make_project(
        tmp_path / "p", NAMES, f"{{plugin: replay, path: {data}, timeframe: 1h}}", policy=policy
    )
    setup = sw.replay_setup(project, data, tmp_path / "s")
    sw.run_session(setup)
    expected = sw.backtest_trades(project, NAMES, [data])
    assert sw.plain(account_trades(setup.journal)) == sw.plain(expected)
    status = account_status(setup.journal, cash=0.0)
    assert status["state"] == "halted"
    with JournalReader(setup.journal) as reader:
        states = [e for _, e in reader.events(kinds=("TradingStateChanged",))]
    assert {e.rule for e in states if isinstance(e, TradingStateChanged)} >= {
        Rule.MAX_DRAWDOWN_PCT, Rule.DAILY_STOP_LOSS_PCT, Rule.NONE
    }


class Broken:
    """An exchange that gives bars as they are in a list; `None` fails for a moment."""

    def __init__(self, bars: Sequence[Bar | Exception | None]) -> None:
        self.items = list(bars)
        self.capabilities = None

    async def stream_bars(
        self, symbols: Sequence[str], timeframe: str, since: int | None = None
    ) -> AsyncIterator[Bar]:
        while self.items:
            item = self.items.pop(0)
            if item is None:
                raise RetryableError([])
            if isinstance(item, Exception):
                raise item
            yield item


def _bar(hour: int, symbol: str = "A", close: float = 10.0, **other: Any) -> Bar:
    bar = Bar(symbol, hour * HOUR_MS, HOUR_MS, 10.0, 11.0, 9.0, close, 5.0)
    return replace(bar, **other)


def _collect(exchange: Any, symbols: Sequence[str] = ("A", "B")) -> tuple[list[Any], BarFeed]:
    feed = BarFeed(exchange, symbols, HOUR_MS, live=False)

    async def read() -> list[Any]:
        return [(b.now // HOUR_MS, list(b.bars)) async for b in feed.batches(None) if b]

    return asyncio.run(read()), feed


def test_bars_of_one_close_come_together_and_bad_ones_never() -> None:
    nan = float("nan")
    bars = [
        _bar(0), _bar(0, "B"), _bar(1), _bar(2), _bar(2, "B"),
        _bar(3, close=nan), _bar(3, "B"), _bar(3, "B"), _bar(1, "B"), _bar(4, low=10.5),
        _bar(4, "B", volume=-1.0), _bar(5, tf_ms=60_000), _bar(6),
    ]  # fmt: skip
    batches, feed = _collect(Broken(bars))
    assert batches == [(1, ["A", "B"]), (2, ["A"]), (3, ["A", "B"]), (4, ["B"]), (7, ["A"])]
    assert feed.guard.total == 6
    assert len({why for _, why in feed.guard.refused}) >= 5


def test_a_stream_that_breaks_is_opened_again_without_repeating(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr("paperbot_core.trade.feed.asyncio.sleep", lambda s: sleep(0))
    batches, feed = _collect(Broken([_bar(0), None, _bar(0), _bar(1)]), ["A"])
    assert [now for now, _ in batches] == [1, 2]
    assert feed.guard.total == 0


def test_a_plugin_that_fails_ends_the_session_by_name() -> None:
    with pytest.raises(PluginError, match="PB8014"):
        _collect(Broken([_bar(0), KeyError("x")]), ["A"])


def test_a_full_disk_stops_the_session_and_loses_nothing(
    setup: SessionSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [0]
    append = Journal._append

    def full(self: Journal, events: Any, now: int) -> Any:
        calls[0] += 1
        if calls[0] == 120:
            raise RetryableError(Diagnostic("PB7005", "disk full"))
        return append(self, events, now)

    monkeypatch.setattr(Journal, "_append", full)
    with pytest.raises(RetryableError, match="PB7005"):
        sw.run_session(setup)
    sw.run_session(_fresh(setup))
    whole = replace(_fresh(setup), journal=tmp_path / "w" / "journal.sqlite")
    sw.run_session(whole)
    reports = verify(setup.journal), verify(whole.journal)
    assert all(report.ok for report in reports)
    assert reports[0].content_hash == reports[1].content_hash


def test_notices_are_stored_with_what_they_tell(setup: SessionSetup) -> None:
    class Silent:
        def __init__(self) -> None:
            self.seen: list[Notice] = []

        async def notify(self, notice: Notice) -> None:
            self.seen.append(notice)

    silent = Silent()
    sw.run_session(
        replace(setup, notifiers={"test": silent}, cooldowns={"test": 600.0}), bars=120
    )
    kinds = [notice.kind for notice in silent.seen]
    assert kinds[0] == "start"
    assert kinds[-1] == "stop"
    assert {"fill", "summary"} <= set(kinds)


def test_a_dead_notifier_changes_nothing_else(setup: SessionSetup, tmp_path: Path) -> None:
    class Dead:
        async def notify(self, notice: Notice) -> None:
            raise RuntimeError("https://hooks.slack.com/services/secret")

    other = replace(setup, journal=tmp_path / "other" / "journal.sqlite")
    sw.run_session(setup, bars=100)
    sw.run_session(
        replace(_fresh(setup), journal=other.journal, notifiers={"t": Dead()}), bars=100
    )
    assert verify(setup.journal).content_hash == verify(other.journal).content_hash
    assert b"secret" not in other.journal.read_bytes()


def test_once_decides_on_the_next_bar_of_the_account(setup: SessionSetup) -> None:
    sw.run_session(setup, bars=100)
    before = account_status(setup.journal, cash=0.0)["as_of"]
    answer, _ = asyncio.run(run_once(Session(_fresh(setup), sw.Notes())))
    assert answer["as_of"] == before + HOUR_MS
    assert answer["no_trade_reason"] is not None or answer["proposals_approved"] > 0
    assert set(answer) == {
        "status", "mode", "as_of", "run_id", "universe_size", "triggers_detected",
        "proposals_generated", "proposals_approved", "proposals", "verdicts", "no_trade_reason",
    }  # fmt: skip


def test_late_entries_are_dropped_on_a_live_feed(
    setup: SessionSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def live(self: Session, symbol: str, feed_ms: int) -> bool:
        return True

    monkeypatch.setattr(Session, "_is_live", live)
    notes = sw.Notes()
    sw.run_session(setup, notes=notes)
    kinds = {type(event).__name__ for event in notes.events}
    # The bars of the replay are years old: conditions are noted, nothing is bought.
    assert "SignalRaised" in kinds
    assert "ProposalMade" not in kinds


def test_an_edited_policy_is_noticed_once(
    setup: SessionSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_WATCH_S", 0.0)
    path = setup.project.directory / "policy.yaml"
    path.write_text(path.read_text() + "# looser\n")
    notes = sw.Notes()
    sw.run_session(setup, bars=20, notes=notes)
    assert sum("takes effect at the restart" in text for text in notes.warnings) == 1
