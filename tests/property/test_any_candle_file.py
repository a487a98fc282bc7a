"""Whatever bytes a candle file holds: a report or a diagnostic, never a traceback, never a lie."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.config.settings import DataGates
from paperbot_core.diagnostics import DataError
from paperbot_core.domain.market import Candles, timeframe_ms
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.candles.raw import RawBars, read_raw
from paperbot_core.market.checks.checks import Series, check_file, check_rows
from paperbot_core.market.checks.quality import find_faults, gap_report
from paperbot_core.market.checks.rows import bad_rows, clean
from paperbot_core.market.formats.formats import recognise
from tests.candle_files import HOUR, START

_HEADER = b"ts,open,high,low,close,volume\n"
_FIELD = st.sampled_from(
    ["10", "11.5", "9", "0", "-1", "nan", "", "x", "1e400", "inf", "1609459200000", "1609459200",
     "1609462800000", "2021-01-01", "2021-01-01T01:00:00Z", '"', "9999999999999999999", "20210101"]
)  # fmt: skip
_TEXT = st.lists(st.lists(_FIELD, min_size=1, max_size=8).map(",".join), max_size=12).map(
    lambda lines: "\n".join(lines).encode()
)
_CONTENT = st.one_of(
    st.binary(max_size=200), _TEXT, _TEXT.map(lambda text: _HEADER + text),
    _TEXT.map(lambda text: b"Date,Open,High,Low,Close,Adj Close,Volume\n" + text),
    _TEXT.map(lambda text: b"unix,date,symbol,open,high,low,close,Volume BTC\n" + text),
)  # fmt: skip


@settings(max_examples=100)
@given(content=_CONTENT, suffix=st.sampled_from([".csv", ".csv", ".parquet", ".feather", ".zip"]))
def test_any_bytes_make_a_report_or_a_diagnostic(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"BTC-USDT_1h{suffix}"
        path.write_bytes(content)
        if suffix != ".zip":
            check_file(CandleFile(path, "BTC/USDT", "1h"), DataGates()).as_row()
        for layout in (None, "jesse", "lean-equity"):
            with contextlib.suppress(DataError):
                recognise(path, layout=layout)


_PRICE = st.sampled_from([0.0, -1.0, np.nan, np.inf, 9.0, 10.0, 11.0, 12.0])


@st.composite
def _raw_bars(draw: st.DrawFn) -> RawBars:
    rows = draw(st.integers(0, 30))
    steps = draw(st.lists(st.integers(-3, 12), min_size=rows, max_size=rows))
    late = draw(st.lists(st.sampled_from([0, 0, 0, 1_000]), min_size=rows, max_size=rows))

    def column() -> Any:
        return np.array(draw(st.lists(_PRICE, min_size=rows, max_size=rows)), dtype=np.float64)

    flags = st.lists(st.sampled_from([False, False, True]), min_size=rows, max_size=rows)
    ts = [START + HOUR * step + more for step, more in zip(steps, late, strict=True)]
    return RawBars(
        np.array(ts, dtype=np.int64),
        ~np.array(draw(flags), dtype=np.bool_),
        column(),
        column(),
        column(),
        column(),
        column(),
        np.array(draw(flags), dtype=np.bool_),
    )


@given(raw=_raw_bars())
def test_a_clean_series_is_a_market_made_of_rows_that_were_there(raw: RawBars) -> None:
    candles, log = clean(raw, "BTC/USDT", HOUR)
    if len(candles):
        assert find_faults(candles, "x") == []
    assert len(candles) == len(raw) - log.bad_rows - log.off_grid - log.duplicates
    there = {
        (int(raw.ts[n]), raw.open[n], raw.high[n], raw.low[n], raw.close[n])
        for n in range(len(raw))
    }
    kept = zip(candles.ts, candles.open, candles.high, candles.low, candles.close, strict=True)
    assert {(int(ts), *prices) for ts, *prices in kept} <= there


@given(raw=_raw_bars())
def test_a_check_counts_what_cleaning_leaves_out(raw: RawBars) -> None:
    row = check_rows(Series("x", "BTC/USDT", HOUR, False), raw, DataGates()).as_row()
    assert row["bad_rows"] == int(bad_rows(raw).sum())
    timed = raw.ts[raw.timed]
    assert row["duplicates"] == len(timed) - len(set(timed.tolist()))
    assert row["missing"] == sum(hole["missing"] for hole in row["holes"])


@given(raw=_raw_bars())
def test_cleaning_twice_changes_nothing(raw: RawBars) -> None:
    once, _log = clean(raw, "BTC/USDT", HOUR)
    again, log = clean(_as_raw(once), "BTC/USDT", HOUR)
    assert not log.changed
    assert np.array_equal(once.ts, again.ts)


@given(raw=_raw_bars())
def test_holes_of_a_clean_series_are_those_a_backtest_reports(raw: RawBars) -> None:
    candles, _log = clean(raw, "BTC/USDT", timeframe_ms("1h"))
    if not len(candles):
        return
    row = check_rows(Series("x", "BTC/USDT", HOUR, False), _as_raw(candles), DataGates()).as_row()
    report = gap_report(candles)
    assert (row["gaps"], row["missing"]) == (len(report.holes), report.missing)


def _as_raw(candles: Candles) -> RawBars:
    rows = len(candles)
    return RawBars(
        candles.ts, np.ones(rows, dtype=np.bool_), candles.open, candles.high, candles.low,
        candles.close, candles.volume, np.zeros(rows, dtype=np.bool_),
    )  # fmt: skip


def test_reading_loosely_finds_what_reading_strictly_does(tmp_path: Path) -> None:
    path = tmp_path / "BTC-USDT_1h.csv"
    path.write_bytes(_HEADER + f"{START},10,12,9,11,5\n{START + HOUR},11,12,9,10,\n".encode())
    raw = read_raw(path)
    assert list(raw.ts) == [START, START + HOUR]
    assert np.isnan(raw.volume[1])
    assert not bad_rows(raw).any()
