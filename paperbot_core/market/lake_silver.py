"""The silver layer: the bars of a series in monthly parts, merged with what comes in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paperbot_core.domain.market import Candles, timeframe_ms
from paperbot_core.market.arrow import to_array
from paperbot_core.market.columns import VALUES
from paperbot_core.market.lake import MANIFEST, Lake, SeriesKey, read_manifest, write_manifest
from paperbot_core.market.lake_contract import CANDLES, broken, check_schema
from paperbot_core.market.lake_files import candle_table, sha256_of, write_candles

_DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Merge:
    """What an import changed: bars that are new, that have other values now, that were there."""

    added: int
    changed: int
    same: int


def read_series(lake: Lake, key: SeriesKey, manifest: dict[str, Any]) -> Candles:
    """Return all bars of a series, each part checked against its hash and the contract.

    Raises:
        DataError: PB6105, a part is missing or not what was written.
    """
    parts = [read_part(lake.silver(key), part) for part in manifest["parts"]]
    return _candles(key, _joined(parts))


def merge(lake: Lake, key: SeriesKey, candles: Candles, source: dict[str, Any]) -> Merge:
    """Take clean bars into a series; a bar that comes again replaces the one that was there.

    Only the months that change are written anew; the manifest, written last, makes them count.
    `source` is noted in it with the counts. Call it with the lock of the lake held.
    """
    folder = lake.silver(key)
    manifest = _manifest(folder, key)
    known = {str(part["month"]): part for part in manifest["parts"]}
    totals = Merge(0, 0, 0)
    for month, start, stop in _months(candles):
        fresh = candles.slice(start, stop)
        before = read_part(folder, known[month]) if month in known else None
        table, counted = _merged(before, fresh)
        totals = Merge(
            totals.added + counted.added,
            totals.changed + counted.changed,
            totals.same + counted.same,
        )
        if counted.added or counted.changed:
            known[month] = _write_part(folder, month, _candles(key, table))
    counts = {"added": totals.added, "changed": totals.changed, "same": totals.same}
    manifest["parts"] = [known[month] for month in sorted(known)]
    manifest["digest"] = _digest(manifest["parts"])
    manifest["sources"] = [*manifest["sources"], {**source, **counts}]
    write_manifest(folder / MANIFEST, manifest)
    return totals


def read_part(folder: Path, part: dict[str, Any]) -> Any:
    """Return one monthly part as a pyarrow Table.

    Raises:
        DataError: PB6105, it is missing, has another hash, or breaks the contract.
    """
    from pyarrow import parquet

    path = folder / str(part["file"])
    if not path.exists():
        raise broken(path, "it is missing")
    if sha256_of(path) != part["sha256"]:
        raise broken(path, "its SHA-256 is not the one in the manifest")
    # One file, not a data set: `month` in the path must not become a column.
    with parquet.ParquetFile(path) as opened:
        table = opened.read()
    check_schema(CANDLES, table, path)
    return table


def _manifest(folder: Path, key: SeriesKey) -> dict[str, Any]:
    path = folder / MANIFEST
    if path.exists():
        return read_manifest(path)
    return {
        "dataset": CANDLES,
        "venue": key.venue,
        "symbol": key.symbol,
        "timeframe": key.timeframe,
        "digest": "",
        "parts": [],
        "sources": [],
    }


def _months(candles: Candles) -> Iterable[tuple[str, int, int]]:
    """Yield (YYYY-MM, first row, stop) of each UTC month that has bars, oldest first."""
    months = candles.ts.astype("datetime64[ms]").astype("datetime64[M]")
    names, starts = np.unique(months, return_index=True)
    stops = [*starts[1:], len(candles)]
    for name, start, stop in zip(names, starts, stops, strict=True):
        yield str(name), int(start), int(stop)


def _merged(before: Any | None, fresh: Candles) -> tuple[Any, Merge]:
    table = candle_table(fresh)
    if before is None:
        return table, Merge(len(fresh), 0, 0)
    old = {name: to_array(before.column(name)) for name in ("ts", *VALUES)}
    there = np.isin(fresh.ts, old["ts"], assume_unique=True)
    at = old["ts"].searchsorted(fresh.ts[there])
    differs = np.zeros(len(at), dtype=np.bool_)
    for name in VALUES:
        new, kept = getattr(fresh, name)[there], old[name][at]
        differs |= (new != kept) & ~(np.isnan(new) & np.isnan(kept))
    changed = int(np.count_nonzero(differs))
    counted = Merge(len(fresh) - len(at), changed, len(at) - changed)
    outside = np.flatnonzero(~np.isin(old["ts"], fresh.ts, assume_unique=True))
    columns = {name: np.concatenate((old[name][outside], getattr(fresh, name))) for name in old}
    order = np.argsort(columns["ts"], kind="stable")
    ordered = {name: values[order] for name, values in columns.items()}
    return candle_table(Candles(fresh.symbol, fresh.tf_ms, **ordered)), counted


def _write_part(folder: Path, month: str, candles: Candles) -> dict[str, Any]:
    """Write a part under the digest of its bars, so that no part that counts is overwritten."""
    digest = hashlib.sha256()
    for name in ("ts", *VALUES):
        digest.update(np.ascontiguousarray(getattr(candles, name)).tobytes())
    path = folder / f"{month}.{digest.hexdigest()[:_DIGEST_SHOWN]}.parquet"
    write_candles(path, candles)
    return {
        "month": month,
        "file": path.name,
        "rows": len(candles),
        "first": int(candles.ts[0]),
        "last": int(candles.ts[-1]),
        "sha256": sha256_of(path),
    }


def _joined(tables: list[Any]) -> Any:
    import pyarrow as pa

    return pa.concat_tables(tables)


def _candles(key: SeriesKey, table: Any) -> Candles:
    columns = {name: to_array(table.column(name)) for name in ("ts", *VALUES)}
    return Candles(key.symbol, timeframe_ms(key.timeframe), **columns)


def _digest(parts: list[dict[str, Any]]) -> str:
    """Return the hash of a series: of the names and hashes of its parts, oldest first."""
    lines = "".join(f"{part['month']} {part['sha256']}\n" for part in parts)
    return hashlib.sha256(lines.encode()).hexdigest()
