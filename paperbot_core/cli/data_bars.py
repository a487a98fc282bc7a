"""`paperbot data bars`: bars made of the trades in the data lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_options import lake_option, open_lake

if TYPE_CHECKING:
    from paperbot_core.market.trades.bars import BarRule


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
    from paperbot_core.domain.counting import counted
    from paperbot_core.market.lake.layout import check_venue
    from paperbot_core.market.lake.trades import trades_key
    from paperbot_core.market.lake.trades_bars import (
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
        f"{done.path}: {counted(done.rows, 'bar')} from {iso_time(done.first)} to "
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
    from paperbot_core.market.trades.bars import BarKind, BarRule

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
