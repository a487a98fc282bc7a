"""A broker from outside the tree: built, installed into a fresh environment, listed, traded on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

CONFIG = """
mode: PAPER
read_only: true
exchange: {plugin: tides, level: 250}
wallet: {quote: USDT, cash: 10000}
strategies: [ebb]
state_dir: state
risk_checks: {no_big_boats: {}}
"""
UNIVERSE = """
tiers:
  core: {symbols: [TIDE/USDT]}
instruments:
  TIDE/USDT: {tick: 0.01, lot: 0.001, min_notional: 5, maker_bps: 1, taker_bps: 1, cluster: sea}
"""
STRATEGY = """
name: ebb
timeframe: 1h
universe: [core]
entry:
  long:
    when: tides.ebb(24) > 2
exit:
  long:
    when: tides.ebb(24) < 0.2
size: {equity_pct: 40}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Return a project of a user: their files, and a virtual environment of their own."""
    folder = tmp_path_factory.mktemp("outside")
    plugin = folder / "paperbot-tides"
    plugin.mkdir()
    text = (root / "docs/plugins.md").read_text()
    shown = re.findall(r"^`([\w.]+)`\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for name, content in shown:
        (plugin / name).write_text(content)
    assert {name for name, _ in shown} >= {"pyproject.toml", "paperbot_tides.py"}
    core = folder / "core"
    core.mkdir()
    # Copied: a build leaves its traces in the source folder.
    shutil.copytree(
        root / "paperbot_core", core / "paperbot_core", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (root / name).exists():
            shutil.copy(root / name, core / name)
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    # The libraries of the environment that runs the tests, so that nothing is downloaded.
    (site / "test_environment.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(venv / "bin/python")),
            *("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
            *("--disable-pip-version-check", str(core), str(plugin)),
        ],
        check=True,
    )
    (folder / "strategies.d").mkdir()
    (folder / "paperbot.yaml").write_text(CONFIG)
    (folder / "universe.yaml").write_text(UNIVERSE)
    (folder / "strategies.d/ebb.yaml").write_text(STRATEGY)
    policy = (root / "policy.yaml").read_text()
    loose = re.sub(r"(max_\w+_pct|max_trades_per_\w+): [\d.]+", r"\1: 100", policy)
    (folder / "policy.yaml").write_text(loose.replace("highest: DRY_RUN", "highest: PAPER"))
    return folder


@pytest.fixture(scope="module")
def paperbot(project: Path) -> Cli:
    """Return a function that runs `paperbot` as that user would."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        # The bundled plugins of the test environment are editable and not importable from here.
        env["PAPERBOT_PLUGINS"] = "tides"
        return subprocess.run(
            [str(project / "venv/bin/paperbot"), *args],
            cwd=project, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def answer(run: subprocess.CompletedProcess[str]) -> Any:
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


def test_it_is_listed_with_its_distribution_and_version(paperbot: Cli) -> None:
    rows = answer(paperbot("plugins", "--json"))
    mine = {row["name"]: row for row in rows if row["distribution"] == "paperbot-tides"}
    assert mine["tides"] == {
        "name": "tides",
        "kind": "exchange",
        "distribution": "paperbot-tides",
        "version": "0.1.0",
        "state": "loaded",
        "error": None,
    }
    assert {"tides.ebb", "tides.low_water", "no_big_boats"} < set(mine)
    assert next(row for row in rows if row["name"] == "replay")["state"] == "loaded"


def test_the_table_shows_it_too(paperbot: Cli) -> None:
    run = paperbot("plugins")
    assert run.returncode == 0
    assert re.search(
        r"^exchange +tides +paperbot-tides +0\.1\.0 +loaded$", run.stdout, re.MULTILINE
    )


def test_its_own_tests_pass(project: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        [str(project / "venv/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=project / "paperbot-tides", env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout


def test_its_feature_is_a_word_of_the_language(paperbot: Cli, project: Path) -> None:
    run = paperbot("check")
    assert run.returncode == 0, run.stdout + run.stderr
    strategy = project / "strategies.d/ebb.yaml"
    strategy.write_text(STRATEGY.replace("tides.ebb(24) > 2", "tides.eb(24) > 2"))
    run = paperbot("check")
    strategy.write_text(STRATEGY)
    assert run.returncode == 1
    assert "tides.ebb" in run.stdout + run.stderr


def test_a_session_trades_on_it_and_asks_its_risk_check(paperbot: Cli) -> None:
    run = paperbot("run", "--bars", "300")
    assert run.returncode == 0, run.stdout + run.stderr
    trades = answer(paperbot("trades", "--json"))
    assert len(trades) >= 5
    for trade in trades:
        assert trade["symbol"] == "TIDE/USDT"
        # The policy allows 40 % of equity, the plugin's check a tenth.
        assert float(trade["quantity"]) * float(trade["entry_price"]) < 1_100
    assert answer(paperbot("ledger", "verify", "--json"))["ok"] is True
    # A second session goes on where the first one ended.
    run = paperbot("run", "--bars", "300")
    assert run.returncode == 0, run.stdout + run.stderr
    more = answer(paperbot("trades", "--json"))
    assert more[: len(trades)] == trades
    assert len(more) > len(trades)
