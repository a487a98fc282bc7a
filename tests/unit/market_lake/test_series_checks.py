"""What a check sees in a series: each kind of damage is counted, and nothing stops it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import csv, parquet

from paperbot_core.config.settings import DataGates
from paperbot_core.market.candles.names import CandleFile, parse_candle_name
from paperbot_core.market.checks.checks import SeriesReport, Verdict, check_file
from tests.candle_files import HOUR, START, walk_table

Columns = dict[str, Any]
ROWS = 600


def columns(rows: int = ROWS, seed: int = 3) -> Columns:
    return {
        name: np.array(values) for name, values in walk_table(rows, seed=seed).to_pydict().items()
    }


def checked(
    folder: Path, data: Columns, name: str = "BTC-USDT_1h.parquet", **gates: Any
) -> SeriesReport:
    import pyarrow as pa

    path = folder / name
    writer = {".parquet": parquet.write_table, ".csv": csv.write_csv}[path.suffix]
    writer(pa.table(data), path)
    return check_path(path, **gates)


def check_path(path: Path, **gates: Any) -> SeriesReport:
    named = parse_candle_name(path)
    assert named is not None
    return check_file(CandleFile(path, *named), DataGates(**gates))


def counts(report: SeriesReport) -> dict[str, Any]:
    keys = ("gaps", "missing", "duplicates", "disorder", "zero_volume", "bad_rows", "off_grid")
    row = report.as_row()
    return {key: row[key] for key in keys if row[key]}


def cut(data: Columns, keep: Any) -> Columns:
    return {name: values[keep] for name, values in data.items()}


def test_a_clean_series_is_ok(tmp_path: Path) -> None:
    report = checked(tmp_path, columns())
    assert counts(report) == {}
    assert report.verdict is Verdict.OK
    row = report.as_row()
    assert (row["symbol"], row["timeframe"], row["rows"]) == ("BTC/USDT", "1h", ROWS)
    assert (row["first"], row["last"]) == (START, START + HOUR * (ROWS - 1))


def _drop(data: Columns) -> Columns:
    keep = np.ones(ROWS, dtype=bool)
    keep[[10, 11, 12, 400]] = False
    return cut(data, keep)


def _double(data: Columns) -> Columns:
    return cut(data, np.sort(np.append(np.arange(ROWS), [5, 5, 90])))


def _swap(data: Columns) -> Columns:
    order = np.arange(ROWS)
    order[[20, 21]] = order[[21, 20]]
    return cut(data, order)


def _spoil(data: Columns) -> Columns:
    data["high"][3], data["low"][3] = data["low"][3], data["high"][3]
    data["low"][50] = 0.0
    data["close"][51] = np.nan
    data["volume"][52] = -1.0
    return data


def _shift(data: Columns) -> Columns:
    data["ts"][[7, 8]] += 1_000
    return data


def _silence(data: Columns) -> Columns:
    data["volume"][[1, 100, 300]] = 0.0
    return data


@pytest.mark.parametrize(
    ("damage", "found", "verdict"),
    [
        (_drop, {"gaps": 2, "missing": 4}, Verdict.WARN),
        (_double, {"duplicates": 3}, Verdict.FAIL),
        (_swap, {"disorder": 1}, Verdict.FAIL),
        (_spoil, {"bad_rows": 4}, Verdict.FAIL),
        (_shift, {"off_grid": 2, "gaps": 1, "missing": 2}, Verdict.FAIL),
        (_silence, {"zero_volume": 3}, Verdict.OK),
    ],
)
def test_each_damage_is_counted_alone(
    tmp_path: Path, damage: Callable[[Columns], Columns], found: dict[str, int], verdict: Verdict
) -> None:
    report = checked(tmp_path, damage(columns()))
    assert counts(report) == found
    assert report.verdict is verdict


def test_damages_are_counted_together(tmp_path: Path) -> None:
    report = checked(tmp_path, _swap(_spoil(columns())))
    assert counts(report) == {"bad_rows": 4, "disorder": 1}


def test_a_gate_says_how_much_is_too_much(tmp_path: Path) -> None:
    data = _drop(columns())
    assert checked(tmp_path, data, gaps_max=1).verdict is Verdict.FAIL
    assert checked(tmp_path, data, gaps_max=2).verdict is Verdict.WARN
    assert checked(tmp_path, data, missing_pct_max=0.5).verdict is Verdict.FAIL
    assert checked(tmp_path, _double(columns()), duplicates_max=None).verdict is Verdict.WARN
    assert checked(tmp_path, _silence(columns()), zero_volume_pct_max=0.1).verdict is Verdict.FAIL


def test_a_wrong_timeframe_in_the_name_fails(tmp_path: Path) -> None:
    for name in ("BTC-USDT_5m.parquet", "BTC-USDT_4h.parquet"):
        report = checked(tmp_path, columns(), name, missing_pct_max=None, off_grid_max=None)
        assert report.verdict is Verdict.FAIL
        assert "wrong_timeframe" in {finding.key for finding in report.findings}


def test_a_row_that_is_no_text_is_a_bad_row(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "BTC-USDT_1h.csv"
    lines = [b"ts,open,high,low,close,volume"]
    lines += [b"%d,1,2,0.5,1.5,10" % (START + HOUR * k) for k in range(40)]
    lines[20] = b"\xff\xfe,1,2,\xfa,9,0.5,1.5,10"
    path.write_bytes(b"\n".join(lines))
    assert counts(check_path(path)) == {"bad_rows": 1, "gaps": 1, "missing": 1}
    assert "Traceback" not in capfd.readouterr().err


def test_words_among_numbers_are_bad_rows(tmp_path: Path) -> None:
    lines = ["ts,open,high,low,close,volume"]
    lines += [f"{START + HOUR * n},10,11,9,10,5" for n in range(30)]
    lines[5] = lines[5].replace("11", "n/a")
    lines[8] = "yesterday,10,11,9,10,5"
    lines[12] = "1,2,3"
    lines[-1] = lines[-1][:20]
    path = tmp_path / "BTC-USDT_1h.csv"
    path.write_text("\n".join(lines))
    report = check_path(path)
    # A row without a time cannot be in its place; nor can lines that were cut.
    assert counts(report) == {"bad_rows": 4, "gaps": 2, "missing": 2}
    assert report.as_row()["rows"] == 30


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "PB6003"),
        (b"PAR1 nothing of the kind", "PB6003"),
        (b"ts,open,high,low,close\n1,2,3,4,5\n", "PB6004"),
        (b"ts,open,high,low,close,volume\n", "PB6006"),
        (b"\xff\xfe\x00garbage", "PB600"),
        (b"\x80,a\n1,2\n", "PB6004"),
    ],
)
def test_a_file_that_cannot_be_read_is_described(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "BTC-USDT_1h.csv"
    path.write_bytes(content)
    report = check_path(path)
    assert report.verdict is Verdict.FAIL
    assert words in report.findings[0].text
    assert report.as_row()["rows"] == 0


def test_a_bad_tick_is_an_outlier_and_a_split_is_not(tmp_path: Path) -> None:
    data = columns(rows=1_000)
    data["high"][500] *= 3.0
    for name in ("open", "high", "low", "close"):
        data[name][700:] /= 4.0
    data["open"][700] = data["close"][699] / 4.0
    data["high"][700] = max(data["high"][700], data["open"][700])
    data["low"][700] = min(data["low"][700], data["open"][700])
    row = checked(tmp_path, data).as_row()
    assert row["outlier_times"] == [START + 500 * HOUR]
    assert row["splits"] == [{"ts": START + 700 * HOUR, "ratio": 4.0}]


def test_frozen_and_silent_runs(tmp_path: Path) -> None:
    data = columns()
    for name in ("open", "high", "low", "close"):
        data[name][101:131] = data["close"][100]
    data["open"][131] = data["close"][130]
    data["high"][131] = max(data["high"][131], data["open"][131])
    data["low"][131] = min(data["low"][131], data["open"][131])
    data["volume"][110:125] = 0.0
    row = checked(tmp_path, data).as_row()
    assert (row["frozen"], row["zero_volume_run"], row["bad_rows"]) == (30, 15, 0)


def test_a_closed_exchange_is_no_gap(tmp_path: Path) -> None:
    from paperbot_core.market.equities import expected_opens

    opens = expected_opens(START, START + 60 * 24 * HOUR, HOUR)
    data = columns(rows=len(opens))
    data["ts"] = opens
    assert counts(checked(tmp_path, data, "AAPL_1h.parquet")) == {}
    without = cut(data, np.arange(len(opens)) % 50 != 20)
    report = checked(tmp_path, without, "AAPL_1h.parquet")
    assert report.as_row()["missing"] == len(opens) - len(without["ts"])


def test_outages_of_a_real_exchange_are_found_exactly(market_data: Path) -> None:
    import json

    listed = [
        row
        for row in json.loads((market_data / "manifest.json").read_text("utf-8"))
        if row["kind"] == "ohlcv"
        and isinstance(row["gaps"], int)
        and row["file"].startswith(("binance_spot_long", "binance_spot_crash", "lean_crypto"))
    ]
    assert listed
    for row in listed:
        found = check_path(market_data / row["file"]).as_row()
        assert (found["gaps"], found["missing"]) == (row["gaps"], row["missing"]), row["file"]
        assert found["duplicates"] == found["disorder"] == found["bad_rows"] == 0


def test_the_holes_of_bitcoin_are_where_the_exchange_was_down(market_data: Path) -> None:
    from paperbot_core.market.timerange import iso_time

    row = check_path(market_data / "binance_spot_long/BTC-USDT_1h.parquet").as_row()
    before = {iso_time(h["ts"] - HOUR)[:16]: h["missing"] for h in row["holes"]}
    known = {
        "2018-02-08T00:00": 33,
        "2018-06-26T01:00": 10,
        "2018-07-04T00:00": 7,
        "2018-11-14T01:00": 7,
        "2019-05-15T02:00": 10,
        "2020-02-19T11:00": 5,
        "2020-12-21T13:00": 4,
        "2021-04-25T04:00": 3,
        "2021-08-13T01:00": 4,
        "2023-03-24T12:00": 1,
    }
    assert {time: before.get(time) for time in known} == known
    assert len(before) == 27


def test_real_splits_are_found_and_real_falls_are_not(market_data: Path, tmp_path: Path) -> None:
    from paperbot_core.market.timerange import iso_time

    found = {}
    for symbol in ("AAPL", "SPY", "USO"):
        # A copy by itself: the events that lie beside the original explain its splits.
        alone = tmp_path / f"{symbol}_1d.parquet"
        alone.write_bytes((market_data / "lean_equity" / alone.name).read_bytes())
        splits = check_path(alone).as_row()["splits"]
        found[symbol] = [(iso_time(split["ts"])[:10], split["ratio"]) for split in splits]
    assert found == {
        # The fall of 2000-09-29 (-52 %) is real.
        "AAPL": [
            ("2000-06-21", 2.0),
            ("2005-02-28", 2.0),
            ("2014-06-09", 7.0),
            ("2020-08-31", 4.0),
        ],
        "SPY": [],
        "USO": [("2020-04-29", 0.125)],
    }
