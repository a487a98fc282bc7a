"""The universe as it was recorded: snapshots as lines of JSON in a file that only grows.

The first line says what the file is, every other one is a snapshot: refusals as [filter, limit,
observed, known], facts as [quote_volume, spread_pct, depth, age_days, traded], by symbol. Of two
with the same time the later line counts. A crash while a line is written leaves a torn last line,
which counts for nothing and goes with the next append.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
from pydantic import Field

from paperbot_core.diagnostics import DataError, Diagnostic, Severity, Span
from paperbot_core.market.lock import locked
from paperbot_core.market.universe.selection import MarketFacts, Refusal, Snapshot

RECORD_NAME = "universe.jsonl"

_HEADER = {"record": "paperbot universe", "version": 1}
#: The last millisecond of the year 9999.
_TS_MAX = 253_402_300_799_999
_WAIT_S = 30.0

Row = tuple[Any, ...]
Value = TypeVar("Value")


class _Line(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class _Header(_Line):
    record: Literal["paperbot universe"]
    version: Literal[1]


class _Snapshot(_Line):
    """Facts and refusals are rows and not objects: they are most of the file."""

    ts: int = Field(ge=0, le=_TS_MAX)
    source: Literal["candles", "tickers", "static"]
    tiers: dict[str, list[str]]
    refused: dict[str, tuple[str, str, str, bool]]
    facts: dict[str, tuple[float | None, float | None, float | None, float | None, bool]]


class _Rows(Mapping[str, Value]):
    """Values made of rows when they are looked at: most of a long record never is."""

    def __init__(self, rows: Mapping[str, Row], make: Callable[[str, Row], Value]) -> None:
        self._rows, self._make = rows, make

    def __getitem__(self, symbol: str) -> Value:
        return self._make(symbol, self._rows[symbol])

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def load_record(path: Path, warnings: list[Diagnostic] | None = None) -> list[Snapshot]:
    """Return the snapshots of a record, ascending by time; none if there is no such file.

    A torn last line is left out and named in `warnings`.

    Raises:
        DataError: PB3501 the file cannot be read or is no such record, PB3502 a line is none.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(path, error) from error
    lines = content.split(b"\n")
    torn = lines.pop()
    if torn.strip():
        if _is_whole(torn, first=not lines) or (not lines and not _began_as_header(torn)):
            lines.append(torn)
        elif warnings is not None:
            warnings.append(
                Diagnostic(
                    "PB3503",
                    f"the last line of `{path.name}` is torn and left out",
                    Span(str(path), len(lines) + 1),
                    Severity.WARNING,
                    help="a write was interrupted; the next one repairs the file",
                )
            )
    if not any(line.strip() for line in lines):
        return []
    _check_header(path, lines[0])
    found: dict[int, Snapshot] = {}
    faults: list[Diagnostic] = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            snapshot = _parse(line)
        except pydantic.ValidationError as error:
            faults.append(_no_snapshot(path, number, error))
        else:
            found[snapshot.ts] = snapshot
    if faults:
        raise DataError(faults)
    return [found[ts] for ts in sorted(found)]


def append_record(path: Path, snapshots: Sequence[Snapshot]) -> None:
    """Add snapshots at the end of a record, all or none, safe on disk; makes the file if needed.

    Other processes that append wait for their turn. A torn last line is cut off.

    Raises:
        DataError: PB3501, the file is no such record, or it cannot be written.
        RetryableError: PB3504, another process holds it for 30 s.
    """
    if not snapshots:
        return
    text = "".join(f"{snapshot_line(snapshot)}\n" for snapshot in snapshots).encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        busy = Diagnostic("PB3504", f"another process is writing `{path.name}`", Span(str(path)))
        lock = path.parent / f".{path.name}.lock"
        with locked(lock, busy, _WAIT_S), path.open("a+b") as opened:
            _append(path, opened.fileno(), text)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unreadable(path, error) from error


def snapshot_line(snapshot: Snapshot) -> str:
    """Return a snapshot as one line of JSON, without the line end; NaN is null."""
    tiers: dict[str, list[str]] = {}
    for symbol, tier in snapshot.tiers.items():
        tiers.setdefault(tier, []).append(symbol)
    row = {
        "ts": snapshot.ts,
        "source": snapshot.source,
        "tiers": tiers,
        "refused": {s: list(refusal_row(why).values()) for s, why in snapshot.refused.items()},
        "facts": {s: list(facts_row(fact).values()) for s, fact in snapshot.facts.items()},
    }
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def refusal_row(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as JSON knows it."""
    return {
        "filter": refusal.filter,
        "limit": refusal.limit,
        "observed": refusal.observed,
        "known": refusal.known,
    }


def facts_row(facts: MarketFacts) -> dict[str, Any]:
    """Return facts as JSON knows them, without the symbol; what is not known is null."""
    return {
        "quote_volume": _or_none(facts.quote_volume),
        "spread_pct": _or_none(facts.spread_pct),
        "depth": _or_none(facts.depth),
        "age_days": _or_none(facts.age_days),
        "traded": facts.traded,
    }


def _append(path: Path, handle: int, text: bytes) -> None:
    """Cut a torn line off, write, wait for the disk; undo what was written if that fails."""
    size = os.fstat(handle).st_size
    content = os.pread(handle, size, 0)
    whole = content.rfind(b"\n") + 1
    tail = content[whole:]
    if tail.strip() and _is_whole(tail, first=whole == 0):
        text, whole = b"\n" + text, size
    elif whole == 0 and tail.strip() and not _began_as_header(tail):
        _check_header(path, tail)
    if not content[:whole].strip():
        text, whole = json.dumps(_HEADER).encode() + b"\n" + text, 0
    else:
        _check_header(path, content.split(b"\n", 1)[0])
    if whole < size:
        os.ftruncate(handle, whole)
    try:
        written = 0
        while written < len(text):
            written += os.write(handle, text[written:])
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, whole)
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_whole(line: bytes, *, first: bool) -> bool:
    """Return whether a line without an end is all there: an editor may have left the end out."""
    try:
        _Header.model_validate_json(line) if first else _Snapshot.model_validate_json(line)
    except pydantic.ValidationError:
        return False
    return True


def _began_as_header(line: bytes) -> bool:
    """Return whether a torn first line was to be ours: a power cut may leave NULs at its end."""
    return json.dumps(_HEADER).encode().startswith(line.rstrip(b"\0"))


def _parse(line: bytes) -> Snapshot:
    read = _Snapshot.model_validate_json(line)
    return Snapshot(
        read.ts,
        {symbol: tier for tier, symbols in read.tiers.items() for symbol in symbols},
        _Rows(read.refused, _refusal),
        _Rows(read.facts, _facts),
        read.source,
    )


def _refusal(_symbol: str, row: Row) -> Refusal:
    return Refusal(*row)


def _facts(symbol: str, row: Row) -> MarketFacts:
    volume, spread, depth, age = (_or_nan(value) for value in row[:4])
    return MarketFacts(symbol, volume, spread, depth, age, row[4])


def _check_header(path: Path, line: bytes) -> None:
    try:
        _Header.model_validate_json(line)
    except pydantic.ValidationError as error:
        raise DataError(
            Diagnostic(
                "PB3501",
                f"`{path.name}` is no record of a universe that this version can read",
                Span(str(path), 1),
                expected=json.dumps(_HEADER),
            )
        ) from error


def _no_snapshot(path: Path, number: int, error: pydantic.ValidationError) -> Diagnostic:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:60]
    said = first["msg"][:1].lower() + first["msg"][1:160]
    return Diagnostic(
        "PB3502",
        f"not a snapshot of the universe: {f'`{where}`: ' if where else ''}{said}",
        Span(str(path), number),
        help="remove the line; the file is written by `paperbot universe` alone",
    )


def _unreadable(path: Path, error: OSError) -> DataError:
    text = f"`{path}` cannot be used: {error.strerror or type(error).__name__}"
    return DataError(Diagnostic("PB3501", text, Span(str(path))))


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def first_seen(snapshots: Sequence[Snapshot]) -> Mapping[str, int]:
    """Return symbol -> time (UTC ms) of the first snapshot that found it traded."""
    found: dict[str, int] = {}
    for snapshot in sorted(snapshots, key=lambda one: one.ts):
        for symbol in snapshot.facts.keys() - found.keys():
            if snapshot.facts[symbol].traded:
                found[symbol] = snapshot.ts
    return found
