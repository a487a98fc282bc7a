"""docs/adaptive.md: its example is compiled, run, explained and reported as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paperbot_core.config.adaptive import Weights
from paperbot_core.domain.market import MINUTE_MS
from paperbot_core.market.universe.adaptive import MEASURES, choice_bars
from paperbot_core.report.html import render_html
from paperbot_core.report.modes import mode_shares
from paperbot_core.report.run import SavedRun
from paperbot_core.report.terminal import render_summary
from paperbot_core.report.why_text import render_why
from paperbot_core.research.backtest import BacktestResult, run_backtest
from paperbot_core.research.check import check_project
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.why import explain_bar
from tests import session_world as sw

_FENCE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
MODES = ("scalping", "intraday", "swing")


@pytest.fixture(scope="module")
def page() -> str:
    return (sw.ROOT / "docs" / "adaptive.md").read_text("utf-8")


@pytest.fixture(scope="module")
def project(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = sw.make_project(tmp_path_factory.mktemp("p"), ["turns"], "{plugin: sandbox}")
    for path in (folder / "strategies.d").glob("*.yaml"):
        path.unlink()
    (example,) = _FENCE.findall(page)
    (folder / "strategies.d" / "turns.yaml").write_text(example)
    return folder


@pytest.fixture(scope="module")
def result(project: Path, tmp_path_factory: pytest.TempPathFactory) -> BacktestResult:
    data = tmp_path_factory.mktemp("c")
    for seed, symbol in enumerate(("BTC/USDT", "SOL/USDT")):
        made = sw.walk(symbol, 96 * 260, seed + 1, tf_ms=15 * MINUTE_MS, sigma=0.003)
        sw.write_candles(data, made)
    return run_backtest(project, BacktestRequest(("turns",), (data,)))


@pytest.fixture(scope="module")
def run(result: BacktestResult) -> SavedRun:
    return SavedRun(result.facts, result.trades, result.fills, result.equity)


def test_the_example_has_no_mistakes(project: Path) -> None:
    checked = check_project(project)
    assert list(checked.compiled) == [f"turns@{mode}" for mode in MODES]
    assert checked.warnings == ()
    # "about 6n bars of `every`": a session asks for that much history.
    symbols = dict.fromkeys(checked.compiled, ("BTC/USDT",))
    bars = choice_bars(checked.compiled.values(), symbols, 15 * MINUTE_MS)
    assert bars == pytest.approx(120 * 96, rel=0.02)
    assert all(compiled.warmup < 100 for compiled in checked.compiled.values())


def test_measures_and_keys_are_on_the_page(page: str) -> None:
    for name in (*MEASURES, *Weights.model_fields):
        assert f"| {name} |" in page
    assert "`abs(change(close, n)) / sum(abs(change(close, 1)), n)`" in page
    assert "`realized_vol(n)`" in page
    assert "`sma(close * volume, n)`" in page


def test_every_mode_trades_only_while_it_is_chosen(result: BacktestResult) -> None:
    chosen = result.facts["conditions"]["modes"]["turns"]
    assert set(result.trades["strategy"]) == {f"turns@{mode}" for mode in MODES}
    rows = zip(
        result.trades["strategy"], result.trades["symbol"], result.trades["entry_ts"], strict=True
    )
    for strategy, symbol, entry in rows:
        then = [mode for ts, mode in chosen[symbol] if ts <= entry]
        assert then[-1] == strategy.partition("@")[2]


def test_reports_tell_time_trades_and_profit_by_mode(run: SavedRun) -> None:
    shares = mode_shares(run)
    assert [one.mode for one in shares] == [*MODES, "none"]
    assert sum(one.time_pct or 0.0 for one in shares) == pytest.approx(100.0)
    assert sum(one.trades for one in shares) == run.count("trades")
    assert sum(one.pnl for one in shares) == pytest.approx(float(sum(run.trades["pnl"])))
    # Nothing is chosen before the measures know their windows.
    assert shares[-1].time_pct == pytest.approx(100 * 119 / 260, abs=1.0)
    assert re.search(r"^turns scalping +\d+ %", render_summary(run), re.MULTILINE)
    assert "turns scalping" in render_html(run)


def test_a_run_without_modes_has_no_such_table(run: SavedRun) -> None:
    facts = {**run.facts, "strategies": ["turns"], "conditions": {}}
    bare = SavedRun(facts, run.trades, run.fills, run.equity)
    assert mode_shares(bare) == []
    assert "Mode " not in render_summary(bare)


def test_a_history_that_is_too_short_is_told(project: Path, tmp_path: Path) -> None:
    made = sw.walk("BTC/USDT", 96 * 40, 3, tf_ms=15 * MINUTE_MS, sigma=0.003)
    sw.write_candles(tmp_path, made)
    facts = run_backtest(project, BacktestRequest(("turns",), (tmp_path,))).facts
    told = [text for text in facts["warnings"] if "chose a mode" in text]
    assert told == [
        "turns never chose a mode on BTC/USDT: trend and volatility and liquidity not known; the "
        "data has 3840 bars of 15m, 11519 are enough"
    ]
    assert facts["trades"] == 0


def test_why_says_which_mode_was_chosen(result: BacktestResult) -> None:
    ts, mode = result.facts["conditions"]["modes"]["turns"]["BTC/USDT"][1]
    answer = explain_bar(result.facts, result.trades, "BTC/USDT", ts - 1, ["turns"])
    assert [slot["strategy"] for slot in answer["strategies"]] == [f"turns@{m}" for m in MODES]
    for slot in answer["strategies"]:
        told = slot["mode"]
        assert (told["chosen"], told["since"]) == (mode, ts)
        assert max(told["scores"], key=lambda name: told["scores"][name]) == mode
        assert all(0.0 <= value <= 1.0 for value in told["measures"].values())
    assert f"`{mode}` is chosen: scores scalping" in " ".join(render_why(answer).split())


def test_why_says_what_is_not_known(result: BacktestResult) -> None:
    start = result.facts["start"]
    answer = explain_bar(result.facts, result.trades, "BTC/USDT", start + 1, ["turns@swing"])
    (slot,) = answer["strategies"]
    assert slot["mode"]["chosen"] is None
    assert slot["mode"]["text"] == (
        "no mode is chosen: trend and volatility and liquidity not known"
    )
