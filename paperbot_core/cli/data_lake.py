"""`paperbot data export|prune|sql`: what is done with a data lake."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_options import lake_option, only_symbol, only_venue, open_lake


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
@only_venue
@only_symbol
@click.option("--timeframe", metavar="TF", help="Only series of this timeframe.")
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
    by the splits that were imported (`data import`).
    """
    from paperbot_core.market.lake.export import Adjustment, select
    from paperbot_core.market.lake.export import export as export_series
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
    from paperbot_core.domain.counting import counted
    from paperbot_core.market.lake.prune import find_waste, remove

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
    click.echo(f"{counted(len(waste), 'file')} {verb}, {total / 1e6:.1f} MB")


@click.command()
@click.argument("query", metavar="QUERY")
@lake_option
@json_option
@pass_project_dir
def sql(project: Path, query: str, lake_dir: Path | None, as_json: bool) -> None:
    """Run one SELECT over the lake's views silver, gold, trades and events (needs DuckDB).

    All have venue, symbol, ts, time; silver and gold have timeframe, open, high, low, close,
    volume; trades has price, amount, side, id; events has split, dividend.
    """
    from paperbot_core.market.lake.sql import query as run_query

    answer = run_query(open_lake(project, lake_dir), query)
    if as_json:
        emit_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return
    table = [answer.columns, *((str(value) for value in row) for row in answer.rows)]
    cells = [list(row) for row in table]
    widths = [max(len(row[at]) for row in cells) for at in range(len(answer.columns))]
    for row in cells:
        click.echo("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip())
