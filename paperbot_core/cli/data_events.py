"""`paperbot data import-events|events`: splits and dividends of shares in the lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import EXIT_FINDINGS, emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_lake import lake_option, open_lake

if TYPE_CHECKING:
    from paperbot_core.diagnostics import Diagnostic
    from paperbot_core.market.lake_events import ImportedEvents


@click.command("import-events")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@click.option("--venue", required=True, metavar="V", help="Where the market is: nyse, ...")
@click.option("--symbol", metavar="SYMBOL", help="The market, where the file does not tell it.")
@click.option("--replace", is_flag=True, help="Forget what the lake had of these markets.")
@lake_option
@json_option
@click.pass_context
@pass_project_dir
def import_events(
    project: Path,
    ctx: click.Context,
    paths: tuple[Path, ...],
    venue: str,
    symbol: str | None,
    replace: bool,
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """Take splits and dividends (Parquet, CSV) into the lake: one file a market.

    Read are `date, split, dividend`, the factor files of LEAN, and the actions of yfinance. Of a
    folder its files named like AAPL_events and AAPL_factors are taken, or those in its folder
    `events`. A file that is no good is refused and the others go on.
    """
    import time

    from paperbot_core.diagnostics import DataError, UserError
    from paperbot_core.diagnostics.render import as_json_rows, render_full
    from paperbot_core.market.events_files import find_events
    from paperbot_core.market.lake import check_venue
    from paperbot_core.market.lake_events import EventsImport
    from paperbot_core.market.lake_events import import_events as import_file

    request = EventsImport(check_venue(venue), time.time_ns() // 1_000_000, symbol, replace)
    files = find_events(paths)
    if symbol is not None and len(files) > 1:
        raise click.UsageError(f"--symbol is of one file, and these are {len(files)}")
    lake = open_lake(project, lake_dir)
    done: list[ImportedEvents] = []
    failed: list[Diagnostic] = []
    for path in files:
        try:
            done.append(import_file(lake, path, request))
        except (DataError, UserError) as error:
            if any(diagnostic.code == "PB6103" for diagnostic in error.diagnostics):
                raise
            failed.extend(error.diagnostics)
    if as_json:
        rows = [one.as_row() for one in done]
        emit_json({"imported": rows, "diagnostics": as_json_rows(failed)})
    else:
        for one in done:
            click.echo(f"{one.path}: {_outcome(one)}")
        if failed:
            click.echo(render_full(failed), err=True)
        click.echo(f"{len(done)} files imported, {len(failed)} refused")
    ctx.exit(EXIT_FINDINGS if failed else 0)


def _outcome(one: ImportedEvents) -> str:
    what = f"{one.venue} {one.symbol} ({one.layout})"
    if one.known:
        return f"{what}: known already"
    parts = ((one.added, "added"), (one.changed, "changed"), (one.same, "as before"))
    counts = ", ".join(f"{count} {word}" for count, word in parts if count) or "none"
    return f"{what}: {counts}; {one.splits} splits and {one.dividends} dividends in the lake"


@click.command()
@click.option("--venue", metavar="V", help="Only those of this venue.")
@click.option("--symbol", metavar="SYMBOL", help="Only those of this symbol.")
@lake_option
@json_option
@pass_project_dir
def events(
    project: Path, venue: str | None, symbol: str | None, lake_dir: Path | None, as_json: bool
) -> None:
    """List the splits and dividends of the lake, by the day they come into force."""
    from paperbot_core.market.lake_events import list_events

    rows = [
        row
        for row in list_events(open_lake(project, lake_dir))
        if venue in (None, row["venue"]) and symbol in (None, row["symbol"])
    ]
    if as_json:
        emit_json(rows)
        return
    if not rows:
        click.echo("no splits and dividends: paperbot data import-events PATH --venue V")
    for row in rows:
        split = "" if row["split"] == 1 else f"{row['split']:g} for 1"
        cash = "" if row["dividend"] == 0 else f"{row['dividend']:g} a share"
        click.echo(
            f"{row['venue']:<12} {row['symbol']:<10} {row['date']}  {split:<12} {cash}".rstrip()
        )
