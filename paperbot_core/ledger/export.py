"""Trades, fills, orders, verdicts, equity, splits and dividends as files for other programs."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import UserError
from paperbot_core.ledger.faults import fault, translated
from paperbot_core.ledger.reader import JournalReader, Row
from paperbot_core.ledger.schema import PROJECTIONS

#: Columns of each file: name -> Parquet type; amounts are strings, exact to the last digit.
COLUMNS: dict[str, dict[str, str]] = {
    "trades": {
        "symbol": "string", "strategy": "string", "side": "string", "entry_ts": "int64",
        "entry_price": "string", "quantity": "string", "exit_ts": "int64", "exit_price": "string",
        "fees": "string", "pnl": "string", "r_multiple": "float64", "exit_reason": "string",
        "bars_held": "int64",
    },
    "fills": {
        "seq": "int64", "fill_id": "string", "ts": "int64", "bar_ts": "int64",
        "client_id": "string", "strategy": "string", "symbol": "string", "side": "string",
        "kind": "string", "action": "string", "leg": "int64", "quantity": "string",
        "price": "string", "reference_price": "string", "fee": "string", "fee_asset": "string",
        "fee_quote": "string", "liquidity": "string", "exit_reason": "string",
    },
    "orders": {
        "client_id": "string", "ts": "int64", "strategy": "string", "symbol": "string",
        "side": "string", "kind": "string", "action": "string", "quantity": "string",
        "limit_price": "string", "exit_reason": "string", "reason": "string", "state": "string",
        "filled": "string", "rule": "string", "done_ts": "int64",
    },
    "verdicts": {
        "seq": "int64", "ts": "int64", "client_id": "string", "strategy": "string",
        "symbol": "string", "approved": "bool", "rule": "string", "asked": "string",
        "allowed": "string", "reason": "string",
    },
    "equity": {
        "ts": "int64", "cash": "string", "equity": "string", "gross": "string",
        "drawdown_pct": "float64",
    },
    "corporate": {
        "seq": "int64", "ts": "int64", "bar_ts": "int64", "strategy": "string",
        "symbol": "string", "kind": "string", "quantity": "string", "ratio": "string",
        "per_share": "string", "amount": "string",
    },
}  # fmt: skip


class ExportFormat(StrEnum):
    """What the files are."""

    CSV = "csv"
    PARQUET = "parquet"


def export(path: Path, out_dir: Path, format: ExportFormat) -> list[Path]:
    """Write one file a table into `out_dir` (made if missing) and return their paths.

    Times are int ms UTC; amounts are text in both formats; an unknown value is empty (CSV) or
    null (Parquet). Every file replaces an older one in one step. Orders come in order of placing.

    Raises:
        UserError: PB7001 there is no journal, PB7012 `out_dir` cannot be written, PB7004, PB7006.
        IntegrityError: PB7002.
    """
    with JournalReader(path) as reader, translated(path):
        # One transaction: all files show the same moment.
        reader.connection.execute("BEGIN")
        tables = {name: _rows(reader, name) for name in COLUMNS}
        reader.connection.execute("ROLLBACK")
    write = _write_csv if format is ExportFormat.CSV else _write_parquet
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        return [
            _place(out_dir / f"{name}.{format.value}", name, rows, write)
            for name, rows in tables.items()
        ]
    except OSError as error:
        raise fault(
            UserError, "PB7012", f"the export could not be written: {error.strerror}", out_dir,
            "choose another directory with `--out`, or free disk space",
        ) from error  # fmt: skip


def _rows(reader: JournalReader, name: str) -> list[Row]:
    from sqlite_utils import Database

    order = "ts, client_id" if name == "orders" else PROJECTIONS[name]
    found = Database(reader.connection)[name].rows_where(
        select=", ".join(COLUMNS[name]), order_by=order
    )
    return [dict(row) for row in found]


def _place(
    final: Path, name: str, rows: list[Row], write: Callable[[Path, str, list[Row]], None]
) -> Path:
    draft = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        write(draft, name, rows)
        draft.replace(final)
    finally:
        draft.unlink(missing_ok=True)
    return final


def _write_csv(path: Path, name: str, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS[name])
        table.writerows(["" if v is None else v for v in row.values()] for row in rows)


def _write_parquet(path: Path, name: str, rows: list[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[str, Any] = {
        "string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(),
    }  # fmt: skip
    columns = {
        column: pa.array(
            [bool(r[column]) if kind == "bool" else r[column] for r in rows], types[kind]
        )
        for column, kind in COLUMNS[name].items()
    }
    pq.write_table(pa.table(columns), path)
