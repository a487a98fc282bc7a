"""Files of other sites and programs: recognised by content, or refused; never guessed."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paperbot_core.diagnostics import DataError
from paperbot_core.market.formats.formats import recognise
from paperbot_core.market.formats.words import archive_name, split_pair
from paperbot_core.market.lake.kinds import importable
from tests.candle_files import HOUR, START

#: open, high, low, close of four bars
BARS = [
    (10.0, 12.0, 9.0, 11.0),
    (11.0, 11.5, 10.0, 10.5),
    (10.5, 13, 10.5, 12.0),
    (12, 12.5, 11, 11),
]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


def write(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def zipped(path: Path, inner: str, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(inner, "\n".join(lines) + "\n")
    return path


def klines(unit: int = 1) -> list[str]:
    return [
        f"{(START + n * HOUR) * unit},{o},{h},{low},{c},7.5,{(START + (n + 1) * HOUR) * unit - 1},"
        "80.1,12,3.1,30.2,0"
        for n, (o, h, low, c) in enumerate(BARS)
    ]


@pytest.mark.parametrize("unit", [1, 1_000])
def test_a_month_of_the_public_archive(tmp_path: Path, unit: int) -> None:
    path = zipped(tmp_path / "BTCUSDT-1h-2024-01.zip", "BTCUSDT-1h-2024-01.csv", klines(unit))
    found = recognise(path)
    assert (found.layout, found.symbol, found.timeframe) == ("binance-klines", "BTC/USDT", "1h")
    assert list(found.raw.ts) == [START + n * HOUR for n in range(4)]
    assert list(found.raw.close) == [11.0, 10.5, 12.0, 11.0]
    assert list(found.raw.volume) == [7.5] * 4


def test_the_archive_of_futures_has_a_header(tmp_path: Path) -> None:
    header = (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
        "taker_buy_quote_volume,ignore"
    )
    found = recognise(write(tmp_path / "BTCUSDT-1h-2024-01.csv", [header, *klines()]))
    assert (found.layout, found.symbol, found.timeframe) == ("binance-klines", "BTC/USDT", "1h")
    assert list(found.raw.high) == [12.0, 11.5, 13.0, 12.5]


def test_cryptodatadownload_is_newest_first(tmp_path: Path) -> None:
    lines = [
        f"{(START + n * HOUR) // 1_000},2024-01-01 0{n}:00:00,BTC/USDT,{o},{h},{low},{c},7.5,80"
        for n, (o, h, low, c) in enumerate(BARS)
    ]
    header = "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT"
    path = tmp_path / "Binance_BTCUSDT_1h.csv"
    write(path, ["https://www.CryptoDataDownload.com", header, *reversed(lines)])
    found = recognise(path)
    assert (found.layout, found.symbol, found.timeframe) == ("cryptodatadownload", "BTC/USDT", "1h")
    assert list(found.raw.ts) == [START + n * HOUR for n in range(4)]
    assert list(found.raw.volume) == [7.5] * 4
    assert any("backwards" in note for note in found.notes)


def test_two_units_in_one_column_are_settled_by_the_date(tmp_path: Path) -> None:
    header = "unix,date,symbol,open,high,low,close,Volume BTC,Volume USD"
    lines = [
        f"{START + n * HOUR if n else START // 1_000},2024-01-01 0{n}:00:00,BTC/USD,{o},{h},{low},"
        f"{c},7.5,80"
        for n, (o, h, low, c) in enumerate(BARS)
    ]
    found = recognise(write(tmp_path / "Bitstamp_BTCUSD_1h.csv", [header, *lines]))
    assert list(found.raw.ts) == [START + n * HOUR for n in range(4)]
    assert found.raw.timed.all()
    assert any("several units" in note for note in found.notes)


def test_yahoo_takes_the_ticker_from_the_name_and_says_so(tmp_path: Path) -> None:
    header = "Date,Open,High,Low,Close,Adj Close,Volume"
    lines = [f"2024-01-0{n + 2},{o},{h},{low},{c},{c},100" for n, (o, h, low, c) in enumerate(BARS)]
    found = recognise(write(tmp_path / "AAPL.csv", [header, *lines]))
    assert (found.layout, found.symbol, found.timeframe) == ("yahoo", "AAPL", None)
    assert found.raw.ts[0] == at("2024-01-02")
    assert any("ticker AAPL" in note for note in found.notes)


def test_jesse_and_plain_order_are_told_apart_by_the_prices(tmp_path: Path) -> None:
    plain = [f"{START + n * HOUR},{o},{h},{low},{c},7" for n, (o, h, low, c) in enumerate(BARS)]
    jesse = [f"{START + n * HOUR},{o},{c},{h},{low},7" for n, (o, h, low, c) in enumerate(BARS)]
    first = recognise(write(tmp_path / "BTC-USDT_1h.csv", plain))
    second = recognise(write(tmp_path / "ETH-USDT_1h.csv", jesse))
    assert (first.layout, second.layout) == ("ohlcv", "jesse")
    for name in ("open", "high", "low", "close"):
        assert list(getattr(first.raw, name)) == list(getattr(second.raw, name))


def test_what_fits_two_orders_is_refused_until_one_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "BTC-USDT_1h.csv", [f"{START + n * HOUR},5,5,5,5,7" for n in range(4)])
    with pytest.raises(DataError, match="PB6111"):
        recognise(path)
    assert recognise(path, layout="jesse").layout == "jesse"


def test_a_header_in_the_order_of_jesse_is_read_by_name(tmp_path: Path) -> None:
    lines = [f"{START + n * HOUR},{o},{c},{h},{low},7" for n, (o, h, low, c) in enumerate(BARS)]
    path = write(tmp_path / "BTC-USDT_1h.csv", ["timestamp,open,close,high,low,volume", *lines])
    found = recognise(path)
    assert (found.layout, found.symbol, found.timeframe) == ("named", "BTC/USDT", "1h")
    assert list(found.raw.close) == [11.0, 10.5, 12.0, 11.0]


def test_the_volume_of_the_coin_is_taken_if_the_market_is_known(tmp_path: Path) -> None:
    header = "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price"
    lines = [f"{START // 1000 + 60 * n},10,11,9,10,2,20,10" for n in range(4)]
    path = write(tmp_path / "bitstamp.csv", [header, *lines])
    with pytest.raises(DataError, match="PB6111"):
        recognise(path)
    assert list(recognise(path, symbol="BTC/USD").raw.volume) == [2.0] * 4


def test_lean_equities_are_scaled_and_moved_to_utc(tmp_path: Path) -> None:
    lines = [f"20240102 {9 + n}:00,100000,120000,90000,110000,500" for n in range(3)]
    lines[0] = lines[0].replace(" 9:", " 09:")
    path = zipped(tmp_path / "equity/usa/hour/aapl.zip", "aapl.csv", lines)
    found = recognise(path)
    assert (found.layout, found.symbol, found.timeframe) == ("lean-equity", "AAPL", "1h")
    assert found.raw.ts[0] == at("2024-01-02T14:00")
    assert (found.raw.open[0], found.raw.volume[0]) == (10.0, 500.0)


def test_lean_days_and_minutes(tmp_path: Path) -> None:
    daily = zipped(
        tmp_path / "equity/usa/daily/spy.zip", "spy.csv", ["20240102 00:00,100000,1,1,1,5"]
    )
    assert recognise(daily).raw.ts[0] == at("2024-01-02")
    minute = zipped(
        tmp_path / "equity/usa/minute/ibm/20131007_trade.zip", "20131007_ibm_minute_trade.csv",
        ["34200000,1850000,1850100,1849900,1850000,900"],
    )  # fmt: skip
    found = recognise(minute)
    assert (found.symbol, found.timeframe) == ("IBM", "1m")
    assert found.raw.ts[0] == at("2013-10-07T13:30")
    assert found.raw.high[0] == 185.01


def test_lean_crypto_is_left_as_it_is(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "crypto/coinbase/daily/btcusd_trade.zip", "btcusd.csv",
        ["20150101 00:00,313.82,317.01,310.96,314.89,3087.4"],
    )  # fmt: skip
    found = recognise(path)
    assert (found.layout, found.symbol, found.timeframe) == ("lean-crypto", "BTC/USD", "1d")
    assert (found.raw.ts[0], found.raw.open[0]) == (at("2015-01-01"), 313.82)


def test_lean_without_a_telling_path_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "aapl.zip", "aapl.csv", ["20240102 00:00,100000,1,1,1,5"])
    with pytest.raises(DataError, match="PB6111"):
        recognise(path)
    assert recognise(path, layout="lean-equity").raw.open[0] == 10.0


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["date,bid,ask", "2024-01-01,1,2"], "PB6110"),
        (["a,b,c", "1,2,3"], "PB6110"),
        (["1,2,3,4"], "PB6110"),
        ([f"{START},10,9,11,10,5"] * 3, "PB6110"),
        (["# nothing else"], "PB6006"),
        ([f"{START},1,1,1,1,1,1,1,1,1,1,1"] * 3, "PB6110"),
    ],
)
def test_what_is_no_market_is_refused(tmp_path: Path, lines: list[str], code: str) -> None:
    with pytest.raises(DataError, match=code):
        recognise(write(tmp_path / "x.csv", lines))


def test_broken_and_odd_zips_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "a.zip"
    broken.write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="PB6003"):
        recognise(broken)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("one.csv", "1")
        archive.writestr("two.csv", "2")
    with pytest.raises(DataError, match="PB6110"):
        recognise(tmp_path / "b.zip")


@pytest.mark.parametrize(
    ("text", "pair"),
    [("BTCUSDT", "BTC/USDT"), ("ETHBTC", "ETH/BTC"), ("btc-usdt", "BTC/USDT"), ("XYZ", None),
     ("BTC/USD", "BTC/USD"), ("ADABUSD", "ADA/BUSD"), ("USDT", None)],
)  # fmt: skip
def test_joined_pairs(text: str, pair: str | None) -> None:
    assert split_pair(text) == pair


def test_names_of_archives() -> None:
    assert archive_name(Path("ETHBTC-5m-2021-05-03.zip")) == ("ETH/BTC", "5m")
    assert archive_name(Path("prices.zip")) == (None, None)


def test_hidden_files_are_not_imported(tmp_path: Path) -> None:
    for name in ("a.csv", ".b.csv", "c.txt", "deep/d.parquet", ".meta/e.csv"):
        write(tmp_path / name, ["x"])
    assert [path.name for path in importable([tmp_path])] == ["a.csv", "d.parquet"]
