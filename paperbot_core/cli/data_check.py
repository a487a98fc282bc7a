"""`paperbot data check`: how good stored candles are, and a clean copy on demand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import EXIT_FINDINGS, emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_lake import lake_option, open_lake
from paperbot_core.cli.data_settings import read_data_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paperbot_core.diagnostics import Diagnostic
    from paperbot_core.market.checks import SeriesReport

_COUNTS = ("rows", "gaps", "missing", "duplicates", "disorder", "zero_volume", "bad_rows")


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
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """Describe the candle files in PATH: holes, doubles, disorder, bad rows, odd prices.

    A folder is searched to the bottom; without PATH the lake is checked, hashes included. The exit
    code is 1 if a gate of `data.gates` in paperbot.yaml fails. Nothing is changed; --repair writes
    a new data set and says what it did.
    """
    from paperbot_core.market.checks import Verdict, check_file, worst
    from paperbot_core.market.checks_find import find_files
    from paperbot_core.market.checks_repair import repair
    from paperbot_core.market.lake_check import check_series
    from paperbot_core.market.lake_export import select

    warnings: list[Diagnostic] = []
    gates = read_data_settings(project).gates
    sessions = {"auto": None, "nyse": True, "always": False}[calendar]
    if not paths and repair_to is not None:
        raise click.UsageError("--repair needs a PATH: what is in the lake is clean")
    if paths:
        files = find_files(paths, symbol=symbol, timeframe=timeframe, warnings=warnings)
        reports = [check_file(file, gates, sessions=sessions) for file, _place in files]
    else:
        files, lake = [], open_lake(project, lake_dir)
        series = select(lake, venue=None, symbol=symbol, timeframe=timeframe)
        reports = [check_series(lake, key, m, gates, sessions=sessions) for key, m in series]
    repairs = repair(files, repair_to) if repair_to else []
    if html:
        from paperbot_core.cli.data_page import render_page
        from paperbot_core.market.lake_files import write_bytes

        write_bytes(html, render_page(reports).encode("utf-8"))
    _show_warnings(warnings)
    if as_json:
        emit_json([report.as_row() for report in reports])
    else:
        show_reports(reports)
    for one in repairs:
        click.echo(one.text, err=as_json)
    ctx.exit(EXIT_FINDINGS if worst(reports) is Verdict.FAIL else 0)


def _show_warnings(warnings: Sequence[Diagnostic]) -> None:
    from paperbot_core.diagnostics.render import render_concise

    if warnings:
        click.echo(render_concise(warnings), err=True)


def show_reports(reports: Sequence[SeriesReport]) -> None:
    """Print a table of counts, then what was found in each series that is not ok."""
    rows = [report.as_row() for report in reports]
    width = max(len(f"{row['symbol']} {row['timeframe']}") for row in rows)
    click.echo(" ".join([f"{'market':<{width}}", *(f"{key:>11}" for key in _COUNTS), "verdict"]))
    for row in rows:
        cells = (f"{row[key]:>11,}" for key in _COUNTS)
        name = f"{row['symbol']} {row['timeframe']}"
        click.echo(" ".join([f"{name:<{width}}", *cells, str(row["verdict"])]))
    for report in reports:
        if report.findings:
            click.echo(f"\n{report.series.name}")
        for finding in report.findings:
            click.echo(f"  {finding.verdict}: {finding.text}")
    verdicts = [report.verdict for report in reports]
    counts = ", ".join(
        f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts), key=["ok", "warn", "fail"].index)
    )
    click.echo(f"\n{len(reports)} series: {counts}")
