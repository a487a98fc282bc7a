"""The real candles of the machine, where it has them: all read, and hold what their table says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paperbot_core.market.align import align
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.checks.quality import gap_report

DATA = os.environ.get("PAPERBOT_MARKET_DATA", "")
needs_data = pytest.mark.skipif(not DATA, reason="PAPERBOT_MARKET_DATA is not set")


@needs_data
def test_real_candles_read_clean() -> None:
    folder = Path(DATA) / "binance_spot_long"
    files = find_candles([folder])
    assert len(files) >= 10
    series = [read_candles(file) for file in files]
    grid = align(series)
    for candles, row in zip(series, grid.rows, strict=True):
        assert (row >= 0).sum() == len(candles)


@needs_data
def test_holes_of_real_candles_are_those_of_their_table() -> None:
    path = Path(DATA) / "binance_spot_long" / "BTC-USDT_1h.parquet"
    report = gap_report(read_candles(find_candles([path])[0]))
    assert (len(report.holes), report.missing) == (27, 122)
