"""One run of `paperbot data nightly` as a process, and its report. Knows nothing of Prefect."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: How long the job may take to end when it is told to, in seconds.
GRACE_S = 30.0
_SHOWN = 500


class NightlyFailedError(Exception):
    """The job failed; its text names the series and the reasons."""


def command_of(project: str, only: str | None, alert: bool) -> list[str]:
    """Return the command line of a run."""
    words = [sys.executable, "-m", "paperbot_core", "--project", project]
    words += ["data", "nightly", "--json"]
    if only is not None:
        words += ["--only", only]
    return words if alert else [*words, "--no-alert"]


def run_job(command: Sequence[str]) -> dict[str, Any]:
    """Run the job to its end and return its report, also one of failures.

    Interrupted, it asks the process to end (what has come is kept) before it goes.

    Raises:
        NightlyFailedError: there is no report; the text says why.
    """
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own words
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace",
    )  # fmt: skip
    try:
        out, err = process.communicate()
    except BaseException:
        _end(process)
        raise
    try:
        answer = json.loads(out)
    except ValueError:
        lines = err.strip().splitlines() or ["it said nothing"]
        raise NightlyFailedError(
            f"exit code {process.returncode}: {lines[-1][:_SHOWN]}"
        ) from None
    if "items" not in answer:
        problems = answer.get("diagnostics", [])
        raise NightlyFailedError("; ".join(_problem(one) for one in problems)[:_SHOWN])
    return dict(answer)


def lines_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (verdict, text) of each series of a report."""
    for item in report["items"]:
        name = f"{item['venue']} {item['symbol']} {item['timeframe']}"
        found = [_problem(one) for one in item["diagnostics"]]
        if item["check"]:
            found += [one["text"] for one in item["check"]["findings"]]
        why = f": {'; '.join(found)}" if found else ""
        yield item["verdict"], f"{name}, {item['added']} new bars{why}"


def check_verdict(report: Mapping[str, Any]) -> None:
    """Raise NightlyFailedError if a series of the report failed."""
    failed = [text for verdict, text in lines_of(report) if verdict == "fail"]
    if failed:
        raise NightlyFailedError(f"{len(failed)} series failed: {' | '.join(failed)[:_SHOWN]}")


def _problem(row: Mapping[str, Any]) -> str:
    return f"{row['code']}: {row['message']}"


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
