"""`paperbot data import`: files of any kind into the data lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import EXIT_FINDINGS, emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_options import KINDS, lake_option, open_lake, repair_option

if TYPE_CHECKING:
    from paperbot_core.diagnostics import Diagnostic
    from paperbot_core.market.lake.dataset import Imported


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
@click.option("--kind", type=click.Choice(KINDS), help="What files hold; else it is recognised.")
@click.option("--timeframe", metavar="TF", help="Length of candles, where the file is silent.")
@click.option("--layout", metavar="NAME", help="Layout of candles (see docs/data.md).")
@click.option("--bars", metavar="TF,TF", help="Longer bars to make of candles, such as 1h,4h.")
@repair_option
@click.option("--replace", is_flag=True, help="Forget the events that the lake has of a market.")
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
    kind: str | None,
    timeframe: str | None,
    layout: str | None,
    bars: str | None,
    repair: bool,
    replace: bool,
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """Take candles, trades, splits and dividends into the lake.

    Files are Parquet, Feather, CSV, CSV in gzip or zip; folders are searched to the bottom. What a
    file holds is recognised by its columns, and shown. One with faults is refused and the others
    go on. Importing again changes nothing. Bars made of what changed are brought up to date.
    """
    import time

    from paperbot_core.market.formats.formats import LAYOUTS
    from paperbot_core.market.lake.dataset import ImportRequest, Kind
    from paperbot_core.market.lake.intake import import_files
    from paperbot_core.market.lake.kinds import importable
    from paperbot_core.market.lake.layout import check_venue

    if layout is not None and layout not in LAYOUTS:
        raise click.BadParameter(f"`{layout}` is none of {', '.join(LAYOUTS)}", param_hint="layout")
    if layout is not None and kind not in (None, "candles"):
        raise click.UsageError("--layout is of candles")
    if replace and kind not in (None, "events"):
        raise click.UsageError("--replace is of events")
    request = ImportRequest(
        check_venue(venue), time.time_ns() // 1_000_000, symbol, timeframe, layout, repair, replace,
        Kind(kind) if kind else None,
    )  # fmt: skip
    files = importable(paths)
    if not files:
        raise click.BadParameter(
            "no .parquet, .feather, .csv, .csv.gz or .zip file in it", param_hint="PATH"
        )
    longer = tuple(part.strip() for part in (bars or "").split(",") if part.strip())
    done, failed = import_files(open_lake(project, lake_dir), files, request, longer)
    _show(done, failed, as_json=as_json)
    ctx.exit(EXIT_FINDINGS if failed else 0)


def _show(done: list[Imported], failed: list[Diagnostic], *, as_json: bool) -> None:
    from paperbot_core.diagnostics.render import as_json_rows, render_full
    from paperbot_core.domain.counting import counted

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
    click.echo(f"{counted(len(done), 'file')} imported, {len(failed)} refused")


def _outcome(one: Imported) -> str:
    """Return what a file was taken for and what it brought."""
    from paperbot_core.domain.counting import counted

    word = {"candles": "bar", "trades": "trade", "events": "event"}[one.kind]
    # Of trades and events it is the kind that stands in the place of the timeframe.
    what = f"{one.key.venue} {one.key.symbol} {one.key.timeframe} ({one.layout})"
    if one.merge is None:
        return f"{what}: known already"
    parts = [f"{counted(one.merge.added, word)} added"]
    for number, told in ((one.merge.changed, "changed"), (one.merge.same, "as before")):
        parts += [f"{number:,} {told}"] * (number > 0)
    if one.kind == "events":
        splits, dividends = one.facts["splits"], one.facts["dividends"]
        total = f"{counted(splits, 'split')} and {counted(dividends, 'dividend')}"
        return f"{what}: {', '.join(parts)}; {total} in the lake"
    return f"{what}: {', '.join(parts)}"
