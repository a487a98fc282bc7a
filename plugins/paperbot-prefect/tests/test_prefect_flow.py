"""The flow, with a stand-in for Prefect, around a stand-in for the job."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner
from paperbot_prefect.command import prefect_nightly
from paperbot_prefect.job import NightlyFailedError, command_of, run_job

from paperbot_core.api import PluginError

ITEM = {"venue": "sim", "symbol": "BTC/USDT", "timeframe": "1h", "added": 5, "verdict": "ok",
        "diagnostics": [], "check": {"findings": []}}  # fmt: skip
REPORT = {"verdict": "ok", "page": "p.html", "items": [ITEM]}
FAILED = {**ITEM, "verdict": "fail", "check": None,
          "diagnostics": [{"code": "PB6210", "message": "no answer"}]}  # fmt: skip
HOLES = {**ITEM, "verdict": "fail", "check": {"findings": [{"text": "50 bars are missing"}]}}


def printing(text: str, code: int = 0, more: str = "pass") -> list[str]:
    return [sys.executable, "-c", f"import sys; print({text!r}); {more}; sys.exit({code})"]


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return the flow's module, made with a Prefect that only hands functions through."""
    prefect: Any = ModuleType("prefect")
    names: list[str] = []

    def handing_through(name: str) -> Callable[[Any], Any]:
        names.append(name)
        return lambda function: function

    prefect.task = prefect.flow = handing_through
    prefect.get_run_logger = lambda: logging.getLogger("prefect.test")
    monkeypatch.setitem(sys.modules, "prefect", prefect)
    sys.modules.pop("paperbot_prefect.flow", None)
    yield import_module("paperbot_prefect.flow")
    assert names == ["paperbot data nightly", "paperbot-nightly"]
    sys.modules.pop("paperbot_prefect.flow", None)


def stand_in(monkeypatch: pytest.MonkeyPatch, flow: ModuleType, command: list[str]) -> list[Any]:
    asked: list[Any] = []

    def made(*how: Any) -> list[str]:
        asked.append(how)
        return command

    monkeypatch.setattr(flow, "command_of", made)
    return asked


def test_the_report_is_returned_and_logged(
    flow: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked = stand_in(monkeypatch, flow, printing(json.dumps(REPORT)))
    assert flow.nightly(project="here", only="ccxt") == REPORT
    assert asked == [("here", "ccxt", True)]
    assert caplog.messages == ["sim BTC/USDT 1h, 5 new bars", "report: p.html"]


@pytest.mark.parametrize("item", [FAILED, HOLES])
def test_a_series_that_failed_fails_the_flow(
    flow: ModuleType, monkeypatch: pytest.MonkeyPatch, item: dict[str, Any]
) -> None:
    report = {**REPORT, "items": [ITEM, item]}
    stand_in(monkeypatch, flow, printing(json.dumps(report), code=1))
    with pytest.raises(NightlyFailedError, match=r"1 series failed: .*(PB6210|50 bars)"):
        flow.nightly()


def test_a_job_without_a_report_says_why() -> None:
    refused = json.dumps({"diagnostics": [{"code": "PB6401", "message": "at work"}]})
    with pytest.raises(NightlyFailedError, match="PB6401: at work"):
        run_job(printing(refused, code=1))
    with pytest.raises(NightlyFailedError, match="exit code 70: boom"):
        run_job(printing("", code=70, more="print('boom', file=sys.stderr)"))
    with pytest.raises(NightlyFailedError, match="it said nothing"):
        run_job(printing("", code=1))


def test_the_command_is_that_of_the_core() -> None:
    words = command_of("here", "ccxt", False)
    assert words[1:] == ["-m", "paperbot_core", "--project", "here", "data", "nightly", "--json",
                         "--only", "ccxt", "--no-alert"]  # fmt: skip
    with pytest.raises(NightlyFailedError, match="PB6403"):
        run_job(command_of("does-not-exist", None, True))


@pytest.mark.parametrize("deaf", [False, True])
def test_interrupted_it_ends_the_job(monkeypatch: pytest.MonkeyPatch, deaf: bool) -> None:
    ended: list[int | None] = []

    class Process:
        returncode = None

        def __init__(self, *_args: Any, **_more: Any) -> None:
            self.calls = 0

        def communicate(self, timeout: float | None = None) -> tuple[str, str]:
            self.calls += 1
            if self.calls == 1:
                raise KeyboardInterrupt
            if deaf and timeout is not None:
                raise subprocess.TimeoutExpired("job", timeout)
            return "", ""

        def terminate(self) -> None:
            ended.append(15)

        def kill(self) -> None:
            ended.append(9)

    monkeypatch.setattr(subprocess, "Popen", Process)
    with pytest.raises(KeyboardInterrupt):
        run_job(["x"])
    assert ended == ([15, 9] if deaf else [15])


def test_the_command_serves_the_flow(flow: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[dict[str, Any]] = []
    flow.nightly.serve = lambda **how: served.append(how)
    monkeypatch.setitem(sys.modules, "paperbot_prefect.flow", flow)

    @click.group()
    @click.option("--project", type=click.Path(path_type=Path))
    def paperbot(project: Path) -> None:
        """Stand in for the command line of the core."""

    paperbot.add_command(prefect_nightly)
    words = ["--project", "here", "prefect-nightly", "--cron", "0 3 * * *"]
    done = CliRunner().invoke(paperbot, words)
    assert done.exit_code == 0, done.output
    parameters = {"project": str(Path("here").resolve()), "only": None, "alert": True}
    assert served == [{"name": "paperbot", "cron": "0 3 * * *", "parameters": parameters}]


def test_without_prefect_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    sys.modules.pop("paperbot_prefect.flow", None)
    monkeypatch.setitem(sys.modules, "prefect", None)
    done = CliRunner().invoke(prefect_nightly, [])
    assert isinstance(done.exception, PluginError)
    assert "needs Prefect" in str(done.exception)
