"""Sessions over splits and dividends: the rows of the backtest, in the journal and everywhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paperbot_core.domain.market import DAY_MS, Candles
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.rebuild import rebuild
from paperbot_core.ledger.verify import verify
from paperbot_core.market.events import make_events
from paperbot_core.market.events_files import events_path
from paperbot_core.market.events_table import write_events
from paperbot_core.market.timerange import TimeRange
from paperbot_core.research.backtest import run_backtest
from paperbot_core.research.request import BacktestRequest
from paperbot_core.trade.session import SessionResult
from paperbot_core.trade.status import account_trades
from tests import session_world as sw

MONDAY = sw.START
UNIVERSE = """\
tiers: {core: {symbols: [AAPL, IBM, ODD]}}
instruments:
  AAPL: {tick: 0.01, lot: 0.001, min_notional: 1, shortable: true}
  IBM: {tick: 0, lot: 0, min_notional: 0, shortable: true}
  ODD: {tick: 0.01, lot: 1, min_notional: 1, shortable: true, maker_bps: 2, taker_bps: 7}
"""
GUARD = "data: {max_move_pct: 12, min_volume_ratio: 1.5, max_stale_bars: 3, recovery_bars: 2}\n"
RULES = {
    "cross": """\
name: cross
timeframe: 1d
universe: [core]
entry:
  long: {when: "sma(close, 4) > sma(close, 9) and volume_ratio(5) > 0.5"}
  short: {when: "sma(close, 4) < sma(close, 9)"}
exit:
  long: {when: "sma(close, 4) < sma(close, 9)"}
  short: {when: "sma(close, 4) > sma(close, 9)"}
size: {risk_pct: 1, per: 2 * atr(7)}
protect:
  stop: 3 * atr(7)
  trail: {after_r: 1, distance: 2 * atr(7)}
""",
    "dips": """\
name: dips
timeframe: 1d
universe: [core]
entry:
  long: {when: "volume > sma(volume, 3)", limit: "close - 0.3 * atr(5)", limit_bars: 4}
  short: {when: "close > sma(close, 5)", limit: "close + 0.3 * atr(5)", limit_bars: 4}
size: {equity_pct: 10}
protect:
  stop: 3 * atr(5)
  max_bars: 12
  breakeven_after_r: 1
  take_profit: [{at_r: 0.4, fraction: 0.5}, {at_r: 0.8, fraction: 0.25}]
pyramid: [{at_r: 0.2, add: 0.5}, {at_r: 0.3, add: 0.5}]
""",
    "slow": """\
name: slow
timeframe: 1w
universe: [core]
entry: {long: {when: "close > sma(close, 2) or volume < sma(volume, 3)"}}
exit: {long: {when: "close < sma(close, 2)"}}
size: {equity_pct: 10}
protect: {stop: 2 * atr(2), max_bars: 3}
""",
}
#: Days of splits and cash: odd ratios, both at once, two in a row, one on a missing day.
EVENTS = {
    "AAPL": [(12, 1.0, 0.5), (20, 7.0, 0.3), (40, 1.0, 0.1), (61, 4.0, 0.0), (103, 0.125, 2.0)],
    "IBM": [(15, 1.0, 1.25), (45, 1.0, 1.25), (75, 1.0, 1.3)],
    "ODD": [(25, 1 / 3, 0.0), (26, 1.5, 0.2), (50, 1.1, 0.0), (51, 1.0, 0.3), (90, 2.5, 0.4)],
}


def days(symbol: str, rows: int, seed: int, *, tf_ms: int = DAY_MS) -> Candles:
    """Return a walk as it was paid: splits make jumps of it."""
    smooth = sw.walk(symbol, rows, seed, tf_ms=tf_ms, gaps=0.05, sigma=0.02)
    factor = np.ones(len(smooth))
    for day, split, _ in EVENTS[symbol]:
        factor[smooth.ts >= MONDAY + day * DAY_MS] *= split
    prices = {name: np.round(getattr(smooth, name) / factor, 2)
              for name in ("open", "high", "low", "close")}  # fmt: skip
    return replace(smooth, **prices, volume=np.round(smooth.volume * factor))


def store(folder: Path, candles: Candles) -> None:
    """Write candles with the events of their symbol beside them."""
    sw.write_candles(folder, candles)
    rows = [(MONDAY + day * DAY_MS, split, cash) for day, split, cash in EVENTS[candles.symbol]]
    path = events_path(folder, candles.symbol)
    path.parent.mkdir(exist_ok=True)
    write_events(path, make_events(candles.symbol, rows))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shares")
    for seed, symbol in enumerate(sorted(EVENTS)):
        store(folder, days(symbol, 126, seed + 5))
    return folder


def make_project(
    folder: Path, data: Path, rules: dict[str, str], *, timeframe: str = "1d",
    guard: bool = False, mode: str = "PAPER",
) -> Path:  # fmt: skip
    exchange = f"{{plugin: replay, path: {data}, timeframe: {timeframe}}}"
    policy = sw.WIDE_POLICY + (GUARD if guard else "")
    project = sw.make_project(
        folder, list(rules), exchange, policy=policy, mode=mode,
        more="simulation: {slippage_bps: 3, volume_share_pct: 5}\n",
    )
    (project / "universe.yaml").write_text(UNIVERSE)
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for name, text in rules.items():
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    return project


def run_parts(
    project: Path, data: Path, state: Path, parts: Callable[[], int | None], **options: Any
) -> SessionResult:
    while True:
        setup = sw.replay_setup(project, data, state, **options)
        result = sw.run_session(setup, bars=parts())
        if result.reason == "the market ended":
            return result


def curve(project: Path, names: Sequence[str], data: Path) -> dict[str, list[Any]]:
    result = run_backtest(project, BacktestRequest(tuple(names), (data,), TimeRange()))
    return {name: result.equity[name].tolist() for name in ("ts", "equity", "cash", "gross")}


def assert_equal(project: Path, names: Sequence[str], data: Path, state: Path) -> int:
    """Compare a session with the backtest row for row; return how many trades there were."""
    journal = state / "journal.sqlite"
    expected = sw.backtest_trades(project, names, [data])
    assert sw.plain(account_trades(journal)) == sw.plain(expected)
    wanted = curve(project, names, data)
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
    # One bar at a time stops before, at and after every event.
    for state, parts in (("one", lambda: 1), ("some", lambda: rng.randint(1, 30))):
        run_parts(project, market, tmp_path / state, parts, timeframe="1d")
        report = verify(tmp_path / state / "journal.sqlite")
        assert report.ok, report.problems
        assert report.content_hash == whole.content_hash
