"""One day of trades: from the file of the archive to arrays, and from arrays to bars.

Columns are found by their names in the header. Nothing is guessed: a header or a row that is not
as known is an error.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.api import Candles, DataError, Diagnostic, RetryableError, bucket_open
from paperbot_core.api.fetch import discard

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY_MS = 86_400_000
_NS_IN_MS = 1_000_000
_BLOCK = 16 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Trades of one symbol, oldest first; all of shape (n,).

    `ts` is int64, UTC ms (the archive has ns, rounded down). `price` and `volume` are float64.
    `notes` say what was noteworthy about the file.
    """

    ts: NDArray[np.int64]
    price: NDArray[np.float64]
    volume: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def no_trades() -> Trades:
    """Return a day on which nothing was traded."""
    return Trades(np.empty(0, np.int64), np.empty(0), np.empty(0))


def read_trades(path: Path, day: int, symbol: str, volume: str) -> Trades:
    """Return the trades of `symbol` in a daily file `...csv.gz`.

    Args:
        path: of the file.
        day: days since 1970-01-01 that the file is of.
        symbol: as BitMEX writes it, e.g. `XBTUSD`.
        volume: name of the column that counts the volume.

    Raises:
        RetryableError: PB6221, the file is damaged; it was removed, to be fetched again.
        DataError: PB6221, the file is not in the format known.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = {"timestamp": pa.string(), "symbol": pa.string(), "price": pa.float64(),
              volume: pa.float64()}  # fmt: skip
    parts = []
    for batch in _batches(path, wanted):
        mine = batch.filter(pc.equal(batch.column("symbol"), symbol))
        if mine.num_rows:
            parts.append(mine)
    if not parts:
        return no_trades()
    table = pa.Table.from_batches(parts)
    times = _times(table.column("timestamp"), path)
    if int(times.min()) < day * DAY_MS or int(times.max()) >= (day + 1) * DAY_MS:
        raise _format(path, "holds trades of another day")
    price, amount = (_numbers(table.column(name), path, name) for name in ("price", volume))
    notes: tuple[str, ...] = ()
    if (np.diff(times) < 0).any():
        count = int(np.count_nonzero(np.diff(times) < 0))
        notes = (f"{path.name}: {count} trades of {symbol} were put in the order of their times",)
        order = np.argsort(times, kind="stable")
        times, price, amount = times[order], price[order], amount[order]
    return Trades(times, price, amount, notes)


def read_symbols(path: Path) -> set[str]:
    """Return the symbols that were traded on the day of a file.

    Raises:
        RetryableError, DataError: PB6221, as `read_trades`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found: set[str] = set()
    for batch in _batches(path, {"symbol": pa.string()}):
        found.update(pc.unique(batch.column("symbol")).to_pylist())
    return found


def bars_of(symbol: str, tf_ms: int, days: Sequence[Trades]) -> Candles:
    """Return time bars of consecutive days; a time without trades has no bar.

    Open and close are the first and last trade of a bar in the order of the archive.
    """
    ts, price, volume = (
        np.concatenate([getattr(day, name) for day in days]) for name in ("ts", "price", "volume")
    )
    if not len(ts):
        return Candles(symbol, tf_ms, ts, *(np.empty(0) for _ in range(5)))
    offset = bucket_open(0, tf_ms)
    opens = (ts - offset) // tf_ms * tf_ms + offset
    first = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
    last = np.append(first[1:], len(ts)) - 1
    return Candles(
        symbol,
        tf_ms,
        opens[first],
        price[first],
        np.maximum.reduceat(price, first),
        np.minimum.reduceat(price, first),
        price[last],
        np.add.reduceat(volume, first),
    )


def _batches(path: Path, wanted: dict[str, Any]) -> Any:
    """Yield record batches with the `wanted` columns; errors as `read_trades`."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        header = _header(path)
        if lacking := [name for name in wanted if name not in header]:
            text = f"has no column `{'`, `'.join(lacking)}`: its header is `{','.join(header)}`"
            raise _format(path, text[:400])
        options = csv.ConvertOptions(include_columns=list(wanted), column_types=wanted)
        with pa.input_stream(str(path), compression="gzip") as stream:
            yield from csv.open_csv(
                stream,
                read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK),
                convert_options=options,
            )
    except (EOFError, OSError, zlib.error) as error:
        discard(path)
        text = f"`{path.name}` is damaged and was thrown away ({type(error).__name__})"
        raise RetryableError(Diagnostic("PB6221", text)) from error
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        reason = (str(error).splitlines() or ["?"])[0][:200]
        raise _format(path, f"cannot be read: {reason}") from error


def _header(path: Path) -> list[str]:
    with gzip.open(path, "rb") as opened:
        line = opened.readline(65_536)
    try:
        return [name.strip().strip('"') for name in line.decode("utf-8-sig").split(",")]
    except UnicodeDecodeError:
        raise _format(path, "has no header of text") from None


def _times(column: Any, path: Path) -> NDArray[np.int64]:
    """Return UTC ms of `2018-09-01D04:03:41.128828000`; ISO with T, and Z at the end, also."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(column, pattern="^(.{10})D", replacement="\\1T")
    text = pc.replace_substring_regex(text, pattern="Z$", replacement="")
    try:
        moments = pc.cast(text, pa.timestamp("ns"))
    except pa.ArrowInvalid as error:
        raise _format(path, f"has times that are none ({str(error)[:120]})") from error
    if moments.null_count:
        raise _format(path, "has trades without a time")
    return np.asarray(_array(moments.cast(pa.int64())) // _NS_IN_MS, dtype=np.int64)


def _numbers(column: Any, path: Path, name: str) -> NDArray[np.float64]:
    if column.null_count:
        raise _format(path, f"has trades without `{name}`")
    numbers = np.asarray(_array(column), dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise _format(path, f"has trades whose `{name}` is no number")
    return numbers


def _array(column: Any) -> NDArray[Any]:
    # `to_numpy` of a chunked array would import pandas.
    return np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks if len(chunk)])


def _format(path: Path, text: str) -> DataError:
    return DataError(Diagnostic("PB6221", f"`{path.name}` {text}"))
