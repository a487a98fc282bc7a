"""Best bid and ask of one day, as they stood at every step of a clock."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paperbot_bitmex.daily import DAY_MS, format_error, read_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBERS = ("bidPrice", "bidSize", "askPrice", "askSize")
_NAMES = ("bid", "bid_size", "ask", "ask_size")


@dataclass(frozen=True, slots=True, eq=False)
class Snapshots:
    """The book's best level at times `ts`; all of shape (n,), times int64 in UTC ms.

    `quote_ts` is when the quote that stood at `ts` was made: how old it is, is theirs to judge who
    use it. Prices are in quote currency, sizes in contracts, float64.
    """

    ts: NDArray[np.int64]
    quote_ts: NDArray[np.int64]
    bid: NDArray[np.float64]
    bid_size: NDArray[np.float64]
    ask: NDArray[np.float64]
    ask_size: NDArray[np.float64]


def read_snapshots(path: Path, day: int, symbol: str, cadence_ms: int = 250) -> Snapshots:
    """Return what stood at each multiple of `cadence_ms` of a day, after its first quote.

    A quote made exactly at a step stands at that step. The last step is the last one of the day
    before midnight.

    Args:
        path: of a daily quote file `...csv.gz`.
        day: days since 1970-01-01 that the file is of.
        symbol: as BitMEX writes it.
        cadence_ms: length of a step, a divisor of a day.

    Raises:
        ValueError: `cadence_ms` does not divide a day.
        RetryableError, DataError: PB6221, as `read_rows`; or times that go back.
    """
    if cadence_ms < 1 or DAY_MS % cadence_ms:
        raise ValueError(f"{cadence_ms} ms do not divide a day")
    times, columns = read_rows(path, day, symbol, _NUMBERS)
    if (np.diff(times) < 0).any():
        raise format_error(path, f"has quotes of {symbol} whose times go back")
    steps = day * DAY_MS + np.arange(0, DAY_MS, cadence_ms, dtype=np.int64)
    at = np.searchsorted(times, steps, side="right") - 1
    stood = at >= 0
    rows = at[stood]
    return Snapshots(steps[stood], times[rows], *(column[rows] for column in columns))


def write_snapshots(path: Path, snapshots: Snapshots) -> None:
    """Write snapshots as Parquet (zstd), whole or not at all."""
    import pyarrow as pa
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {}
    for name in ("ts", "quote_ts", *_NAMES):
        values = np.ascontiguousarray(getattr(snapshots, name))
        kind = pa.int64() if values.dtype == np.int64 else pa.float64()
        # `pa.array` would import pandas to ask whether it was given a Series.
        columns[name] = pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    temp = path.parent / f".tmp-{secrets.token_hex(8)}-{path.name}"
    try:
        parquet.write_table(pa.table(columns), temp, compression="zstd")
        with temp.open("rb") as written:
            os.fsync(written.fileno())
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)
