"""What a file holds is told by its columns; and one command takes, lists and checks all kinds."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from paperbot_core.cli.data_options import KINDS
from paperbot_core.diagnostics import DataError
from paperbot_core.domain.counting import counted
from paperbot_core.market.lake.dataset import Kind
from paperbot_core.market.lake.kinds import importable, kind_of
from tests.candle_files import walk_table
from tests.trade_files import binance_csv, bitmex_csv, gzipped, walk, zipped

CANDLES, TRADES, EVENTS = Kind.CANDLES, Kind.TRADES, Kind.EVENTS


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ts,open,high,low,close,volume\n", CANDLES),
        ("https://www.CryptoDataDownload.com\nunix,date,symbol,Open,High,Low,Close,Volume BTC\n",
         CANDLES),
        ("Date,Open,High,Low,Close,Adj Close,Volume\n", CANDLES),
        ("open_time,open,high,low,close,volume,close_time,a,b,c,d,e\n", CANDLES),
        # A column is missing: who reads candles says which.
        ("date,open,high,close,volume\n", CANDLES),
        ("1704067200000,1,2,0.5,1.5,10\n", CANDLES),
        ("20240131 09:00,1,2,0.5,1.5,10\n", CANDLES),
        ("1704067200000,1,2,0.5,1.5,10,1704070799999,15,3,5,7,0\n", CANDLES),
        ("", CANDLES),
        ("# nothing but a remark\n", CANDLES),
        ("ts,price,amount\n", TRADES),
        ("timestamp,symbol,side,size,price,homeNotional\n", TRADES),
        (binance_csv(walk(3)), TRADES),
        (binance_csv(walk(3), kind="um", header=True), TRADES),
        (binance_csv(walk(3), kind="agg-spot"), TRADES),
        (bitmex_csv(walk(3)), TRADES),
        ("date,split,dividend\n", EVENTS),
        ("Date,Dividends,Stock Splits\n", EVENTS),
        ("date,price_factor,split_factor,ref_price\n", EVENTS),
        ("20140606,0.9304792,0.142857,645.57\n", EVENTS),
        ("20140606,0.9304792,0.142857\n", EVENTS),
    ],
)  # fmt: skip
def test_columns_tell_what_a_file_holds(tmp_path: Path, text: str, kind: Kind) -> None:
    # The name says something else each time, and does not count.
    for name in ("AAPL_events.csv", "BTCUSDT-trades-2024-08-08.csv", "BTC-USDT_1h.csv"):
        assert kind_of(write(tmp_path / name, text)) is kind


def test_files_of_all_suffixes_are_looked_into(tmp_path: Path) -> None:
    parquet.write_table(walk_table(5, seed=1), tmp_path / "a.parquet")
    assert kind_of(tmp_path / "a.parquet") is CANDLES
    trade = pa.table({"ts": [1], "price": [1.0], "qty": [2.0]})
    feather.write_feather(trade, tmp_path / "a.feather")
    assert kind_of(tmp_path / "a.feather") is TRADES
    parquet.write_table(pa.table({"ts": [1], "split": [4.0]}), tmp_path / "b.parquet")
    assert kind_of(tmp_path / "b.parquet") is EVENTS
    (tmp_path / "c.zip").write_bytes(zipped(binance_csv(walk(3))))
    assert kind_of(tmp_path / "c.zip") is TRADES
    (tmp_path / "d.csv.gz").write_bytes(gzipped(bitmex_csv(walk(3))))
    assert kind_of(tmp_path / "d.csv.gz") is TRADES


def test_what_cannot_be_opened_is_left_to_a_reader(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.feather", "a.zip", "gone.csv"):
        if name != "gone.csv":
            (tmp_path / name).write_bytes(b"none of it")
        assert kind_of(tmp_path / name) is CANDLES
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x" * 100)[:20])
    assert kind_of(tmp_path / "a.csv.gz") is TRADES
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    assert kind_of(tmp_path / "two.zip") is CANDLES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n", "of candles and of events"),
        ("ts,open,high,low,close,volume,price,amount\n", "of candles and of trades"),
        ("ts,price,amount,split\n", "of trades and of events"),
    ],
)
def test_a_file_that_fits_two_kinds_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=f"PB6111.*{words}"):
        kind_of(write(tmp_path / "x.csv", text))


def test_a_file_of_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"PB6110.*it has date, bid, ask"):
        kind_of(write(tmp_path / "x.csv", "date,bid,ask\n2024-01-01,1,2\n"))
    # Levels of an order book have what trades have.
    with pytest.raises(DataError, match=r"PB6110.*it has ts, update_id, side, price"):
        kind_of(write(tmp_path / "x.csv", "ts,update_id,side,price,amount\n"))
    with pytest.raises(DataError) as refused:
        kind_of(write(tmp_path / "x.csv", ",".join(f"\x1b[31m{'x' * 99}" for _ in range(99))))
    message = refused.value.diagnostics[0].message
    assert len(message) < 500
    assert message.isprintable()


@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".zip", ".csv.gz"]))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_something_or_refused(
    content: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / f"x{suffix}"
    path.write_bytes(content)
    codes = {"PB6110"}
    try:
        found = kind_of(path)
    except DataError as error:
        codes = {one.code for one in error.diagnostics}
    else:
        assert found in Kind
    assert codes <= {"PB6110", "PB6111"}


def test_a_folder_is_searched_for_all_that_can_be_read(tmp_path: Path) -> None:
    for name in ("a.csv", "b.CSV.GZ", "c.txt", ".d.csv", "events/e.csv", ".cache/f.zip", "g.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, "x")
    names = [path.name for path in importable([tmp_path, tmp_path / "a.csv"])]
    assert names == ["a.csv", "b.CSV.GZ", "e.csv", "g.zip"]


def test_the_command_line_spells_the_kinds_as_they_are() -> None:
    assert tuple(kind.value for kind in Kind) == KINDS


def test_numbers_of_things() -> None:
    assert [counted(n, "series", "series") for n in (0, 1)] == ["0 series", "1 series"]
    assert [counted(n, "bar") for n in (0, 1, 1_000)] == ["0 bars", "1 bar", "1,000 bars"]
