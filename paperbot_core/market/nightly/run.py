"""The nightly job as a whole: one at a time, series after series, one report, and who is told."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.diagnostics import (
    Diagnostic,
    PaperbotError,
    RetryableError,
    Span,
    did_you_mean,
    user_error,
)
from paperbot_core.market.checks.checks import Verdict
from paperbot_core.market.lake.files import write_bytes, write_json
from paperbot_core.market.lake.layout import Lake
from paperbot_core.market.lock import locked
from paperbot_core.market.nightly.alert import alert, is_due
from paperbot_core.market.nightly.nightly import (
    NightlyItem,
    NightlyResult,
    NightlyTools,
    bring_up_to_date,
    last_bar,
    plan,
)
from paperbot_core.market.nightly.page import render_nightly_page
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from paperbot_core.config.settings import NightlyJob, Settings
    from paperbot_core.plugins import Plugins

#: Folder of the state directory that holds reports, lock and working files.
FOLDER = "nightly"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class NightlyRequest:
    """What is to be done.

    Attributes:
        settings: the whole of paperbot.yaml.
        lake: folder of the data lake.
        state_dir: where reports go, below `nightly`.
        plugins: sources and notifiers.
        clock: wall time, UTC ms.
        only: name of the one source whose jobs are done.
        alerts: whether notifiers are told as paperbot.yaml says; else nobody is.
        progress: gets lines for a person who watches.
    """

    settings: Settings
    lake: Path
    state_dir: Path
    plugins: Plugins
    clock: Callable[[], int]
    only: str | None = None
    alerts: bool = True
    progress: Callable[[str], None] = lambda _text: None

    @property
    def folder(self) -> Path:
        """Where reports, lock and working files are."""
        return self.state_dir / FOLDER

    def items(self) -> list[NightlyItem]:
        """Return the series to bring up to date.

        Raises:
            UserError: PB6403, there is none.
        """
        return plan(_chosen(self.settings.data.nightly.jobs, self.only))

    def tools(self) -> NightlyTools:
        """Return what every series needs, with the present as it is now."""
        return NightlyTools(
            Lake(self.lake), self.folder, self.settings.data, self.plugins, self.clock(),
            self.progress,
        )  # fmt: skip


def run_nightly(request: NightlyRequest) -> dict[str, Any]:
    """Bring every series up to date, write the report, tell people; return the report.

    A series that fails stops no other. The report is written before anybody is told, and again
    with what became of that. Its `verdict` is the worst one of the series.

    Raises:
        UserError: PB6403 nothing to do. RetryableError: PB6401 another one is at work, PB6407.
    """
    items = request.items()
    with only_one(request.folder):
        tools = request.tools()
        results = [_told(item, tools) for item in items]
        report = _report(request, tools, results)
        try:
            _write(request, report)
        finally:
            # A full disk is one more reason to tell somebody.
            if request.alerts and is_due(request.settings, report):
                report["alerts"] = alert(request.settings, request.plugins, report)
        if report["alerts"]:
            _write(request, report)
        return report


def preview(request: NightlyRequest) -> list[dict[str, Any]]:
    """Return what a run would do, a row for each series; nothing is fetched or written.

    `until` is the open time of the last bar of the lake (UTC ms), `problem` why a series cannot be
    fetched, null if nothing is known against it.
    """
    tools = request.tools()
    rows = []
    for item in request.items():
        row: dict[str, Any] = {
            "source": item.job.source, "venue": item.key.venue, "symbol": item.key.symbol,
            "timeframe": item.key.timeframe, "since": item.job.since, "until": None,
            "problem": None,
        }  # fmt: skip
        try:
            row["until"] = last_bar(tools.lake, item.key)
            tools.build_source(item.job)
        except PaperbotError as error:
            row["problem"] = str(error)
        rows.append(row)
    return rows


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the right to run the nightly job; the system takes it back when the process ends.

    Raises:
        RetryableError: PB6401 another process holds it, PB6407 the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise _unwritable(folder, error) from error
    busy = Diagnostic(
        "PB6401",
        "another nightly job of this project is at work",
        Span(str(folder)),
        help="try again when it has finished",
    )
    with locked(folder / ".lock", busy):
        yield


def _chosen(jobs: Sequence[NightlyJob], only: str | None) -> list[NightlyJob]:
    name = None if only is None else only.replace("-", "_")
    chosen = [job for job in jobs if name in (None, job.source)]
    if chosen:
        return chosen
    known = sorted({job.source for job in jobs})
    if not known:
        raise user_error(
            "PB6403",
            "`data.nightly.jobs` of paperbot.yaml is empty",
            help="add a job, such as `{source: ccxt, symbols: [BTC/USDT], timeframe: 1h, "
            "venue: binance}`",
        )
    raise user_error(
        "PB6403",
        f"no nightly job is of the source `{only}`",
        expected="one of " + ", ".join(f"`{source}`" for source in known),
        help=did_you_mean(name or "", known),
    )


def _told(item: NightlyItem, tools: NightlyTools) -> NightlyResult:
    result = bring_up_to_date(item, tools)
    what = f"{item.key.venue} {item.key.symbol} {item.key.timeframe}"
    why = f" ({result.diagnostics[0].message})" if result.diagnostics else ""
    tools.progress(f"{what}: {result.verdict}, {result.added:,} new bars{why}")
    return result


def _report(
    request: NightlyRequest, tools: NightlyTools, results: Sequence[NightlyResult]
) -> dict[str, Any]:
    verdicts = [result.verdict for result in results]
    order = (Verdict.FAIL, Verdict.WARN, Verdict.OK)
    start = datetime.fromtimestamp(tools.now_ms / 1000, UTC)
    place = request.folder / f"{start:%Y-%m-%d}" / f"{start:%H%M%S}"
    return {
        "verdict": next(verdict for verdict in order if verdict in verdicts),
        "started": iso_time(tools.now_ms),
        "finished": iso_time(request.clock()),
        "ok": verdicts.count(Verdict.OK),
        "warn": verdicts.count(Verdict.WARN),
        "fail": verdicts.count(Verdict.FAIL),
        "added": sum(result.added for result in results),
        "lake": str(request.lake),
        "report": f"{place}.json",
        "page": f"{place}.html",
        "items": [result.as_row() for result in results],
        "alerts": [],
    }


def _write(request: NightlyRequest, report: dict[str, Any]) -> None:
    """Write the report as JSON and as a page, and remove those of days long gone."""
    try:
        write_json(Path(report["report"]), report)
        write_bytes(Path(report["page"]), render_nightly_page(report).encode("utf-8"))
        days = sorted(p for p in request.folder.iterdir() if _DATE.fullmatch(p.name))
        for old in days[: -request.settings.data.nightly.keep_reports]:
            shutil.rmtree(old)
    except OSError as error:
        raise _unwritable(request.folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RetryableError:
    text = f"the report of the nightly job cannot be written: {error.strerror or error}"
    return RetryableError(Diagnostic("PB6407", text, Span(str(folder))))
