"""`paperbot data import|list|export|prune|sql`: the data lake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import EXIT_FINDINGS, emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_settings import read_data_settings

if TYPE_CHECKING:
    from paperbot_core.diagnostics import Diagnostic
    from paperbot_core.market.lake import Lake
    from paperbot_core.market.lake_import import Imported

lake_option: Callable[[Any], Any] = click.option(
    "--lake",
    "lake_dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The lake (default: `data.dir` of paperbot.yaml).",
)
_venue = click.option("--venue", metavar="V", help="Only series of this venue.")
_symbol = click.option("--symbol", metavar="SYMBOL", help="Only series of this symbol.")
_timeframe = click.option("--timeframe", metavar="TF", help="Only series of this timeframe.")


def open_lake(project: Path, lake_dir: Path | None) -> Lake:
    """Return the lake that was asked for; a relative `data.dir` starts at the project."""
    from paperbot_core.market.lake import Lake

    return Lake(project / read_data_settings(project).dir if lake_dir is None else lake_dir)


@click.command("import")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@click.option("--venue", required=True, metavar="V", help="Where the market is: binance, nyse, ...")
@click.option("--symbol", metavar="SYMBOL", help="The market, where the file does not tell it.")
@click.option("--timeframe", metavar="TF", help="Length of the bars, likewise.")
@click.option("--layout", metavar="NAME", help="Layout of the files (see docs/data.md).")
@click.option("--repair", is_flag=True, help="Leave out faulty rows instead of refusing the file.")
@click.option("--bars", metavar="TF,TF", help="Longer bars to make as well, such as 1h,4h.")
@lake_option
@json_option
@click.pass_context
@pass_project_dir
def import_(
    project: Path,
    ctx: click.Context,
    paths: tuple[Path, ...],
    venue: str,
    symbol: str | None,
    timeframe: str | None,
    layout: str | None,
    repair: bool,
    bars: str | None,
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """Take candle files (Parquet, Feather, CSV, zip) into the lake.

    Each file is recognised by what is in it; what it was taken for is shown. A file with faults is
    refused and the others go on. Importing again changes nothing.
    """
    import time

    from paperbot_core.market.formats import LAYOUTS
    from paperbot_core.market.lake import check_venue
    from paperbot_core.market.lake_import import ImportRequest

    if layout is not None and layout not in LAYOUTS:
        raise click.BadParameter(f"`{layout}` is none of {', '.join(LAYOUTS)}", param_hint="layout")
    request = ImportRequest(
        check_venue(venue), time.time_ns() // 1_000_000, symbol, timeframe, layout, repair
    )
    lake = open_lake(project, lake_dir)
    longer = tuple(part.strip() for part in (bars or "").split(",") if part.strip())
    done, failed = _import_all(lake, paths, request, longer)
    _show_import(done, failed, as_json=as_json)
    ctx.exit(EXIT_FINDINGS if failed else 0)


def _import_all(
    lake: Lake, paths: tuple[Path, ...], request: Any, longer: tuple[str, ...]
) -> tuple[list[Imported], list[Diagnostic]]:
    """Import each file, then bring the bars of every series that was touched up to date."""
    from paperbot_core.diagnostics import DataError, UserError
    from paperbot_core.market.formats import importable
    from paperbot_core.market.lake_gold import build_gold
    from paperbot_core.market.lake_import import import_file

    done: list[Imported] = []
    failed: list[Diagnostic] = []
    files = importable(paths)
    if not files:
        raise click.BadParameter(
            "no .parquet, .feather, .csv or .zip file in it", param_hint="PATH"
        )
    for path in files:
        try:
            done.append(import_file(lake, path, request))
        except (DataError, UserError) as error:
            if any(diagnostic.code == "PB6103" for diagnostic in error.diagnostics):
                raise
            failed.extend(error.diagnostics)
    touched = {imported.key for imported in done}
    if touched:
        with lake.writing():
            for key, manifest in lake.series():
                if key in touched:
                    build_gold(lake, key, manifest, longer)
    return done, failed


def _show_import(done: list[Imported], failed: list[Diagnostic], *, as_json: bool) -> None:
    from paperbot_core.diagnostics.render import as_json_rows, render_full

    if as_json:
        rows = [one.as_row() for one in done]
        emit_json({"imported": rows, "diagnostics": as_json_rows(failed)})
        return
    for one in done:
        click.echo(f"{one.path}: {_outcome(one)}")
        for note in one.notes:
            click.echo(f"  {note}")
    if failed:
        click.echo(render_full(failed), err=True)
    click.echo(f"{len(done)} files imported, {len(failed)} refused")


def _outcome(one: Imported) -> str:
    what = f"{one.key.venue} {one.key.symbol} {one.key.timeframe} ({one.layout})"
    if one.merge is None:
        return f"{what}: known already"
    counts = f"{one.merge.added} bars added"
    if one.merge.changed:
        counts += f", {one.merge.changed} changed"
    return f"{what}: {counts}" + f", {one.merge.same} as before" * (one.merge.same > 0)


@click.command("list")
@lake_option
@json_option
@pass_project_dir
def list_(project: Path, lake_dir: Path | None, as_json: bool) -> None:
    """List the series of the lake: rows, span, sources, and whether their bars are up to date."""
    from paperbot_core.market.lake_events import count_events
    from paperbot_core.market.lake_gold import is_current
    from paperbot_core.market.timerange import iso_time

    lake = open_lake(project, lake_dir)
    events = count_events(lake)
    rows: list[dict[str, Any]] = []
    spans: list[str] = []
    for key, manifest in lake.series():
        parts = manifest["parts"]
        first, last = int(parts[0]["first"]), int(parts[-1]["last"])
        span = f"{iso_time(first)[:16]} to {iso_time(last)[:16]}"
        spans.append(span)
        rows.append(
            {
                "venue": key.venue,
                "symbol": key.symbol,
                "timeframe": key.timeframe,
                "rows": sum(int(part["rows"]) for part in parts),
                "first": first,
                "last": last,
                "sources": len(manifest["sources"]),
                "events": events.get((key.venue, key.symbol)),
                "digest": str(manifest["digest"]),
                "bars": str(lake.gold(key)),
                "current": is_current(lake, key, key.timeframe, str(manifest["digest"])),
            }
        )
    if as_json:
        emit_json(rows)
        return
    if not rows:
        click.echo(f"the lake `{lake.root}` holds nothing yet: paperbot data import PATH --venue V")
    for row, span in zip(rows, spans, strict=True):
        told = "" if row["events"] is None else f"  {row['events']} splits and dividends"
        stale = "" if row["current"] else "  bars are not up to date"
        click.echo(
            f"{row['venue']:<12} {row['symbol']:<16} {row['timeframe']:<4} {row['rows']:>11,}  "
            f"{span}  {row['sources']} sources{told}{stale}"
        )


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="OUT")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["parquet", "csv", "freqtrade"]),
    default="parquet",
    show_default=True,
    help="Kind of the files.",
)
@click.option("--adjusted", is_flag=True, help="Prices and volume adjusted for splits.")
@click.option("--dividends", is_flag=True, help="With --adjusted: prices for dividends too.")
@click.option("--as-of", metavar="TIME", help="With --adjusted: as it was known then, not later.")
@_venue
@_symbol
@_timeframe
@lake_option
@pass_project_dir
def export(
    project: Path,
    folder: Path,
    kind: str,
    adjusted: bool,
    dividends: bool,
    as_of: str | None,
    venue: str | None,
    symbol: str | None,
    timeframe: str | None,
    lake_dir: Path | None,
) -> None:
    """Write series of the lake as candle files into the new folder OUT.

    Prices are those of their day. With --adjusted, past bars are told in shares of the last day,
    by the splits that were imported (`data import-events`).
    """
    from paperbot_core.market.lake_export import Adjustment, select
    from paperbot_core.market.lake_export import export as export_series
    from paperbot_core.market.timerange import parse_time

    if (dividends or as_of) and not adjusted:
        raise click.UsageError("--dividends and --as-of go with --adjusted")
    lake = open_lake(project, lake_dir)
    how = Adjustment(parse_time(as_of) if as_of else None, dividends) if adjusted else None
    series = select(lake, venue=venue, symbol=symbol, timeframe=timeframe)
    for path in export_series(lake, series, folder, kind, how):
        click.echo(str(path))


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--bronze", is_flag=True, help="Raw files of which no series was made go too.")
@lake_option
@json_option
@pass_project_dir
def prune(project: Path, dry_run: bool, bronze: bool, lake_dir: Path | None, as_json: bool) -> None:
    """Remove what serves nobody: leftovers of crashes, replaced parts, bars without a series."""
    from paperbot_core.market.lake_prune import find_waste, remove

    lake = open_lake(project, lake_dir)
    with lake.writing():
        waste = find_waste(lake, bronze=bronze)
        if not dry_run:
            remove(waste)
    if as_json:
        rows = [{"path": str(one.path), "bytes": one.size, "why": one.why} for one in waste]
        emit_json({"removed": not dry_run, "files": rows})
        return
    for one in waste:
        click.echo(f"{one.path}: {one.why}")
    total = sum(one.size for one in waste)
    verb = "would go" if dry_run else "removed"
    click.echo(f"{len(waste)} files {verb}, {total / 1e6:.1f} MB")


@click.command()
@click.argument("query", metavar="QUERY")
@lake_option
@json_option
@pass_project_dir
def sql(project: Path, query: str, lake_dir: Path | None, as_json: bool) -> None:
    """Run one SELECT over the views `silver`, `gold` and `trades` of the lake (needs DuckDB).

    Columns: venue, symbol, timeframe, ts, time, open, high, low, close, volume; of `trades` venue,
    symbol, ts, time, price, amount, side, id.
    """
    from paperbot_core.market.lake_sql import query as run_query

    answer = run_query(open_lake(project, lake_dir), query)
    if as_json:
        emit_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return
    table = [answer.columns, *((str(value) for value in row) for row in answer.rows)]
    cells = [list(row) for row in table]
    widths = [max(len(row[at]) for row in cells) for at in range(len(answer.columns))]
    for row in cells:
        click.echo("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip())
