"""Splits and dividends in the lake: kept as bytes, merged by day, laid beside the bars of gold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.arrow import to_array
from paperbot_core.market.events import CorporateEvents, make_events
from paperbot_core.market.events_files import events_path, symbol_of
from paperbot_core.market.events_table import read_events, write_events
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
from paperbot_core.market.lake_files import sha256_of
from paperbot_core.market.timerange import iso_time

EVENTS = "events.v1"
#: Two sources may date one event differently by a weekend and a holiday, companies never repeat
#: the same one within it.
_APART_MS = 5 * DAY_MS
_SAME = 0.01
_DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class EventsImport:
    """What the user says about files of events; `replace` forgets what the lake had of a market."""

    venue: str
    now_ms: int
    symbol: str | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class ImportedEvents:
    """What became of one file. `known` says that it was a source already; counts are of days."""

    path: Path
    venue: str
    symbol: str
    layout: str
    known: bool
    added: int
    changed: int
    same: int
    splits: int
    dividends: int

    def as_row(self) -> dict[str, Any]:
        """Return the outcome for JSON; `splits` and `dividends` are those in the lake now."""
        return {
            "file": str(self.path),
            "venue": self.venue,
            "symbol": self.symbol,
            "layout": self.layout,
            "known": self.known,
            "added": self.added,
            "changed": self.changed,
            "same": self.same,
            "splits": self.splits,
            "dividends": self.dividends,
        }


def import_events(lake: Lake, path: Path, request: EventsImport) -> ImportedEvents:
    """Take one file of events into the bronze, silver and gold layers.

    An event on a day that has one replaces it. A file that is a source already changes nothing.

    Raises:
        DataError: PB6003, PB6014, PB6330 to PB6332 the file is no good; PB6334 an event would
            count twice; PB6114 it changed while it was read; PB6105 the lake is damaged.
        UserError: PB6112 the symbol is not known.
        RetryableError: PB6104 another process writes.
    """
    digest = sha256_of(path)
    symbol = check_symbol(request.symbol or symbol_of(path), path)
    fresh, layout = read_events(path, symbol)
    folder = _folder(lake, request.venue, symbol)
    with lake.writing():
        keep_raw(
            lake, path, digest, venue=request.venue, layout=f"{layout}-events",
            now_ms=request.now_ms,
        )  # fmt: skip
        manifest = _manifest(folder, request.venue, symbol)
        before = {} if request.replace else _rows(_read(folder, manifest))
        known = any(source["sha256"] == digest for source in manifest["sources"])
        known = known and not request.replace
        rows = before if known else before | _rows(fresh)
        _check_twice(rows, path)
        events = make_events(symbol, ((ts, *row) for ts, row in rows.items()))
        added, changed, same = (0, 0, len(fresh)) if known else _compared(before, _rows(fresh))
        if not known:
            source = {
                "sha256": digest, "name": path.name, "layout": layout, "rows": len(fresh),
                "imported_at": iso_time(request.now_ms),
                "added": added, "changed": changed, "same": same,
            }  # fmt: skip
            sources = [] if request.replace else manifest["sources"]
            _store(folder, {**manifest, "sources": [*sources, source]}, events)
        gold = events_path(lake.root / "gold" / request.venue, symbol)
        if not known or not gold.exists():
            write_events(gold, events)
    return ImportedEvents(
        path, request.venue, symbol, layout, known, added, changed, same,
        splits=int((events.split != 1).sum()), dividends=int((events.dividend > 0).sum()),
    )  # fmt: skip


def lake_events(lake: Lake, venue: str, symbol: str) -> CorporateEvents | None:
    """Return the events of a market, or None if none were ever imported.

    Raises:
        DataError: PB6105, they are not what was written.
    """
    folder = _folder(lake, venue, symbol)
    if not (folder / MANIFEST).exists():
        return None
    return _read(folder, _manifest(folder, venue, symbol))


def count_events(lake: Lake) -> dict[tuple[str, str], int]:
    """Return how many days with events the lake has, by `(venue, symbol)`; 0 is known to be none.

    Raises:
        DataError: PB6105, a manifest cannot be read.
    """
    return {
        (str(found["venue"]), str(found["symbol"])): sum(part["rows"] for part in found["parts"])
        for found in lake.manifests(EVENTS)
    }


def list_events(lake: Lake) -> list[dict[str, Any]]:
    """Return a row for each event of the lake, by market, then by day.

    Keys are venue, symbol, ts (UTC ms), date (ISO), split, dividend.

    Raises:
        DataError: PB6105, they are not what was written.
    """
    found = []
    for manifest in lake.manifests(EVENTS):
        venue, symbol = str(manifest["venue"]), str(manifest["symbol"])
        for ts, (split, cash) in _rows(_read(_folder(lake, venue, symbol), manifest)).items():
            found.append(
                {
                    "venue": venue,
                    "symbol": symbol,
                    "ts": ts,
                    "date": iso_time(ts)[:10],
                    "split": split,
                    "dividend": cash,
                }
            )
    return found


def _folder(lake: Lake, venue: str, symbol: str) -> Path:
    """Return the folder of the events of a market: beside those of its timeframes."""
    return lake.silver(SeriesKey(venue, symbol, "events"))


def _manifest(folder: Path, venue: str, symbol: str) -> dict[str, Any]:
    if (folder / MANIFEST).exists():
        return read_manifest(folder / MANIFEST)
    return {
        "dataset": EVENTS, "venue": venue, "symbol": symbol, "digest": "", "parts": [],
        "sources": [],
    }  # fmt: skip


def _read(folder: Path, manifest: dict[str, Any]) -> CorporateEvents:
    from pyarrow import parquet

    symbol = str(manifest["symbol"])
    if not manifest["parts"]:
        return make_events(symbol, ())
    part = manifest["parts"][0]
    path = folder / str(part["file"])
    if not path.exists():
        raise broken(path, "it is missing")
    if sha256_of(path) != part["sha256"]:
        raise broken(path, "its SHA-256 is not the one in the manifest")
    with parquet.ParquetFile(path) as opened:
        table = opened.read()
    check_schema(EVENTS, table, path)
    return CorporateEvents(symbol, *(to_array(column) for column in table.columns))


def _store(folder: Path, manifest: dict[str, Any], events: CorporateEvents) -> None:
    """Write the one part under the digest of its rows; the manifest makes it count."""
    digest = hashlib.sha256()
    for column in (events.ts, events.split, events.dividend):
        digest.update(column.tobytes())
    path = folder / f"{digest.hexdigest()[:_DIGEST_SHOWN]}.parquet"
    write_events(path, events)
    part = {"file": path.name, "rows": len(events), "sha256": sha256_of(path)}
    write_manifest(
        folder / MANIFEST, {**manifest, "digest": digest.hexdigest(), "parts": [part]}
    )


def _rows(events: CorporateEvents) -> dict[int, tuple[float, float]]:
    columns = (events.ts.tolist(), events.split.tolist(), events.dividend.tolist())
    return {ts: (split, cash) for ts, split, cash in zip(*columns, strict=True)}


def _compared(
    before: dict[int, tuple[float, float]], fresh: dict[int, tuple[float, float]]
) -> tuple[int, int, int]:
    same = sum(before.get(ts) == row for ts, row in fresh.items())
    added = len(fresh.keys() - before.keys())
    return added, len(fresh) - added - same, same


def _check_twice(rows: dict[int, tuple[float, float]], path: Path) -> None:
    """Refuse one event on two days near each other: its split would be applied twice."""
    for what, at, none in (("split", 0, 1.0), ("dividend", 1, 0.0)):
        days = [(ts, row[at]) for ts, row in sorted(rows.items()) if row[at] != none]
        for (one, value), (other, again) in pairwise(days):
            if other - one <= _APART_MS and abs(again / value - 1) < _SAME:
                raise DataError(
                    Diagnostic(
                        "PB6334",
                        f"the same {what} of {value:g} would be in force from "
                        f"{iso_time(one)[:10]} and from {iso_time(other)[:10]}",
                        Span(str(path)),
                        help="if the file has the whole history, take it alone with `--replace`",
                    )
                )
