"""What a data set of the lake must look like: one schema file per kind, enforced on every read."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span

CANDLES = "candles.v1"
TRADES = "trades.v1"
EVENTS = "events.v1"


@lru_cache(maxsize=8)
def load_contract(name: str) -> dict[str, Any]:
    """Return the contract called `name`, such as `candles.v1`, as its file says it."""
    text = (files("paperbot_core.market") / "contracts" / f"{name}.json").read_text("utf-8")
    contract: dict[str, Any] = json.loads(text)
    return contract


def check_schema(name: str, table: Any, path: Path) -> None:
    """Compare the columns of a pyarrow Table with a contract: names, order, types, nulls.

    Raises:
        DataError: PB6105, the table is something else.
    """
    wanted = [(str(c["name"]), str(c["type"])) for c in load_contract(name)["columns"]]
    found = [(field.name, str(field.type)) for field in table.schema]
    if found != wanted:
        raise broken(path, f"its columns are {_listed(found)}", f"{name}: {_listed(wanted)}")
    empty = [column for column, _type in wanted if table.column(column).null_count]
    if empty:
        raise broken(path, f"`{empty[0]}` has empty fields", f"{name}: no empty field")


def broken(path: Path, message: str, expected: str = "") -> DataError:
    """Return the error for a file of the lake that is not what was written."""
    return DataError(
        Diagnostic(
            "PB6105",
            f"`{path.name}` is not what was written: {message}",
            Span(str(path)),
            expected=expected,
            help="import its sources again; their bytes are in the lake under bronze/",
        )
    )


def _listed(columns: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)
