"""Tables of a run as files for spreadsheets and notebooks: CSV or Parquet, whole or not at all."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import user_error

SUFFIXES = (".csv", ".parquet")


def check_table_file(path: Path) -> None:
    """Refuse a file name whose format we cannot tell, before any work is done.

    Raises:
        UserError: PB6034.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise user_error(
            "PB6034", f"`{path}` is neither .csv nor .parquet", help="name it trades.csv"
        )


def write_table(columns: Mapping[str, Any], path: Path) -> None:
    """Write columns to `path` in the format of its suffix; undefined numbers are empty (null).

    Raises:
        UserError: PB6034 unknown suffix, PB6033 the file cannot be written.
    """
    check_table_file(path)
    lists = {k: v.tolist() if hasattr(v, "tolist") else list(v) for k, v in columns.items()}
    clean = {k: [None if _undefined(x) else x for x in values] for k, values in lists.items()}
    working = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".csv":
            _write_csv(clean, working)
        else:
            _write_parquet(clean, columns, working)
        working.replace(path)
    except OSError as error:
        working.unlink(missing_ok=True)
        raise user_error(
            "PB6033", f"`{path}` cannot be written: {error.strerror or error}", file=str(path)
        ) from error


def _undefined(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _write_csv(columns: Mapping[str, list[Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_parquet(columns: Mapping[str, list[Any]], given: Mapping[str, Any], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"i": pa.int64(), "f": pa.float64()}
    arrays = {}
    for name, values in columns.items():
        dtype = getattr(given[name], "dtype", None)
        arrays[name] = pa.array(values, pa.string() if dtype is None else kinds[dtype.kind])
    pq.write_table(pa.table(arrays), path, compression="zstd")
