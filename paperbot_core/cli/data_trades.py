"""`paperbot data import-trades|trades|bars`: trades in the data lake, and bars made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import EXIT_FINDINGS, emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_lake import lake_option, open_lake

if TYPE_CHECKING:
    from paperbot_core.diagnostics import Diagnostic
    from paperbot_core.market.lake import Lake
    from paperbot_core.market.lake_trades import ImportedTrades, TradesImport
    from paperbot_core.market.trades_bars import BarRule


@click.command("import-trades")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@click.option("--venue", required=True, metavar="V", help="Where they were made: binance, ...")
@click.option("--symbol", metavar="SYMBOL", help="The market, where the file does not tell it.")
@click.option("--repair", is_flag=True, help="Leave out faulty rows instead of refusing the file.")
@lake_option
@json_option
@click.pass_context
@pass_project_dir
def import_trades(
    project: Path,
    ctx: click.Context,
    paths: tuple[Path, ...],
    venue: str,
    symbol: str | None,
    repair: bool,
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """Take files of trades (Parquet, Feather, CSV, gzip, zip) into the lake.

    Read are the trade files of Binance's and BitMEX's archives, and any file with columns for time,
    price and amount. A file with faults is refused and the others go on. Importing again changes
    nothing. Bars that were made of these trades are brought up to date.
    """
    import time

    from paperbot_core.market.lake import check_venue
    from paperbot_core.market.lake_trades import TradesImport

    request = TradesImport(check_venue(venue), time.time_ns() // 1_000_000, symbol, repair)
    done, failed = _import_all(open_lake(project, lake_dir), _files(paths), request)
    show_trades(done, failed, as_json=as_json)
    ctx.exit(EXIT_FINDINGS if failed else 0)


def _files(paths: tuple[Path, ...]) -> list[Path]:
    """Return the files that were named, and those in folders whose suffix can be read."""
    from paperbot_core.market.trades_names import is_trades_file

    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = (p for p in sorted(path.rglob("*")) if p.is_file() and is_trades_file(p))
            found.update(dict.fromkeys(p for p in inside if not p.name.startswith(".")))
        else:
            found[path] = None
    if not found:
        raise click.BadParameter("no file that trades can be read from", param_hint="PATH")
    return list(found)


def _import_all(
    lake: Lake, files: list[Path], request: TradesImport
) -> tuple[list[ImportedTrades], list[Diagnostic]]:
    """Import each file, then bring the bars of every market that was touched up to date."""
    from paperbot_core.diagnostics import DataError, UserError
    from paperbot_core.market.lake_trades import import_trades as import_file
    from paperbot_core.market.lake_trades_bars import refresh_bars

    done: list[ImportedTrades] = []
    failed: list[Diagnostic] = []
    for path in files:
        try:
            done.append(import_file(lake, path, request))
        except (DataError, UserError) as error:
            if any(diagnostic.code == "PB6103" for diagnostic in error.diagnostics):
                raise
            failed.extend(error.diagnostics)
    touched = sorted({one.key for one in done})
    if touched:
        with lake.writing():
            for key in touched:
                refresh_bars(lake, key)
    return done, failed


def show_trades(
    done: list[ImportedTrades], failed: list[Diagnostic], *, as_json: bool
) -> None:
    """Tell what became of each file."""
    from paperbot_core.diagnostics.render import as_json_rows, render_full

    if as_json:
        rows = [one.as_row() for one in done]
        emit_json({"imported": rows, "diagnostics": as_json_rows(failed)})
        return
    for one in done:
        click.echo(f"{one.path}: {_outcome(one)}")
        for note in (*one.log.faults(), *one.log.notes()):
            click.echo(f"  {note}")
    if failed:
        click.echo(render_full(failed), err=True)
    click.echo(f"{len(done)} files imported, {len(failed)} refused")


def _outcome(one: ImportedTrades) -> str:
    what = f"{one.key.venue} {one.key.symbol} ({one.layout})"
    if one.merge is None:
        return f"{what}: known already"
    counts = f"{one.merge.added:,} trades added"
    if one.merge.changed:
        counts += f", {one.merge.changed:,} changed"
    return f"{what}: {counts}" + f", {one.merge.same:,} as before" * (one.merge.same > 0)


@click.command("trades")
@click.option("--verify", is_flag=True, help="Read all of them, every part against its hash.")
@lake_option
@json_option
@pass_project_dir
def trades(project: Path, verify: bool, lake_dir: Path | None, as_json: bool) -> None:
    """List the trades of the lake: market, number, days, and the times that are complete."""
    from paperbot_core.market.lake_trades import TRADES, covered, verify_trades
    from paperbot_core.market.timerange import iso_time

    lake = open_lake(project, lake_dir)
    if verify:
        verify_trades(lake)
    rows: list[dict[str, Any]] = [
        {
            "venue": manifest["venue"],
            "symbol": manifest["symbol"],
            "rows": sum(int(part["rows"]) for part in manifest["parts"]),
            "days": len(manifest["parts"]),
            "ids": manifest["ids"],
            "covered": covered(manifest),
            "digest": manifest["digest"],
        }
        for manifest in lake.manifests(TRADES)
    ]
    if as_json:
        emit_json(rows)
        return
    if not rows:
        click.echo(f"the lake `{lake.root}` holds no trades: paperbot data import-trades PATH ...")
    for row in rows:
        times = row["covered"]
        holes = f", {len(times) - 1} holes" if len(times) > 1 else ""
        click.echo(
            f"{row['venue']:<12} {row['symbol']:<16} {row['rows']:>13,}  "
            f"{iso_time(times[0][0])} to {iso_time(times[-1][1])}{holes}"
        )


@click.command("bars")
@click.argument("symbol", metavar="SYMBOL")
@click.option("--venue", required=True, metavar="V", help="Whose trades.")
@click.option("--time", "timeframe", metavar="TF", help="Bars of equal time, such as 1m.")
@click.option("--ticks", type=int, metavar="N", help="Bars of N trades.")
@click.option("--volume", type=float, metavar="X", help="Bars of at least X base units.")
@click.option("--dollar", type=float, metavar="X", help="Bars worth at least X in quote currency.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all columns to this .parquet or .csv file instead of the lake.",
)
@lake_option
@json_option
@pass_project_dir
def bars(
    project: Path,
    symbol: str,
    venue: str,
    timeframe: str | None,
    ticks: int | None,
    volume: float | None,
    dollar: float | None,
    out: Path | None,
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """Make bars of the trades of SYMBOL in the lake.

    Time bars become candle files in gold, which backtests read; the others go to the folder
    event_bars beside them. The last bar that is not full is left out. Later imports keep the files
    in the lake up to date.
    """
    from paperbot_core.market.lake import check_venue
    from paperbot_core.market.lake_trades import trades_key
    from paperbot_core.market.lake_trades_bars import (
        BuiltBars,
        build_bars,
        known_trades,
        lake_bars,
        write_bars,
    )
    from paperbot_core.market.timerange import iso_time

    rule = _rule(timeframe, ticks, volume, dollar)
    if out is not None and out.suffix.lower() not in {".parquet", ".csv"}:
        raise click.BadParameter("a .parquet or .csv file is wanted", param_hint="--out")
    lake = open_lake(project, lake_dir)
    key = trades_key(check_venue(venue), symbol)
    known_trades(lake, key)  # before the lock: a mistake must not make a lake
    if out is None:
        with lake.writing():
            done = build_bars(lake, key, rule)
    else:
        found, notes = lake_bars(lake, key, rule)
        write_bars(out, found)
        done = BuiltBars(out, len(found), int(found.ts[0]), int(found.ts[-1]), True, notes)
    if as_json:
        emit_json(
            {
                "venue": venue, "symbol": symbol, "kind": rule.kind.value, "size": rule.size,
                "file": done.path, "rows": done.rows, "first": done.first, "last": done.last,
                "written": done.written, "notes": list(done.notes),
            }
        )  # fmt: skip
        return
    state = "" if done.written else ", up to date already"
    click.echo(
        f"{done.path}: {done.rows:,} bars from {iso_time(done.first)} to "
        f"{iso_time(done.last)}{state}"
    )
    for note in done.notes:
        click.echo(f"note: {note}", err=True)


def _rule(
    timeframe: str | None, ticks: int | None, volume: float | None, dollar: float | None
) -> BarRule:
    """Return the one rule that was asked for.

    Raises:
        UserError: PB6307, none, several, or a size that is none; PB6002, no timeframe.
    """
    from paperbot_core.diagnostics import user_error
    from paperbot_core.domain.market import timeframe_ms
    from paperbot_core.market.trades_bars import BarKind, BarRule

    length: int | None = None
    if timeframe is not None:
        try:
            length = timeframe_ms(timeframe)
        except ValueError as error:
            raise user_error("PB6002", str(error)) from None
    sizes = {
        BarKind.TIME: length,
        BarKind.TICKS: ticks,
        BarKind.VOLUME: volume,
        BarKind.DOLLAR: dollar,
    }
    given = [(kind, size) for kind, size in sizes.items() if size is not None]
    if len(given) != 1:
        raise user_error(
            "PB6307",
            f"{len(given) or 'no'} kinds of bars are asked for",
            expected="one of `--time`, `--ticks`, `--volume`, `--dollar`",
        )
    try:
        return BarRule(*given[0])
    except ValueError as error:
        raise user_error("PB6307", str(error), expected="a positive size") from None
