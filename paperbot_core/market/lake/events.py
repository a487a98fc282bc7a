"""Splits and dividends in the lake: kept as bytes, merged by day, laid beside the bars of gold."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.candles.arrow import to_array
from paperbot_core.market.events.events import CorporateEvents, make_events
from paperbot_core.market.events.files import events_path, symbol_of
from paperbot_core.market.events.table import read_events, write_events
from paperbot_core.market.lake.contract import EVENTS
from paperbot_core.market.lake.dataset import (
    Imported,
    ImportRequest,
    Kind,
    Merge,
    Source,
    find_manifest,
    read_part,
    take_in,
    write_part,
)
from paperbot_core.market.lake.files import sha256_of
from paperbot_core.market.lake.layout import Lake, SeriesKey, check_symbol
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Two sources may date one event differently by a weekend and a holiday, companies never repeat
#: the same one within it.
_APART_MS = 5 * DAY_MS
_SAME = 0.01


def events_key(venue: str, symbol: str) -> SeriesKey:
    """Return the place of the events of a market: beside those of its timeframes."""
    return SeriesKey(venue, symbol, Kind.EVENTS.value)


def import_events(lake: Lake, path: Path, request: ImportRequest) -> Imported:
    """Take one file of events into the bronze and silver layers.

    An event on a day that has one replaces it; counts are of days.

    Raises:
        DataError: PB6003, PB6014, PB6330 to PB6332 the file is no good; PB6334 an event would
            count twice; PB6114 it changed while it was read; PB6105 the lake is damaged.
        UserError: PB6112 the symbol is not known.
        RetryableError: PB6104 another process writes.
    """
    digest = sha256_of(path)
    symbol = check_symbol(request.symbol or symbol_of(path), path)
    fresh, layout = read_events(path, symbol)
    key = events_key(request.venue, symbol)
    done = take_in(
        lake, key, Kind.EVENTS, Source(path, digest, layout, len(fresh)), request,
        lambda folder, manifest: _merge(folder, manifest, fresh, path),
    )  # fmt: skip
    manifest = find_manifest(lake, key) or {"parts": []}
    counts = {name: sum(p[name] for p in manifest["parts"]) for name in ("splits", "dividends")}
    return Imported(path, Kind.EVENTS, key, layout, len(fresh), done, facts=counts)


def lake_events(lake: Lake, venue: str, symbol: str) -> CorporateEvents | None:
    """Return the events of a market, or None if none were ever imported.

    Raises:
        DataError: PB6105, they are not what was written.
    """
    key = events_key(venue, symbol)
    manifest = find_manifest(lake, key)
    return None if manifest is None else _read(lake.silver(key), manifest)


def list_events(lake: Lake) -> list[dict[str, Any]]:
    """Return a row for each event of the lake, by market, then by day.

    Keys are venue, symbol, ts (UTC ms), date (ISO), split, dividend.

    Raises:
        DataError: PB6105, they are not what was written.
    """
    return [
        {
            "venue": manifest["venue"],
            "symbol": manifest["symbol"],
            "ts": ts,
            "date": iso_time(ts)[:10],
            "split": split,
            "dividend": cash,
        }
        for manifest in lake.manifests(EVENTS)
        for ts, (split, cash) in _rows(
            _read(lake.silver(events_key(manifest["venue"], manifest["symbol"])), manifest)
        ).items()
    ]


def gold_events(lake: Lake, key: SeriesKey) -> Path:
    """Return the file of events beside the bars of a market."""
    return events_path(lake.root / "gold" / key.venue, key.symbol)


def refresh_events(lake: Lake, key: SeriesKey) -> None:
    """Bring the file beside the bars up to the events of the lake. Call it with the lock held.

    Raises:
        DataError: PB6105, they are not what was written.
    """
    events = lake_events(lake, key.venue, key.symbol)
    if events is not None and not are_beside(lake, key, events):
        write_events(gold_events(lake, key), events)


def are_beside(lake: Lake, key: SeriesKey, events: CorporateEvents) -> bool:
    """Return whether the file beside the bars of a market holds these events."""
    path = gold_events(lake, key)
    try:
        return path.exists() and _rows(read_events(path, key.symbol)[0]) == _rows(events)
    except DataError:
        return False


def _merge(
    folder: Path, manifest: dict[str, Any], fresh: CorporateEvents, path: Path
) -> Merge:
    before, new = _rows(_read(folder, manifest)), _rows(fresh)
    rows = before | new
    _check_twice(rows, path)
    events = make_events(fresh.symbol, ((ts, *row) for ts, row in rows.items()))
    part = write_part(
        folder, "", (events.ts, events.split, events.dividend),
        lambda file: write_events(file, events),
        splits=int((events.split != 1).sum()), dividends=int((events.dividend > 0).sum()),
    )  # fmt: skip
    manifest["parts"] = [part]
    same = sum(before.get(ts) == row for ts, row in new.items())
    added = len(new.keys() - before.keys())
    return Merge(added, len(new) - added - same, same)


def _read(folder: Path, manifest: Mapping[str, Any]) -> CorporateEvents:
    symbol = str(manifest["symbol"])
    if not manifest["parts"]:
        return make_events(symbol, ())
    table = read_part(folder, EVENTS, manifest["parts"][0])
    return CorporateEvents(symbol, *(to_array(column) for column in table.columns))


def _rows(events: CorporateEvents) -> dict[int, tuple[float, float]]:
    columns = (events.ts.tolist(), events.split.tolist(), events.dividend.tolist())
    return {ts: (split, cash) for ts, split, cash in zip(*columns, strict=True)}


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
