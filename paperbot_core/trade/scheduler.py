"""The nightly job of a session: started at its time of day (UTC), beside trading, never in it.

The job is a process of its own; what it does to the machine is all that trading can notice of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.api import Notice, NoticeSeverity
from paperbot_core.diagnostics import Diagnostic, PaperbotError, Severity
from paperbot_core.diagnostics.redact import redact
from paperbot_core.domain.market import DAY_MS, MINUTE_MS
from paperbot_core.market.lake.files import write_json
from paperbot_core.market.nightly.alert import is_due, notice_of
from paperbot_core.market.nightly.run import FOLDER

if TYPE_CHECKING:
    from paperbot_core.config.project import Project
    from paperbot_core.ledger.journal import Journal

#: A job that never comes to its end, because all ends with it, is not started for ever.
TRIES = 3
#: The clock is looked at this often, in seconds: it may be set, or the machine may have slept.
_LOOK_S = 30.0
#: How long a job that is told to end may take, in seconds.
_GRACE_S = 5.0
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a job ended: `problem` is empty if all went well; `notice` is for people, or None."""

    problem: str = ""
    notice: Notice | None = None


def latest_slot(now_ms: int, at: str) -> int:
    """Return the latest time (UTC ms, not after `now_ms`) at which the clock showed `at`."""
    hours, minutes = at.split(":")
    offset = (60 * int(hours) + int(minutes)) * MINUTE_MS
    return (now_ms - offset) // DAY_MS * DAY_MS + offset


class DailyJob:
    """Runs `work` once for each day's `at`; a time that was missed is made up for, once.

    What was done is noted in `mark`, so that a restart does not do it again. Work that was cut
    short is done again; where the process died of it or with it, three times at most.
    """

    def __init__(
        self, at: str, mark: Path, work: Callable[[], Awaitable[JobOutcome]], *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        """Prepare; nothing is started yet.

        Args:
            at: time of day, UTC, as 02:15.
            mark: JSON file that says which time was served.
            work: the job; it tells failures by its outcome.
            clock: wall time, UTC ms.
            sleep: waits for a number of seconds.
        """
        self._at, self._mark, self._work = at, mark, work
        self._clock, self._sleep = clock, sleep
        self._served = 0

    async def run(self, tell: Callable[[JobOutcome], None]) -> None:
        """Serve every time of day until cancelled; each outcome is told."""
        while True:
            slot = latest_slot(self._clock(), self._at)
            tries = self._tries(slot)
            if tries is not None:
                # Noted before the work: should the machine die of it, that counts as a try.
                self._note(slot, tries + 1, finished=False, tell=tell)
                try:
                    outcome = await self._work()
                except asyncio.CancelledError:
                    # The session ends, the job did nothing wrong: this was no try.
                    self._note(slot, tries, finished=False, tell=tell)
                    raise
                self._served = slot
                self._note(slot, tries + 1, finished=True, tell=tell)
                tell(outcome)
            next_ms = latest_slot(self._clock(), self._at) + DAY_MS
            await self._sleep(min(_LOOK_S, (next_ms - self._clock()) / 1000))

    def _tries(self, slot: int) -> int | None:
        """Return how often the work of a time was begun already; None if it is not to be done."""
        if self._served >= slot:
            return None
        try:
            noted: Any = json.loads(self._mark.read_text("utf-8"))
            known, tries = int(noted["slot"]), int(noted["tries"])
            done = bool(noted["finished"]) or tries >= TRIES or known > slot
        except (OSError, ValueError, TypeError, KeyError):
            return 0  # a mark that cannot be read is none: the job is done once more
        if known < slot:
            return 0
        return None if done else tries

    def _note(
        self, slot: int, tries: int, *, finished: bool, tell: Callable[[JobOutcome], None]
    ) -> None:
        try:
            write_json(self._mark, {"slot": slot, "tries": tries, "finished": finished})
        except OSError as error:
            tell(JobOutcome(f"`{self._mark}` cannot be written: {error.strerror or error}"))


def nightly_job(project: Project, state_dir: Path) -> DailyJob | None:
    """Return the nightly job of a session; None if paperbot.yaml wants none."""
    settings = project.settings.data.nightly
    if not settings.in_session or not settings.jobs:
        return None
    command = [
        *(sys.executable, "-m", "paperbot_core", "--project", str(project.directory)),
        *("data", "nightly", "--json", "--no-alert", "--state-dir", str(state_dir)),
    ]

    async def work() -> JobOutcome:
        return outcome_of(project, *await run_process(command))

    return DailyJob(settings.at, state_dir / FOLDER / "schedule.json", work)


async def run_process(command: Sequence[str]) -> tuple[int, str, str]:
    """Run a command and return its exit code, output and errors; -1 if it could not be started.

    Cancelled, it tells the process to end (SIGTERM), waits a moment, and kills it.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl+C is for the session, which then ends the job itself
        )  # fmt: skip
    except OSError as error:
        return -1, "", f"{command[0]}: {error.strerror or error}"
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        await _end(process)
        raise
    return process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def outcome_of(project: Project, code: int, out: str, err: str) -> JobOutcome:
    """Return how the nightly job ended, by what its process has printed."""
    try:
        report = json.loads(out)
        notice = notice_of(report)
        wanted = is_due(project.settings, report)
    except (ValueError, TypeError, KeyError):
        lines = (_said(out) or err).strip().splitlines()
        why = redact(lines[-1])[:_SHOWN] if lines else "it said nothing"
        problem = f"the nightly data job ended with exit code {code}: {why}"
        wanted = project.settings.data.nightly.alert_on != "never"
        failed = Notice("nightly", "nightly data job failed", why, NoticeSeverity.CRITICAL)
        return JobOutcome(problem, failed if wanted else None)
    problem = f"{notice.title}; {report['page']}" if report["verdict"] == "fail" else ""
    return JobOutcome(problem, notice if wanted else None)


def _said(out: str) -> str:
    """Return the diagnostic that a command with `--json` printed instead of its answer."""
    try:
        return str(json.loads(out)["diagnostics"][0]["message"])
    except (ValueError, TypeError, LookupError):
        return ""


@asynccontextmanager
async def beside(
    job: DailyJob | None, journal: Journal, warn: Callable[[Diagnostic], None]
) -> AsyncIterator[None]:
    """Run a job while the block runs; its outcomes become notices of the journal and warnings."""
    if job is None:
        yield
        return

    def tell(outcome: JobOutcome) -> None:
        if outcome.problem:
            warn(Diagnostic("PB6408", outcome.problem, severity=Severity.WARNING))
        if outcome.notice is not None:
            try:
                journal.commit(notices=[outcome.notice])
            except PaperbotError as error:
                # The session meets the same trouble at its next commit, and then it is its own.
                text = f"the outcome of the nightly job is not in the journal: {error}"
                warn(Diagnostic("PB6408", text, severity=Severity.WARNING))

    task = asyncio.create_task(job.run(tell))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
