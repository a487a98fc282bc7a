"""Trades from the files of archives and of our own: Parquet, Feather, CSV, CSV in gzip or zip."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic, Span, user_error
from paperbot_core.market.candles.files import BYTES_MAX, ROWS_MAX, read_table
from paperbot_core.market.candles.raw import loose_floats
from paperbot_core.market.trades.columns import (
    TradeColumns,
    is_text,
    locate_trades,
    marked,
    names_of_rows,
    texts_of,
    trade_ids,
    trade_sides,
    trade_times,
)
from paperbot_core.market.trades.names import TradesName, is_trades_file, parse_trades_name
from paperbot_core.market.trades.trades import NO_ID, Ids, Trades, TradesLog, tidy

_BLOCK = 8 << 20
_HEAD = 65_536
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class TradesFile:
    """Clean trades of one market from one file.

    Attributes:
        trades: at least one.
        log: what was left out.
        layout: what the file was taken for.
        ids: what the ids count.
        covers: `[start, end)` UTC ms of which every trade is here: days of an archive's file, else
            from the first to the last trade.
    """

    trades: Trades
    log: TradesLog
    layout: str
    ids: Ids
    covers: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Header:
    """Names of the columns, lines above the first row of data, and that row."""

    names: tuple[str, ...]
    skip: int
    first: tuple[str, ...]


def read_trades(path: Path, symbol: str | None = None) -> TradesFile:
    """Return the trades of a file, cleaned; what was left out is counted in the log.

    Args:
        path: a file that ends in one of `trades_names.SUFFIXES`.
        symbol: the market, where neither name nor rows tell it; with it a file of many markets is
            read for that one.

    Raises:
        DataError: PB6301 it is damaged or no file of trades, PB6003, PB6014 it cannot be read,
            PB6304 no good trade is in it.
        UserError: PB6302 nobody tells the market.
    """
    import pyarrow as pa

    name = parse_trades_name(path)
    if not is_trades_file(path):
        raise not_trades(path, "files of trades end in .parquet, .feather, .csv, .csv.gz or .zip")
    lost = 0
    if path.suffix.lower() in {".parquet", ".feather"}:
        table = read_table(path)
        columns = _located(path, tuple(table.column_names))
    else:
        table, columns, lost = _read_text(path, name)
    try:
        table, told = _of_symbol(
            path, table, columns, symbol or name.symbol, said=symbol is not None
        )
        trades, log, ids = _cleaned(table, columns, told)
    except pa.ArrowException as error:
        # A column of a type that holds no such thing: lists as prices, dates as ids.
        raise not_trades(path, (str(error).splitlines() or ["?"])[0][:160]) from error
    log = replace(log, rows=log.rows + lost, bad=log.bad + lost)
    if not len(trades):
        faults = "; ".join((*log.faults(), *log.notes()))
        raise DataError(
            Diagnostic(
                "PB6304",
                f"`{path.name}` holds no trade of {told}{': ' if faults else ''}{faults}",
                Span(str(path)),
                help="check the symbol, or download it again",
            )
        )
    first, last = int(trades.ts[0]), int(trades.ts[-1])
    covers = name.covers or (first, last + 1)
    if first < covers[0] or last >= covers[1]:
        raise not_trades(path, "it holds trades of another time than its name says")
    return TradesFile(trades, log, columns.layout, ids, covers)


def not_trades(path: Path, why: str) -> DataError:
    """Return the error for a file that cannot be read as trades."""
    return DataError(
        Diagnostic(
            "PB6301",
            f"`{path.name}` cannot be read as trades: {why}",
            Span(str(path)),
            expected="columns for time, price and amount, or a file of Binance or BitMEX",
            help="download it again, or see docs/trades.md for what is read",
        )
    )


def _located(path: Path, names: tuple[str, ...]) -> TradeColumns:
    found = locate_trades(names)
    if isinstance(found, str):
        raise not_trades(path, f"{found}; it has {', '.join(names[:12])}"[:300])
    return found


def _of_symbol(
    path: Path, table: Any, columns: TradeColumns, symbol: str | None, *, said: bool
) -> tuple[Any, str]:
    """Return the rows of one market and its symbol."""
    if columns.symbol is None:
        if symbol is None:
            raise _no_symbol(path, "neither its name nor its rows tell the market")
        return table, symbol
    column = table.column(columns.symbol)
    there = texts_of(column)
    if symbol is None:
        if len(there) != 1:
            listed = ", ".join(there[:_SHOWN])
            raise _no_symbol(path, f"it holds {len(there)} markets: {listed}")
        return table, there[0]
    pair = symbol.partition(":")[0]
    spellings = (symbol, pair.replace("/", ""), pair.replace("/", "_"))
    native = next((text for text in spellings if text in there), None)
    if native is None and not said and len(there) == 1:
        return table, symbol
    rows = is_text(column, native or symbol)
    return table.take(_row_numbers(rows)), symbol


def _row_numbers(mask: Any) -> Any:
    from paperbot_core.market.candles.arrow import from_numbers

    return from_numbers(np.flatnonzero(mask).astype(np.int64))


def _no_symbol(path: Path, why: str) -> Exception:
    return user_error(
        "PB6302",
        f"`{path.name}`: {why}",
        file=str(path),
        help="say it with `--symbol`",
    )


def _cleaned(table: Any, columns: TradeColumns, symbol: str) -> tuple[Trades, TradesLog, Ids]:
    count = table.num_rows
    ts, timed = trade_times(table.column(columns.time))
    price, odd_price = loose_floats(table.column(columns.price))
    amount, odd_amount = loose_floats(table.column(columns.amount))
    side = np.zeros(count, dtype=np.int8)
    if columns.side or columns.maker:
        side = trade_sides(
            table.column(columns.side) if columns.side else None,
            table.column(columns.maker) if columns.maker else None,
        )
    id_, ids = np.full(count, NO_ID, dtype=np.int64), Ids.NONE
    if columns.id is not None:
        id_, ids = trade_ids(table.column(columns.id), columns.ids)
    doubtful = np.zeros(count, dtype=np.bool_)
    if columns.suspicious is not None:
        doubtful = marked(table.column(columns.suspicious))
    rows = Trades(symbol, ts, price, amount, side, id_)
    # A row without an id among rows with ids could not be told from one that comes twice.
    odd_id = (id_ == NO_ID) & (ids is not Ids.NONE)
    trades, log = tidy(rows, ids, ~timed | odd_price | odd_amount | odd_id, doubtful)
    return trades, log, ids


def _read_text(path: Path, name: TradesName) -> tuple[Any, TradeColumns, int]:
    """Return the wanted columns, where they are, and how many lines were no rows."""
    import pyarrow as pa

    try:
        header = _header(path, name)
        columns = _located(path, header.names)
        try:
            return _table(path, header, columns, strict=True), columns, 0
        except pa.ArrowInvalid:
            # Some row is not as the first one: read all as text, so that it can be counted.
            lost: list[int] = []
            return _table(path, header, columns, strict=False, lost=lost), columns, len(lost)
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        # RuntimeError: a zip with a password or a compression that Python does not have.
        raise not_trades(path, f"it is damaged ({type(error).__name__})") from error
    except pa.ArrowException as error:
        reason = (str(error).splitlines() or ["?"])[0][:160]
        raise not_trades(path, reason) from error


def _header(path: Path, name: TradesName) -> _Header:
    with opened_text(path) as stream:
        lines = stream.read(_HEAD).decode("utf-8-sig", "replace").splitlines()[:2]
    rows = [tuple(word.strip().strip('"') for word in line.split(",")) for line in lines]
    if not rows:
        raise not_trades(path, "it is empty")
    if not any(is_number(word) for word in rows[0]):
        return _Header(rows[0], 1, rows[1] if len(rows) > 1 else ())
    names = names_of_rows(rows[0], contracts=name.contracts)
    if names is None:
        raise not_trades(path, f"{len(rows[0])} columns without a header are not known")
    return _Header(names, 0, rows[0])


def _table(
    path: Path, header: _Header, columns: TradeColumns, *, strict: bool,
    lost: list[int] | None = None,
) -> Any:  # fmt: skip
    """Return the wanted columns; with `strict` as the types that the first row has, else text."""
    import pyarrow as pa
    from pyarrow import csv

    def leave_out(row: Any) -> str:
        if lost is not None:
            lost.append(row.number or 0)
        return "skip"

    kinds = dict.fromkeys(columns.wanted(), pa.string())
    if strict:
        kinds |= {columns.price: pa.float64(), columns.amount: pa.float64()}
        first = dict(zip(header.names, header.first, strict=False))
        for column in (columns.time, columns.id):
            if column is not None and first.get(column, "").isdecimal():
                kinds[column] = pa.int64()
    with opened_text(path) as stream:
        reader = csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=csv.ReadOptions(
                column_names=header.names, skip_rows=header.skip, block_size=_BLOCK,
                use_threads=False,
                # Rows that are no text at all must reach `leave_out`, which gets them as text.
                encoding="utf8" if strict else "latin1",
            ),
            parse_options=csv.ParseOptions(invalid_row_handler=None if strict else leave_out),
            convert_options=csv.ConvertOptions(
                include_columns=list(kinds), column_types=kinds, strings_can_be_null=True
            ),
        )  # fmt: skip
        batches, rows = [], 0
        for batch in reader:
            rows += batch.num_rows
            if rows > ROWS_MAX:
                raise not_trades(path, f"it has more than {ROWS_MAX:,} rows; split it by day")
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=reader.schema)


@contextmanager
def opened_text(path: Path) -> Iterator[IO[bytes]]:
    """Open the text in a .csv, .csv.gz or .zip (of one CSV file), unpacked.

    Raises:
        DataError: PB6301, a zip of another content. What is damaged raises as its unpacker does.
    """
    name = path.name.lower()
    if name.endswith(".gz"):
        with gzip.open(path, "rb") as unpacked:
            yield unpacked  # type: ignore[misc]  # it reads as any binary file
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            inside = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
            if len(inside) != 1:
                raise not_trades(path, f"the zip holds {len(inside)} CSV files instead of one")
            if inside[0].file_size > BYTES_MAX:
                raise not_trades(path, "it unpacks to more than 8 GiB")
            with archive.open(inside[0]) as unpacked_csv:
                yield unpacked_csv
    else:
        with path.open("rb") as plain:
            yield plain


def is_number(text: str) -> bool:
    """Return whether a field of a CSV file is a number, infinite ones included."""
    try:
        float(text)
    except ValueError:
        return False
    return True
