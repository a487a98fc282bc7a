"""Series of the lake as files for others: Parquet, CSV, and the folder that freqtrade reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import user_error
from paperbot_core.domain.market import Candles
from paperbot_core.market.lake import Lake, SeriesKey
from paperbot_core.market.lake_files import candle_name, candle_table, write_atomically
from paperbot_core.market.lake_silver import read_series

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
        wanted = " ".join(part for part in (venue, symbol, timeframe) if part)
        raise user_error(
            "PB6107",
            f"the lake `{lake.root}` holds no series{' of ' + wanted if wanted else ''}",
            file=str(lake.root),
            help="`paperbot data list` shows what it holds, `paperbot data import` adds to it",
        )
    return found


def export(
    lake: Lake, series: Sequence[tuple[SeriesKey, dict[str, Any]]], folder: Path, kind: str
) -> list[Path]:
    """Write each series as one file into `folder`, which must be new or empty; return the files.

    Series of several venues get a folder for each. `kind` is one of FORMATS.

    Raises:
        UserError: PB6101, the folder holds something.
        DataError: PB6105, a part is not what was written.
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
        written.append(_WRITERS[kind](place, key, candles))
    return written


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
