"""`paperbot data nightly` as a process: exit codes, kill, lock, SIGTERM, and from a session."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.lake.layout import Lake, SeriesKey
from paperbot_core.testing.archive import Archive
from tests import nightly_world as nw
from tests import session_world as sw

BTC = SeriesKey("sim", "BTC/USDT", "1h")


class Place:
    """A project, a server with bars up to now, and the means to start processes."""

    def __init__(self, folder: Path, server: Archive) -> None:
        self.folder, self.server = folder, server
        self.env = nw.install(folder / "site")
        self.env["PAPERBOT_PLUGINS"] = "loopback"
        self.configure()

    def configure(self, more: str = "", symbol: str = "BTC/USDT", start: str = "") -> None:
        (self.folder / "paperbot.yaml").write_text(
            f"{start}data:\n  download: {{tries: 1}}\n"
            f"  sources: {{loopback: {{base_url: '{self.server.url}'}}}}\n  nightly:\n"
            f"    jobs:\n      - {{source: loopback, symbols: [{symbol}], timeframe: 1h, "
            f"venue: sim}}\n{more}"
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "paperbot_core", "--project", str(self.folder)]
        return subprocess.Popen(
            [*command, "data", "nightly", *words], env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def report(self, *words: str) -> dict[str, Any]:
        code, out, err = self.run("--json", *words)
        report: dict[str, Any] = json.loads(out)
        assert code == (report["verdict"] == "fail"), err
        return report

    def rows(self) -> int:
        gold = Lake(self.folder / "data").gold(BTC)
        return len(read_candles(CandleFile(gold, "BTC/USDT", "1h"))) if gold.exists() else 0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    market = nw.Market(BTC_USDT=nw.recent(450, time.time_ns() // 10**6))
    with Archive(answer=market.answer) as server:
        yield Place(tmp_path, server)


def held(place: Place, at: int) -> tuple[threading.Event, threading.Event]:
    """Make the server wait in its answer number `at`; return (it waits, it may go on)."""
    waits, free, answer = threading.Event(), threading.Event(), place.server.answer

    def slow(path: str) -> bytes | None:
        if len(place.server.requests) == at:
            waits.set()
            free.wait(30)
        return answer(path)

    place.server.answer = slow
    return waits, free


def test_success_failure_and_a_dry_run(place: Place) -> None:
    code, out, _err = place.run("--dry-run")
    assert (code, out) == (0, "sim BTC/USDT 1h: from the first bar there is on, loopback\n")
    code, out, err = place.run()
    assert code == 0, err
    assert out.startswith("1 series: 1 ok; 450 new bars\nreport: ")
    assert place.rows() == 450
    assert place.report()["added"] == 0
    place.configure(symbol="ETH/USDT")
    report = place.report()
    assert report["items"][0]["diagnostics"][0]["code"] == "PB6201"
    code, out, _err = place.run("--only", "kraken", "--json")
    assert (code, json.loads(out)["diagnostics"][0]["code"]) == (1, "PB6403")


def test_an_alert_that_cannot_be_sent_is_told(place: Place) -> None:
    pytest.importorskip("slack_sdk")
    place.env |= {"PAPERBOT_PLUGINS": "loopback,slack",
                  "SLACK_WEBHOOK_URL": "http://127.0.0.1:9/services/secret"}  # fmt: skip
    place.configure(symbol="ETH/USDT", start="alerts: {slack: {enabled: true}}\n")
    code, out, err = place.run("--json")
    (row,) = json.loads(out)["alerts"]
    assert (code, row["sent"]) == (1, False)
    assert "warning[PB6406]: `slack` was not told" in err
    assert "secret" not in out + err


def test_killed_midway_the_next_run_finishes(place: Place) -> None:
    waits, free = held(place, 3)
    process = place.start()
    assert waits.wait(30)
    process.kill()
    process.communicate()
    free.set()
    assert (process.returncode, place.rows()) == (-signal.SIGKILL, 0)
    assert place.report()["added"] == 450
    assert place.rows() == 450


def test_the_second_of_two_says_so(place: Place) -> None:
    waits, free = held(place, 1)
    first = place.start()
    assert waits.wait(30)
    code, out, _err = place.run("--json")
    free.set()
    assert (code, json.loads(out)["diagnostics"][0]["code"]) == (1, "PB6401")
    first.communicate(timeout=60)
    assert (first.returncode, place.rows()) == (0, 450)


def test_asked_to_end_it_keeps_what_came(place: Place) -> None:
    waits, free = held(place, 4)
    process = place.start()
    assert waits.wait(30)
    process.send_signal(signal.SIGTERM)
    free.set()
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    work = place.folder / "state/nightly/work/sim/loopback/BTC-USDT_1h.parquet"
    assert len(read_candles(CandleFile(work, "BTC/USDT", "1h"))) >= 300
    place.server.requests.clear()
    assert place.report()["added"] == 450
    assert len(place.server.requests) < 4


def test_a_session_starts_it_and_tells_how_it_ended(place: Place) -> None:
    sw.make_project(place.folder, ["sma_cross"], "{}", policy=sw.WIDE_POLICY)
    place.configure(
        "    in_session: true\n    alert_on: always\n", symbol="ETH/USDT",
        start="mode: PAPER\nexchange: {plugin: sandbox, seed: 7, speed: realtime}\n"
        "strategies: [sma_cross]\n",
    )  # fmt: skip
    place.env["PAPERBOT_PLUGINS"] = "loopback,sandbox"
    process = subprocess.Popen(
        [sys.executable, "-m", "paperbot_core", "--project", str(place.folder), "run"],
        env=place.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    mark = place.folder / "state/nightly/schedule.json"
    deadline = time.monotonic() + 50
    while time.monotonic() < deadline and process.poll() is None:
        if mark.exists() and json.loads(mark.read_text())["finished"]:
            break
        time.sleep(0.05)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "warning[PB6408]: nightly data job: 1 of 1 series failed" in err
    assert json.loads(mark.read_text())["tries"] == 1
