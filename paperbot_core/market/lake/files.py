"""Files that are either there in full or not at all: temp file, fsync, rename; and candle files."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.market.candles.arrow import from_numbers

if TYPE_CHECKING:
    from paperbot_core.domain.market import Candles

#: Names that begin so are unfinished; readers skip them, `data prune` removes what a crash left.
TEMP_PREFIX = ".tmp-"
_CHUNK = 1 << 20


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place, safe on disk.

    A crash at any point leaves the old file or the new one. The folder is made if needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.parent / f"{TEMP_PREFIX}{secrets.token_hex(8)}-{path.name}"
    try:
        write(temp)
        _sync(temp)
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)
    _sync(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    write_atomically(path, lambda temp: _write_all(temp, content))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write one JSON object atomically, indented, keys in the order given."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode("utf-8"))


def write_candles(path: Path, candles: Candles) -> None:
    """Write bars as Parquet (zstd), atomically: `ts` int64 UTC ms and five float64 columns."""
    from pyarrow import parquet

    table = candle_table(candles)
    # Prices repeat too little for a dictionary: without it files are half the size, and written
    # twice as fast; open times are best as differences.
    write_atomically(
        path,
        lambda temp: parquet.write_table(
            table, temp, compression="zstd", use_dictionary=False,
            column_encoding={"ts": "DELTA_BINARY_PACKED"},
        ),
    )  # fmt: skip


def write_table(path: Path, table: Any) -> None:
    """Write a pyarrow Table as Parquet (zstd), atomically."""
    from pyarrow import parquet

    write_atomically(path, lambda temp: parquet.write_table(table, temp, compression="zstd"))


def candle_table(candles: Candles) -> Any:
    """Return the bars as a pyarrow Table with columns ts, open, high, low, close, volume."""
    import pyarrow as pa

    columns = {
        "ts": candles.ts,
        "open": candles.open,
        "high": candles.high,
        "low": candles.low,
        "close": candles.close,
        "volume": candles.volume,
    }
    return pa.table({name: from_numbers(values) for name, values in columns.items()})


def candle_name(symbol: str, timeframe: str) -> str:
    """Return the name of a candle file without its suffix: `BTC/USDT` in 1h is `BTC-USDT_1h`."""
    return f"{symbol.replace('/', '-').replace(':', '-')}_{timeframe}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _write_all(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _sync(path: Path) -> None:
    """Wait until a file or the entries of a folder are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
