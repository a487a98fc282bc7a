"""Candles in other people's layouts: recognised by content, named, and never guessed silently.

| layout | told by |
|---|---|
| `named` | a header with a time, open, high, low, close and volume |
| `binance-klines` | 12 columns, the seventh being the end of the bar |
| `cryptodatadownload` | the site's first line, or `unix` beside `symbol`; newest first |
| `yahoo` | a header with `Adj Close` |
| `jesse` | 6 columns without header, in which the fourth holds the highest price |
| `ohlcv` | 6 columns without header, in which the third holds the highest price |
| `lean-equity`, `lean-crypto` | times as `20240131 00:00`, or milliseconds of the day in the name |
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.market.candles.files import BYTES_MAX, read_table, text_encoding
from paperbot_core.market.candles.names import parse_candle_name
from paperbot_core.market.formats.columns import layout_of_header, named_rows
from paperbot_core.market.formats.lean import is_lean, lean_rows
from paperbot_core.market.formats.rows import klines_rows, six_column_rows
from paperbot_core.market.formats.words import Recognised, unknown_layout

LAYOUTS = (
    "named",
    "binance-klines",
    "cryptodatadownload",
    "yahoo",
    "jesse",
    "ohlcv",
    "lean-equity",
    "lean-crypto",
)
_HEAD = 4_096
_NUMBER = re.compile(r"\s*[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*")


@dataclass(frozen=True, slots=True)
class _Text:
    """A CSV file in memory: its bytes, the name that may tell something, lines before the data."""

    path: Path
    inner: str
    content: bytes
    skip: int
    first: list[str]

    @property
    def has_header(self) -> bool:
        """True if the first line that counts holds words (not only numbers and LEAN's times)."""
        return any(not _NUMBER.fullmatch(field) for field in self.first[1:])


def recognise(path: Path, *, symbol: str | None = None, layout: str | None = None) -> Recognised:
    """Return the rows of a candle file in any layout of the table above.

    Args:
        path: a .parquet, .feather or .csv file, or a .zip that holds one CSV file.
        symbol: what the file is about, if the user said so.
        layout: the layout, if the user said so; it is then not looked for.

    Raises:
        DataError: PB6003, PB6014 the file cannot be read; PB6110 no layout fits; PB6111 several do.
    """
    named = parse_candle_name(path)
    told = symbol or (named[0] if named else None)
    if path.suffix.lower() in {".parquet", ".feather"}:
        table = read_table(path)
        return named_rows(path, table, layout or layout_of_header(table.column_names), told, 0)
    text = _open_text(path)
    if layout in {"lean-equity", "lean-crypto"} or (layout is None and is_lean(text.first)):
        return lean_rows(path, text.inner, _columns(text, header=False), layout)
    if text.has_header:
        lost: list[int] = []
        table = _columns(text, header=True, lost=lost)
        site = b"cryptodatadownload" in text.content[:_HEAD].lower()
        kind = layout or ("cryptodatadownload" if site else layout_of_header(table.column_names))
        # The name of such a file begins with the exchange, which is no part of a symbol.
        told = symbol if kind == "cryptodatadownload" else told
        return named_rows(path, table, kind, told, len(lost))
    table = _columns(text, header=False)
    if table.num_columns == 12 and layout in {None, "binance-klines"}:
        return klines_rows(path, table)
    if table.num_columns == 6 and layout in {None, "jesse", "ohlcv"}:
        return six_column_rows(path, table, layout)
    raise unknown_layout(path, f"{table.num_columns} columns without a header")


def _open_text(path: Path) -> _Text:
    inner, content = path.name, b""
    try:
        if path.suffix.lower() == ".zip":
            inner, content = _unzipped(path)
        elif path.stat().st_size > BYTES_MAX:
            raise _unreadable(path, "it is too big")
        else:
            content = path.read_bytes()
    except (OSError, zipfile.BadZipFile) as error:
        raise _unreadable(path, str(error)) from error
    lines = content[:_HEAD].decode("utf-8-sig", "replace").splitlines()
    skip = 0
    while skip < len(lines) and (lines[skip].startswith(("#", "http")) or not lines[skip].strip()):
        skip += 1
    if skip >= len(lines):
        raise DataError(Diagnostic("PB6006", "the file holds no bars", Span(str(path))))
    return _Text(path, inner, content, skip, lines[skip].split(","))


def _unzipped(path: Path) -> tuple[str, bytes]:
    """Return name and bytes of the one CSV file in a zip."""
    with zipfile.ZipFile(path) as archive:
        inside = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
        if len(inside) != 1:
            names = ", ".join(info.filename for info in archive.infolist()[:5]) or "nothing"
            raise unknown_layout(path, f"a zip with {names}; wanted is one CSV file")
        if inside[0].file_size > BYTES_MAX:
            raise _unreadable(path, "it unpacks to more than a market has")
        return inside[0].filename, archive.read(inside[0])


def _columns(text: _Text, *, header: bool, lost: list[int] | None = None) -> Any:
    """Return the CSV as a pyarrow Table; without a header the columns are f0, f1, ..."""
    import pyarrow as pa
    from pyarrow import csv

    def leave_out(row: Any) -> str:
        if lost is not None:
            lost.append(row.actual_columns)
        return "skip"

    options = csv.ReadOptions(
        skip_rows=text.skip, autogenerate_column_names=not header,
        encoding="utf8" if lost is None else text_encoding(text.content),
    )  # fmt: skip
    parse = csv.ParseOptions(invalid_row_handler=None if lost is None else leave_out)
    try:
        content = pa.BufferReader(text.content)
        table = csv.read_csv(content, read_options=options, parse_options=parse)
        _ = table.column_names  # names are decoded here, and may not be UTF-8
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable(text.path, str(error)) from error
    return table


def _unreadable(path: Path, reason: str) -> DataError:
    lines = reason.strip().splitlines()
    return DataError(
        Diagnostic(
            "PB6003",
            f"`{path.name}` cannot be read as {path.suffix.lower()[1:]}",
            Span(str(path)),
            help=f"download it again ({lines[0][:160] if lines else 'no reason given'})",
        )
    )
