"""Bundled plugins at work: sandbox candles, a trigger, a callable and an indicator in backtests."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)

HEAD = "name: {name}\ntimeframe: 1h\nuniverse: [core]\nsize: {{equity_pct: 3}}\n"
STRATEGIES = {
    "spike": "uses: triggers.volume_spike\nwith: {ratio: 2.0, window: 48}\n"
    "protect: {stop: 2 * atr(14), max_bars: 24}\n",
    "my_rules": 'uses: callables.call\nwith: {target: "my_rules.py:decide", args: {fall: 2.5}}\n',
    "willr": "entry: {long: {when: pandas_ta.willr(14) < -90}}\n"
    "exit: {long: {when: pandas_ta.willr(14) > -20}}\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    folder = tmp_path_factory.mktemp("bundled")
    for name in ("policy.yaml", "universe.yaml"):
        shutil.copy(root / name, folder / name)
    (folder / "paperbot.yaml").write_text("mode: PAPER\nexchange: {plugin: sandbox, seed: 7}\n")
    (folder / "strategies.d").mkdir()
    for name, text in STRATEGIES.items():
        (folder / f"strategies.d/{name}.yaml").write_text(HEAD.format(name=name) + text)
    readme = (root / "plugins/paperbot-callables/README.md").read_text()
    (folder / "my_rules.py").write_text(re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0])
    paperbot(folder, "sandbox", "--out", "data", "--symbol", "BTC/USDT", "--bars", "900")
    return folder


def paperbot(folder: Path, *args: str) -> str:
    command = [sys.executable, "-m", "paperbot_core", *args]
    env = {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "HOME": str(folder)}
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_the_project_passes_check(project: Path) -> None:
    assert "ok: 3 strategies" in paperbot(project, "check")


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_plugin_strategy_trades_in_a_backtest(project: Path, name: str) -> None:
    result: dict[str, Any] = json.loads(
        paperbot(project, "backtest", "-s", name, "--data", "data", "--json")
    )
    assert result["bars"] == 900
    assert result["trades"] >= 5
    assert not [warning for warning in result["warnings"] if "PB50" in str(warning)]
