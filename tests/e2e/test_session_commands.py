"""Sessions as users meet them: the commands, signals, exit codes and JSON of the contract."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests import session_world as sw

NAMES = ["rsi_momentum", "sma_cross"]
STATUS_KEYS = {
    "mode", "state", "run_id", "as_of", "equity", "cash", "day_pnl_pct", "drawdown_pct",
    "positions", "pending", "last_bar", "heartbeat",
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    exchange = "{plugin: sandbox, seed: 11, history: 200, symbols: [BTC/USDT, SOL/USDT]}"
    return sw.make_project(tmp_path / "p", NAMES, exchange)


def start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "paperbot_core", "--project", str(project), *arguments]
    env = {**os.environ, "PYTHONPATH": str(sw.ROOT), "PAPERBOT_PLUGINS": "sandbox,slack"}
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(project: Path, *arguments: str, code: int = 0) -> str:
    process = start(project, *arguments)
    out, err = process.communicate(timeout=50)
    assert process.returncode == code, out + err
    return out


def run_json(project: Path, *arguments: str, code: int = 0) -> Any:
    return json.loads(run(project, *arguments, "--json", code=code))


def wait_for(project: Path, what: str) -> Any:
    """Return the status of a running session as soon as `what` in it is not empty."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        process = start(project, "status", "--json")
        out, _ = process.communicate(timeout=30)
        if process.returncode == 0 and (found := json.loads(out))[what]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"the session never had {what}")


def test_run_report_trades_reset(project: Path) -> None:
    facts = run_json(project, "run", "--bars", "120")
    assert facts["mode"] == "PAPER"
    assert facts["trades"] == len(run_json(project, "trades")) > 0
    status = run_json(project, "status")
    assert status.keys() >= STATUS_KEYS
    assert status["equity"] == pytest.approx(facts["final_equity"])
    assert "PAPER" in run(project, "report")
    assert len(run_json(project, "trades", "--run", facts["run_id"])) == facts["trades"]
    assert run_json(project, "ledger", "verify")["ok"]
    assert "going on after" in run(project, "run", "--bars", "5")
    moved = run_json(project, "paper", "reset")
    assert Path(moved["kept"]).is_file()
    assert run_json(project, "status")["run_id"] is None
    assert run_json(project, "run", "--bars", "120")["trades"] == facts["trades"]


def test_modes_and_exit_codes(project: Path) -> None:
    run(project, "run", "--mode", "LIVE", code=3)
    run(project, "run", "--mode", "paper", "--bars", "2")
    run(project, "run", "--mode", "nonsense", code=1)
    run(project, "run", "--bars", "many", code=1)
    run(project, "run", "--what", code=2)
    text = (project / "paperbot.yaml").read_text()
    (project / "paperbot.yaml").write_text(text.replace("mode: PAPER", "mode: DRY_RUN"))
    run(project, "run", "--mode", "PAPER", code=3)
    (project / "paperbot.yaml").write_text(text.replace("mode: PAPER", "mode: LIVE"))
    policy = (project / "policy.yaml").read_text()
    (project / "policy.yaml").write_text(policy.replace("highest: PAPER", "highest: LIVE"))
    run(project, "run", code=3)
    (project / "paperbot.yaml").write_text(text.replace("sandbox", "sandbax"))
    run(project, "run", code=1)


def test_nothing_there_yet(project: Path) -> None:
    for arguments in (["status"], ["trades"], ["halt"], ["resume", "--reason", "x"],
                      ["anchor", "reset"], ["paper", "reset"]):  # fmt: skip
        found = run_json(project, *arguments, code=1)
        assert found["diagnostics"][0]["code"] == "PB8015"


def test_once_is_one_json_document(project: Path) -> None:
    answer = json.loads(run(project, "run", "--once", "--mode", "DRY_RUN"))
    again = json.loads(run(project, "run", "--once", "--mode", "DRY_RUN", "--json"))
    assert {**answer, "run_id": 0} == {**again, "run_id": 0}
    assert answer["universe_size"] == 2
    run(project, "run", "--bars", "3")
    run(project, "halt", "--reason", "test")
    assert json.loads(run(project, "run", "--once", code=3))["status"] == "halted"
    found = run_json(project, "resume", "--reason", "over")
    assert found == {"act": "resume", "recorded": True, "state": "active"}


@pytest.fixture
def running(project: Path) -> Iterator[tuple[Path, subprocess.Popen[str], int]]:
    """Start a session on an endless sandbox with metrics; end it however the test left it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sw.write_candles(project / "candles", sw.walk("BTC/USDT", 5_000, 3))
    replay = f"{{plugin: replay, path: {project}/candles, timeframe: 1h, speed: 40}}"
    sw.make_project(project, NAMES, replay, more=f"metrics: {{port: {port}}}\n")
    process = start(project, "run")
    yield project, process, port
    process.kill()
    process.communicate()


def test_a_running_session_answers_and_stops_cleanly(
    running: tuple[Path, subprocess.Popen[str], int],
) -> None:
    project, process, port = running
    status = wait_for(project, "as_of")
    assert status["running"]
    assert status["state"] == "active"
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        text = answer.read().decode()
    assert "paperbot_steps_total" in text
    assert "paperbot_equity_quote 1" in text
    second = start(project, "run")
    _, err = second.communicate(timeout=30)
    # The port is taken first; without metrics it is the journal that is.
    assert second.returncode == 1
    assert "PB8016" in err
    run(project, "paper", "reset", code=1)
    began = time.monotonic()
    assert run_json(project, "halt", "--reason", "coffee")["state"] == "halted"
    assert time.monotonic() - began < 30
    assert run_json(project, "status")["state"] == "halted"
    run_json(project, "anchor", "reset")
    assert run_json(project, "resume", "--reason", "done")["state"] == "active"
    assert isinstance(run_json(project, "trades"), list)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "stopped: asked to stop" in out
    assert "halted: coffee" in out
    assert run_json(project, "ledger", "verify")["ok"]
    assert not run_json(project, "status")["running"]


def test_a_second_session_is_told_the_first_ones_process(project: Path) -> None:
    sw.write_candles(project / "candles", sw.walk("BTC/USDT", 5_000, 3))
    replay = f"{{plugin: replay, path: {project}/candles, timeframe: 1h, speed: 40}}"
    sw.make_project(project, NAMES, replay)
    first = start(project, "run")
    try:
        wait_for(project, "as_of")
        second = start(project, "run")
        _, err = second.communicate(timeout=30)
        assert second.returncode == 1
        assert f"process {first.pid}" in err
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=30)
        assert first.returncode == 0
    finally:
        first.kill()
        first.communicate()


class Hook(http.server.BaseHTTPRequestHandler):
    """A Slack webhook that takes everything."""

    got: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_slack_hears_and_the_secret_stays_one(project: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/verysecret"
        (project / ".env").write_text(f"# a secret\nexport SLACK_WEBHOOK_URL='{url}'\n")
        text = (project / "paperbot.yaml").read_text()
        (project / "paperbot.yaml").write_text(text + "alerts: {slack: {enabled: true}}\n")
        process = start(project, "run", "--bars", "60")
        out, err = process.communicate(timeout=50)
        assert process.returncode == 0, err
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert "session started" in Hook.got[0]
    assert any(" buy " in body for body in Hook.got)
    kept = [p.read_bytes() for p in (project / "state").rglob("*") if p.is_file()]
    assert not any(b"verysecret" in data for data in [*kept, out.encode(), err.encode()])


def test_alerts_without_their_secret_are_a_warning(project: Path) -> None:
    text = (project / "paperbot.yaml").read_text()
    (project / "paperbot.yaml").write_text(text + "alerts: {slack: {enabled: true}}\n")
    process = start(project, "run", "--bars", "2")
    _, err = process.communicate(timeout=50)
    assert process.returncode == 0
    assert "PB8013" in err
    (project / ".env").write_text("SLACK_WEBHOOK_URL: hidden\n")
    process = start(project, "run", "--bars", "2")
    _, err = process.communicate(timeout=50)
    assert process.returncode == 1
    assert "PB8017" in err
    assert "hidden" not in err


def test_a_session_without_a_strategy_does_not_start(project: Path) -> None:
    settings = project / "paperbot.yaml"
    chosen = f"strategies: [{', '.join(NAMES)}]"
    settings.write_text(settings.read_text().replace(chosen, "strategies: []"))
    answer = run_json(project, "run", "--bars", "1", code=1)
    assert [found["code"] for found in answer["diagnostics"]] == ["PB8018"]
    assert not (project / "state").exists()
