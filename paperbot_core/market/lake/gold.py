"""The gold layer: one file of bars a market, made of silver and marked with its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import DataError
from paperbot_core.domain.market import Candles, bucket_open, timeframe_ms
from paperbot_core.market.checks.quality import find_faults
from paperbot_core.market.lake.files import sha256_of, write_candles, write_json
from paperbot_core.market.lake.layout import Lake, SeriesKey, read_manifest
from paperbot_core.market.lake.packed import write_packed
from paperbot_core.market.lake.silver import read_series
from paperbot_core.market.resample import resample


def build_gold(
    lake: Lake, key: SeriesKey, manifest: dict[str, Any], timeframes: tuple[str, ...] = ()
) -> list[Path]:
    """Bring the bars of a series up to date and return the files that were written.

    Longer timeframes are those named and those made of this series before; a bar is only made when
    all of its time lies within the series. A longer timeframe that has a series of its own is left
    to that one. Call it with the lock of the lake held.

    Raises:
        DataError: PB6105, a part of the series is not what was written.
        UserError: PB6020, a timeframe cannot be made of this one.
    """
    own = {known for known, _manifest in lake.series() if known.venue == key.venue}
    wanted = [key.timeframe, *sorted({*timeframes, *_derived(lake, key)} - {key.timeframe})]
    targets = [SeriesKey(key.venue, key.symbol, timeframe) for timeframe in wanted]
    stale = [
        target
        for target in targets
        if (target == key or target not in own)
        and not is_current(lake, target, key.timeframe, str(manifest["digest"]))
    ]
    if not stale:
        return []
    candles = read_series(lake, key, manifest)
    return [
        write_gold(lake, target, _bars(candles, target), key.timeframe, str(manifest["digest"]))
        for target in stale
    ]


def is_current(lake: Lake, target: SeriesKey, made_from: str, digest: str) -> bool:
    """Return whether the bars of `target` are there and were made of that state of its series."""
    meta, path = lake.gold_meta(target), lake.gold(target)
    if not meta.exists() or not path.exists():
        return False
    facts = read_manifest(meta)
    wanted = (digest, made_from, path.stat().st_size)
    return tuple(facts.get(name) for name in ("silver_digest", "made_from", "bytes")) == wanted


def damaged_bars(lake: Lake, key: SeriesKey) -> list[Path]:
    """Return the gold files made of a series whose hash is not the one that was noted."""
    found = []
    for timeframe in sorted({key.timeframe, *_derived(lake, key)}):
        target = SeriesKey(key.venue, key.symbol, timeframe)
        path, meta = lake.gold(target), lake.gold_meta(target)
        noted = read_manifest(meta)["sha256"] if meta.exists() else None
        if path.exists() and noted != sha256_of(path):
            found.append(path)
    return found


def longer_bars(lake: Lake, key: SeriesKey) -> list[str]:
    """Return the longer timeframes that are made of a series, shortest first."""
    return sorted({*_derived(lake, key)} - {key.timeframe}, key=timeframe_ms)


def _derived(lake: Lake, key: SeriesKey) -> list[str]:
    """Return the longer timeframes that were made of this series before."""
    found = []
    for path in lake.gold_meta(key).parent.glob("*.json"):
        facts = read_manifest(path)
        if (facts.get("symbol"), facts.get("made_from")) == (key.symbol, key.timeframe):
            found.append(str(facts["timeframe"]))
    return found


def _bars(candles: Candles, target: SeriesKey) -> Candles:
    tf_ms = timeframe_ms(target.timeframe)
    if tf_ms == candles.tf_ms:
        return candles
    bars = resample(candles, tf_ms)
    first, end = int(candles.ts[0]), int(candles.ts[-1]) + candles.tf_ms
    start = 0 if bucket_open(first, tf_ms) == first else 1
    stop = int(bars.ts.searchsorted(end - tf_ms, side="right"))
    return bars.slice(start, max(start, stop))


def write_gold(
    lake: Lake, target: SeriesKey, bars: Candles, made_from: str, digest: str
) -> Path:
    """Write the bars of a series with their mapped copy and origin; return the file.

    `made_from` is the timeframe (or `trades`) and `digest` the state of what they were made of.
    Call it with the lock of the lake held.

    Raises:
        DataError: PB6008 to PB6013, they are no bars.
    """
    path = lake.gold(target)
    if len(bars):
        faults = find_faults(bars, str(path))
        if faults:
            raise DataError(faults)
    write_candles(path, bars)
    write_packed(path, bars)
    write_json(
        lake.gold_meta(target),
        {
            "venue": target.venue,
            "symbol": target.symbol,
            "timeframe": target.timeframe,
            "made_from": made_from,
            "silver_digest": digest,
            "rows": len(bars),
            "first": int(bars.ts[0]) if len(bars) else None,
            "last": int(bars.ts[-1]) if len(bars) else None,
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        },
    )
    return path
