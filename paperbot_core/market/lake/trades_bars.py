"""Bars of the trades in a lake: time bars are candle files, event bars have their own folder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic, Span, user_error
from paperbot_core.domain.market import timeframe_ms, timeframe_text
from paperbot_core.market.candles.arrow import from_numbers
from paperbot_core.market.lake.contract import check_schema
from paperbot_core.market.lake.dataset import Kind, find_manifest
from paperbot_core.market.lake.files import sha256_of, write_atomically, write_json, write_table
from paperbot_core.market.lake.gold import is_current, write_gold
from paperbot_core.market.lake.layout import Lake, SeriesKey, read_manifest
from paperbot_core.market.lake.packed import META
from paperbot_core.market.lake.trades import covered, stored_trades
from paperbot_core.market.timerange import iso_time
from paperbot_core.market.trades.bars import (
    COLUMNS,
    BarBuilder,
    BarKind,
    BarRule,
    TradeBars,
    joined_bars,
    no_bars,
)

#: Folder of bars that are no candles, below that of a venue.
FOLDER = "event_bars"
KIND = Kind.TRADES.value
TRADE_BARS = "trade_bars.v1"


@dataclass(frozen=True, slots=True)
class BuiltBars:
    """Bars in a file; `written` is False if it was of the trades in the lake already."""

    path: Path
    rows: int
    first: int
    last: int
    written: bool
    notes: tuple[str, ...]


def lake_bars(lake: Lake, key: SeriesKey, rule: BarRule) -> tuple[TradeBars, tuple[str, ...]]:
    """Return the bars of all trades of a market, at least one, and what is noteworthy about them.

    Time bars are those of which the lake has all the time; event bars go on over holes, which are
    told.

    Raises:
        UserError: PB6306, the lake has no trades of it.
        DataError: PB6105 a part is damaged; PB6311 no bar is full.
    """
    manifest = known_trades(lake, key)
    builder = BarBuilder(key.symbol, rule)
    days = (builder.feed(trades) for trades in stored_trades(lake, key, manifest))
    bars = joined_bars([no_bars(key.symbol), *days])
    times = covered(manifest)
    if rule.kind is BarKind.TIME:
        bars = joined_bars([bars, builder.rest()])
        bars = bars.take(_whole(bars, times))
    if not len(bars):
        raise DataError(
            Diagnostic(
                "PB6311",
                f"the trades of {key.venue} {key.symbol} from {iso_time(times[0][0])} to "
                f"{iso_time(times[-1][1])} do not fill one bar of {_shown(rule)}",
                Span(str(lake.silver(key))),
                help="choose smaller bars, or import more trades",
            )
        )
    notes = [
        f"no trades are stored from {iso_time(end)} to {iso_time(start)}"
        for (_start, end), (start, _end) in pairwise(times)
    ]
    return bars, tuple(notes)


def build_bars(lake: Lake, key: SeriesKey, rule: BarRule) -> BuiltBars:
    """Bring the gold file of bars up to the trades in the lake. Call it with the lock held.

    Raises:
        UserError: PB6306 no trades; PB6308 bars made of candles are there.
        DataError: as `lake_bars`.
    """
    if rule.kind is BarKind.TIME:
        return _time_file(lake, key, rule)
    manifest = known_trades(lake, key)
    path = event_file(lake, key, rule)
    meta = path.parent / META / f"{path.stem}.json"
    facts = read_manifest(meta) if meta.exists() and path.exists() else {}
    written, notes = False, tuple[str, ...]()
    if (facts.get("silver_digest"), facts.get("sha256")) != (
        manifest["digest"], sha256_of(path) if facts else None,
    ):  # fmt: skip
        bars, notes = lake_bars(lake, key, rule)
        write_bars(path, bars)
        facts = {
            "venue": key.venue,
            "symbol": key.symbol,
            "kind": rule.kind.value,
            "size": rule.size,
            "made_from": KIND,
            "silver_digest": manifest["digest"],
            "rows": len(bars),
            "first": int(bars.ts[0]),
            "last": int(bars.ts[-1]),
            "sha256": sha256_of(path),
        }
        write_json(meta, facts)
        written = True
    return _built(path, facts, written, notes)


def refresh_bars(lake: Lake, key: SeriesKey) -> list[Path]:
    """Bring every file of bars made of these trades up to date; return those that were written.

    Call it with the lock of the lake held.

    Raises:
        DataError: PB6105, the lake is damaged.
    """
    folder = lake.root / "gold" / key.venue
    rules: list[BarRule] = []
    for path in sorted((*folder.glob(f"{META}/*.json"), *folder.glob(f"{FOLDER}/{META}/*.json"))):
        facts = read_manifest(path)
        if (facts.get("symbol"), facts.get("made_from")) != (key.symbol, KIND):
            continue
        if "kind" in facts:
            rules.append(BarRule(BarKind(facts["kind"]), facts["size"]))
        else:
            rules.append(BarRule(BarKind.TIME, timeframe_ms(str(facts["timeframe"]))))
    built = (build_bars(lake, key, rule) for rule in rules)
    return [one.path for one in built if one.written]


def event_file(lake: Lake, key: SeriesKey, rule: BarRule) -> Path:
    """Return the file of event bars: no candle file by its name, nor in their folder."""
    size = int(rule.size) if rule.size == int(rule.size) else rule.size
    name = f"{key.market}_{rule.kind}{size}"
    return lake.root / "gold" / key.venue / FOLDER / f"{name}.parquet"


def damaged_event_bars(lake: Lake, key: SeriesKey) -> list[Path]:
    """Return the files of event bars of a market whose hash is not the one that was noted."""
    found = []
    for meta in sorted((lake.root / "gold" / key.venue / FOLDER / META).glob("*.json")):
        facts = read_manifest(meta)
        path = meta.parent.parent / f"{meta.stem}.parquet"
        if facts["symbol"] == key.symbol and path.exists() and facts["sha256"] != sha256_of(path):
            found.append(path)
    return found


def write_bars(path: Path, bars: TradeBars) -> None:
    """Write bars with all their columns, atomically: CSV if `path` ends so, else Parquet."""
    import pyarrow as pa
    from pyarrow import csv

    table = pa.table({name: from_numbers(getattr(bars, name)) for name in COLUMNS})
    check_schema(TRADE_BARS, table, path)
    if path.suffix.lower() == ".csv":
        write_atomically(path, lambda temp: csv.write_csv(table, temp))
    else:
        write_table(path, table)


def _time_file(lake: Lake, key: SeriesKey, rule: BarRule) -> BuiltBars:
    manifest = known_trades(lake, key)
    target = SeriesKey(key.venue, key.symbol, timeframe_text(int(rule.size)))
    meta = lake.gold_meta(target)
    if meta.exists() and read_manifest(meta)["made_from"] != KIND:
        raise user_error(
            "PB6308",
            f"the lake has {target.timeframe} bars of {key.venue} {key.symbol} from candles",
            help="write the bars to a file with `--out`",
        )
    written, notes = False, tuple[str, ...]()
    if not is_current(lake, target, KIND, str(manifest["digest"])):
        bars, notes = lake_bars(lake, key, rule)
        candles = bars.candles(int(rule.size))
        write_gold(lake, target, candles, KIND, str(manifest["digest"]))
        written = True
    return _built(lake.gold(target), read_manifest(lake.gold_meta(target)), written, notes)


def _built(path: Path, facts: dict[str, Any], written: bool, notes: tuple[str, ...]) -> BuiltBars:
    rows, first, last = (int(facts[name]) for name in ("rows", "first", "last"))
    return BuiltBars(path, rows, first, last, written, notes)


def known_trades(lake: Lake, key: SeriesKey) -> dict[str, Any]:
    """Return the manifest of the trades of a market.

    Raises:
        UserError: PB6306, the lake has none.
        DataError: PB6105, it cannot be read.
    """
    manifest = find_manifest(lake, key)
    if manifest is None:
        raise user_error(
            "PB6306",
            f"the lake `{lake.root}` has no trades of {key.venue} {key.symbol}",
            help="`paperbot data import PATH --venue V` takes them in",
        )
    return manifest


def _whole(bars: TradeBars, times: list[tuple[int, int]]) -> Any:
    """Return the bars whose time lies within one of `times`."""
    starts = np.array([start for start, _end in times], dtype=np.int64)
    ends = np.array([end for _start, end in times], dtype=np.int64)
    at = np.searchsorted(starts, bars.ts, side="right") - 1
    return (at >= 0) & (bars.close_ts <= ends[at])


def _shown(rule: BarRule) -> str:
    if rule.kind is BarKind.TIME:
        return timeframe_text(int(rule.size))
    return f"{rule.size:g} {rule.kind}"
