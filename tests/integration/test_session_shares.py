"""Sessions over splits and dividends: the rows of the backtest, in the journal and everywhere."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paperbot_core.domain.events import (
    ConditionChanged,
    DividendPaid,
    SharesSplit,
    SignalRaised,
)
from paperbot_core.domain.market import DAY_MS, HOUR_MS, Candles
from paperbot_core.domain.words import Mode
from paperbot_core.ledger.export import ExportFormat, export
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.rebuild import rebuild
from paperbot_core.ledger.verify import verify
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.events.events import make_events
from paperbot_core.market.events.files import events_path
from paperbot_core.market.events.table import write_events
from paperbot_core.market.timerange import TimeRange, parse_timerange
from paperbot_core.plugins import Plugins
from paperbot_core.research.backtest import run_backtest
from paperbot_core.research.request import BacktestRequest
from paperbot_core.trade.notices import shares_title
from paperbot_core.trade.session import SessionResult
from paperbot_core.trade.status import account_trades
from tests import session_world as sw
from tests.inline_plugin import Alpha
from tests.share_world import EVENTS, MONDAY, RULES, days, make_project, store
from tests.why_world import paperbot


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shares")
    for seed, symbol in enumerate(sorted(EVENTS)):
        store(folder, days(symbol, 126, seed + 5))
    return folder


def run_parts(
    project: Path, data: Path, state: Path, parts: Callable[[], int | None], **options: Any
) -> SessionResult:
    while True:
        setup = sw.replay_setup(project, data, state, **options)
        result = sw.run_session(setup, bars=parts())
        if result.reason == "the market ended":
            return result


def curve(project: Path, names: Sequence[str], data: Path, span: str) -> dict[str, list[Any]]:
    within = parse_timerange(span) if span else TimeRange()
    result = run_backtest(project, BacktestRequest(tuple(names), (data,), within))
    return {name: result.equity[name].tolist() for name in ("ts", "equity", "cash", "gross")}


def assert_equal(
    project: Path, names: Sequence[str], data: Path, state: Path, span: str = ""
) -> int:
    """Compare a session with the backtest row for row; return how many trades there were."""
    journal = state / "journal.sqlite"
    expected = sw.backtest_trades(project, names, [data], span=span or None)
    assert sw.plain(account_trades(journal)) == sw.plain(expected)
    wanted = curve(project, names, data, span)
    with JournalReader(journal) as reader:
        marks = reader.table("equity")
        ledger = reader.table("trades")
    for name in ("ts", "equity", "cash", "gross"):
        mine = [mark["ts"] if name == "ts" else float(mark[name]) for mark in marks]
        assert mine == wanted[name], name
    assert len(ledger) == len(expected)
    for row, trade in zip(ledger, account_trades(journal), strict=True):
        for name in ("pnl", "quantity", "entry_price", "exit_price"):
            assert float(row[name]) == pytest.approx(trade[name], rel=1e-9, abs=1e-9), name
    report = verify(journal)
    assert report.ok, report.problems
    assert not rebuild(journal, dry_run=True).differences
    return len(expected)


@pytest.mark.parametrize("guard", [False, True])
@pytest.mark.parametrize("name", sorted(RULES))
def test_paper_over_shares_equals_the_backtest(
    name: str, guard: bool, market: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "p", market, {name: RULES[name]}, guard=guard)
    sw.run_session(sw.replay_setup(project, market, tmp_path / "s", timeframe="1d"))
    assert assert_equal(project, [name], market, tmp_path / "s") > 3


def test_interrupted_anywhere_it_equals_the_whole(market: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", market, RULES, guard=True)
    sw.run_session(sw.replay_setup(project, market, tmp_path / "whole", timeframe="1d"))
    assert assert_equal(project, list(RULES), market, tmp_path / "whole") > 40
    whole = verify(tmp_path / "whole" / "journal.sqlite")
    rng = random.Random(3)
    # Stops before, at and after the events of the first 30 days, then anywhere.
    small = iter([10, *[1] * 20])
    for state, parts in (
        ("one", lambda: next(small, 40)), ("some", lambda: rng.randint(5, 30)),
    ):  # fmt: skip
        run_parts(project, market, tmp_path / state, parts, timeframe="1d")
        report = verify(tmp_path / state / "journal.sqlite")
        assert report.ok, report.problems
        assert report.content_hash == whole.content_hash


HOURLY = {
    "hours": RULES["cross"].replace("name: cross", "name: hours").replace("1d", "2h"),
    "cross": RULES["cross"],
    "slow": RULES["slow"],
}


@pytest.mark.parametrize("names", [("hours", "cross", "slow"), ("cross",), ("cross", "slow")])
def test_longer_bars_are_made_of_hours(names: tuple[str, ...], tmp_path: Path) -> None:
    data = tmp_path / "data"
    candles = days("ODD", 70 * 24, 3, tf_ms=HOUR_MS, gaps=0.0)
    # Volumes that no float holds exactly, where the order of adding and dividing shows.
    store(data, replace(candles, volume=candles.volume / 7.0))
    rules = {name: HOURLY[name] for name in names}
    project = make_project(tmp_path / "p", data, rules, timeframe="1h", guard=True)
    run_parts(project, data, tmp_path / "s", lambda: 133, timeframe="1h")
    assert assert_equal(project, names, data, tmp_path / "s") > 0


@pytest.mark.parametrize(("symbol", "span"), [("AAPL", "20200101-20210101"),
                                              ("IBM", "19990101-20000101")])  # fmt: skip
def test_real_shares(symbol: str, span: str, market_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "events").mkdir(parents=True)
    source = market_data / "lean_equity"
    shutil.copy(source / f"events/{symbol}_factors.parquet", data / "events")
    whole = read_candles(CandleFile(source / f"{symbol}_1d.parquet", symbol, "1d"))
    warm = parse_timerange(span).rows(whole)
    sw.write_candles(data, whole.slice(max(0, warm[0] - 250), warm[1]))
    project = make_project(tmp_path / "p", data, RULES)
    state = tmp_path / "s"
    rng = random.Random(8)
    run_parts(
        project, data, state, lambda: rng.randint(40, 120), timeframe="1d", timerange=span
    )
    assert assert_equal(project, list(RULES), data, state, span) > 10
    with JournalReader(state / "journal.sqlite") as reader:
        kinds = {row["kind"] for row in reader.table("corporate")}
    assert kinds == {"dividend", "split"}


HOLD = """\
name: hold
timeframe: 1d
universe: [core]
entry: {long: {when: close > 0, reason: "close is {close}, volume {volume}"}}
size: {equity_pct: 20}
protect: {max_bars: 7}
"""


def flat_market(folder: Path) -> Path:
    """Write ten days of AAPL at 100: cash on day 3, 2 for 1 on day 5, cash on day 7."""
    close = np.array([100.0] * 5 + [50.0] * 5)
    ts = MONDAY + DAY_MS * np.arange(10)
    candles = Candles("AAPL", DAY_MS, ts, close, close, close, close, np.full(10, 1e6))
    sw.write_candles(folder, candles)
    path = events_path(folder, "AAPL")
    path.parent.mkdir()
    rows = [(3, 1.0, 2.0), (5, 2.0, 0.0), (7, 1.0, 1.0)]
    write_events(path, make_events("AAPL", [(MONDAY + d * DAY_MS, s, c) for d, s, c in rows]))
    return folder


def held(tmp_path: Path, *, mode: str = "PAPER") -> tuple[Path, Path]:
    data = flat_market(tmp_path / "data")
    project = make_project(tmp_path / "p", data, {"hold": HOLD}, mode=mode)
    more = "wallet: {quote: USD, cash: 10000}\nsimulation: {slippage_bps: 0}\n"
    (project / "paperbot.yaml").write_text(
        f"mode: {mode}\nexchange: {{plugin: replay, path: {data}, timeframe: 1d}}\n"
        f"strategies: [hold]\n{more}"
    )
    (project / "universe.yaml").write_text(
        "tiers: {core: {symbols: [AAPL]}}\ninstruments: {AAPL: {maker_bps: 0, taker_bps: 0}}\n"
    )
    return project, data


def test_the_journal_tells_a_split_and_dividends_to_the_cent(tmp_path: Path) -> None:
    project, data = held(tmp_path)
    notes = sw.Notes()
    sw.run_session(sw.replay_setup(project, data, tmp_path / "s", timeframe="1d"), notes=notes)
    moved = [e for e in notes.events if isinstance(e, DividendPaid | SharesSplit)]
    days_of = {"AAPL": [MONDAY + day * DAY_MS for day in (3, 5, 7)]}
    # 20 shares at 100; 2 each on day 3; 2 for 1 on day 5; 1 on each of the 40 on day 7.
    assert moved == [
        DividendPaid(moved[0].bar_ts + DAY_MS, "hold", "AAPL", days_of["AAPL"][0],
                     Decimal("2.0"), Decimal("20.0"), Decimal("40.0")),
        SharesSplit(moved[1].bar_ts + DAY_MS, "hold", "AAPL", days_of["AAPL"][1],
                    Decimal("2.0"), Decimal("40.0"), Decimal(0), None),
        DividendPaid(moved[2].bar_ts + DAY_MS, "hold", "AAPL", days_of["AAPL"][2],
                     Decimal("1.0"), Decimal("40.0"), Decimal("40.0")),
    ]  # fmt: skip
    assert [shares_title(event) for event in moved] == [
        "dividend received: 40.0 on 20.0 AAPL, hold",
        "AAPL split, 2 for 1: 40.0 shares are held now, hold",
        "dividend received: 40.0 on 40.0 AAPL, hold",
    ]
    (trade,) = account_trades(tmp_path / "s" / "journal.sqlite")
    assert (trade["quantity"], trade["entry_price"], trade["pnl"]) == (40.0, 50.0, 80.0)
    with JournalReader(tmp_path / "s" / "journal.sqlite") as reader:
        (row,) = reader.table("trades")
        cash = [float(mark["cash"]) for mark in reader.table("equity")]
    assert (row["quantity"], float(row["pnl"])) == ("40.00", 80.0)
    assert cash[:9] == [10_000, 8_000, 8_000, 8_040, 8_040, 8_040, 8_040, 8_080, 10_080]
    said = {e.reason for e in notes.events if isinstance(e, SignalRaised)}
    assert said >= {"close is 100, volume 1000000", "close is 50, volume 1000000"}
    files = export(tmp_path / "s" / "journal.sqlite", tmp_path / "out", ExportFormat.CSV)
    told = next(path for path in files if path.stem == "corporate").read_text().splitlines()
    assert len(told) == 4
    assert told[2].endswith("hold,AAPL,split,40.0,2.0,,")


def test_a_dry_run_moves_nothing(tmp_path: Path) -> None:
    project, data = held(tmp_path)
    state = tmp_path / "s"
    sw.run_session(sw.replay_setup(project, data, state, timeframe="1d"), bars=3)
    before = verify(state / "journal.sqlite").content_hash
    with JournalReader(state / "journal.sqlite") as reader:
        held_before = reader.table("positions")
    notes = sw.Notes()
    sw.run_session(
        sw.replay_setup(project, data, state, timeframe="1d", mode=Mode.DRY_RUN), notes=notes
    )
    assert not [e for e in notes.events if isinstance(e, DividendPaid | SharesSplit)]
    with JournalReader(state / "journal.sqlite") as reader:
        assert reader.table("positions") == held_before
    assert before
    sw.run_session(sw.replay_setup(project, data, state, timeframe="1d"))
    assert sw.plain(account_trades(state / "journal.sqlite")) == sw.plain(
        sw.backtest_trades(project, ["hold"], [data])
    )


def test_events_that_changed_after_they_were_decided_on_are_told(tmp_path: Path) -> None:
    project, data = held(tmp_path)
    state = tmp_path / "s"
    sw.run_session(sw.replay_setup(project, data, state, timeframe="1d"), bars=5)
    rows = [(MONDAY + 3 * DAY_MS, 1.0, 2.0), (MONDAY + 5 * DAY_MS, 2.0, 0.0)]
    write_events(events_path(data, "AAPL"), make_events("AAPL", rows))
    notes = sw.Notes()
    # What is still to come may change.
    sw.run_session(sw.replay_setup(project, data, state, timeframe="1d"), bars=2, notes=notes)
    assert notes.warnings == []
    write_events(events_path(data, "AAPL"), make_events("AAPL", rows[1:]))
    sw.run_session(sw.replay_setup(project, data, state, timeframe="1d"), notes=notes)
    assert notes.warnings == ["splits or dividends of the past have changed: AAPL"]
    assert verify(state / "journal.sqlite").ok


def why(project: Path, day: int, *words: str) -> dict[str, Any]:
    result = paperbot(project, "why", "AAPL", str(MONDAY + day * DAY_MS), "--json", *words)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)["strategies"][0]
    return found


def test_why_tells_the_prices_of_the_day(tmp_path: Path) -> None:
    project, data = held(tmp_path)
    assert paperbot(project, "run").exit_code == 0
    told = [why(project, day) for day in (0, 4, 5, 8)]
    assert [one["bar"]["close"] for one in told] == [100.0, 100.0, 50.0, 50.0]
    assert [one["bar"]["volume"] for one in told] == [1e6] * 4
    assert [one["outcome"] for one in told] == ["granted", "held", "held", "granted"]
    for one in (told[0], told[3]):
        (rule,) = (row for row in one["conditions"] if row["rule"] == "entry.long.0")
        close = one["bar"]["close"]
        assert rule["reason"] == f"close is {close:g}, volume 1000000"
        assert rule["tree"]["parts"][0]["value"] == close
        assert one["proposal"]["size_pct"] == pytest.approx(20.0, rel=1e-3)
    command = ["backtest", "-s", "hold", "--data", str(data)]
    assert paperbot(project, *command).exit_code == 0
    assert [why(project, day) for day in (0, 4, 5, 8)] == told
    events = events_path(data, "AAPL")
    kept = events.read_bytes()
    for change in (events.unlink, lambda: events.write_bytes(kept[:-1] + b"x")):
        change()
        result = paperbot(project, "why", "AAPL", str(MONDAY), "--json")
        assert result.exit_code == 1
        assert "PB6602" in result.output


def test_every_verdict_of_real_rules_is_told_again(market: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path, market, RULES, guard=True)
    assert paperbot(project, "run").exit_code == 0
    with JournalReader(project / "state" / "journal.sqlite") as reader:
        verdicts = [row for row in reader.table("verdicts") if row["symbol"] == "AAPL"]
    rng = random.Random(2)
    for row in rng.sample(verdicts, 5):
        day = (row["ts"] - MONDAY) // DAY_MS - 1
        slot = why(project, day, "-s", row["strategy"])
        assert slot["outcome"] == ("granted" if row["approved"] else "refused")


CHANGING = """\
tiers:
  core: {symbols: [AAPL], always_eligible: true}
  rotational: {symbols: [IBM], regimes: [trend, calm, crash]}
  event: {symbols: [ODD], max_hold_hours: 400}
filters: {min_quote_volume: 40000, min_age_days: 5}
regime:
  symbol: AAPL
  timeframe: 2d
  rules:
    crash: close < 0.93 * highest(high, 6)
    trend: abs(change(close, 4)) > 0.4 * sum(abs(change(close, 1)), 4)
    calm: volume < sma(volume, 6)
  size_factor: {crash: 0.5, chop: 0.8}
instruments:
  AAPL: {tick: 0.01, lot: 0.001, min_notional: 1, shortable: true}
  IBM: {tick: 0, lot: 0, min_notional: 0, shortable: true}
  ODD: {tick: 0.01, lot: 1, min_notional: 1, shortable: true}
"""
MODES = """\
name: modes
timeframe: 1d
universe: [core, rotational, event]
params: {length: {default: 4, min: 2, max: 50}}
entry:
  long: {when: "close > sma(close, length)", reason: "{close} is above {sma(close, length)}"}
  short: {when: "close < sma(close, length) and regime('crash')"}
exit:
  long: {when: "close < sma(close, length)"}
size: {equity_pct: 8}
protect: {stop: 2 * atr(5), max_bars: 10}
adaptive:
  every: 2d
  window: 3
  modes:
    intraday: {weights: {volatility: 1, liquidity: 0.5}, params: {length: 3}}
    swing: {weights: {trend: 1}, timeframe: 2d}
"""
PLUGGED = """\
name: plugged
timeframe: 1d
universe: [core, rotational]
uses: alpha.both
size: {risk_pct: 0.5}
protect: {stop: 2 * atr(7)}
"""


def test_regime_universe_modes_plugins_and_guards_see_one_share(
    market: Path, tmp_path: Path
) -> None:
    rules = {"modes": MODES, "plugged": PLUGGED, "dips": RULES["dips"]}
    rules["dips"] = rules["dips"].replace("[core]", "[core, rotational, event]")
    project = make_project(tmp_path / "p", market, rules, guard=True)
    (project / "universe.yaml").write_text(CHANGING)
    with (project / "paperbot.yaml").open("a") as file:
        # The check decides by every digit of every fact it sees, texts included.
        file.write("risk_checks: {nosy: {}}\n")

    def load(_: object) -> Plugins:
        return Plugins.of({"paperbot-alpha": Alpha()})

    expected = sw.backtest_trades(project, list(rules), [market], plugins=load)
    notes = sw.Notes()
    whole, parts = (tmp_path / name / "journal.sqlite" for name in ("whole", "parts"))
    setup = sw.replay_setup(project, market, whole.parent, timeframe="1d", plugins=load)
    sw.run_session(setup, notes=notes)
    run_parts(project, market, parts.parent, lambda: 17, timeframe="1d", plugins=load)
    assert sw.plain(account_trades(whole)) == sw.plain(expected)
    assert sw.plain(account_trades(parts)) == sw.plain(expected)
    assert verify(parts).content_hash == verify(whole).content_hash
    changed = {e.condition for e in notes.events if isinstance(e, ConditionChanged)}
    assert changed >= {"universe", "regime", "mode"}
    assert len({row["strategy"] for row in expected}) == 4
    with JournalReader(whole) as reader:
        assert {row["kind"] for row in reader.table("corporate")} == {"dividend", "split"}
        assert "RISK_CHECK" in {row["rule"] for row in reader.table("verdicts")}
