"""Trades in the lake: kept as bytes, merged into one Parquet part a UTC day."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.arrow import from_numbers, to_array
from paperbot_core.market.lake import (
    MANIFEST,
    Lake,
    SeriesKey,
    check_symbol,
    read_manifest,
    write_manifest,
)
from paperbot_core.market.lake_bronze import keep_raw
from paperbot_core.market.lake_contract import broken, check_schema
from paperbot_core.market.lake_files import sha256_of, write_atomically
from paperbot_core.market.lake_silver import Merge
from paperbot_core.market.lake_trades_merge import merged
from paperbot_core.market.timerange import iso_time
from paperbot_core.market.trades import Ids, Trades, TradesLog
from paperbot_core.market.trades_read import TradesFile, read_trades

TRADES = "trades.v1"
#: What stands in the place of a timeframe.
KIND = "trades"
_DIGEST_SHOWN = 12
_COLUMNS = ("ts", "price", "amount", "side", "id")


@dataclass(frozen=True, slots=True)
class TradesImport:
    """What the user says about files; None is left to each file. `now_ms` is noted only."""

    venue: str
    now_ms: int
    symbol: str | None = None
    repair: bool = False


@dataclass(frozen=True, slots=True)
class ImportedTrades:
    """What became of one file; `merge` is None if the lake had it already."""

    path: Path
    key: SeriesKey
    layout: str
    rows: int
    log: TradesLog
    merge: Merge | None

    def as_row(self) -> dict[str, Any]:
        """Return the outcome for JSON; `left_out` counts rows that are in the file only."""
        done = self.merge or Merge(0, 0, 0)
        log = self.log
        return {
            "file": str(self.path),
            "venue": self.key.venue,
            "symbol": self.key.symbol,
            "layout": self.layout,
            "rows": self.rows,
            "known": self.merge is None,
            "added": done.added,
            "changed": done.changed,
            "same": done.same,
            "left_out": {
                "bad": log.bad,
                "suspicious": log.suspicious,
                "duplicates": log.duplicates,
                "conflicting": log.conflicting,
            },
            "notes": [*log.faults(), *log.notes()],
        }


def trades_key(venue: str, symbol: str) -> SeriesKey:
    """Return the place of the trades of a market."""
    return SeriesKey(venue, symbol, KIND)


def import_trades(lake: Lake, path: Path, request: TradesImport) -> ImportedTrades:
    """Take one file of trades into the bronze and silver layers.

    A file whose bytes are a source of its series already changes nothing, so that an import that
    was cut short is simply started again. Disorder and trades that come twice are mended and told;
    rows that are no trades refuse the file, unless `repair` is set: they are left out and told.

    Raises:
        DataError: PB6301, PB6304, PB6003, PB6014 it cannot be read; PB6303 it has faults; PB6305
            it does not fit what is stored; PB6114 it changed; PB6105 the lake is damaged.
        UserError: PB6302, PB6112 the symbol is not known or none.
        RetryableError: PB6104 another process writes.
    """
    digest = sha256_of(path)
    found = read_trades(path, request.symbol)
    key = trades_key(request.venue, check_symbol(found.trades.symbol, path))
    if (faults := found.log.faults()) and not request.repair:
        raise DataError(
            Diagnostic(
                "PB6303",
                f"`{path.name}` has faults: {'; '.join(faults)}",
                Span(str(path)),
                help="download it again, or take the good rows with `--repair`",
            )
        )
    with lake.writing():
        keep_raw(
            lake, path, digest, venue=request.venue, layout=f"{found.layout}-{KIND}",
            now_ms=request.now_ms,
        )  # fmt: skip
        manifest = _manifest(lake.silver(key), key, found.ids)
        outcome = None
        if all(source["sha256"] != digest for source in manifest["sources"]):
            source = {
                "sha256": digest,
                "name": path.name,
                "imported_at": iso_time(request.now_ms),
                "layout": found.layout,
                "rows": found.log.rows,
                "left_out": found.log.rows - len(found.trades),
            }
            outcome = _merge(lake, key, manifest, found, source, path)
    return ImportedTrades(path, key, found.layout, len(found.trades), found.log, outcome)


def trades_manifest(lake: Lake, key: SeriesKey) -> dict[str, Any] | None:
    """Return the manifest of the trades of a market, None if the lake has none.

    Raises:
        DataError: PB6105, it cannot be read.
    """
    path = lake.silver(key) / MANIFEST
    return read_manifest(path) if path.exists() else None


def stored_trades(lake: Lake, key: SeriesKey, manifest: dict[str, Any]) -> Iterator[Trades]:
    """Yield the trades of each day, oldest first, each part checked against hash and contract.

    Raises:
        DataError: PB6105, a part is missing or not what was written.
    """
    for part in manifest["parts"]:
        yield _read_part(lake.silver(key), key.symbol, part)


def verify_trades(lake: Lake) -> None:
    """Read every part of all trades.

    Raises:
        DataError: PB6105, one for each market that is not what was written.
    """
    damaged: list[Diagnostic] = []
    for manifest in lake.manifests(TRADES):
        key = trades_key(str(manifest["venue"]), str(manifest["symbol"]))
        try:
            rows = sum(len(trades) for trades in stored_trades(lake, key, manifest))
            if rows != sum(int(part["rows"]) for part in manifest["parts"]):
                raise broken(lake.silver(key) / MANIFEST, "it counts other trades")
        except DataError as error:
            damaged.extend(error.diagnostics)
    if damaged:
        raise DataError(damaged)


def covered(manifest: dict[str, Any]) -> list[tuple[int, int]]:
    """Return the times `[start, end)` (UTC ms) of which every trade is in the lake, ascending."""
    return [(int(start), int(end)) for start, end in manifest["covered"]]


def trades_table(trades: Trades) -> Any:
    """Return trades as a pyarrow Table with the columns of the contract."""
    import pyarrow as pa

    columns = zip(_COLUMNS, trades.columns(), strict=True)
    return pa.table({name: from_numbers(values) for name, values in columns})


def _manifest(folder: Path, key: SeriesKey, ids: Ids) -> dict[str, Any]:
    if (folder / MANIFEST).exists():
        return read_manifest(folder / MANIFEST)
    return {
        "dataset": TRADES,
        "venue": key.venue,
        "symbol": key.symbol,
        "timeframe": KIND,
        "ids": ids.value,
        "digest": "",
        "covered": [],
        "parts": [],
        "sources": [],
    }


def _merge(
    lake: Lake,
    key: SeriesKey,
    manifest: dict[str, Any],
    found: TradesFile,
    source: dict[str, Any],
    path: Path,
) -> Merge:
    """Write the days that change anew; the manifest, written last, makes them count."""
    if manifest["ids"] != found.ids.value:
        raise DataError(
            Diagnostic(
                "PB6305",
                f"`{path.name}` counts trades otherwise than what is stored of {key.venue} "
                f"{key.symbol}: its ids are of kind `{found.ids}`, not `{manifest['ids']}`",
                Span(str(path)),
                help="keep it under another venue name, such as `--venue binance-agg`",
            )
        )
    folder = lake.silver(key)
    known = {str(part["day"]): part for part in manifest["parts"]}
    totals = Merge(0, 0, 0)
    for day, start, stop in _days(found.trades):
        fresh = found.trades.slice(start, stop)
        before = _read_part(folder, key.symbol, known[day]) if day in known else None
        trades, counted = merged(before, fresh, found.ids, path)
        totals = Merge(
            totals.added + counted.added,
            totals.changed + counted.changed,
            totals.same + counted.same,
        )
        if counted.added or counted.changed:
            known[day] = _write_part(folder, day, trades)
    manifest["covered"] = _united([*covered(manifest), found.covers])
    manifest["parts"] = [known[day] for day in sorted(known)]
    lines = "".join(f"{part['day']} {part['sha256']}\n" for part in manifest["parts"])
    manifest["digest"] = hashlib.sha256(f"{manifest['covered']}\n{lines}".encode()).hexdigest()
    counts = {"added": totals.added, "changed": totals.changed, "same": totals.same}
    manifest["sources"] = [*manifest["sources"], {**source, **counts}]
    write_manifest(folder / MANIFEST, manifest)
    return totals


def _days(trades: Trades) -> Iterator[tuple[str, int, int]]:
    """Yield (YYYY-MM-DD, first row, stop) of each UTC day that has trades, oldest first."""
    days, starts = np.unique(trades.ts // DAY_MS, return_index=True)
    stops = [*starts[1:], len(trades)]
    for day, start, stop in zip(days, starts, stops, strict=True):
        yield iso_time(int(day) * DAY_MS)[:10], int(start), int(stop)


def _united(times: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return times that touch or overlap as one, ascending."""
    found: list[list[int]] = []
    for start, end in sorted(times):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found


def _read_part(folder: Path, symbol: str, part: dict[str, Any]) -> Trades:
    from pyarrow import parquet

    path = folder / str(part["file"])
    if not path.exists():
        raise broken(path, "it is missing")
    if sha256_of(path) != part["sha256"]:
        raise broken(path, "its SHA-256 is not the one in the manifest")
    with parquet.ParquetFile(path) as opened:
        table = opened.read()
    check_schema(TRADES, table, path)
    return Trades(symbol, *(to_array(table.column(name)) for name in _COLUMNS))


def _write_part(folder: Path, day: str, trades: Trades) -> dict[str, Any]:
    """Write a part under the digest of its trades, so that no part that counts is overwritten."""
    from pyarrow import parquet

    digest = hashlib.sha256()
    for column in trades.columns():
        digest.update(np.ascontiguousarray(column).tobytes())
    path = folder / f"{day}.{digest.hexdigest()[:_DIGEST_SHOWN]}.parquet"
    table = trades_table(trades)
    write_atomically(path, lambda temp: parquet.write_table(table, temp, compression="zstd"))
    return {
        "day": day,
        "file": path.name,
        "rows": len(trades),
        "first": int(trades.ts[0]),
        "last": int(trades.ts[-1]),
        "sha256": sha256_of(path),
    }
