"""`paperbot data list`: what the data lake holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_options import lake_option, only_symbol, only_venue, open_lake

if TYPE_CHECKING:
    from paperbot_core.market.lake.layout import Lake

#: Letters of a date, and the place of the number of rows in a line.
_DAY, _ROWS = 10, 3


@click.command("list")
@only_venue
@only_symbol
@click.option("--events", is_flag=True, help="List each split and dividend, by its day.")
@lake_option
@json_option
@pass_project_dir
def list_(
    project: Path,
    venue: str | None,
    symbol: str | None,
    events: bool,
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """List the candles, trades, splits and dividends of the lake: rows, span, sources.

    Of trades, days and holes are told too; of candles, whether the bars made of them are up to
    date.
    """
    from paperbot_core.market.lake.events import list_events

    lake = open_lake(project, lake_dir)
    found = list_events(lake) if events else [_row(lake, one) for one in lake.manifests()]
    rows = [
        row for row in found if venue in (None, row["venue"]) and symbol in (None, row["symbol"])
    ]
    if as_json:
        emit_json(rows)
        return
    if not rows:
        what = "no splits and dividends" if events else "nothing"
        of = "".join(f" of {one}" for one in (venue, symbol) if one)
        click.echo(
            f"the lake `{lake.root}` holds {what}{of} yet: paperbot data import PATH --venue V"
        )
    lines = [_event(row) for row in rows] if events else _table([_cells(row) for row in rows])
    for line in lines:
        click.echo(line)


def _row(lake: Lake, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a data set, for JSON; times are UTC ms, null where it has no rows."""
    from paperbot_core.market.lake.dataset import Kind, key_of
    from paperbot_core.market.lake.gold import is_current, longer_bars
    from paperbot_core.market.lake.trades import covered

    key, parts = key_of(manifest), manifest["parts"]
    kind = next(kind for kind in Kind if kind.contract == manifest["dataset"])
    row: dict[str, Any] = {
        "kind": kind.value,
        "venue": key.venue,
        "symbol": key.symbol,
        "timeframe": key.timeframe if kind is Kind.CANDLES else None,
        "rows": sum(int(part["rows"]) for part in parts),
        "first": parts[0]["first"] if parts else None,
        "last": parts[-1]["last"] if parts else None,
        "sources": len(manifest["sources"]),
        "digest": str(manifest["digest"]),
    }
    if kind is Kind.CANDLES:
        row["bars"] = str(lake.gold(key))
        row["made"] = longer_bars(lake, key)
        row["current"] = is_current(lake, key, key.timeframe, row["digest"])
    elif kind is Kind.TRADES:
        row |= {"days": len(parts), "ids": manifest["ids"], "covered": covered(manifest)}
    else:
        row |= {name: sum(part[name] for part in parts) for name in ("splits", "dividends")}
    return row


def _cells(row: dict[str, Any]) -> list[str]:
    from paperbot_core.domain.counting import counted
    from paperbot_core.market.timerange import minute_text

    parts = [counted(row["sources"], "source")]
    times = (row["first"], row["last"])
    if row["kind"] == "candles":
        parts += [f"also as {', '.join(row['made'])}"] if row["made"] else []
        parts += [] if row["current"] else ["bars are not up to date"]
    elif row["kind"] == "trades":
        times = (row["covered"][0][0], row["covered"][-1][1])
        holes = len(row["covered"]) - 1
        parts += [counted(row["days"], "day"), *([counted(holes, "hole")] if holes else [])]
    else:
        parts += [counted(row["splits"], "split"), counted(row["dividends"], "dividend")]
    span = "" if None in times else " to ".join(minute_text(int(ts))[:_DAY] for ts in times)
    kind = row["timeframe"] or row["kind"]
    return [row["venue"], row["symbol"], kind, f"{row['rows']:,}", span, ", ".join(parts)]


def _table(rows: list[list[str]]) -> list[str]:
    """Return lines with columns as wide as they must be; numbers of rows to the right."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if at == _ROWS else f"{cell:<{width}}"
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _event(row: dict[str, Any]) -> str:
    split = "" if row["split"] == 1 else f"{row['split']:g} for 1"
    cash = "" if row["dividend"] == 0 else f"{row['dividend']:g} a share"
    place = f"{row['venue']:<12} {row['symbol']:<10} {row['date']}"
    return f"{place}  {split:<12} {cash}".rstrip()
