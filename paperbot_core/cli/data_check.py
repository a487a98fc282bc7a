"""`paperbot data check`: how good stored candles are, and a clean copy on demand."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import EXIT_FINDINGS, emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_options import KINDS, lake_option, open_lake
from paperbot_core.cli.data_settings import read_data_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paperbot_core.config.settings import DataGates
    from paperbot_core.diagnostics import Diagnostic
    from paperbot_core.market.candles.names import CandleFile
    from paperbot_core.market.checks.checks import Finding, SeriesReport
    from paperbot_core.market.lake.check import StoredReport
    from paperbot_core.market.lake.layout import Lake

#: Columns of the table: keys of a row, and what stands above them.
_COUNTS = {
    "rows": "rows", "gaps": "gaps", "missing": "missing", "duplicates": "doubles",
    "disorder": "disorder", "zero_volume": "no volume", "bad_rows": "bad",
}  # fmt: skip
#: From so many series on that have the same finding it is said once.
_SHARED = 3


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--symbol", metavar="SYMBOL", help="Symbol of a file; in a folder, only that one.")
@click.option("--timeframe", metavar="TF", help="Timeframe of a file; in a folder, only that one.")
@click.option(
    "--calendar",
    type=click.Choice(["auto", "nyse", "always"]),
    default="auto",
    show_default=True,
    help="When bars are expected: in New York sessions, or always; auto: by symbol.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the result as a page.",
)
@click.option(
    "--repair",
    "repair_to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="OUT",
    help="Write clean copies into the new folder OUT.",
)
@click.option(
    "--kind", type=click.Choice(KINDS), help="Of the lake, only this; --json is of candles alone."
)
@lake_option
@json_option
@click.pass_context
@pass_project_dir
def check(
    project: Path,
    ctx: click.Context,
    paths: tuple[Path, ...],
    symbol: str | None,
    timeframe: str | None,
    calendar: str,
    html: Path | None,
    repair_to: Path | None,
    kind: str | None,
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """Describe the candle files in PATH: holes, doubles, disorder, bad rows, odd prices.

    A folder is searched to the bottom. Without PATH the lake is checked, its trades, splits and
    dividends too: hashes, contracts, what was made of them. The exit code is 1 if something is
    damaged or a gate of `data.gates` in paperbot.yaml fails. Nothing is changed; --repair writes a
    new data set and says what it did.
    """
    from paperbot_core.market.checks.checks import Verdict, check_file, worst
    from paperbot_core.market.checks.find import find_files
    from paperbot_core.market.checks.repair import repair

    warnings: list[Diagnostic] = []
    gates = read_data_settings(project).gates
    sessions = {"auto": None, "nyse": True, "always": False}[calendar]
    if not paths and repair_to is not None:
        raise click.UsageError("--repair needs a PATH: what is in the lake is clean")
    if paths and kind is not None:
        raise click.UsageError("--kind is of the lake; a PATH holds candles")
    files: list[tuple[CandleFile, Path]] = []
    stored: list[StoredReport] = []
    if paths:
        files = find_files(paths, symbol=symbol, timeframe=timeframe, warnings=warnings)
        reports = [check_file(file, gates, sessions=sessions) for file, _place in files]
    else:
        lake = open_lake(project, lake_dir)
        reports, stored = _check_lake(lake, gates, kind, symbol, timeframe, sessions=sessions)
    repairs = repair(files, repair_to) if repair_to else []
    if html:
        from paperbot_core.cli.data_page import render_page
        from paperbot_core.market.lake.files import write_bytes

        write_bytes(html, render_page(reports).encode("utf-8"))
    _show_warnings(warnings)
    if as_json:
        shown = stored if kind in {"trades", "events"} else reports
        emit_json([report.as_row() for report in shown])
    elif reports:
        show_reports(reports)
    # Rows of JSON are of one kind; what is wrong with the others must not be silent.
    _show_stored(stored, err=as_json, only_bad=as_json)
    for one in repairs:
        click.echo(one.text, err=as_json)
    ctx.exit(EXIT_FINDINGS if Verdict.FAIL in {worst(reports), *(r.verdict for r in stored)} else 0)


def _check_lake(
    lake: Lake, gates: DataGates, kind: str | None, symbol: str | None, timeframe: str | None, *,
    sessions: bool | None,
) -> tuple[list[SeriesReport], list[StoredReport]]:  # fmt: skip
    """Return the reports of candles, and those of trades and events.

    A timeframe is one of candles, so it leaves out the others.
    """
    from paperbot_core.market.lake.check import check_series, check_stored
    from paperbot_core.market.lake.dataset import Kind
    from paperbot_core.market.lake.export import nothing_of

    reports, stored = [], []
    if kind in (None, Kind.CANDLES.value):
        reports = [
            check_series(lake, key, manifest, gates, sessions=sessions)
            for key, manifest in lake.series()
            if symbol in (None, key.symbol) and timeframe in (None, key.timeframe)
        ]
    for other in (Kind.TRADES, Kind.EVENTS):
        if kind in (None, other.value) and timeframe is None:
            stored += check_stored(lake, other, symbol)
    if not reports and not stored:
        raise nothing_of(lake, kind, symbol, timeframe)
    return reports, stored


def _show_stored(reports: Sequence[StoredReport], *, err: bool, only_bad: bool) -> None:
    from paperbot_core.domain.counting import counted

    for report in reports:
        if only_bad and not report.findings:
            continue
        word = {"trades": "trade", "events": "day"}[report.kind]
        more = " of events" if word == "day" else ""
        click.echo(
            f"{report.key.venue} {report.key.symbol}: {counted(report.rows, word)}{more}, "
            f"{report.verdict}",
            err=err,
        )
        for finding in report.findings:
            click.echo(f"  {finding.verdict}: {finding.text}", err=err)


def _show_warnings(warnings: Sequence[Diagnostic]) -> None:
    from paperbot_core.diagnostics.render import render_concise

    if warnings:
        click.echo(render_concise(warnings), err=True)


def show_reports(reports: Sequence[SeriesReport]) -> None:
    """Print a table of counts, then what was found; what many series share is said once."""
    rows = [report.as_row() for report in reports]
    names = [f"{row['symbol']} {row['timeframe']}" for row in rows]
    table = [["market", *_COUNTS.values()]]
    table += [
        [name, *(f"{row[key]:,}" for key in _COUNTS)] for name, row in zip(names, rows, strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells, verdict in zip(table, ["verdict", *(r.verdict for r in reports)], strict=True):
        numbers = (f"{n:>{width}}" for n, width in zip(cells[1:], widths[1:], strict=True))
        click.echo("  ".join([f"{cells[0]:<{widths[0]}}", *numbers, str(verdict)]))
    _show_findings(reports, names)
    verdicts = [report.verdict for report in reports]
    counts = ", ".join(
        f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts), key=["ok", "warn", "fail"].index)
    )
    click.echo(f"\n{len(reports)} series: {counts}")


def _show_findings(reports: Sequence[SeriesReport], names: Sequence[str]) -> None:
    found: dict[Finding, list[str]] = {}
    for report, name in zip(reports, names, strict=True):
        for finding in report.findings:
            found.setdefault(finding, []).append(name)
    shared = {finding for finding, where in found.items() if len(where) >= _SHARED}
    for finding, where in found.items():
        if finding in shared:
            lines = textwrap.wrap(", ".join(where), 76, break_on_hyphens=False)
            click.echo("\n".join([f"\n{len(where)} series", *(f"  {line}" for line in lines)]))
            click.echo(f"  {finding.verdict}: {finding.text}")
    for report in reports:
        own = [finding for finding in report.findings if finding not in shared]
        if own:
            click.echo(f"\n{report.series.name}")
        for finding in own:
            click.echo(f"  {finding.verdict}: {finding.text}")
