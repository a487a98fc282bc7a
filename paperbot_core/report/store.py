"""Runs on disk: `state_dir/runs/<run_id>/`, written at once or not at all, never changed after."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic, Span, UserError, did_you_mean
from paperbot_core.domain.market import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, Candles
from paperbot_core.market.candles.arrow import from_numbers, from_texts, to_array, to_floats
from paperbot_core.market.resample import resample
from paperbot_core.report.run import TABLES, Columns, SavedRun

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = 1
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SHOWN = 5

#: Bars kept for charts: all symbols together, and at least and at most this many each.
_BARS_ALL, _BARS_MIN, _BARS_MAX = 60_000, 500, 20_000
_CHART_STEPS = [
    *(n * MINUTE_MS for n in (1, 2, 3, 5, 10, 15, 30)),
    *(n * HOUR_MS for n in (1, 2, 3, 4, 6, 8, 12)),
    *(n * DAY_MS for n in (1, 2, 3)),
    *(n * WEEK_MS for n in (1, 2, 4, 8, 16, 52)),
]


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One line of the list of runs."""

    run_id: str
    created: str
    facts: Mapping[str, Any]

    @property
    def strategies(self) -> list[str]:
        """Names of what ran."""
        return [str(name) for name in self.facts.get("strategies") or []]


class RunStore:
    """The runs under one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.root = state_dir / "runs"

    def save(self, run: SavedRun, *, replace: bool = False) -> Path:
        """Store `run` and return its folder. A reader sees all of it or nothing.

        Args:
            run: what to store; its bars are thinned out for charts.
            replace: take the place of a stored run of the same id (a session that went on).

        Raises:
            UserError: PB6032, the id is no folder name, is taken, or the disk refuses.
        """
        if _RUN_ID.fullmatch(run.run_id) is None:
            raise UserError(Diagnostic("PB6032", f"`{run.run_id}` cannot be the name of a run"))
        target = self.root / run.run_id
        if target.exists() and not replace:
            raise UserError(
                Diagnostic("PB6032", f"the run `{run.run_id}` is stored already", Span(str(target)))
            )
        working = self.root / f".{run.run_id}.{uuid.uuid4().hex[:8]}"
        try:
            working.mkdir(parents=True)
            _write(run, working)
            if target.exists():
                old = working.with_suffix(".old")
                target.rename(old)
                working.rename(target)
                shutil.rmtree(old)
            else:
                working.rename(target)
        except OSError as error:
            shutil.rmtree(working, ignore_errors=True)
            raise UserError(
                Diagnostic(
                    "PB6032",
                    f"the run `{run.run_id}` cannot be stored: {error.strerror or error}",
                    Span(str(target)),
                )
            ) from error
        return target

    def list(self) -> list[RunEntry]:
        """Return the stored runs, newest first; folders that are no runs are left out.

        Raises:
            DataError: PB6031, the facts of a run cannot be read.
        """
        if not self.root.is_dir():
            return []
        found = []
        for folder in self.root.iterdir():
            if folder.name.startswith(".") or not (folder / "run.json").is_file():
                continue
            facts = _read_facts(folder)
            found.append(RunEntry(folder.name, str(facts.get("created", "")), facts))
        return sorted(found, key=lambda entry: (entry.created, entry.run_id), reverse=True)

    def load(self, run_id: str | None = None) -> SavedRun:
        """Return a stored run, the newest if `run_id` is None; a unique beginning is enough.

        Raises:
            UserError: PB6030, there is no such run.
            DataError: PB6031, its files cannot be read.
        """
        folder = self.root / self._resolve(run_id)
        facts = _read_facts(folder)
        tables = {name: _read_columns(folder, name) for name in TABLES}
        return SavedRun(facts, **tables, bars=_read_bars(folder))

    def _resolve(self, run_id: str | None) -> str:
        if run_id is not None and _RUN_ID.fullmatch(run_id) and (self.root / run_id).is_dir():
            return run_id
        entries = self.list()
        names = [entry.run_id for entry in entries]
        if run_id is None and names:
            return names[0]
        begins = [name for name in names if run_id is not None and name.startswith(run_id)]
        if len(begins) == 1 and run_id:
            return begins[0]
        if run_id is None:
            message, help_text = "there is no stored run yet", "run `paperbot backtest` first"
        else:
            message = f"there is no run `{run_id}`"
            help_text = did_you_mean(run_id, names)
        raise UserError(
            Diagnostic(
                "PB6030",
                message,
                Span(str(self.root)),
                expected=", ".join(names[:_SHOWN]),
                help=help_text,
            )
        )


def thin_out(bars: Sequence[Candles]) -> list[Candles]:
    """Return the bars of a run in so few bars that a chart of all symbols opens quickly."""
    if not bars:
        return []
    most = min(_BARS_MAX, max(_BARS_MIN, _BARS_ALL // len(bars)))
    found = []
    for candles in bars:
        if len(candles) > most:
            needed = (int(candles.ts[-1] - candles.ts[0]) + candles.tf_ms) / most
            fitting = (s for s in _CHART_STEPS if s >= needed and s % candles.tf_ms == 0)
            whole = -int(-needed // candles.tf_ms) * candles.tf_ms
            found.append(resample(candles, next(fitting, whole)))
        else:
            found.append(candles)
    return found


def _write(run: SavedRun, folder: Path) -> None:
    # Parquet costs 100 ms to import: only who stores or loads a run pays for it.
    import pyarrow as pa
    from pyarrow import parquet

    for name, kinds in TABLES.items():
        columns = getattr(run, name)
        arrays = [_arrow_column(columns[column], kind) for column, kind in kinds.items()]
        table = pa.Table.from_arrays(arrays, names=list(kinds))
        parquet.write_table(table, folder / f"{name}.parquet", compression="zstd")
    bars = _bars_table(thin_out(run.bars))
    parquet.write_table(bars, folder / "bars.parquet", compression="zstd")
    # run.json last: a folder without it is no run.
    facts = _plain({"format": FORMAT, **run.facts})
    text = json.dumps(facts, indent=2, allow_nan=False, ensure_ascii=False)
    with (folder / "run.json").open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _arrow_column(values: Any, kind: str) -> Any:
    if kind == "text":
        return from_texts(list(map(str, values)))
    return from_numbers(np.asarray(values, dtype=np.int64 if kind == "int" else np.float64))


def _plain(value: Any) -> Any:
    """Return `value` as JSON knows it: numbers of numpy as Python's, NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


_BAR_COLUMNS = ("ts", "open", "high", "low", "close", "volume")


def _bars_table(bars: Sequence[Candles]) -> Any:
    import pyarrow as pa

    lengths = [len(candles) for candles in bars]
    symbols = from_texts([candles.symbol for candles in bars])
    index = from_numbers(np.repeat(np.arange(len(bars), dtype=np.int32), lengths))
    tf_ms = np.repeat(np.array([c.tf_ms for c in bars], np.int64), lengths)
    arrays = [pa.DictionaryArray.from_arrays(index, symbols), from_numbers(tf_ms)]
    for name in _BAR_COLUMNS:
        parts = [getattr(candles, name) for candles in bars]
        empty = np.empty(0, np.int64 if name == "ts" else np.float64)
        arrays.append(from_numbers(np.concatenate([empty, *parts])))
    return pa.Table.from_arrays(arrays, names=["symbol", "tf_ms", *_BAR_COLUMNS])


def _read_facts(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise _damaged(path, "it was written by another version of paperbot")
    return facts


def _read_table(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, str(error)) from error


def _read_columns(folder: Path, name: str) -> Columns:
    path = folder / f"{name}.parquet"
    table = _read_table(path)
    columns: dict[str, Any] = {}
    for column, kind in TABLES[name].items():
        if column not in table.column_names:
            raise _damaged(path, f"it lacks the column {column}")
        values = table.column(column)
        read = {"text": _texts, "int": to_array, "float": to_floats}[kind]
        columns[column] = read(values)
    return columns


def _read_bars(folder: Path) -> list[Candles]:
    table = _read_table(folder / "bars.parquet")
    symbols = table.column("symbol").to_pylist()
    tf_ms = to_array(table.column("tf_ms"))
    arrays = [to_array(table.column(name)) for name in _BAR_COLUMNS]
    if not symbols:
        return []
    starts = [row for row in range(len(symbols)) if row == 0 or symbols[row] != symbols[row - 1]]
    return [
        Candles(symbols[start], int(tf_ms[start]), *(array[start:stop] for array in arrays))
        for start, stop in zip(starts, [*starts[1:], len(symbols)], strict=True)
    ]


def _texts(column: Any) -> list[str]:
    found: list[str] = column.to_pylist()
    return found


def _damaged(path: Path, reason: str) -> DataError:
    first = reason.strip().splitlines()[0][:160] if reason.strip() else "unknown reason"
    return DataError(
        Diagnostic("PB6031", f"`{path.name}` of a stored run cannot be read: {first}",
                   Span(str(path)))
    )
