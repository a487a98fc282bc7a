"""How good is a stored series? Facts, findings and a verdict by the gates of `paperbot.yaml`.

A check describes and never repairs, and a broken file is described like any other: reading it for
trading (`files.read_candles`) stops at the first fault, this does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.config.settings import DataGates
from paperbot_core.diagnostics import DataError
from paperbot_core.domain.counting import counted
from paperbot_core.domain.market import DAY_MS, timeframe_text
from paperbot_core.market.candles.raw import RawBars, read_raw
from paperbot_core.market.checks.moves import RUN_MIN, MoveFacts, move_facts
from paperbot_core.market.checks.rows import CleanLog, clean
from paperbot_core.market.checks.time import TimeFacts, time_facts
from paperbot_core.market.events.events import forward_scaled
from paperbot_core.market.events.files import events_beside
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from paperbot_core.domain.corporate import CorporateEvents
    from paperbot_core.market.candles.names import CandleFile

#: Longer lists of places are cut in reports; the counts beside them are complete.
PLACES_MAX = 1_000


class Verdict(StrEnum):
    """Worst finding of a series: nothing, something to look at, a gate that failed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that is odd: its key in the report, how often, and the words for people."""

    key: str
    count: int
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Series:
    """What a check looks at: the rows of one market, from one file or a lake."""

    name: str
    symbol: str
    tf_ms: int
    sessions: bool


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """What a check found out. `times`, `moves` and `log` are None if nothing could be read."""

    series: Series
    rows: int
    bad_rows: int
    zero_volume: int
    times: TimeFacts | None
    moves: MoveFacts | None
    log: CleanLog | None
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the findings."""
        verdicts = {finding.verdict for finding in self.findings}
        return next((v for v in (Verdict.FAIL, Verdict.WARN) if v in verdicts), Verdict.OK)

    def as_row(self) -> dict[str, Any]:
        """Return the report under the keys of `data check --json`, times as UTC ms."""
        times, moves = self.times, self.moves
        return {
            "file": self.series.name,
            "symbol": self.series.symbol,
            "timeframe": timeframe_text(self.series.tf_ms),
            "rows": self.rows,
            "first": times.first if times else None,
            "last": times.last if times else None,
            "gaps": len(times.holes) if times else 0,
            "missing": times.missing if times else 0,
            "duplicates": times.duplicates if times else 0,
            "disorder": times.disorder if times else 0,
            "zero_volume": self.zero_volume,
            "bad_rows": self.bad_rows,
            "off_grid": times.off_grid if times else 0,
            "outside_session": times.outside_session if times else 0,
            "zero_volume_run": moves.zero_run if moves else 0,
            "frozen": moves.frozen if moves else 0,
            "outliers": len(moves.outliers) if moves else 0,
            "splits": [{"ts": s.ts, "ratio": s.ratio} for s in moves.splits] if moves else [],
            "holes": [{"ts": h.ts, "missing": h.missing} for h in times.holes[:PLACES_MAX]]
            if times
            else [],
            "outlier_times": list(moves.outliers[:PLACES_MAX]) if moves else [],
            "verdict": self.verdict,
            "findings": [
                {"key": f.key, "count": f.count, "verdict": f.verdict, "text": f.text}
                for f in self.findings
            ],
        }


def has_sessions(symbol: str) -> bool:
    """Return whether a symbol is of a market that closes: stocks have no quote in their name."""
    return "/" not in symbol


def check_file(file: CandleFile, gates: DataGates, *, sessions: bool | None = None) -> SeriesReport:
    """Read and check one candle file; a file that cannot be read is a report that says so.

    `sessions` says whether the market closes (None: by the symbol). Splits and dividends beside the
    file (`events.files`) are taken into account; if they cannot be read, that is a finding.
    """
    closes = has_sessions(file.symbol) if sessions is None else sessions
    series = Series(str(file.path), file.symbol, file.tf_ms, closes)
    try:
        raw = read_raw(file.path)
    except DataError as error:
        return unreadable_report(series, error)
    try:
        events = events_beside(file.path, file.symbol)
    except DataError as error:
        report = check_rows(series, raw, gates)
        return replace(report, findings=(*report.findings, *_unreadable("events", error)))
    return check_rows(series, raw, gates, events)


def unreadable_report(series: Series, error: DataError) -> SeriesReport:
    """Return the report of a series of which nothing could be read."""
    findings = tuple(_unreadable("unreadable", error))
    return SeriesReport(series, 0, 0, 0, None, None, None, findings)


def _unreadable(key: str, error: DataError) -> Iterator[Finding]:
    for found in error.diagnostics:
        yield Finding(key, 1, Verdict.FAIL, f"{found.code}: {found.message}")


def check_rows(
    series: Series, raw: RawBars, gates: DataGates, events: CorporateEvents | None = None
) -> SeriesReport:
    """Check the rows of a series, in the order in which they were stored.

    With `events`, prices are judged in units of one share: a split among them is no jump, and one
    of them that no price follows is.
    """
    zero = int(np.count_nonzero(raw.volume == 0))
    times = time_facts(raw.ts[raw.timed], series.tf_ms, sessions=series.sessions)
    candles, log = clean(raw, series.symbol, series.tf_ms)
    bad = log.bad_rows + raw.lost
    judged = candles
    # Bars longer than a day may mix prices of two shares: no factor makes them one.
    if events is not None and series.tf_ms <= DAY_MS:
        judged = forward_scaled(candles, events)
    moves = move_facts(judged)
    rows = len(raw) + raw.lost
    report = SeriesReport(series, rows, bad, zero, times, moves, log, ())
    found = tuple(_findings(report, times, moves, log, gates))
    return SeriesReport(series, rows, bad, zero, times, moves, log, found)


def worst(reports: Sequence[SeriesReport]) -> Verdict:
    """Return the worst verdict of several reports."""
    verdicts = {report.verdict for report in reports}
    return next((v for v in (Verdict.FAIL, Verdict.WARN) if v in verdicts), Verdict.OK)


def _findings(
    report: SeriesReport, times: TimeFacts, moves: MoveFacts, log: CleanLog, gates: DataGates
) -> Iterator[Finding]:
    tf = timeframe_text(report.series.tf_ms)
    if report.rows == 0:
        yield Finding("empty", 1, Verdict.FAIL, "PB6006: the file holds no bars")
    step = times.common_step
    if step and step != report.series.tf_ms:
        text = f"the name says {tf}, but bars usually lie {_step_text(step)} apart"
        yield Finding("wrong_timeframe", 1, Verdict.FAIL, text)
    yield from _time_findings(times, gates, tf)
    if report.bad_rows:
        lines = counted(log.lost_lines, "line has", "lines have")
        parts = f" ({lines} the wrong number of fields)" * (log.lost_lines > 0)
        yield _judged(
            "bad_rows",
            report.bad_rows,
            gates.bad_rows_max,
            f"{counted(report.bad_rows, 'row is', 'rows are')} no bar{parts}",
        )
    yield from _move_findings(report, moves, gates)


def _time_findings(times: TimeFacts, gates: DataGates, tf: str) -> Iterator[Finding]:
    if times.holes:
        longest = max(times.holes, key=lambda hole: hole.missing)
        share = 100 * times.missing / max(times.expected, 1)
        text = (
            f"{counted(times.missing, 'bar is', 'bars are')} missing in "
            f"{counted(len(times.holes), 'hole')} ({share:.2f} %); "
            f"the longest lacks {longest.missing} from {iso_time(longest.ts)}"
        )
        by_share = gates.missing_pct_max is not None and share > gates.missing_pct_max
        verdict = Verdict.FAIL if by_share else _level(len(times.holes), gates.gaps_max)
        yield Finding("gaps", len(times.holes), verdict, text)
    if times.duplicates:
        yield _judged(
            "duplicates",
            times.duplicates,
            gates.duplicates_max,
            f"{counted(times.duplicates, 'row repeats', 'rows repeat')} an open time",
        )
    if times.disorder:
        yield _judged(
            "disorder",
            times.disorder,
            gates.disorder_max,
            f"{counted(times.disorder, 'row opens', 'rows open')} before the row above",
        )
    if times.off_grid:
        yield _judged(
            "off_grid",
            times.off_grid,
            gates.off_grid_max,
            f"{counted(times.off_grid, 'open time is', 'open times are')} not on the {tf} grid",
        )
    if times.outside_session:
        yield _judged(
            "outside_session",
            times.outside_session,
            gates.outside_session_max,
            f"{counted(times.outside_session, 'bar lies', 'bars lie')} outside the exchange's "
            "regular sessions",
        )


def _move_findings(report: SeriesReport, moves: MoveFacts, gates: DataGates) -> Iterator[Finding]:
    share = 100 * report.zero_volume / max(report.rows, 1)
    limit = gates.zero_volume_pct_max
    if report.zero_volume and report.zero_volume == report.rows:
        verdict = Verdict.WARN if limit is None or share <= limit else Verdict.FAIL
        text = "no bar has any volume: are these mark prices? orders never fill in such bars"
        yield Finding("zero_volume", report.zero_volume, verdict, text)
    elif limit is not None and share > limit:
        yield Finding(
            "zero_volume",
            report.zero_volume,
            Verdict.FAIL,
            f"{share:.2f} % of the bars have no volume",
        )
    elif moves.zero_run:
        yield Finding(
            "zero_volume",
            report.zero_volume,
            Verdict.WARN,
            f"{counted(report.zero_volume, 'bar has', 'bars have')} no volume, {moves.zero_run} of "
            f"them in runs of {RUN_MIN} or more",
        )
    if moves.frozen:
        yield _judged(
            "frozen",
            moves.frozen,
            gates.frozen_max,
            f"the price stands still for {RUN_MIN} bars or more, {moves.frozen} in all",
        )
    if moves.outliers:
        yield _judged(
            "outliers",
            len(moves.outliers),
            gates.outliers_max,
            f"{counted(len(moves.outliers), 'bar reaches', 'bars reach')} unusually far, the "
            f"first at {iso_time(moves.outliers[0])}",
        )
    if moves.splits:
        listed = ", ".join(f"{s.ratio:g} at {iso_time(s.ts)}" for s in moves.splits[:5])
        yield _judged(
            "splits", len(moves.splits), gates.splits_max, f"jumps that look like splits: {listed}"
        )


def _level(count: int, limit: int | None) -> Verdict:
    return Verdict.WARN if limit is None or count <= limit else Verdict.FAIL


def _judged(key: str, count: int, limit: int | None, text: str) -> Finding:
    return Finding(key, count, _level(count, limit), text)


def _step_text(ms: int) -> str:
    return timeframe_text(ms) if ms % 1_000 == 0 else f"{ms} ms"
