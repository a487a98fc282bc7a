"""Finding and reading candle files: every shape that is a market, every fault that is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from paperbot_core.diagnostics import DataError, Diagnostic, UserError
from paperbot_core.diagnostics.codes import CODES
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.candles.names import CandleFile, parse_candle_name
from paperbot_core.market.checks.quality import gap_report

HOUR = 3_600_000
START = 1_609_459_200_000  # 2021-01-01T00:00Z


def rows(n: int = 5) -> dict[str, Any]:
    base = np.arange(n, dtype=np.float64) + 100
    return {
        "ts": START + HOUR * np.arange(n, dtype=np.int64),
        "open": base,
        "high": base + 2,
        "low": base - 2,
        "close": base + 1,
        "volume": base * 3,
    }


def write(path: Path, columns: dict[str, Any]) -> Path:
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    {".parquet": parquet.write_table, ".feather": feather.write_feather, ".csv": csv.write_csv}[
        path.suffix
    ](table, path)
    return path


def read(path: Path) -> Any:
    return read_candles(find_candles([path])[0])


def faults(path: Path) -> list[Diagnostic]:
    with pytest.raises(DataError) as caught:
        read(path)
    for diagnostic in caught.value.diagnostics:
        assert diagnostic.code in CODES
        assert diagnostic.span is not None
        assert diagnostic.span.file == str(path)
    return list(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BTC-USDT_1h.parquet", ("BTC/USDT", "1h")),
        ("BTC_USDT-1h.feather", ("BTC/USDT", "1h")),
        ("BTC-USDT-USDT_15m.parquet", ("BTC/USDT:USDT", "15m")),
        ("BTC_USDT_USDT-1h-futures.feather", ("BTC/USDT:USDT", "1h")),
        ("AAPL_1d.csv", ("AAPL", "1d")),
        ("BRK.B_1d.csv", ("BRK.B", "1d")),
        ("1000SHIB_USDT-5m.feather", ("1000SHIB/USDT", "5m")),
        ("BTC_USDT_USDT-1h-mark.feather", None),
        ("BTC_USDT_USDT-8h-funding_rate.feather", None),
        ("BTC-USDT_1M.parquet", None),
        ("BTC-USDT_0h.parquet", None),
        ("A-B-C-D_1h.parquet", None),
        ("manifest.parquet", None),
        ("_1h.parquet", None),
    ],
)
def test_a_name_tells_symbol_and_timeframe(name: str, expected: tuple[str, str] | None) -> None:
    assert parse_candle_name(Path(name)) == expected


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv"])
def test_every_format_reads_equal(tmp_path: Path, suffix: str) -> None:
    candles = read(write(tmp_path / f"BTC-USDT_1h{suffix}", rows()))
    assert (candles.symbol, candles.tf_ms, len(candles)) == ("BTC/USDT", HOUR, 5)
    for name, column in rows().items():
        array = getattr(candles, name)
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.dtype == (np.int64 if name == "ts" else np.float64)
        np.testing.assert_array_equal(array, column)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(lambda ts: ts // 1_000, id="seconds"),
        pytest.param(lambda ts: ts * 1_000, id="microseconds"),
        pytest.param(lambda ts: ts * 1_000_000, id="nanoseconds"),
        pytest.param(lambda ts: ts.astype(np.float64), id="float"),
        pytest.param(lambda ts: pa.array(ts, pa.timestamp("ms")), id="naive"),
        pytest.param(lambda ts: pa.array(ts, pa.timestamp("ms", "UTC")), id="utc"),
        pytest.param(lambda ts: pa.array(ts, pa.timestamp("ms", "Asia/Tokyo")), id="zone"),
        pytest.param(
            lambda ts: [datetime.fromtimestamp(t / 1000, UTC).isoformat() for t in ts], id="iso"
        ),
        pytest.param(
            lambda ts: [f"{datetime.fromtimestamp(t / 1000, UTC):%Y-%m-%d %H:%M:%S}" for t in ts],
            id="space",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv"])
def test_times_are_recognised(
    tmp_path: Path, times: Callable[[Any], Any], suffix: str
) -> None:
    columns = rows()
    columns["date"] = times(columns.pop("ts"))
    candles = read(write(tmp_path / f"BTC_USDT-1h{suffix}", columns))
    np.testing.assert_array_equal(candles.ts, rows()["ts"])


def test_days_as_dates(tmp_path: Path) -> None:
    path = tmp_path / "AAPL_1d.csv"
    path.write_text("Date,Open,High,Low,Close,Volume,Name\n2020-01-02,1,2,1,2,,x\n")
    candles = read(path)
    assert candles.ts.tolist() == [1_577_923_200_000]
    assert np.isnan(candles.volume).all()


def test_column_order_extra_columns_and_types_do_not_matter(tmp_path: Path) -> None:
    columns = rows()
    shuffled = {name: columns[name] for name in reversed(columns)}
    shuffled["open"] = pa.array([Decimal(int(v)) for v in shuffled["open"]])
    shuffled["volume"] = shuffled["volume"].astype(np.int32)
    shuffled["note"] = ["x"] * 5
    candles = read(write(tmp_path / "X_1h.parquet", shuffled))
    np.testing.assert_array_equal(candles.open, columns["open"])
    np.testing.assert_array_equal(candles.volume, columns["volume"])


def test_unknown_volume_is_allowed(tmp_path: Path) -> None:
    columns = rows() | {"volume": pa.array([1.0, None, float("nan"), 0.0, 2.0])}
    assert np.isnan(read(write(tmp_path / "X_1h.parquet", columns)).volume).sum() == 2


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"ts": [0, 1, 1, 2, 3]}, "PB6008", "row 2 (2021-01-01T01:00:00Z); 2 rows"),
        ({"ts": [0, 2, 1, 3, 4]}, "PB6009", "row 3 (2021-01-01T01:00:00Z); 1 row is"),
        ({"open": [100, np.nan, 102, 103, 104]}, "PB6010", "is not a positive number (`nan`)"),
        ({"low": [98, 0, 100, -1, 102]}, "PB6010", "`low` is not a positive number (`0`) in row 2"),
        ({"high": [102, np.inf, 104, 105, 106]}, "PB6010", "inf"),
        ({"high": [102, 98, 104, 105, 106]}, "PB6011", "`high` 98 is below `low` 99"),
        ({"open": [100, 101, 999, 103, 104]}, "PB6011", "`open` 999 lies outside 100..104"),
        ({"close": [101, 1, 103, 104, 105]}, "PB6011", "`close` 1 lies outside 99..103"),
        ({"volume": [1, 1, -1, 1, 1]}, "PB6012", "row 3"),
        ({"volume": [1, 1, np.inf, 1, 1]}, "PB6012", "row 3"),
        ({"ts": [0, 0.5, 1, 1.5, 2]}, "PB6013", "1h grid in row 2 (2021-01-01T00:30:00Z); 2 rows"),
        ({"open": ["1", "2", "x", "4", "5"]}, "PB6005", "`open` is not a number in row 3: `x`"),
        ({"ts": [None, 1, 2, 3, 4]}, "PB6007", "`ts` is empty in row 1"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_faults_are_named(
    tmp_path: Path, change: dict[str, list[Any]], code: str, words: str, suffix: str
) -> None:
    columns = rows()
    for name, values in change.items():
        if name == "ts":
            values = [None if v is None else START + int(v * HOUR) for v in values]  # noqa: PLW2901
        columns[name] = pa.array(values)
    path = write(tmp_path / f"BTC-USDT_1h{suffix}", columns)
    found = faults(path)
    assert [fault.code for fault in found] == [code]
    assert words in found[0].message
    if suffix == ".csv":
        row = int(found[0].message.split(" in row ")[1].split()[0].rstrip(";:"))
        assert found[0].span is not None
        assert found[0].span.line == row + 1


def test_every_kind_of_fault_is_reported_at_once(tmp_path: Path) -> None:
    columns = rows()
    columns["ts"] = np.array([0, 2, 1, 1, 3]) * HOUR + START
    columns["low"][3] = -5.0
    columns["volume"][0] = -1.0
    found = faults(write(tmp_path / "X_1h.parquet", columns))
    assert {fault.code for fault in found} == {"PB6008", "PB6009", "PB6010", "PB6012"}


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([1_609_459_200, START + HOUR], "not one unit"),
        ([1, 2], "not one unit"),
        ([-5, START], "not one unit"),
        ([START + 0.5, START + HOUR], "fractions"),
        ([True, False], "not a time"),
        (["soon", "later"], "not a time in row 1: `soon`"),
    ],
)
def test_times_in_no_unit_are_refused(tmp_path: Path, times: list[Any], words: str) -> None:
    columns = {name: column[:2] for name, column in rows().items()} | {"ts": times}
    found = faults(write(tmp_path / "X_1h.parquet", columns))
    assert words in found[0].message


def test_missing_and_doubled_columns_are_named_together(tmp_path: Path) -> None:
    path = tmp_path / "X_1h.csv"
    path.write_text("ts,opn,high,low,close,close\n1,1,1,1,1,1\n")
    found = faults(path)
    assert [fault.code for fault in found] == ["PB6004"] * 3
    assert found[0].help == "did you mean `opn`?"


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff garbage \xfe" * 30, b"PAR1", b'ts,open\n"1,2\n3'], ids=str
)
def test_garbage_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"X_1h{suffix}"
    path.write_bytes(content)
    assert faults(path)[0].code in {"PB6003", "PB6004"}


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"X_1h{suffix}", rows(500))
    whole = path.read_bytes()
    for size in range(0, len(whole) - 1, len(whole) // 40):
        path.write_bytes(whole[:size])
        assert faults(path)[0].code == "PB6003"


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv"])
def test_an_empty_file_is_refused(tmp_path: Path, suffix: str) -> None:
    empty = {name: column[:0] for name, column in rows().items()}
    assert faults(write(tmp_path / f"X_1h{suffix}", empty))[0].code == "PB6006"


def test_a_file_beyond_reason_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "X_1h.parquet", rows())
    monkeypatch.setattr("paperbot_core.market.candles.files.ROWS_MAX", 4)
    assert faults(path)[0].code == "PB6014"
    monkeypatch.setattr("paperbot_core.market.candles.files.BYTES_MAX", 4)
    assert faults(path)[0].code == "PB6014"


def test_a_folder_gives_its_candles_and_names_the_rest(tmp_path: Path) -> None:
    for name in ("ETH-USDT_1h.parquet", "BTC-USDT_1h.parquet", "BTC-USDT_5m.parquet"):
        write(tmp_path / name, rows())
    (tmp_path / "README.md").write_text("x")
    write(tmp_path / "funding.parquet", rows())
    (tmp_path / "deeper").mkdir()
    warnings: list[Diagnostic] = []
    found = find_candles([tmp_path], warnings=warnings)
    assert [(file.symbol, file.timeframe) for file in found] == [
        ("BTC/USDT", "5m"),
        ("BTC/USDT", "1h"),
        ("ETH/USDT", "1h"),
    ]
    assert [w.message for w in warnings] == [
        "skipped README.md, funding.parquet: no candle file by its name"
    ]
    assert [f.symbol for f in find_candles([tmp_path], timeframe="1h")] == ["BTC/USDT", "ETH/USDT"]
    assert len(find_candles([tmp_path], symbol="BTC/USDT")) == 2
    assert len(find_candles([tmp_path, tmp_path / "ETH-USDT_1h.parquet"])) == 3


def test_options_name_a_file_whose_name_does_not(tmp_path: Path) -> None:
    path = write(tmp_path / "prices.parquet", rows())
    with pytest.raises(UserError, match="does not tell its symbol"):
        find_candles([path])
    with pytest.raises(UserError, match="does not tell its timeframe"):
        find_candles([path], symbol="BTC/USDT")
    assert find_candles([path], symbol="BTC/USDT", timeframe="1h") == [
        CandleFile(path, "BTC/USDT", "1h")
    ]


def test_what_cannot_be_found_is_said_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    long_name = tmp_path / ("x" * 300)
    paths = [tmp_path / "no", tmp_path / "empty", tmp_path / "notes.txt", long_name]
    with pytest.raises(UserError) as caught:
        find_candles(paths)
    assert [d.code for d in caught.value.diagnostics] == ["PB6001"] * 4
    with pytest.raises(UserError, match="PB6001"):
        find_candles([])
    with pytest.raises(UserError, match="PB6002"):
        find_candles([tmp_path], timeframe="1 hour")


def test_one_market_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "BTC-USDT_1h.parquet", rows())
    write(tmp_path / "BTC_USDT-60m.feather", rows())
    with pytest.raises(UserError, match="both hold BTC/USDT"):
        find_candles([tmp_path])


def test_holes_are_reported_not_refused(tmp_path: Path) -> None:
    columns = {name: np.delete(column, [2, 3, 7]) for name, column in rows(10).items()}
    report = gap_report(read(write(tmp_path / "BTC-USDT_1h.parquet", columns)))
    assert (report.missing, [(h.ts, h.missing) for h in report.holes]) == (
        3, [(START + 2 * HOUR, 2), (START + 7 * HOUR, 1)],
    )
    warning = report.warning("f")
    assert warning is not None
    assert "lacks 3 bars in 2 holes; the longest has 2 from 2021-01-01T02:00:00Z" in warning.message
    whole = gap_report(read(write(tmp_path / "BTC-USDT_1h.parquet", rows())))
    assert whole.warning("f") is None


def test_weeks_open_on_monday(tmp_path: Path) -> None:
    monday = 1_609_718_400_000  # 2021-01-04
    columns = {name: column[:1] for name, column in rows().items()} | {"ts": [monday]}
    assert len(read(write(tmp_path / "X_1w.parquet", columns))) == 1
    found = faults(write(tmp_path / "X_1w.parquet", columns | {"ts": [START]}))
    assert found[0].code == "PB6013"
    assert "Monday" in found[0].help
