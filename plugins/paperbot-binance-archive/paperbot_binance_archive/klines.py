"""One kline file: a zip with one CSV file, with or without a header, in milli- or microseconds."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.api import Candles, DataError, Diagnostic, RetryableError
from paperbot_core.api.fetch import discard

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The layout of rows without a header; a header names its columns and wins.
COLUMNS = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_PRICES = ("open", "high", "low", "close")
_BYTES_MAX = 1 << 30
#: 2001 to 2286 in milliseconds, and the same in microseconds: the digits tell the unit.
_MS = (10**12, 10**13)
_US = (10**15, 10**16)


def read_klines(path: Path, symbol: str, tf_ms: int, volume: str) -> Candles:
    """Return the bars of a file, in its order; open times in UTC ms.

    `volume` is the name of the column that counts the base currency.

    Raises:
        RetryableError: PB6221, the file is damaged; it was removed, to be fetched again.
        DataError: PB6221, the file is not in the format known.
    """
    text = _unzip(path)
    line = text[:4_096].split(b"\n", 1)[0].strip()
    first = [word.strip().strip(b'"').decode("latin-1") for word in line.split(b",")]
    header = not first[0].isdecimal()
    names = [name.lower() for name in first] if header else list(COLUMNS)
    if header and (lacking := [n for n in ("open_time", *_PRICES, volume) if n not in names]):
        said = f"has no column `{'`, `'.join(lacking)}`: its header is `{','.join(first)}`"
        raise _format(path, said[:400])
    if not header and len(first) != len(COLUMNS):
        raise _format(path, f"has {len(first)} columns without a header, not {len(COLUMNS)}")
    fields = (*_PRICES, volume)
    table = _table(path, text, names, fields, header)
    times = _times(table.column("open_time"), path)
    values = [_numbers(table.column(name), path, name) for name in fields]
    if "close_time" in names:
        _check_length(times, _times(table.column("close_time"), path), tf_ms, path)
    return Candles(symbol, tf_ms, times, *values)


def _unzip(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as opened:
            inside = opened.infolist()
            if len(inside) != 1 or not inside[0].filename.endswith(".csv"):
                names = ", ".join(one.filename for one in inside[:5])
                raise _format(path, f"holds {names or 'nothing'} instead of one CSV file")
            if inside[0].file_size > _BYTES_MAX:
                raise _format(path, f"unpacks to {inside[0].file_size:,} bytes")
            return opened.read(inside[0])
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        discard(path)
        text = f"`{path.name}` is damaged and was thrown away ({type(error).__name__})"
        raise RetryableError(Diagnostic("PB6221", text)) from error


def _table(
    path: Path, text: bytes, names: list[str], fields: tuple[str, ...], header: bool
) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    wanted = {"open_time": pa.int64(), "close_time": pa.int64(),
              **dict.fromkeys(fields, pa.float64())}  # fmt: skip
    wanted = {name: kind for name, kind in wanted.items() if name in names}
    try:
        return csv.read_csv(
            io.BytesIO(text),
            read_options=csv.ReadOptions(
                column_names=names, skip_rows=1 if header else 0, use_threads=False
            ),
            convert_options=csv.ConvertOptions(
                include_columns=list(wanted), column_types=wanted
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        reason = (str(error).splitlines() or ["?"])[0][:200]
        raise _format(path, f"cannot be read: {reason}") from error


def _times(column: Any, path: Path) -> NDArray[np.int64]:
    """Return UTC ms; the last microsecond of a millisecond counts as that millisecond."""
    if column.null_count or not len(column):
        raise _format(path, "has bars without a time" if len(column) else "has no bars")
    numbers = np.asarray(_array(column), dtype=np.int64)
    low, high = int(numbers.min()), int(numbers.max())
    if _MS[0] <= low <= high < _MS[1]:
        return numbers
    if _US[0] <= low <= high < _US[1]:
        return numbers // 1_000
    raise _format(path, f"has times from {low} to {high}: neither milli- nor microseconds")


def _numbers(column: Any, path: Path, name: str) -> NDArray[np.float64]:
    if column.null_count:
        raise _format(path, f"has bars without `{name}`")
    return np.asarray(_array(column), dtype=np.float64)


def _check_length(
    opens: NDArray[np.int64], closes: NDArray[np.int64], tf_ms: int, path: Path
) -> None:
    # Klines cut short by an outage close early; none may reach into the next one.
    if (closes >= opens + tf_ms).any() or not (closes == opens + tf_ms - 1).any():
        raise _format(path, "has bars of another length than its name says")


def _array(column: Any) -> NDArray[Any]:
    # `to_numpy` of a chunked array would import pandas.
    return np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks if len(chunk)])


def _format(path: Path, text: str) -> DataError:
    return DataError(Diagnostic("PB6221", f"`{path.name}` {text}"))
