"""A data set of the silver layer: parts, the manifest that makes them count, files taken in.

Candles, trades and events differ in their rows and in how those are merged; all else is here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.market.lake.bronze import keep_raw
from paperbot_core.market.lake.contract import CANDLES, EVENTS, TRADES, broken, check_schema
from paperbot_core.market.lake.files import sha256_of
from paperbot_core.market.lake.layout import (
    MANIFEST,
    Lake,
    SeriesKey,
    read_manifest,
    write_manifest,
)
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Ints

_DIGEST_SHOWN = 12


class Kind(StrEnum):
    """What rows are; `trades` and `events` also stand in the place of a timeframe."""

    CANDLES = "candles"
    TRADES = "trades"
    EVENTS = "events"

    @property
    def contract(self) -> str:
        """Name of the contract, which a manifest has as `dataset`."""
        return {Kind.CANDLES: CANDLES, Kind.TRADES: TRADES, Kind.EVENTS: EVENTS}[self]


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the user says about files; None is left to each file.

    Attributes:
        venue: where the markets are.
        now_ms: the present, UTC ms; noted only.
        symbol: the market.
        timeframe: of candles.
        layout: of candles; one of `formats.LAYOUTS`.
        repair: leave out faulty rows of candles and trades instead of refusing the file.
        replace: forget what the lake had of the events of a market.
        kind: what the files hold, if it is not to be told from their columns.
    """

    venue: str
    now_ms: int
    symbol: str | None = None
    timeframe: str | None = None
    layout: str | None = None
    repair: bool = False
    replace: bool = False
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """What an import changed: rows that are new, that have other values now, that were there."""

    added: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: Merge) -> Merge:
        return Merge(
            self.added + other.added, self.changed + other.changed, self.same + other.same
        )

    def as_row(self) -> dict[str, int]:
        """Return the counts for JSON."""
        return {"added": self.added, "changed": self.changed, "same": self.same}


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file; `merge` is None if the lake had it already.

    `facts` are of its kind alone: what was left out of trades, how many events the lake has.
    """

    path: Path
    kind: Kind
    key: SeriesKey
    layout: str
    rows: int
    merge: Merge | None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        """Return the outcome for JSON; `timeframe` is null where rows have none."""
        return {
            "file": str(self.path),
            "kind": self.kind.value,
            "venue": self.key.venue,
            "symbol": self.key.symbol,
            "timeframe": self.key.timeframe if self.kind is Kind.CANDLES else None,
            "layout": self.layout,
            "rows": self.rows,
            "known": self.merge is None,
            **(self.merge or Merge()).as_row(),
            **self.facts,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Source:
    """A file whose rows are ready: SHA-256 of the bytes they came from, number of its rows."""

    path: Path
    digest: str
    layout: str
    rows: int
    left_out: int = 0


#: Writes parts into a folder and names them in a manifest.
Merging = Callable[[Path, dict[str, Any]], Merge]


def take_in(
    lake: Lake, key: SeriesKey, kind: Kind, source: Source, request: ImportRequest,
    merging: Merging, **facts: Any,
) -> Merge | None:  # fmt: skip
    """Keep the bytes of a file and merge its rows; None if it is a source of its series already.

    The manifest, written last, makes the parts count. `facts` go into a new one. Takes the lock.

    Raises:
        DataError: PB6114 the file changed since it was read; PB6105 the lake is damaged; what
            `merging` finds.
        RetryableError: PB6104, another process writes.
    """
    folder = lake.silver(key)
    anew = kind is Kind.EVENTS and request.replace
    with lake.writing():
        keep_raw(
            lake, source.path, source.digest, venue=key.venue,
            layout=source.layout if kind is Kind.CANDLES else f"{source.layout}-{kind}",
            now_ms=request.now_ms,
        )  # fmt: skip
        manifest = None if anew else find_manifest(lake, key)
        if manifest is None:
            names = {"venue": key.venue, "symbol": key.symbol, "timeframe": key.timeframe}
            manifest = {
                "dataset": kind.contract, **names, **facts, "digest": "", "parts": [], "sources": []
            }
        if any(known["sha256"] == source.digest for known in manifest["sources"]):
            return None
        done = merging(folder, manifest)
        manifest["digest"] = _digest(manifest)
        manifest["sources"].append(
            {
                "sha256": source.digest,
                "name": source.path.name,
                "imported_at": iso_time(request.now_ms),
                "layout": source.layout,
                "rows": source.rows,
                "left_out": source.left_out,
                **done.as_row(),
            }
        )
        write_manifest(folder / MANIFEST, manifest)
    return done


def find_manifest(lake: Lake, key: SeriesKey) -> dict[str, Any] | None:
    """Return the manifest of a data set, None if the lake has none.

    Raises:
        DataError: PB6105, it cannot be read.
    """
    path = lake.silver(key) / MANIFEST
    return read_manifest(path) if path.exists() else None


def key_of(manifest: Mapping[str, Any]) -> SeriesKey:
    """Return whose manifest it is."""
    return SeriesKey(*(str(manifest[name]) for name in ("venue", "symbol", "timeframe")))


def merge_periods(
    manifest: dict[str, Any],
    ts: Ints,
    unit: str,
    merging: Callable[[str, slice, dict[str, Any] | None], tuple[Merge, dict[str, Any] | None]],
) -> Merge:
    """Merge rows period by period; only the parts of those that change are written anew.

    Args:
        manifest: its `parts` are brought up to date.
        ts: UTC ms of the fresh rows, ascending, shape (n,).
        unit: `M` for months, `D` for days (UTC).
        merging: given a period (`2024-08` or `2024-08-08`), its fresh rows and its part (None:
            none yet), returns what changed and the new part (None: as it was).
    """
    known = {str(part["period"]): part for part in manifest["parts"]}
    totals = Merge()
    periods = ts.astype("datetime64[ms]").astype(f"datetime64[{unit}]")
    names, starts = np.unique(periods, return_index=True)
    for name, start, stop in zip(names, starts, [*starts[1:], len(ts)], strict=True):
        period = str(name)
        done, part = merging(period, slice(int(start), int(stop)), known.get(period))
        totals += done
        if part is not None:
            known[period] = part
    manifest["parts"] = [known[period] for period in sorted(known)]
    return totals


def write_part(
    folder: Path,
    period: str,
    columns: Sequence[NDArray[Any]],
    write: Callable[[Path], None],
    **facts: Any,
) -> dict[str, Any]:
    """Write a part under the digest of its rows, so that no part that counts is overwritten.

    Args:
        folder: of the data set.
        period: that the part is for; empty if it has everything.
        columns: all values, the times (UTC ms, ascending) first.
        write: writes the file, atomically.
        facts: noted with it.

    Returns:
        What the manifest says of it.
    """
    digest = hashlib.sha256()
    for column in columns:
        digest.update(np.ascontiguousarray(column).tobytes())
    ts = columns[0]
    name = ".".join(word for word in (period, digest.hexdigest()[:_DIGEST_SHOWN]) if word)
    path = folder / f"{name}.parquet"
    write(path)
    return {
        "period": period,
        "file": path.name,
        "rows": len(ts),
        "first": int(ts[0]) if len(ts) else None,
        "last": int(ts[-1]) if len(ts) else None,
        **facts,
        "sha256": sha256_of(path),
    }


def read_part(folder: Path, contract: str, part: Mapping[str, Any]) -> Any:
    """Return one part as a pyarrow Table.

    Raises:
        DataError: PB6105, it is missing, has another hash or number of rows, or breaks the
            contract.
    """
    from pyarrow import parquet

    path = folder / str(part["file"])
    if not path.exists():
        raise broken(path, "it is missing")
    if sha256_of(path) != part["sha256"]:
        raise broken(path, "its SHA-256 is not the one in the manifest")
    # One file, not a data set: the name of a folder must not become a column.
    with parquet.ParquetFile(path) as opened:
        table = opened.read()
    check_schema(contract, table, path)
    if table.num_rows != part["rows"]:
        raise broken(path, f"it has {table.num_rows:,} rows, the manifest says {part['rows']:,}")
    return table


def part_files(lake: Lake, manifest: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files of the parts that count, oldest first."""
    folder = lake.silver(key_of(manifest))
    return (folder / str(part["file"]) for part in manifest["parts"])


def _digest(manifest: Mapping[str, Any]) -> str:
    """Return the hash of a data set: of its parts, oldest first, and of the times it covers."""
    lines = "".join(f"{part['file']} {part['sha256']}\n" for part in manifest["parts"])
    return hashlib.sha256(f"{manifest.get('covered', '')}\n{lines}".encode()).hexdigest()
