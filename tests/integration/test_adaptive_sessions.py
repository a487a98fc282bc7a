"""Adaptive strategies: PAPER over a replay makes the trades of the backtest, mode by mode."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from paperbot_core.domain.events import ConditionChanged, VerdictGiven
from paperbot_core.domain.words import Rule
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.verify import verify
from paperbot_core.research.backtest import prepare, run_backtest
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.sweep import sweep
from paperbot_core.trade.status import account_status, account_trades
from tests import session_world as sw

SYMBOLS = ("BTC/USDT", "SOL/USDT", "DOGE/USDT")
GUARDS = "data: {max_move_pct: 6, min_volume_ratio: 1.0, max_stale_bars: 2, recovery_bars: 3}\n"
TURNS = """\
name: turns
timeframe: 1h
universe: [core, rotational, event]
params:
  length: {default: 8, min: 2, max: 50}
entry:
  long: {when: "close > sma(close, length)"}
exit:
  long: {when: "close < sma(close, length)"}
size: {equity_pct: 8}
protect: {stop: 2 * atr(5), max_bars: 40}
adaptive:
  every: 4h
  window: 6
  modes:
    scalping: {weights: {trend: -0.5, volatility: 1, liquidity: 0.5}, params: {length: 3},
               size_factor: 0.5}
    intraday: {weights: {volatility: 0.6, liquidity: 0.5}, timeframe: 2h}
    swing: {weights: {trend: 1}, timeframe: 4h, params: {length: 12}}
"""
LONE = """\
name: lone
timeframe: 2h
universe: [core]
entry:
  long: {when: "rsi(7) < 35"}
exit:
  long: {when: "rsi(7) > 60"}
size: {equity_pct: 10}
"""


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of markets with holes, one of which begins later."""
    folder = tmp_path_factory.mktemp("candles")
    for seed, symbol in enumerate(SYMBOLS):
        made = sw.walk(symbol, 700, seed + 11, gaps=0.05, sigma=0.01)
        sw.write_candles(folder, made.slice(120, len(made)) if seed == 2 else made)
    return folder


def _project(folder: Path, data: Path, strategies: str = "turns, lone") -> Path:
    project = sw.make_project(
        folder, [strategies], f"{{plugin: replay, path: {data}, timeframe: 1h}}",
        policy=sw.WIDE_POLICY + GUARDS,
    )
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for name, text in {"turns": TURNS, "lone": LONE}.items():
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    return project


def test_paper_equals_backtest_in_every_mode(candles: Path, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", candles)
    expected = sw.backtest_trades(project, ["turns", "lone"], [candles])
    traders = Counter(row["strategy"] for row in expected)
    assert set(traders) == {"turns@scalping", "turns@intraday", "turns@swing", "lone"}
    notes = sw.Notes()
    whole = tmp_path / "whole" / "journal.sqlite"
    sw.run_session(sw.replay_setup(project, candles, whole.parent), notes=notes)
    assert sw.plain(account_trades(whole)) == sw.plain(expected)
    rng = random.Random(5)
    parts = tmp_path / "parts" / "journal.sqlite"
    while True:
        setup = sw.replay_setup(project, candles, parts.parent)
        if sw.run_session(setup, bars=rng.randint(1, 120)).reason == "the market ended":
            break
    assert sw.plain(account_trades(parts)) == sw.plain(expected)
    reports = verify(whole), verify(parts)
    assert [r.ok for r in reports] == [True, True], reports
    assert reports[0].content_hash == reports[1].content_hash


def test_the_choice_is_recorded_as_the_backtest_reports_it(candles: Path, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", candles)
    result = run_backtest(project, BacktestRequest(("turns", "lone"), (candles,)))
    path = tmp_path / "s" / "journal.sqlite"
    sw.run_session(sw.replay_setup(project, candles, path.parent))
    with JournalReader(path) as reader:
        events = [e for _, e in reader.events(kinds=("ConditionChanged",))]
        rules = {row["rule"] for row in reader.table("verdicts")}
    told = [e for e in events if isinstance(e, ConditionChanged) and e.condition == "mode"]
    assert "MODE_NOT_CHOSEN" in rules
    assert result.facts["rejections"]["MODE_NOT_CHOSEN"] > 0
    for symbol, changes in result.facts["conditions"]["modes"]["turns"].items():
        recorded = [(e.ts, e.state) for e in told if e.subject == f"turns {symbol}"]
        assert recorded == [(ts, mode or "none") for ts, mode in changes]
        assert {mode for _, mode in recorded} == {"scalping", "intraday", "swing"}
    assert all(e.detail.startswith("scores scalping ") for e in told)
    last = {symbol: changes[-1][1] for symbol, changes in
            result.facts["conditions"]["modes"]["turns"].items()}
    assert account_status(path, cash=10_000.0)["modes"] == {"turns": last}
    with JournalReader(path) as reader:
        refused = [e for _, e in reader.events(kinds=("VerdictGiven",))
                   if isinstance(e, VerdictGiven) and e.rule is Rule.MODE_NOT_CHOSEN]
    assert any("` is chosen: scores scalping" in e.reason for e in refused)


def test_one_mode_alone_still_waits_to_be_chosen(candles: Path, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", candles, "turns@swing")
    expected = sw.backtest_trades(project, ["turns@swing"], [candles])
    path = tmp_path / "s" / "journal.sqlite"
    sw.run_session(sw.replay_setup(project, candles, path.parent))
    assert sw.plain(account_trades(path)) == sw.plain(expected)
    result = run_backtest(project, BacktestRequest(("turns@swing",), (candles,)))
    assert {row["strategy"] for row in expected} == {"turns@swing"}
    assert result.facts["rejections"]["MODE_NOT_CHOSEN"] > 0


def test_a_row_of_a_sweep_is_a_backtest(candles: Path, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", candles)
    request = BacktestRequest(("turns",), (candles,))
    rows: list[dict[str, dict[str, float]]] = [
        {"turns": {"length": 5.0}}, {"turns": {"length": 9.0}, "turns@swing": {"length": 20.0}},
    ]
    for row in sweep(prepare(project, request), rows, count=len(rows)):
        alone = run_backtest(project, replace(request, sets=row.params))
        assert row.facts["final_equity"] == alone.facts["final_equity"]
        lengths = {name: values["length"] for name, values in alone.facts["params"].items()}
        own = 20.0 if row.number else 12.0
        assert lengths == {
            "turns@scalping": 3.0, "turns@swing": own,
            "turns@intraday": row.params["turns"]["length"],
        }  # fmt: skip
