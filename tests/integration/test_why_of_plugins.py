"""`why` on runs with plugins: what the strategy's plugin said, and what a risk check allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.config.project import Project
from paperbot_core.plugins import Plugins
from paperbot_core.report.why_text import render_why
from paperbot_core.research.backtest import BacktestResult, run_backtest
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.why import explain_bar
from paperbot_core.testing.builders import random_candles
from tests.inline_plugin import Alpha
from tests.session_world import WIDE_POLICY
from tests.why_world import HOUR, write_csv

PLUGIN = """\
name: mine
timeframe: 1h
universe: [core]
uses: alpha.cross
features: {mean: 'sma(close, 20)', price: close, before: 'sma(close, 20)[1]'}
size: {risk_pct: 2}
protect: {stop: 2 * atr(14), take_profit: [{at_r: 2, fraction: 0.5}]}
"""

Load = Callable[[Project], Plugins]


@pytest.fixture
def load() -> Load:
    plugins = Plugins.of({"paperbot-alpha": Alpha()})
    return lambda project: plugins


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "strategies.d").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "policy.yaml").write_text(WIDE_POLICY)
    (tmp_path / "universe.yaml").write_text(
        "tiers:\n  core: {symbols: [BTC/USDT, ETH/USDT]}\n"
        "  rotational: {symbols: [SOL/USDT]}\n  event: {symbols: [DOGE/USDT]}\n"
    )
    (tmp_path / "paperbot.yaml").write_text("wallet: {cash: 10000}\n")
    (tmp_path / "strategies.d" / "mine.yaml").write_text(PLUGIN)
    for seed, symbol in enumerate(("BTC/USDT", "ETH/USDT"), 1):
        write_csv(random_candles(300, seed, symbol=symbol), tmp_path / "data")
    return tmp_path


def run(project: Path, load: Load) -> BacktestResult:
    return run_backtest(project, BacktestRequest(("mine",), (project / "data",)), plugins=load)


def slots(result: BacktestResult, load: Load, symbol: str = "ETH/USDT") -> list[dict[str, Any]]:
    """Explain the bars that granted the first three entries, and two after each."""
    trades = result.trades
    entries = sorted(
        int(ts) for ts, s in zip(trades["entry_ts"], trades["symbol"], strict=True) if s == symbol
    )[:3]
    times = [ts + k * HOUR for ts in entries for k in (-1, 0, 1)]
    return [
        explain_bar(result.facts, result.trades, symbol, t, plugins=load)["strategies"][0]
        for t in times
    ]


def test_what_the_plugin_of_a_strategy_said(project: Path, load: Load) -> None:
    told = slots(run(project, load), load)
    assert [slot["outcome"] for slot in told[::3]] == ["granted"] * 3
    granted = told[0]
    assert granted["proposal"]["reason"].startswith("above ")
    rules = {row["rule"]: row for row in granted["conditions"]}
    assert rules["entry.long.0"]["signal"]
    assert rules["entry.long.0"]["text"] == "plugin alpha.cross"
    assert {row["name"] for row in granted["levels"]} >= {"feature.mean", "feature.price", "stop"}
    assert "plugin alpha.cross" in render_why({"run_id": "x", "mode": "x", "strategies": told})


def test_what_a_risk_check_allowed(project: Path, load: Load) -> None:
    bare = run(project, load)
    entry = next(
        ts for ts, s in zip(bare.trades["entry_ts"], bare.trades["symbol"], strict=True)
        if s == "ETH/USDT"
    )  # fmt: skip
    text = "wallet: {cash: 10000}\nrisk_checks: {timid: {most: 0.25, symbols: [ETH/USDT]}}\n"
    (project / "paperbot.yaml").write_text(text)
    result = run(project, load)
    told = explain_bar(
        result.facts, result.trades, "ETH/USDT", int(entry) - HOUR, plugins=load
    )["strategies"][0]
    assert told["outcome"] == "refused"
    assert told["verdict"]["rule"] == "RISK_CHECK"
    assert told["verdict"]["check"].startswith("timid")
    assert "refused by RISK_CHECK: timid" in told["because"][0]
    rows = {row["rule"]: row for row in told["verdict"]["rules"]}
    assert rows["RISK_CHECK"]["answer"] == "refused"
    shrunk = [s for s in slots(result, load, "BTC/USDT") if s["outcome"] == "granted"]
    assert shrunk
    assert all(s["verdict"]["allowed"] <= 0.25 for s in shrunk)
    assert any("RISK_CHECK" in s["verdict"]["shrunk_by"] for s in shrunk)
