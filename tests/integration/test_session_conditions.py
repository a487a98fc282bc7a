"""Universe, regime and guards: PAPER over a replay still makes the trades of the backtest."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from paperbot_core.domain.events import ConditionChanged
from paperbot_core.domain.market import Candles
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.verify import verify
from paperbot_core.trade.status import account_status, account_trades
from tests import session_world as sw
from tests.integration.test_session_equals_backtest import MIXED

#: LATE is listed in the middle, JUNK and TINY are in no tier, ODD has another quote currency.
SYMBOLS = ("BTC/USDT", "SOL/USDT", "DOGE/USDT", "JUNK/USDT", "TINY/USDT", "LATE/USDT", "ODD/BTC")
UNIVERSE = """\
tiers:
  core: {symbols: [BTC/USDT], always_eligible: true}
  rotational: {symbols: [SOL/USDT], regimes: [trend, calm, crash]}
  event: {symbols: [DOGE/USDT, LATE/USDT], max_hold_hours: 20}
filters: {min_quote_volume: 900000, min_age_days: 2, quotes: [USDT]}
discovery: {tiers: {rotational: 1900000, event: 1200000}, max_symbols: 2, refresh_hours: 6}
regime:
  symbol: BTC/USDT
  timeframe: 2h
  rules:
    crash: close < 0.95 * highest(high, 6)
    trend: abs(change(close, 8)) > 0.4 * sum(abs(change(close, 1)), 8)
    calm: realized_vol(6) < sma(realized_vol(6), 12)
  size_factor: {crash: 0.5, chop: 0.8}
instruments:
  BTC/USDT: {tick: 0.01, lot: 0.00001, min_notional: 5, cluster: a, shortable: true}
  SOL/USDT: {tick: 0.01, lot: 0.1, min_notional: 5, cluster: b, shortable: true, fee_asset: base}
  LATE/USDT: {listed: 2024-01-09, delisted: 2024-01-20}
"""
GUARDS = "data: {max_move_pct: 6, min_volume_ratio: 1.0, max_stale_bars: 2, recovery_bars: 3}\n"
FREE = """\
name: free
timeframe: 1h
universe: [rotational, event]
params:
  lift: {default: 1.0, min: 0.9, max: 1.1, step: 0.01, regimes: {crash: 1.01, calm: 0.99}}
entry:
  long: {when: "regime('trend') or close > lift * sma(close, 9)"}
exit:
  long: {when: "close < sma(close, 12)"}
size: {equity_pct: {rotational: 12, event: 6}}
protect: {stop: 2 * atr(5), max_bars: 30}
pyramid: [{at_r: 0.5, add: 0.5}]
"""
NAMES = ["slow", "lone", "quick", "free"]


def _spiked(candles: Candles, seed: int) -> Candles:
    """Return candles with bad ticks: a wick far away in a bar of little volume."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(np.arange(30, len(candles)), 6, replace=False)
    high, volume = candles.high.copy(), candles.volume.copy()
    high[rows] *= 1.3
    volume[rows] *= 0.01
    return replace(candles, high=high, volume=volume)


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of markets with holes and bad ticks."""
    folder = tmp_path_factory.mktemp("candles")
    for seed, symbol in enumerate(SYMBOLS):
        made = sw.walk(symbol, 600, seed + 3, gaps=0.04, sigma=0.009)
        if symbol == "LATE/USDT":
            made = made.slice(150, len(made))
        sw.write_candles(folder, _spiked(made, seed))
    return folder


def _project(folder: Path, data: Path) -> Path:
    project = sw.make_project(
        folder, NAMES, f"{{plugin: replay, path: {data}, timeframe: 1h}}",
        policy=sw.WIDE_POLICY + GUARDS,
    )
    (project / "universe.yaml").write_text(UNIVERSE)
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for name, text in {**MIXED, "free": FREE}.items():
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    return project


def test_paper_equals_backtest_under_changing_conditions(candles: Path, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", candles)
    expected = sw.backtest_trades(project, NAMES, [candles])
    notes = sw.Notes()
    whole = tmp_path / "whole" / "journal.sqlite"
    sw.run_session(sw.replay_setup(project, candles, whole.parent), notes=notes)
    assert sw.plain(account_trades(whole)) == sw.plain(expected)
    rng = random.Random(4)
    parts = tmp_path / "parts" / "journal.sqlite"
    while True:
        setup = sw.replay_setup(project, candles, parts.parent)
        if sw.run_session(setup, bars=rng.randint(1, 90)).reason == "the market ended":
            break
    assert sw.plain(account_trades(parts)) == sw.plain(expected)
    reports = verify(whole), verify(parts)
    assert [r.ok for r in reports] == [True, True], reports
    assert reports[0].content_hash == reports[1].content_hash
    changes = [event for event in notes.events if isinstance(event, ConditionChanged)]
    kinds = Counter((event.condition, event.state) for event in changes)
    assert {kind for kind, _ in kinds} == {"universe", "regime", "data_breaker", "bad_tick"}
    assert {"trend", "calm", "chop", "crash"} <= {s for kind, s in kinds if kind == "regime"}
    assert ("universe", "left") in kinds
    traded = {row["symbol"] for row in expected}
    assert {"JUNK/USDT", "TINY/USDT"} & traded
    assert "ODD/BTC" not in traded
    late = [row["entry_ts"] for row in expected if row["symbol"] == "LATE/USDT"]
    assert all(1_704_758_400_000 <= ts < 1_705_708_800_000 for ts in late)
    assert late


def test_status_tells_regime_and_stale_data(candles: Path, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", candles)
    path = tmp_path / "s" / "journal.sqlite"
    sw.run_session(sw.replay_setup(project, candles, path.parent), bars=200)
    status = account_status(path, cash=10_000.0)
    with JournalReader(path) as reader:
        events = [e for _, e in reader.events(kinds=("ConditionChanged",))]
        rules = {row["rule"] for row in reader.table("verdicts")}
    told = [e for e in events if isinstance(e, ConditionChanged)]
    assert status["regime"] == [e.state for e in told if e.condition == "regime"][-1]
    breakers = {e.subject: e.state for e in told if e.condition == "data_breaker"}
    assert status["stale"] == sorted(s for s, state in breakers.items() if state == "open")
    assert {"NOT_IN_UNIVERSE", "REGIME", "MAX_STALE_BARS"} <= rules
