"""Killed with SIGKILL at every kind of point and restarted, a session ends as if undisturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.ledger.verify import verify
from paperbot_core.trade.status import account_trades
from tests import session_world as sw
from tests import share_world as shares
from tests.e2e.kill_driver import POINTS

SHIPPED = sorted(path.stem for path in (sw.ROOT / "strategies.d").glob("*.yaml"))
#: Bars of the short and of the long form.
ROWS, ROWS_LONG = 400, 900
SYMBOLS = ("BTC/USDT", "SOL/USDT", "DOGE/USDT")


def _project(kind: str, folder: Path, rows: int) -> Path:
    if kind == "shares":
        data = folder / "candles"
        for seed, symbol in enumerate(sorted(shares.EVENTS)):
            shares.store(data, shares.days(symbol, rows, seed + 5))
        return shares.make_project(folder, data, shares.RULES)
    if kind == "replay":
        data = folder / "candles"
        for seed, symbol in enumerate(SYMBOLS):
            sw.write_candles(data, sw.walk(symbol, rows, seed + 3, gaps=0.02))
        exchange = f"{{plugin: replay, path: {data}, timeframe: 1h}}"
    else:
        listed = ", ".join(SYMBOLS)
        exchange = (
            f"{{plugin: sandbox, seed: 11, history: 200, bars: {rows}, symbols: [{listed}]}}"
        )
    return sw.make_project(folder, SHIPPED, exchange)


def _drive(kills: int, project: Path, state: Path, stride: int) -> dict[str, Any]:
    command = [
        sys.executable, str(Path(__file__).with_name("kill_driver.py")), str(kills), "1",
        str(project), str(state), str(stride),
    ]
    env = {**os.environ, "PYTHONPATH": str(sw.ROOT)}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def _check(kind: str, kills: int, stride: int, rows: int, tmp_path: Path) -> None:
    project = _project(kind, tmp_path / "p", rows)
    assert _drive(0, project, tmp_path / "whole", stride)["exit"] == 0
    answer = _drive(kills, project, tmp_path / "killed", stride)
    assert answer["exit"] == 0
    assert len(answer["kills"]) == kills
    assert set(Counter(k["point"] for k in answer["kills"])) == set(POINTS)
    whole, killed = (tmp_path / n / "journal.sqlite" for n in ("whole", "killed"))
    reports = verify(whole), verify(killed)
    assert all(r.ok for r in reports), reports
    assert reports[0].content_hash == reports[1].content_hash
    trades = account_trades(whole)
    assert len(trades) >= 100
    assert sw.plain(account_trades(killed)) == sw.plain(trades)
    # The kills hit mid-work: between the first event and the last, at many different places. Those
    # that wait for a notice, which is sent beside trading, come late on a fast machine.
    places = {k["seq"] for k in answer["kills"] if 0 < k["seq"] < reports[0].events}
    assert len(places) >= min(kills // 2, 25)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["replay", "sandbox", "shares"])
def test_killed_at_every_kind_of_point(kind: str, tmp_path: Path) -> None:
    _check(kind, 10, 30, ROWS, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["replay", "sandbox", "shares"])
def test_killed_two_hundred_times(kind: str, tmp_path: Path) -> None:
    _check(kind, 200, 2, ROWS_LONG, tmp_path)
