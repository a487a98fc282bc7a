"""One day of trades: from the file of the archive to arrays, and from arrays to bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paperbot_bitmex.daily import batches, read_rows
from paperbot_core.api import Candles, bucket_open

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    """Return the trades of `symbol` in a daily file; `volume` names the column that is counted.

    Raises:
        RetryableError, DataError: PB6221, as `read_rows`.
    """
    times, (price, amount) = read_rows(path, day, symbol, ("price", volume))
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
        RetryableError, DataError: PB6221, as `read_rows`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found: set[str] = set()
    for batch in batches(path, {"symbol": pa.string()}):
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
