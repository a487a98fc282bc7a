"""The daily files of the archive, read by the names in their headers.

Nothing is guessed: a header or a row that is not as known is an error.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.api import DataError, Diagnostic, RetryableError
from paperbot_core.api.fetch import discard

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY_MS = 86_400_000
_NS_IN_MS = 1_000_000
_BLOCK = 16 << 20


def read_rows(
    path: Path, day: int, symbol: str, numbers: tuple[str, ...]
) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Return the times and the columns `numbers` of the rows of a symbol, in the order of the file.

    Args:
        path: of the file `...csv.gz`.
        day: days since 1970-01-01 that the file is of.
        symbol: as BitMEX writes it, e.g. `XBTUSD`.
        numbers: names of columns.

    Returns:
        UTC ms as int64 of shape (n,), and a float64 array of shape (n,) a column; n >= 0.

    Raises:
        RetryableError: PB6221, the file is damaged; it was removed, to be fetched again.
        DataError: PB6221, the file is not in the format known.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = {"timestamp": pa.string(), "symbol": pa.string()}
    parts = []
    for batch in batches(path, {**text, **dict.fromkeys(numbers, pa.float64())}):
        mine = batch.filter(pc.equal(batch.column("symbol"), symbol))
        if mine.num_rows:
            parts.append(mine)
    if not parts:
        return np.empty(0, np.int64), [np.empty(0) for _ in numbers]
    table = pa.Table.from_batches(parts)
    times = _times(table.column("timestamp"), path)
    if int(times.min()) < day * DAY_MS or int(times.max()) >= (day + 1) * DAY_MS:
        raise format_error(path, "holds rows of another day")
    return times, [_numbers(table.column(name), path, name) for name in numbers]


def batches(path: Path, wanted: dict[str, Any]) -> Iterator[Any]:
    """Yield batches with the `wanted` columns (name -> pyarrow type); errors as `read_rows`."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        header = _header(path)
        if lacking := [name for name in wanted if name not in header]:
            text = f"has no column `{'`, `'.join(lacking)}`: its header is `{','.join(header)}`"
            raise format_error(path, text[:400])
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
        raise format_error(path, f"cannot be read: {reason}") from error


def _header(path: Path) -> list[str]:
    with gzip.open(path, "rb") as opened:
        line = opened.readline(65_536)
    try:
        return [name.strip().strip('"') for name in line.decode("utf-8-sig").split(",")]
    except UnicodeDecodeError:
        raise format_error(path, "has no header of text") from None


def _times(column: Any, path: Path) -> NDArray[np.int64]:
    """Return UTC ms of `2018-09-01D04:03:41.128828000`; ISO with T, and Z at the end, also."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(column, pattern="^(.{10})D", replacement="\\1T")
    text = pc.replace_substring_regex(text, pattern="Z$", replacement="")
    try:
        moments = pc.cast(text, pa.timestamp("ns"))
    except pa.ArrowInvalid as error:
        raise format_error(path, f"has times that are none ({str(error)[:120]})") from error
    if moments.null_count:
        raise format_error(path, "has rows without a time")
    return np.asarray(_array(moments.cast(pa.int64())) // _NS_IN_MS, dtype=np.int64)


def _numbers(column: Any, path: Path, name: str) -> NDArray[np.float64]:
    if column.null_count:
        raise format_error(path, f"has rows without `{name}`")
    numbers = np.asarray(_array(column), dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise format_error(path, f"has rows whose `{name}` is no number")
    return numbers


def _array(column: Any) -> NDArray[Any]:
    # `to_numpy` of a chunked array would import pandas.
    return np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks if len(chunk)])


def format_error(path: Path, text: str) -> DataError:
    """Return the error PB6221 for a file that is not as known."""
    return DataError(Diagnostic("PB6221", f"`{path.name}` {text}"))
