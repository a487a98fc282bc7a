"""One series of the nightly job: fetched, taken into the lake, checked. Never raises for data.

The fetched bars lie in a working file until they are in the lake. It begins with the last bars of
the lake, so that a source which changed its history is found out, and a run that was killed is
continued where it ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.diagnostics import DataError, Diagnostic, PaperbotError, RetryableError
from paperbot_core.diagnostics.redact import describe_error
from paperbot_core.diagnostics.render import as_json_rows
from paperbot_core.domain.market import HOUR_MS, timeframe_ms, timeframe_text
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.checks.checks import Finding, SeriesReport, Verdict
from paperbot_core.market.download.download import OVERLAP, Download, Downloaded, Wanted
from paperbot_core.market.download.pages import Progress
from paperbot_core.market.download.patience import Patience
from paperbot_core.market.lake.check import check_series
from paperbot_core.market.lake.files import candle_name, write_candles
from paperbot_core.market.lake.gold import build_gold
from paperbot_core.market.lake.intake import Imported, ImportRequest, import_file
from paperbot_core.market.lake.layout import MANIFEST, Lake, SeriesKey, read_manifest
from paperbot_core.market.lake.silver import read_series
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from paperbot_core.api.protocols import DataSource
    from paperbot_core.config.settings import DataSettings, NightlyJob
    from paperbot_core.domain.market import Candles
    from paperbot_core.plugins import Plugins

SOURCE_KIND = "data_source"
FETCH, IMPORT, CHECK = "fetch", "import", "check"


@dataclass(frozen=True, slots=True)
class NightlyItem:
    """One series that is to be brought up to date, and the job of paperbot.yaml that says so."""

    job: NightlyJob
    key: SeriesKey


@dataclass(slots=True)
class NightlyResult:
    """What became of one series; `stage` is where it failed, empty if it did not.

    `report` is the check of the whole series in the lake, None if it was not reached.
    """

    item: NightlyItem
    stage: str = ""
    download: Downloaded | None = None
    imported: Imported | None = None
    report: SeriesReport | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """`fail` if a step failed or a gate did, `warn` if there is something to look at."""
        if self.diagnostics or self.report is None:
            return Verdict.FAIL
        noted = self.download is not None and self.download.notes
        return Verdict.WARN if noted and self.report.verdict is Verdict.OK else self.report.verdict

    @property
    def added(self) -> int:
        """Bars that are new in the lake."""
        return self.imported.merge.added if self.imported and self.imported.merge else 0

    def as_row(self) -> dict[str, Any]:
        """Return the result for JSON; `check` is a row of `data check --json`."""
        key, done, merge = self.item.key, self.download, self.imported and self.imported.merge
        return {
            "source": self.item.job.source,
            "venue": key.venue,
            "symbol": key.symbol,
            "timeframe": key.timeframe,
            "verdict": self.verdict,
            "failed_at": self.stage or None,
            "added": self.added,
            "changed": merge.changed if merge else 0,
            "pages": done.pages if done else 0,
            "retries": done.retries if done else 0,
            "notes": list(done.notes) if done else [],
            "diagnostics": as_json_rows(self.diagnostics),
            "check": self.report.as_row() if self.report else None,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class NightlyTools:
    """What every series needs. `now_ms` (UTC) is one for the whole run."""

    lake: Lake
    folder: Path
    settings: DataSettings
    plugins: Plugins
    now_ms: int
    progress: Callable[[str], None] = lambda _text: None

    def build_source(self, job: NightlyJob) -> DataSource:
        """Return the source of a job.

        Raises:
            UserError: PB5008 it is not installed, PB5009 its options are wrong.
            PluginError: PB5002, PB5010.
        """
        cache = self.folder / "cache"
        options = source_options(job, self.settings, self.plugins, cache)
        source: DataSource = self.plugins.build(SOURCE_KIND, job.source, options)
        return source


def plan(jobs: Sequence[NightlyJob]) -> list[NightlyItem]:
    """Return the series of the jobs, in their order."""
    return [
        NightlyItem(
            job, SeriesKey(job.venue, symbol, timeframe_text(timeframe_ms(job.timeframe)))
        )
        for job in jobs
        for symbol in job.symbols
    ]


def source_options(
    job: NightlyJob, data: DataSettings, plugins: Plugins, cache: Path
) -> Mapping[str, Any]:
    """Return the options of a source: those of `data.sources`, then those of the job.

    A source that keeps files as they were fetched does so below `cache`, if nothing else is said.

    Raises:
        UserError: PB5008, the source is not installed.
    """
    given = {**data.sources.get(job.source, {}), **job.options}
    if "cache_dir" in plugins.component(SOURCE_KIND, job.source).config.model_fields:
        given.setdefault("cache_dir", str(cache / job.source))
    return given


def bring_up_to_date(item: NightlyItem, tools: NightlyTools) -> NightlyResult:
    """Fetch, import and check one series; whatever fails is in the result."""
    result = NightlyResult(item, FETCH)
    began = time.monotonic()
    try:
        _work(result, tools)
    except PaperbotError as error:
        result.diagnostics += error.diagnostics
    except Exception as error:  # noqa: BLE001 - the series after this one must have their turn
        text = f"{item.key.symbol} {item.key.timeframe}: {describe_error(error)}"
        result.diagnostics.append(Diagnostic("PB6404", text))
    result.seconds = time.monotonic() - began
    return result


def last_bar(lake: Lake, key: SeriesKey) -> int | None:
    """Return the open time of the last bar that the lake has of a series, UTC ms.

    Raises:
        DataError: PB6105, its manifest cannot be read.
    """
    path = lake.silver(key) / MANIFEST
    return int(read_manifest(path)["parts"][-1]["last"]) if path.exists() else None


def _work(result: NightlyResult, tools: NightlyTools) -> None:
    lake, item = tools.lake, result.item
    file = tools.folder / "work" / item.key.venue / item.job.source
    file /= f"{candle_name(item.key.symbol, item.key.timeframe)}.parquet"
    source = tools.build_source(item.job)
    before = last_bar(lake, item.key)
    if file.exists() and _is_useless(item, file, before):
        file.unlink()
    if before is not None and not file.exists():
        write_candles(file, _tail(lake, item.key))
    download = _download(item, source, file.parent, before, tools)
    done = result.download = asyncio.run(_in_time(download, item, tools))
    if before is None or int(done.candles.ts[-1]) > before:
        result.stage = IMPORT
        result.imported = _import(item, file, tools)
    result.stage = IMPORT
    with lake.writing():
        manifest = read_manifest(lake.silver(item.key) / MANIFEST)
        build_gold(lake, item.key, manifest, tuple(item.job.bars))
    file.unlink()
    result.stage = CHECK
    report = check_series(lake, item.key, manifest, tools.settings.gates)
    result.report = _with_age(report, item, tools.now_ms)
    result.stage = CHECK if result.report.verdict is Verdict.FAIL else ""


def _is_useless(item: NightlyItem, file: Path, before: int | None) -> bool:
    """Return whether a working file that was left is broken, or holds nothing that is new."""
    try:
        bars = read_candles(CandleFile(file, item.key.symbol, item.key.timeframe))
    except DataError:
        return True
    return before is not None and int(bars.ts[-1]) <= before


def _tail(lake: Lake, key: SeriesKey) -> Candles:
    bars = read_series(lake, key, read_manifest(lake.silver(key) / MANIFEST))
    return bars.slice(max(0, len(bars) - OVERLAP), len(bars))


def _download(
    item: NightlyItem, source: DataSource, folder: Path, before: int | None, tools: NightlyTools
) -> Download:
    since = _day_ms(item.job.since) if item.job.since and before is None else None
    patience = tools.settings.download

    def told(progress: Progress) -> None:
        if progress.message:
            tools.progress(f"{item.key.symbol} {item.key.timeframe}: {progress.message}")

    return Download(
        source, item.job.source, Wanted(item.key.symbol, item.key.timeframe, since), folder,
        now_ms=tools.now_ms, progress=told,
        patience=Patience(
            patience.tries, patience.backoff_initial_sec, patience.backoff_max_sec
        ),
    )  # fmt: skip


async def _in_time(download: Download, item: NightlyItem, tools: NightlyTools) -> Downloaded:
    minutes = tools.settings.nightly.timeout_min
    try:
        async with asyncio.timeout(60.0 * minutes):
            return await download.run()
    except TimeoutError as error:
        what = f"{item.key.symbol} {item.key.timeframe} of `{item.job.source}`"
        raise RetryableError(
            Diagnostic(
                "PB6405",
                f"fetching {what} took more than {minutes:g} minutes",
                help="what came is kept; the next run goes on from there",
            )
        ) from error


def _import(item: NightlyItem, file: Path, tools: NightlyTools) -> Imported:
    key = item.key
    request = ImportRequest(key.venue, tools.now_ms, key.symbol, key.timeframe)
    return import_file(tools.lake, file, request)


def _with_age(report: SeriesReport, item: NightlyItem, now_ms: int) -> SeriesReport:
    """Add a finding if the last bar is older than the job allows."""
    limit = item.job.max_age_hours
    last = report.times.last if report.times else None
    if limit is None or last is None:
        return report
    hours = (now_ms - last - report.series.tf_ms) / HOUR_MS
    if hours <= limit:
        return report
    text = f"the last bar is {iso_time(last)}; it closed {hours:.0f} h ago, {limit:g} h are allowed"
    finding = Finding("stale", 1, Verdict.FAIL, text)
    return replace(report, findings=(*report.findings, finding))


def _day_ms(day: str) -> int:
    start = date.fromisoformat(day)
    return round(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp()) * 1_000
