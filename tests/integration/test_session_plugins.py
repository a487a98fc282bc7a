"""Sessions with plugins make the trades of the backtest: strategies, triggers, risk checks."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import paperbot_triggers
import pytest
from click.testing import CliRunner

from paperbot_core.cli import cli
from paperbot_core.domain.words import Mode
from paperbot_core.ledger.verify import verify
from paperbot_core.market.replay import Replay, ReplayOptions
from paperbot_core.plugins import Plugins
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.backtest import run_backtest
from paperbot_core.research.check import check_project
from paperbot_core.research.request import BacktestRequest
from paperbot_core.trade.session import SessionSetup
from paperbot_core.trade.status import account_trades
from tests import session_world as sw
from tests.inline_plugin import Alpha

FILES = {
    "both": "timeframe: 2h\nuses: alpha.both\nsize: {risk_pct: 1}\n"
    "protect: {stop: 2 * atr(5), take_profit: [{at_r: 1, fraction: 0.5}]}\n"
    "pyramid: [{at_r: 0.4, add: 0.5}]\n",
    "cross": "timeframe: 1h\nuses: alpha.flaky\nsize: {equity_pct: 15}\n"
    "features: {price: close, mean: 'sma(close, 5, timeframe=\"4h\")'}\n"
    "protect: {stop: 2 * atr(7), trail: {distance: 3 * atr(7)}}\n",
    "plain": "timeframe: 1h\nsize: {equity_pct: 10}\nprotect: {stop: 2 * atr(7)}\n"
    "entry: {long: {when: 'crosses_above(close, sma(close, 7))', reason: 'at {close}'}}\n"
    "exit: {long: 'close < sma(close, 7)'}\n",
    "spike": "timeframe: 1h\nuses: triggers.volume_spike\nsize: {equity_pct: 10}\n"
    "protect: {stop: 2 * atr(7), max_bars: 9}\n",
}
UNIVERSE = """\
tiers: {core: {symbols: [BTC/USDT, SOL/USDT]}}
instruments:
  BTC/USDT: {tick: 0.01, lot: 0.00001, min_notional: 5, cluster: a, shortable: true}
  SOL/USDT: {tick: 0.01, lot: 0.001, min_notional: 5, cluster: b, shortable: true}
"""
NAMES = sorted(FILES)


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, Path]:
    """Return a project of four strategies, three of plugins, and its candles."""
    data = tmp_path / "data"
    for seed, symbol in enumerate(("BTC/USDT", "SOL/USDT")):
        sw.write_candles(data, sw.walk(symbol, 400, seed + 20, gaps=0.02))
    exchange = f"{{plugin: replay, path: {data}, timeframe: 1h}}"
    project = sw.make_project(
        tmp_path / "p", NAMES, exchange, more="risk_checks: {nosy: {}, timid: {most: 50}}\n"
    )
    (project / "universe.yaml").write_text(UNIVERSE)
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for name, body in FILES.items():
        text = f"name: {name}\nuniverse: [core]\n{body}"
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    return project, data


def _plugins() -> Plugins:
    return Plugins.of({"paperbot-alpha": Alpha(), "paperbot-triggers": paperbot_triggers})


def _setup(project: Path, data: Path, state: Path) -> SessionSetup:
    checked = check_project(project, plugins=lambda _: _plugins())
    assert checked.plugins is not None
    project_of = checked.project
    return SessionSetup(
        project_of, tuple(checked.compiled[s.name] for s in project_of.enabled),
        Replay(ReplayOptions(path=str(data), timeframe="1h")), "replay", Mode.PAPER, None, "run",
        state / "journal.sqlite", source=SignalSource(checked.plugins),
        checks=checked.plugins.risk_checks(project_of.settings.risk_checks),
    )  # fmt: skip


def _expected(project: Path, data: Path) -> list[dict[str, Any]]:
    request = BacktestRequest(tuple(NAMES), (data,))
    result = run_backtest(project, request, plugins=lambda _: _plugins())
    counts = result.facts["risk_checks"]["nosy"]
    assert counts["refused"] > 5
    assert counts["shrunk"] > 5
    columns = {k: list(v) for k, v in result.trades.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_a_session_trades_like_the_backtest(world: tuple[Path, Path], tmp_path: Path) -> None:
    project, data = world
    expected = _expected(project, data)
    assert {row["strategy"] for row in expected} == set(NAMES)
    assert {row["side"] for row in expected if row["strategy"] == "both"} == {"long", "short"}
    setup = _setup(project, data, tmp_path / "whole")
    notes = sw.Notes()
    sw.run_session(setup, notes=notes)
    assert sw.plain(account_trades(setup.journal)) == sw.plain(expected)
    told = [text for text in notes.warnings if "`cross` had no signal on" in text]
    assert "on 1 bar where" in told[0]  # at once
    assert told[-1] == setup.source.faults.warnings()[0].message  # and all of it at the end


def test_an_interrupted_session_does_too(world: tuple[Path, Path], tmp_path: Path) -> None:
    project, data = world
    expected = _expected(project, data)
    rng = random.Random(6)
    while True:
        setup = _setup(project, data, tmp_path / "parts")
        result = sw.run_session(setup, bars=rng.randint(80, 200))
        if result.reason == "the market ended":
            break
    assert sw.plain(account_trades(setup.journal)) == sw.plain(expected)
    assert verify(setup.journal).ok


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the inline plugin look installed: metadata with its entry point on the path."""
    info = tmp_path / "site" / "paperbot_alpha-1.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: paperbot-alpha\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[paperbot]\nalpha = tests.inline_plugin:plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("PAPERBOT_PLUGINS", "alpha,triggers")


def _run(project: Path, *words: str) -> str:
    done = CliRunner().invoke(cli, ["--project", str(project), *words])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("installed")
def test_the_command_line_asks_the_checks_in_every_mode(
    world: tuple[Path, Path], tmp_path: Path
) -> None:
    project, data = world
    config = project / "paperbot.yaml"
    text = config.read_text().replace("timid: {most: 50}", "timid: {most: 50, symbols: [SOL/USDT]}")
    config.write_text(text)
    assert "4 strategies" in _run(project, "check")
    facts = json.loads(_run(project, "backtest", "-s", "plain", "--data", str(data), "--json"))
    assert facts["plugins"]["paperbot-alpha"] == "1.5"
    refused = facts["risk_checks"]["timid"]["refused"]
    assert facts["rejections"]["RISK_CHECK"] >= refused > 5
    for mode in ("PAPER", "DRY_RUN"):
        state = tmp_path / mode
        _run(project, "run", "--bars", "300", "--mode", mode, "--state-dir", str(state))
        out = tmp_path / f"{mode}-tables"
        _run(
            project, "ledger", "export", "--format", "csv", "--out", str(out),
            "--state-dir", str(state),
        )  # fmt: skip
        verdicts = (out / "verdicts.csv").read_text()
        assert "timid: no SOL/USDT please" in verdicts
        assert "RISK_CHECK" in verdicts
