"""The flow and its one task. Importing this needs Prefect: `pip install paperbot-prefect[prefect]`.

The job runs as a process, with its own lock, reports and alerts: started from here, from cron or
from a session it is the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from paperbot_prefect.job import check_verdict, command_of, lines_of, run_job

# By name, so that neither a type checker nor the tests of this package need Prefect installed.
_prefect: Any = import_module("prefect")


def _bring_up_to_date(project: str, only: str | None, alert: bool) -> dict[str, Any]:
    """Run the job, log a line for each series, fail if one of them did."""
    log = _prefect.get_run_logger()
    report = run_job(command_of(project, only, alert))
    levels = {"ok": log.info, "warn": log.warning, "fail": log.error}
    for verdict, text in lines_of(report):
        levels[verdict]("%s", text)
    log.info("report: %s", report["page"])
    check_verdict(report)
    return report


bring_up_to_date: Any = _prefect.task(name="paperbot data nightly")(_bring_up_to_date)


def _nightly(project: str = ".", only: str | None = None, alert: bool = True) -> dict[str, Any]:
    """Bring Paperbot's data lake up to date, check it, report.

    Args:
        project: the project directory, with `data.nightly` in its paperbot.yaml.
        only: name of the one source whose jobs are done.
        alert: whether the job tells people as paperbot.yaml says; Prefect may do that instead.
    """
    report: dict[str, Any] = bring_up_to_date(project, only, alert)
    return report


nightly: Any = _prefect.flow(name="paperbot-nightly")(_nightly)
