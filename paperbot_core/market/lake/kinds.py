"""What a file holds, candles, trades or events: told by its columns, never by its name."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paperbot_core.diagnostics import DataError
from paperbot_core.market.events.table import EVENTS_SUFFIXES, events_layout, is_lean_row
from paperbot_core.market.formats.words import ambiguous, unknown_layout
from paperbot_core.market.lake.dataset import Kind
from paperbot_core.market.trades.columns import locate_trades, names_of_rows
from paperbot_core.market.trades.names import is_trades_file
from paperbot_core.market.trades.read import is_number, opened_text

_HEAD = 65_536
_PRICES = {"open", "high", "low", "close"}
_SHOWN, _SHOWN_LETTERS = 8, 40


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line of a file that counts: names of columns, or values if there are no names."""

    words: tuple[str, ...]
    named: bool


def importable(paths: Sequence[Path]) -> list[Path]:
    """Return the files of `paths` that may be imported, by suffix; folders in full depth."""
    found: dict[Path, None] = {}
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            inner = file.relative_to(path).parts if path.is_dir() else ()
            hidden = any(part.startswith(".") for part in inner)
            if is_trades_file(file) and not hidden and not file.is_dir():
                found[file] = None
    return list(found)


def kind_of(path: Path) -> Kind:
    """Return what a file holds.

    A file that cannot be opened, or has no names of columns that would tell, is left to the reader
    of candles (of trades, if it is packed with gzip), who says what is wrong with it.

    Raises:
        DataError: PB6110 its columns are of none, PB6111 of more than one.
    """
    try:
        head = _head(path)
    except (DataError, EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError):
        head = None
    if head is None or not head.named:
        return _unnamed(path, head.words if head else ())
    names = {word.strip().casefold() for word in head.words}
    fitting = []
    if names >= _PRICES:
        fitting.append(Kind.CANDLES)
    if not isinstance(locate_trades(head.words), str):
        fitting.append(Kind.TRADES)
    if path.suffix.lower() in EVENTS_SUFFIXES and events_layout(head.words):
        fitting.append(Kind.EVENTS)
    if len(fitting) > 1:
        raise ambiguous(
            path, f"it has the columns of {' and of '.join(fitting)}", "say which with `--kind`"
        )
    if not fitting and not names & _PRICES:
        raise unknown_layout(path, f"it has {_listed(head.words)}")
    return fitting[0] if fitting else Kind.CANDLES


def _listed(words: Sequence[str]) -> str:
    """Return names of columns for people; in files of anything they are many, long and odd."""
    shown = [word[:_SHOWN_LETTERS] for word in words[:_SHOWN]]
    clean = ("".join(c if c.isprintable() else "?" for c in word) for word in shown)
    return ", ".join(clean) + ", ..." * (len(words) > _SHOWN)


def _unnamed(path: Path, first: Sequence[str]) -> Kind:
    """Return what a file without names of columns holds, by its first row."""
    packed = path.suffix.lower() == ".gz"
    if packed or names_of_rows(first, contracts=False) is not None:
        return Kind.TRADES
    return Kind.EVENTS if is_lean_row(first) else Kind.CANDLES


def _head(path: Path) -> _Head | None:
    """Return the first line that counts: not empty, no comment, no address of a site."""
    if path.suffix.lower() in {".parquet", ".feather"}:
        return _schema(path)
    with opened_text(path) as stream:
        lines = stream.read(_HEAD).decode("utf-8-sig", "replace").splitlines()
    for line in lines:
        if line.strip() and not line.startswith(("#", "http")):
            words = tuple(word.strip().strip('"') for word in line.split(","))
            return _Head(words, named=not any(is_number(word) for word in words))
    return None


def _schema(path: Path) -> _Head | None:
    """Return the names of the columns of a Parquet or Feather file; its rows are not read."""
    import pyarrow as pa
    from pyarrow import ipc, parquet

    try:
        if path.suffix.lower() == ".parquet":
            return _Head(tuple(parquet.read_schema(path).names), named=True)
        with pa.memory_map(str(path)) as opened:
            return _Head(tuple(ipc.open_file(opened).schema.names), named=True)
    except (pa.ArrowException, UnicodeDecodeError):
        return None
