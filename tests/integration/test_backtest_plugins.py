"""Backtests with plugins: strategies, triggers, risk checks, features; through YAML and CLI."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paperbot_callables
import paperbot_pandas_ta
import paperbot_triggers
import pytest
from click.testing import CliRunner

from paperbot_core.api import UserError
from paperbot_core.cli import cli
from paperbot_core.config.project import Project
from paperbot_core.domain.market import Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.plugins import Plugins
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.backtest import BacktestResult, prepare, run_backtest
from paperbot_core.research.check import check_project
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.sweep import sweep
from paperbot_core.testing.builders import random_candles
from tests.inline_plugin import Alpha

SYMBOLS = ("BTC/USDT", "ETH/USDT")
POLICY = """\
version: 1
modes: {highest: PAPER}
entry: {max_slippage_pct: 1}
risk:
  daily_stop_loss_pct: 100
  max_drawdown_pct: 100
  max_position_size_pct: 100
  max_gross_pct: 100
  max_net_pct: 100
  max_cluster_pct: 100
  max_tier_pct: {core: 100}
  position_cap: {equity_multiple: 10, min: 0, max: 1000000000}
  max_open_positions: 10
  max_trades_per_day: 1000
  max_trades_per_hour: 1000
  cooldown_after_loss_min: 0
"""
HEAD = "name: mine\ntimeframe: 1h\nuniverse: [core]\n"
SMA = (
    "entry: {long: 'crosses_above(close, sma(close, 20))'}\n"
    "exit: {long: 'close < sma(close, 20)'}\n"
)
#: The same rules as a plugin; the named features carry what it reads.
CROSS = """\
uses: alpha.cross
features: {mean: 'sma(close, 20)', price: close, before: 'sma(close, 20)[1]'}
"""
REST = (
    "size: {risk_pct: 2}\n"
    "protect: {stop: 2 * atr(14), take_profit: [{at_r: 2, fraction: 0.5}]}\n"
)


@pytest.fixture
def alpha() -> Alpha:
    return Alpha()


@pytest.fixture
def load(alpha: Alpha) -> Callable[[Project], Plugins]:
    modules: dict[str, object] = {
        "paperbot-alpha": alpha,
        "paperbot-callables": paperbot_callables,
        "paperbot-triggers": paperbot_triggers,
        "paperbot-pandas-ta": paperbot_pandas_ta,
    }
    plugins = Plugins.of(modules)
    return lambda project: plugins


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "strategies.d").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "policy.yaml").write_text(POLICY)
    universe = f"tiers: {{core: {{symbols: [{', '.join(SYMBOLS)}]}}}}\n"
    (tmp_path / "universe.yaml").write_text(universe)
    (tmp_path / "paperbot.yaml").write_text("wallet: {cash: 10000}\n")
    for seed, symbol in enumerate(SYMBOLS, 1):
        write_csv(random_candles(700, seed, symbol=symbol), tmp_path / "data")
    return tmp_path


def write_csv(candles: Candles, folder: Path) -> None:
    columns = (candles.ts, candles.open, candles.high, candles.low, candles.close, candles.volume)
    rows = [",".join(map(repr, row)) for row in zip(*(c.tolist() for c in columns), strict=True)]
    path = folder / f"{candles.symbol.replace('/', '-')}_1h.csv"
    path.write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")


def strategy(project: Path, body: str, name: str = "mine") -> None:
    text = HEAD.replace("mine", name) + body
    (project / f"strategies.d/{name}.yaml").write_text(text)


def run(
    project: Path, load: Callable[[Project], Plugins], *names: str, **changes: Any
) -> BacktestResult:
    request = BacktestRequest(names or ("mine",), (project / "data",), **changes)
    return run_backtest(project, request, plugins=load)


def test_a_plugin_trades_exactly_like_the_same_rules(project: Path, load: Any) -> None:
    strategy(project, SMA + REST)
    strategy(project, CROSS + REST, "theirs")
    ours, theirs = run(project, load), run(project, load, "theirs")
    assert ours.facts["trades"] > 20
    assert ours.equity["equity"].tobytes() == theirs.equity["equity"].tobytes()
    reasons = set(ours.trades["exit_reason"])
    assert {"signal", "stop", "target"} & reasons
    for name in ("symbol", "exit_reason"):
        assert ours.trades[name] == theirs.trades[name]
    for name in ("entry_ts", "entry_price", "quantity", "exit_price", "pnl"):
        np.testing.assert_array_equal(ours.trades[name], theirs.trades[name])
    assert theirs.facts["plugins"]["paperbot-alpha"] == "0"
    assert ours.facts["plugins"] == {}


def test_a_plugin_that_fails_is_counted_and_named(project: Path, load: Any) -> None:
    strategy(project, CROSS.replace("cross", "flaky") + REST)
    result = run(project, load)
    assert result.facts["trades"] > 0
    (told,) = [text for text in result.facts["warnings"] if "plugin failed" in text]
    bars = 2 * sum(1 for bar in range(21, 701) if bar % 7 == 0)
    assert f"`mine` had no signal on {bars} bars" in told
    assert "`alpha.flaky` of `paperbot-alpha 0` raised ZeroDivisionError" in told
    assert [d.code for d in result.warnings] == ["PB5101"]
    ready = prepare(project, BacktestRequest(("mine",), (project / "data",)), plugins=load)
    (row,) = sweep(ready, [{}], count=1)
    assert row.facts["warnings"] == [told]


def test_a_time_range_changes_no_later_decision(project: Path, load: Any) -> None:
    from paperbot_core.market.timerange import TimeRange

    strategy(project, CROSS + REST)
    ready = prepare(project, BacktestRequest(("mine",), (project / "data",)), plugins=load)
    start = int(ready.history.base["BTC/USDT"].ts[300])
    whole, late = run(project, load), run(project, load, span=TimeRange(start, None))
    first = whole.trades["entry_ts"] > late.trades["exit_ts"][3]
    later = set(whole.trades["entry_ts"][first].tolist())
    assert later
    assert later <= set(late.trades["entry_ts"].tolist())


@pytest.mark.parametrize(
    "body",
    [
        "uses: triggers.volume_spike\nwith: {ratio: 1.5, window: 12}\n",
        "uses: triggers.momentum\nwith: {move_pct: 1, shorts: true}\n",
    ],
)
def test_triggers_enter(project: Path, load: Any, body: str) -> None:
    strategy(project, body + "size: {equity_pct: 5}\nprotect: {stop: 2 * atr(14), max_bars: 24}\n")
    result = run(project, load)
    assert result.facts["trades"] > 5
    assert not result.warnings


def callable_project(project: Path) -> None:
    (project / "my_rules.py").write_text(
        "def decide(context, fall):\n"
        "    if len(context.close) < 25:\n"
        "        return None\n"
        "    change = 100 * (context.price / context.close[-25] - 1)\n"
        "    return 'long' if change < -fall else 'short' if change > fall else None\n"
    )
    strategy(
        project,
        "uses: callables.call\n"
        f"with: {{target: '{project}/my_rules.py:decide', bars: 50, args: {{fall: fall}}}}\n"
        "params: {fall: {default: 2.5, min: 1, max: 9}}\n"
        "size: {equity_pct: 3}\nprotect: {stop: 2 * atr(14)}\n",
    )


def test_parameters_reach_the_plugin_in_sweeps_and_backtests(project: Path, load: Any) -> None:
    callable_project(project)
    ready = prepare(project, BacktestRequest(("mine",), (project / "data",)), plugins=load)
    combinations = [{"mine": {"fall": fall}} for fall in (1.5, 2.5, 4.0)]
    rows = list(sweep(ready, combinations, count=3))
    assert len({row.facts["trades"] for row in rows}) == 3
    for row in rows:
        single = run(project, load, sets=row.params)
        assert single.facts["final_equity"] == row.facts["final_equity"]
        assert single.facts["trades"] == row.facts["trades"] > 0


def risk_checks(project: Path, text: str) -> None:
    (project / "paperbot.yaml").write_text(f"wallet: {{cash: 10000}}\nrisk_checks: {text}\n")


def test_a_configured_check_shrinks_and_refuses(project: Path, load: Any, alpha: Alpha) -> None:
    strategy(project, SMA + REST)
    bare = run(project, load)
    risk_checks(project, "{timid: {most: 0.25, symbols: [ETH/USDT]}}")
    result = run(project, load)
    assert set(result.trades["symbol"]) == {"BTC/USDT"}
    assert max(result.trades["quantity"]) <= 0.25 < max(bare.trades["quantity"])
    refused = result.facts["rejections"]["RISK_CHECK"]
    counts = result.facts["risk_checks"]["timid"]
    assert counts == {"refused": refused, "shrunk": result.facts["shrunk"]["RISK_CHECK"]}
    assert refused > 5
    (told,) = [text for text in result.facts["warnings"] if "risk check" in text]
    assert f"risk check `timid` refused {refused}" in told
    assert result.facts["run_id"] != bare.facts["run_id"]
    entry = alpha.timid[-1].seen[0]
    assert entry.reason == "crosses_above(close, sma(close, 20))"
    assert entry.stop_distance is not None
    assert entry.kind == "entry"


def test_checks_see_the_reasons_of_plugins_too(project: Path, load: Any, alpha: Alpha) -> None:
    strategy(project, CROSS + REST)
    risk_checks(project, "{timid: {most: 100}}")
    run(project, load)
    seen = alpha.timid[-1].seen
    assert seen
    assert all(entry.reason.startswith("above ") for entry in seen)


def test_a_check_that_fails_refuses_every_entry_and_is_named(project: Path, load: Any) -> None:
    strategy(project, SMA + REST)
    risk_checks(project, "{broken: {}}")
    result = run(project, load)
    assert result.facts["trades"] == 0
    (told,) = [text for text in result.facts["warnings"] if "risk check" in text]
    assert "broken (paperbot-alpha 0) raised OSError: the risk server is away" in told


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("{timid: {}}", "PB5009", "2:15"),
        ("{timid: {most: 1, mots: 2}}", "PB5009", "2:38"),
        ("{tmid: {most: 1}}", "PB5008", "2:15"),
    ],
)
def test_a_wrong_risk_check_stops_everything(
    project: Path, load: Any, text: str, code: str, place: str
) -> None:
    strategy(project, SMA + REST)
    risk_checks(project, text)
    with pytest.raises(UserError) as caught:
        check_project(project, plugins=load)
    found = [d for d in caught.value.diagnostics if d.code == code]
    spans = [f"{d.span.line}:{d.span.column}" for d in found if d.span]
    assert spans == [place]
    assert found[0].source.startswith("risk_checks:")


PANDAS_TA = (
    "entry: {long: 'pandas_ta.willr(n) < -80'}\nexit: {long: 'pandas_ta.mom(5) > 0'}\n"
    "params: {n: {default: 14, min: 5, max: 30}}\n"
    "size: {equity_pct: 5}\nprotect: {stop: 2 * atr(14)}\n"
)


def test_features_of_plugins_trade_and_agree_bar_by_bar(project: Path, load: Any) -> None:
    strategy(project, PANDAS_TA)
    for sets in ({}, {"mine": {"n": 20.0}}):
        result = run(project, load, sets=sets)
        assert result.facts["trades"] > 5
    compiled = check_project(project, plugins=load).compiled["mine"]
    candles, source = random_candles(200), SignalSource()
    batch = source.batch(compiled, Columns(candles))
    live = source.live(compiled)
    rows = [live.update(candles.bar(row)) for row in range(len(candles))]
    assert [row.bits for row in rows] == batch.bits.tolist()
    assert any(row.bits for row in rows)
    np.testing.assert_array_equal([row.stop for row in rows], batch.stop)


def test_the_command_line_runs_installed_plugins(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERBOT_PLUGINS", "callables,triggers,pandas_ta")
    callable_project(project)
    spike = "uses: triggers.volume_spike\nsize: {equity_pct: 3}\nprotect: {stop: 2 * atr(14)}\n"
    strategy(project, spike, "spike")
    strategy(project, PANDAS_TA, "ta")
    options = ["--data", str(project / "data"), "--json"]
    for name in ("mine", "spike", "ta"):
        done = CliRunner().invoke(
            cli, ["--project", str(project), "backtest", "-s", name, *options]
        )
        assert done.exit_code == 0, done.output
        facts = json.loads(done.stdout)
        assert facts["trades"] > 5, name
        assert facts["plugins"]["paperbot-callables"]
    assert CliRunner().invoke(cli, ["check", str(project)]).exit_code == 0
    risk_checks(project, "{nobody: {}}")
    done = CliRunner().invoke(cli, ["--project", str(project), "backtest", "-s", "ta", *options])
    assert done.exit_code == 1
    assert "no installed plugin has a risk_check `nobody`" in done.output
