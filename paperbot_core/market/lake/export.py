"""Series of the lake as files for others: Parquet, CSV, and the folder that freqtrade reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span, UserError, user_error
from paperbot_core.domain.market import Candles
from paperbot_core.market.checks.checks import has_sessions
from paperbot_core.market.events.events import adjusted, make_events
from paperbot_core.market.lake.events import lake_events
from paperbot_core.market.lake.files import candle_name, candle_table, write_atomically
from paperbot_core.market.lake.layout import Lake, SeriesKey
from paperbot_core.market.lake.silver import read_series
from paperbot_core.market.timerange import iso_time

FORMATS = ("parquet", "csv", "freqtrade")


def select(
    lake: Lake, *, venue: str | None, symbol: str | None, timeframe: str | None
) -> list[tuple[SeriesKey, dict[str, Any]]]:
    """Return the series with that venue, symbol and timeframe; None takes every one.

    Raises:
        UserError: PB6107, there is none.
        DataError: PB6105, a manifest cannot be read.
    """
    found = [
        (key, manifest)
        for key, manifest in lake.series()
        if venue in (None, key.venue)
        and symbol in (None, key.symbol)
        and timeframe in (None, key.timeframe)
    ]
    if not found:
        raise nothing_of(lake, venue, symbol, timeframe)
    return found


def nothing_of(lake: Lake, *wanted: str | None) -> UserError:
    """Return the error for a lake that holds none of what was asked for (None: anything)."""
    told = " ".join(word for word in wanted if word)
    return user_error(
        "PB6107",
        f"the lake `{lake.root}` holds no series{' of ' + told if told else ''}",
        file=str(lake.root),
        help="`paperbot data list` shows what it holds, `paperbot data import` adds to it",
    )


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How to export shares: back-adjusted for splits, as known at `as_of` (UTC ms; None: the end).

    `dividends` adjusts prices for dividends too.
    """

    as_of: int | None = None
    dividends: bool = False


def export(
    lake: Lake,
    series: Sequence[tuple[SeriesKey, dict[str, Any]]],
    folder: Path,
    kind: str,
    adjustment: Adjustment | None = None,
) -> list[Path]:
    """Write each series as one file into `folder`, which must be new or empty; return the files.

    Series of several venues get a folder for each. `kind` is one of FORMATS. Bars stay as they are
    in the lake (None), or are adjusted for the splits and dividends that it has of their markets.

    Raises:
        UserError: PB6101, the folder holds something.
        DataError: PB6105 a part is not what was written; PB6332, PB6335 bars that cannot be
            adjusted, PB6336 a market without events, PB6337 no bar closed by `as_of`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise user_error(
            "PB6101",
            f"`{folder}` is not empty",
            file=str(folder),
            help="name a folder that does not exist yet: an export never overwrites",
        )
    several = len({key.venue for key, _manifest in series}) > 1
    written = []
    for key, manifest in series:
        place = folder / key.venue if several else folder
        candles = read_series(lake, key, manifest)
        if adjustment is not None:
            candles = _adjusted(lake, key, candles, adjustment)
        written.append(_WRITERS[kind](place, key, candles))
    return written


def _adjusted(lake: Lake, key: SeriesKey, candles: Candles, how: Adjustment) -> Candles:
    events = lake_events(lake, key.venue, key.symbol)
    if events is None:
        if not has_sessions(key.symbol):
            events = make_events(key.symbol, ())  # pairs of currencies are never split
        else:
            raise DataError(
                Diagnostic(
                    "PB6336",
                    f"the lake has no splits and dividends of {key.venue} {key.symbol}",
                    Span(str(lake.root)),
                    help="`paperbot data import PATH --venue V` takes them in; a file "
                    "without rows says that there were none",
                )
            )
    found = adjusted(candles, events, how.as_of, dividends=how.dividends)
    if how.as_of is not None and not len(found):
        raise DataError(
            Diagnostic(
                "PB6337",
                f"no {key.timeframe} bar of {key.symbol} had closed by {iso_time(how.as_of)}",
                Span(str(lake.root)),
                help="`paperbot data list` shows from when on there are bars",
            )
        )
    return found


def _parquet(folder: Path, key: SeriesKey, candles: Candles) -> Path:
    from pyarrow import parquet

    path = folder / f"{candle_name(key.symbol, key.timeframe)}.parquet"
    table = candle_table(candles)
    write_atomically(path, lambda temp: parquet.write_table(table, temp, compression="zstd"))
    return path


def _csv(folder: Path, key: SeriesKey, candles: Candles) -> Path:
    from pyarrow import csv

    path = folder / f"{candle_name(key.symbol, key.timeframe)}.csv"
    write_atomically(path, lambda temp: csv.write_csv(candle_table(candles), temp))
    return path


def _freqtrade(folder: Path, key: SeriesKey, candles: Candles) -> Path:
    """Write `BTC_USDT-1h.feather`; perpetuals as `futures/BTC_USDT_USDT-1h-futures.feather`."""
    import pyarrow as pa
    from pyarrow import feather

    stem = key.symbol.replace("/", "_").replace(":", "_") + f"-{key.timeframe}"
    path = folder / f"{stem}.feather"
    if ":" in key.symbol:
        path = folder / "futures" / f"{stem}-futures.feather"
    table = candle_table(candles)
    dates = table.column("ts").cast(pa.timestamp("ms", tz="UTC"))
    renamed = table.set_column(0, "date", dates)
    write_atomically(path, lambda temp: feather.write_feather(renamed, temp, compression="lz4"))
    return path


_WRITERS: dict[str, Callable[[Path, SeriesKey, Candles], Path]] = {
    "parquet": _parquet,
    "csv": _csv,
    "freqtrade": _freqtrade,
}
