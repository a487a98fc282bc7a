"""Is a lake still what was written, and are its series good? Hashes, contracts, quality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.diagnostics import DataError
from paperbot_core.domain.market import DAY_MS, timeframe_ms
from paperbot_core.market.candles.raw import RawBars
from paperbot_core.market.checks.checks import (
    Finding,
    Series,
    SeriesReport,
    Verdict,
    check_rows,
    has_sessions,
    unreadable_report,
)
from paperbot_core.market.events.events import fault_of
from paperbot_core.market.lake.dataset import Kind, key_of
from paperbot_core.market.lake.events import are_beside, gold_events, lake_events
from paperbot_core.market.lake.gold import damaged_bars
from paperbot_core.market.lake.layout import Lake, SeriesKey
from paperbot_core.market.lake.silver import read_series
from paperbot_core.market.lake.trades import stored_trades
from paperbot_core.market.lake.trades_bars import damaged_event_bars

if TYPE_CHECKING:
    from pathlib import Path

    from paperbot_core.config.settings import DataGates
    from paperbot_core.market.trades.trades import Trades


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What a check found of the trades or events of a market; `rows` are those of the manifest."""

    kind: Kind
    key: SeriesKey
    folder: Path
    rows: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Return `fail` if anything was found, for nothing here is a matter of degree."""
        return Verdict.FAIL if self.findings else Verdict.OK

    def as_row(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "file": str(self.folder),
            "kind": self.kind.value,
            "venue": self.key.venue,
            "symbol": self.key.symbol,
            "rows": self.rows,
            "verdict": self.verdict.value,
            "findings": [
                {"key": one.key, "count": one.count, "verdict": one.verdict, "text": one.text}
                for one in self.findings
            ],
        }


def check_stored(lake: Lake, kind: Kind, symbol: str | None = None) -> list[StoredReport]:
    """Read the trades or the events of every market (or of one), each part against its hash.

    Looked at are the rules of the contract too, and the files that were made of them.

    Raises:
        DataError: PB6105, a manifest cannot be read.
    """
    find = _odd_trades if kind is Kind.TRADES else _odd_events
    reports = []
    for manifest in lake.manifests(kind.contract):
        key = key_of(manifest)
        if symbol not in (None, key.symbol):
            continue
        findings: tuple[Finding, ...]
        try:
            findings = tuple(find(lake, key, manifest))
        except DataError as error:
            findings = tuple(
                Finding("unreadable", 1, Verdict.FAIL, f"{found.code}: {found.message}")
                for found in error.diagnostics
            )
        rows = sum(int(part["rows"]) for part in manifest["parts"])
        reports.append(StoredReport(kind, key, lake.silver(key), rows, findings))
    return reports


def _odd_trades(lake: Lake, key: SeriesKey, manifest: dict[str, Any]) -> Iterator[Finding]:
    odd = [
        str(part["period"])
        for part, trades in zip(
            manifest["parts"], stored_trades(lake, key, manifest), strict=True
        )
        if not _keeps_contract(str(part["period"]), trades)
    ]
    if odd:
        text = f"not in order, of another day, or no trades at all: {', '.join(odd[:5])}"
        yield Finding("contract", len(odd), Verdict.FAIL, text)
    yield from _damaged([*damaged_bars(lake, key), *damaged_event_bars(lake, key)])


def _keeps_contract(day: str, trades: Trades) -> bool:
    start = int(np.datetime64(day, "ms").astype(np.int64))
    ids = trades.id[trades.id >= 0]
    return bool(
        len(trades)
        and (np.diff(trades.ts) >= 0).all()
        and start <= int(trades.ts[0])
        and int(trades.ts[-1]) < start + DAY_MS
        and all(np.isfinite(x).all() and (x > 0).all() for x in (trades.price, trades.amount))
        and len(np.unique(ids)) == len(ids)
        and len(ids) in (0, len(trades))
    )


def _odd_events(lake: Lake, key: SeriesKey, _manifest: dict[str, Any]) -> Iterator[Finding]:
    events = lake_events(lake, key.venue, key.symbol)
    if events is None:
        return
    if fault := fault_of(events):
        yield Finding("contract", 1, Verdict.FAIL, f"there is {fault}")
    if not are_beside(lake, key, events):
        path = gold_events(lake, key)
        text = f"`{path.name}` beside the bars does not hold them; import them again"
        yield Finding("gold", 1, Verdict.FAIL, text)


def _damaged(paths: list[Path]) -> Iterator[Finding]:
    if paths:
        names = ", ".join(path.name for path in paths)
        text = f"PB6105: bars that are not what was written: {names}; remove them and import again"
        yield Finding("gold", len(paths), Verdict.FAIL, text)


def check_series(
    lake: Lake,
    key: SeriesKey,
    manifest: dict[str, Any],
    gates: DataGates,
    *,
    sessions: bool | None = None,
) -> SeriesReport:
    """Read a series of the silver layer, every part against its hash, and check its bars.

    Splits and dividends that the lake has of the market are taken into account.

    A damaged part makes a report that says so; damaged bars made of the series are a finding.
    """
    closes = has_sessions(key.symbol) if sessions is None else sessions
    series = Series(str(lake.silver(key)), key.symbol, timeframe_ms(key.timeframe), closes)
    try:
        candles = read_series(lake, key, manifest)
        events = lake_events(lake, key.venue, key.symbol)
    except DataError as error:
        return unreadable_report(series, error)
    raw = RawBars(
        candles.ts,
        np.ones(len(candles), dtype=np.bool_),
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        candles.volume,
        np.zeros(len(candles), dtype=np.bool_),
    )
    report = check_rows(series, raw, gates, events)
    return replace(report, findings=(*report.findings, *_damaged(damaged_bars(lake, key))))
