"""The session's clock for the nightly job: once a day, made up for once, never in the way."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from paperbot_core.config.project import Project
from paperbot_core.config.settings import Settings
from paperbot_core.diagnostics import DataError, Diagnostic
from paperbot_core.domain.market import DAY_MS, HOUR_MS, MINUTE_MS
from paperbot_core.ledger.journal import Journal
from paperbot_core.trade import scheduler
from paperbot_core.trade.scheduler import (
    DailyJob,
    JobOutcome,
    beside,
    latest_slot,
    outcome_of,
    run_process,
)

DAY = 1_704_067_200_000  # 2024-01-01
AT = 2 * HOUR_MS + 15 * MINUTE_MS


class EndOfTimeError(Exception):
    """The clock has reached the end of the test."""


class World:
    """A clock that sleeping moves; `ran` are the times at which the work was done."""

    def __init__(self, folder: Path, start: int, end: int) -> None:
        self.now, self.end = start, end
        self.mark = folder / "nightly" / "schedule.json"
        self.ran: list[int] = []
        self.told: list[JobOutcome] = []
        self.work: Callable[[], JobOutcome] = JobOutcome

    async def sleep(self, seconds: float) -> None:
        assert seconds <= 30
        self.now += max(1, round(seconds * 1000))
        if self.now >= self.end:
            raise EndOfTimeError

    async def job(self) -> JobOutcome:
        self.ran.append(self.now)
        return self.work()

    def run(self) -> list[int]:
        self.ran.clear()
        job = DailyJob("02:15", self.mark, self.job, clock=lambda: self.now, sleep=self.sleep)
        with pytest.raises((EndOfTimeError, KeyboardInterrupt)):
            asyncio.run(job.run(self.told.append))
        return self.ran


def test_slots_are_times_of_day_in_utc() -> None:
    assert latest_slot(DAY + AT, "02:15") == DAY + AT
    assert latest_slot(DAY + AT - 1, "02:15") == DAY + AT - DAY_MS
    assert latest_slot(DAY + DAY_MS - 1, "00:00") == DAY


def test_the_job_runs_once_a_day(tmp_path: Path) -> None:
    # Over the end of March too: UTC knows no summer time.
    world = World(tmp_path, DAY, DAY + 90 * DAY_MS)
    made_up, *ran = world.run()
    assert made_up == DAY
    assert ran == [DAY + AT + n * DAY_MS for n in range(90)]
    assert len(world.told) == 91


def test_a_restart_does_not_do_it_again(tmp_path: Path) -> None:
    world = World(tmp_path, DAY + AT, DAY + AT + HOUR_MS)
    assert world.run() == [DAY + AT]
    world.end += HOUR_MS
    assert world.run() == []


def test_what_was_missed_is_made_up_for_once(tmp_path: Path) -> None:
    world = World(tmp_path, DAY + AT, DAY + AT + HOUR_MS)
    world.run()
    world.now = DAY + 9 * DAY_MS + 12 * HOUR_MS
    world.end = world.now + DAY_MS
    assert world.run() == [DAY + 9 * DAY_MS + 12 * HOUR_MS, DAY + 10 * DAY_MS + AT]


def test_work_that_was_cut_short_is_done_again_but_not_for_ever(tmp_path: Path) -> None:
    world = World(tmp_path, DAY + AT, DAY + AT + HOUR_MS)

    def killed() -> JobOutcome:
        raise KeyboardInterrupt

    world.work = killed
    for _ in range(3):
        assert len(world.run()) == 1
    assert world.run() == []
    world.now, world.end, world.work = DAY + DAY_MS + AT, DAY + DAY_MS + AT + 1, JobOutcome
    assert len(world.run()) == 1


def test_a_session_that_stops_costs_no_try(tmp_path: Path) -> None:
    world = World(tmp_path, DAY + AT, DAY + AT + HOUR_MS)

    async def stopped() -> None:
        job = DailyJob("02:15", world.mark, lambda: asyncio.sleep(60, JobOutcome()),
                       clock=lambda: world.now)  # fmt: skip
        task = asyncio.create_task(job.run(world.told.append))
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for _ in range(5):
        asyncio.run(stopped())
    assert json.loads(world.mark.read_text())["tries"] == 0
    assert len(world.run()) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"slot": "x", "tries": 1, "finished": false}', "{"])
def test_a_mark_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    world = World(tmp_path, DAY + AT, DAY + AT + HOUR_MS)
    world.mark.parent.mkdir()
    world.mark.write_text(text)
    assert world.run() == [DAY + AT]


def test_a_mark_that_cannot_be_written_is_told_and_the_job_still_runs_once(tmp_path: Path) -> None:
    world = World(tmp_path, DAY + AT, DAY + AT + HOUR_MS)
    world.mark.parent.write_text("a file where a folder must be")
    assert world.run() == [DAY + AT]
    assert "cannot be written" in world.told[0].problem


def test_a_clock_that_goes_back_does_it_no_second_time(tmp_path: Path) -> None:
    world = World(tmp_path, DAY + DAY_MS + AT, DAY + DAY_MS + AT + HOUR_MS)
    assert len(world.run()) == 1
    world.now = DAY + AT + HOUR_MS
    world.end = world.now + HOUR_MS
    assert world.run() == []


def project(**nightly: Any) -> Project:
    settings = Settings.model_validate({"data": {"nightly": nightly}})
    return cast("Project", SimpleNamespace(settings=settings, directory=Path()))


REPORT = {"verdict": "fail", "items": [], "added": 0, "warn": 0, "page": "p.html"}


def test_a_report_becomes_a_notice_and_a_warning() -> None:
    bad, good = json.dumps(REPORT), json.dumps({**REPORT, "verdict": "ok"})
    outcome = outcome_of(project(), 1, bad, "")
    assert outcome.problem.endswith("; p.html")
    assert outcome.notice is not None
    assert outcome_of(project(), 0, good, "") == JobOutcome()
    assert outcome_of(project(alert_on="always"), 0, good, "").notice is not None
    assert outcome_of(project(alert_on="never"), 1, bad, "").notice is None


def test_a_job_without_a_report_failed() -> None:
    refused = json.dumps({"diagnostics": [{"message": "another one is at work"}]})
    assert "another one is at work" in outcome_of(project(), 1, refused, "").problem
    killed = outcome_of(project(), -9, "", "first\nKilled\n")
    assert killed.problem == "the nightly data job ended with exit code -9: Killed"
    assert "it said nothing" in outcome_of(project(), 70, "[]", "").problem
    assert outcome_of(project(alert_on="never"), 70, "", "").notice is None


def test_a_process_is_heard() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert asyncio.run(run_process([sys.executable, "-c", code])) == (3, "out\n", "err\n")
    code_, _out, err = asyncio.run(run_process(["/does/not/exist"]))
    assert code_ == -1
    assert "No such file" in err


@pytest.mark.parametrize("deaf", [False, True])
def test_a_process_ends_with_the_session(
    tmp_path: Path, deaf: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_GRACE_S", 0.2)
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if deaf else ""
    up = tmp_path / "up"
    code = f"import signal, time, pathlib\n{ignore}\npathlib.Path({str(up)!r}).touch()\n"
    code += "time.sleep(60)"

    async def scene() -> None:
        task = asyncio.create_task(run_process([sys.executable, "-c", code]))
        while not up.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(scene())
    assert time.monotonic() - began < 10


class FakeJournal:
    """Takes notices, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.notices: list[Any] = []

    def commit(self, *, notices: list[Any]) -> None:
        if self.error:
            raise self.error
        self.notices += notices


@pytest.mark.parametrize("full", [False, True])
def test_outcomes_reach_the_journal_and_the_terminal(tmp_path: Path, full: bool) -> None:
    journal = FakeJournal(DataError(Diagnostic("PB7005", "disk full")) if full else None)
    warnings: list[str] = []
    done = asyncio.Event()

    async def work() -> JobOutcome:
        done.set()
        return outcome_of(project(), 1, json.dumps(REPORT), "")

    async def scene() -> None:
        job = DailyJob("02:15", tmp_path / "mark.json", work)
        async with beside(job, cast("Journal", journal), lambda d: warnings.append(d.message)):
            await done.wait()
            await asyncio.sleep(0)

    asyncio.run(scene())
    assert len(journal.notices) == (0 if full else 1)
    assert len(warnings) == (2 if full else 1)
