"""The features of a strategy over the bars of a lake, kept in its gold layer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paperbot_core.config.project import Project
from paperbot_core.diagnostics import user_error
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.lake.files import sha256_of, write_json, write_table
from paperbot_core.market.lake.layout import FEATURES, Lake, SeriesKey, read_manifest
from paperbot_core.market.lake.packed import META
from paperbot_core.plugins_signals import feature_columns
from paperbot_core.research.check import CheckedProject
from paperbot_core.research.history import History, load_history


@dataclass(frozen=True, slots=True)
class FeatureFile:
    """One file of features; `written` is False if it was there already and up to date."""

    path: Path
    strategy: str
    symbol: str
    timeframe: str
    rows: int
    features: tuple[str, ...]
    written: bool


def store_features(
    lake: Lake, checked: CheckedProject, strategy: str, *, venue: str | None = None,
    symbol: str | None = None,
) -> list[FeatureFile]:  # fmt: skip
    """Write the features of a strategy on all bars of the gold layer that it would trade on.

    They are what a backtest computes over `gold/<venue>`: of believed bars, shares in units of the
    first share, NaN during warm-up. Call it with the lock of the lake held.

    Raises:
        UserError: PB6509 the strategy names no features; PB65xx there are no bars for it.
        DataError: a file of the lake is not what it should be.
    """
    compiled = checked.compiled[strategy]
    if not compiled.file.features:
        raise user_error(
            "PB6509", f"strategy `{strategy}` names no features",
            help="name expressions under `features:` of its file",
        )
    venues = sorted({key.venue for key, _ in lake.series() if venue in {None, key.venue}})
    if not venues:
        raise user_error(
            "PB6509", "the lake has no bars" + (f" of venue `{venue}`" if venue else ""),
            file=str(lake.root), help="`paperbot data import` takes candles in",
        )
    found = []
    for name in venues:
        folder = lake.root / "gold" / name
        history = load_history(checked.project, (compiled,), (folder,), symbol=symbol)
        found += list(_stored(lake, name, history, compiled, _rules(checked.project, compiled)))
    return found


def _stored(
    lake: Lake, venue: str, history: History, compiled: CompiledStrategy, rules: str
) -> Iterator[FeatureFile]:
    for (symbol, tf_ms), candles in sorted(history.own.items()):
        key = SeriesKey(venue, symbol, timeframe_text(tf_ms))
        folder = lake.gold(key).parent / FEATURES
        stem = f"{lake.gold(key).stem}.{compiled.file.name}"
        path, meta = folder / f"{stem}.parquet", folder / META / f"{stem}.json"
        origin = _origin(lake, venue, history, symbol, compiled) | {"rules_sha256": rules}
        names = tuple(compiled.file.features)
        current = path.is_file() and meta.is_file() and _says(meta, origin, path)
        if not current:
            _write(path, compiled, candles)
            write_json(
                meta,
                {**origin, "rows": len(candles), "bytes": path.stat().st_size,
                 "sha256": sha256_of(path)},
            )  # fmt: skip
        yield FeatureFile(
            path, compiled.file.name, symbol, key.timeframe, len(candles), names, not current
        )


def _rules(project: Project, compiled: CompiledStrategy) -> str:
    """Return the hash of all that decides features besides bars: also guards and regime."""
    guards, regime = project.policy.data, project.universe.regime
    facts = [
        dict(compiled.file.features), dict(compiled.params),
        None if guards is None else guards.model_dump(mode="json"),
        None if regime is None else regime.model_dump(mode="json"),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _write(path: Path, compiled: CompiledStrategy, candles: Candles) -> None:
    import pyarrow as pa

    columns = feature_columns(compiled, Columns(candles))
    write_table(path, pa.table({"ts": pa.array(candles.ts), **{
        name: pa.array(values) for name, values in columns.items()
    }}))  # fmt: skip


def _origin(
    lake: Lake, venue: str, history: History, symbol: str, compiled: CompiledStrategy
) -> dict[str, Any]:
    """Return what features are made of besides rules: the silver behind the bars."""
    files = [file for file in history.files if file.symbol == symbol]
    facts = [
        read_manifest(lake.gold_meta(SeriesKey(venue, symbol, file.timeframe))) for file in files
    ]
    return {
        "venue": venue, "symbol": symbol, "made_from": facts[0]["made_from"],
        "silver_digest": ",".join(str(one["silver_digest"]) for one in facts),
        "strategy": compiled.file.name,
    }  # fmt: skip


def _says(meta: Path, origin: dict[str, Any], path: Path) -> bool:
    facts = read_manifest(meta)
    return {**facts, **origin} == facts and facts["bytes"] == path.stat().st_size
