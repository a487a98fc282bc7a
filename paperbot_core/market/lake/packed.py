"""Bars as one memory-mapped file, so that years of minutes open in a millisecond.

A packed file is a copy beside a Parquet file and never the truth: it names the size and time of
change of the file it was made of, and is ignored if they are not the same any more. It holds only
bars that were checked, so opening it checks nothing again.

Layout: 8 bytes of magic, the length of the header (uint64, little endian), the header as JSON,
zeros up to byte 4096, then `ts` (int64) and open, high, low, close, volume (float64), one after the
other, n values each, little endian.
"""

from __future__ import annotations

import json
import mmap
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.domain.market import Candles
from paperbot_core.market.lake.files import write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = b"PBARS001"
_DATA = 4_096
_COLUMNS = ("ts", "open", "high", "low", "close", "volume")
META = ".meta"


def packed_path(source: Path) -> Path:
    """Return where the packed copy of a candle file is, if it has one."""
    return source.parent / META / f"{source.stem}.bars"


def write_packed(source: Path, candles: Candles) -> None:
    """Write the packed copy of `source`, whose bars are `candles` and have been checked."""
    stat = source.stat()
    header = {
        "symbol": candles.symbol,
        "tf_ms": candles.tf_ms,
        "rows": len(candles),
        "source_size": stat.st_size,
        "source_mtime_ns": stat.st_mtime_ns,
    }
    text = json.dumps(header).encode("utf-8")
    head = _MAGIC + struct.pack("<Q", len(text)) + text
    if len(head) > _DATA:
        raise ValueError(f"a header of {len(head)} bytes does not fit into {_DATA}")

    def write(temp: Path) -> None:
        with temp.open("wb") as opened:
            opened.write(head.ljust(_DATA, b"\0"))
            for name in _COLUMNS:
                opened.write(_little(getattr(candles, name)).tobytes())

    write_atomically(packed_path(source), write)


def open_packed(source: Path, symbol: str, tf_ms: int) -> Candles | None:
    """Return the bars of `source` from its packed copy, or None if it has none that is its copy.

    The arrays are writable; what is written stays in memory (copy on write).
    """
    path = packed_path(source)
    try:
        stat = source.stat()
        with path.open("rb") as opened:
            header = _header(opened.read(_DATA))
            if header is None or sys.byteorder != "little":
                return None
            wanted = (symbol, tf_ms, stat.st_size, stat.st_mtime_ns)
            keys = ("symbol", "tf_ms", "source_size", "source_mtime_ns")
            rows = int(header.get("rows", 0))
            size = path.stat().st_size
            if tuple(header.get(key) for key in keys) != wanted or rows < 1:
                return None
            if size != _DATA + rows * 8 * len(_COLUMNS):
                return None
            memory = mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_COPY)
    except OSError:
        # No packed copy is no error: the file itself is read instead.
        return None
    columns: list[NDArray[Any]] = [
        np.frombuffer(memory, np.int64 if name == "ts" else np.float64, rows, _DATA + 8 * rows * at)
        for at, name in enumerate(_COLUMNS)
    ]
    return Candles(symbol, tf_ms, *columns)


def _header(page: bytes) -> dict[str, Any] | None:
    if len(page) < _DATA or page[:8] != _MAGIC:
        return None
    (length,) = struct.unpack("<Q", page[8:16])
    try:
        header = json.loads(page[16 : 16 + length])
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def _little(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
