"""Is a lake still what was written, and are its series good? Hashes, contract, quality."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.diagnostics import DataError
from paperbot_core.domain.market import timeframe_ms
from paperbot_core.market.checks import (
    Finding,
    Series,
    SeriesReport,
    Verdict,
    check_rows,
    has_sessions,
    unreadable_report,
)
from paperbot_core.market.lake import Lake, SeriesKey
from paperbot_core.market.lake_events import lake_events
from paperbot_core.market.lake_gold import damaged_bars
from paperbot_core.market.lake_silver import read_series
from paperbot_core.market.raw import RawBars

if TYPE_CHECKING:
    from paperbot_core.config.settings import DataGates


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
    damaged = damaged_bars(lake, key)
    if not damaged:
        return report
    names = ", ".join(path.name for path in damaged)
    text = f"PB6105: bars that are not what was written: {names}; remove them and import again"
    finding = Finding("gold", len(damaged), Verdict.FAIL, text)
    return replace(report, findings=(*report.findings, finding))
