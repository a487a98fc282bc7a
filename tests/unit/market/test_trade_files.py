"""Files of trades: every layout that is read, and what is said about those that are not good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from paperbot_core.diagnostics import DataError, UserError
from paperbot_core.market.trades.names import parse_trades_name
from paperbot_core.market.trades.read import read_trades
from paperbot_core.market.trades.trades import Ids, Trades
from tests.trade_files import BITMEX, DAY, START, binance_csv, bitmex_csv, gzipped, walk, zipped

WALK = walk()


def same(one: Trades, other: Trades, *, ids: bool = True) -> bool:
    count = 5 if ids else 4
    return [c.tolist() for c in one.columns()][:count] == [
        c.tolist() for c in other.columns()
    ][:count]


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("unit", [1, 1_000])
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("kind", ["spot", "um", "agg-spot", "agg-um"])
def test_files_of_binance(tmp_path: Path, kind: str, header: bool, unit: int) -> None:
    word = "aggTrades" if kind.startswith("agg") else "trades"
    text = binance_csv(WALK, kind=kind, header=header, unit=unit)
    found = read_trades(write(tmp_path, f"BTCUSDT-{word}-2024-08-08.zip", zipped(text)))
    assert same(found.trades, WALK)
    assert found.trades.symbol == "BTC/USDT"
    assert found.layout == ("binance-aggtrades" if "agg" in kind else "binance-trades")
    assert found.ids is (Ids.AGGREGATE if "agg" in kind else Ids.TRADE)
    assert found.covers == (START, START + DAY)
    assert found.log.faults() == found.log.notes() == ()


@pytest.mark.parametrize("header", [False, True])
def test_contracts_are_not_taken_for_base_units(tmp_path: Path, header: bool) -> None:
    text = binance_csv(WALK, kind="cm", header=header)
    found = read_trades(write(tmp_path, "BTCUSD_PERP-trades-2024-08-08.zip", zipped(text)))
    assert found.trades.symbol == "BTC/USD:BTC"
    assert np.array_equal(found.trades.amount, WALK.amount)


def test_a_day_of_bitmex_is_read_for_one_market(tmp_path: Path) -> None:
    path = write(tmp_path, "20240808.csv.gz", gzipped(bitmex_csv(WALK)))
    found = read_trades(path, "XBTUSD")
    assert same(found.trades, WALK, ids=False)
    assert (found.layout, found.ids) == ("bitmex", Ids.DIGEST)
    assert len(np.unique(found.trades.id)) == len(WALK)
    assert found.covers == (START, START + DAY)
    with pytest.raises(UserError, match=r"PB6302.*2 markets: ETHUSD, XBTUSD"):
        read_trades(path)
    with pytest.raises(DataError, match="PB6304"):
        read_trades(path, "XRPUSD")


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".feather"])
def test_named_columns_in_any_order(tmp_path: Path, suffix: str) -> None:
    words = ["buy" if side > 0 else "sell" for side in WALK.side]
    table = pa.table({"Side": words, "price": WALK.price, "amount": WALK.amount, "x": words,
                      "id": [str(k) for k in WALK.id], "timestamp": WALK.ts})  # fmt: skip
    path = tmp_path / f"BTC_USDT-trades{suffix}"
    if suffix == ".parquet":
        parquet.write_table(table, path)
    elif suffix == ".feather":
        feather.write_feather(table, path)
    else:
        columns = [table.column(k).to_pylist() for k in range(6)]
        rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
        text = "\n".join([",".join(table.column_names), *rows])
        write(tmp_path, path.name, gzipped(text) if suffix == ".csv.gz" else text)
    found = read_trades(path)
    assert same(found.trades, WALK)
    assert (found.trades.symbol, found.layout, found.ids) == ("BTC/USDT", "named", Ids.TRADE)
    assert found.covers == (int(WALK.ts[0]), int(WALK.ts[-1]) + 1)


def test_bad_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = binance_csv(WALK, kind="um", header=True).splitlines()
    names = lines[0].split(",")

    def spoil(row: int, column: str, text: str) -> None:
        words = lines[row + 1].split(",")
        words[names.index(column)] = text
        lines[row + 1] = ",".join(words)

    for row, (column, text) in enumerate(
        [("price", "0"), ("price", "-1"), ("price", "nan"), ("price", ""), ("price", "x"),
         ("qty", "0"), ("qty", "inf"), ("time", ""), ("time", "soon"), ("time", "7")]
    ):  # fmt: skip
        spoil(row, column, text)
    lines[12] = "1,2"
    found = read_trades(write(tmp_path, "x.csv", "\n".join(lines)), "BTC/USDT")
    assert (found.log.rows, found.log.bad) == (len(WALK), 11)
    keep = np.ones(len(WALK), dtype=np.bool_)
    keep[[*range(10), 11]] = False
    assert same(found.trades, WALK.take(keep))
    assert found.log.faults() == ("11 rows are no trade",)


def test_repeats_are_taken_once_and_conflicts_told(tmp_path: Path) -> None:
    lines = binance_csv(WALK, kind="um").splitlines()
    other = lines[40].replace(",true", ",TRUE").split(",")
    other[1] = "1.5"
    text = "\n".join([*lines, lines[3], lines[3], ",".join(other)])
    found = read_trades(write(tmp_path, "x.csv", text), "BTC/USDT")
    assert same(found.trades, WALK)
    assert (found.log.duplicates, found.log.conflicting) == (2, 1)
    assert found.log.moved >= 1
    assert found.log.faults() == ("1 id comes twice, with other values",)


def test_disorder_is_mended_by_time_and_id_and_told(tmp_path: Path) -> None:
    lines = binance_csv(WALK, kind="um").splitlines()
    found = read_trades(write(tmp_path, "x.csv", "\n".join(lines[::-1])), "BTC/USDT")
    assert same(found.trades, WALK)
    assert found.log.moved == int(np.count_nonzero(np.diff(WALK.ts) > 0))


def test_missing_ids_and_unknown_takers_are_told(tmp_path: Path) -> None:
    path = tmp_path / "BTC-USDT_trades.parquet"
    part = WALK.take(np.flatnonzero(np.arange(len(WALK)) % 10 != 5))
    parquet.write_table(
        pa.table({"ts": part.ts, "price": part.price, "qty": part.amount, "id": part.id}), path
    )
    found = read_trades(path)
    assert (found.log.ids_missing, found.log.sideless) == (60, len(part))
    assert len(found.log.notes()) == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"", "empty"),
        ("x.csv", b"ts,amount\n1,2\n", "no column for the price"),
        ("x.csv", b"ts,TS,price,amount\n", "twice"),
        ("x.csv", b"1,2,3\n", "3 columns without a header"),
        ("x.csv.gz", gzipped(binance_csv(WALK))[:-200], "damaged"),
        ("x.csv.gz", b"<html>maintenance</html>", "damaged"),
        ("x.zip", zipped(binance_csv(WALK))[:-200], "damaged"),
        ("x.zip", zipped("a", "x.txt"), "0 CSV files"),
        ("x.csv", b"\xff\xfe\x00price", "no column"),
        ("x.txt", b"1", "end in"),
        ("20180901.csv.gz", gzipped(BITMEX.replace("price", "px") + "\n"), "no column for the pr"),
        ("20180901.csv.gz", gzipped(bitmex_csv(WALK)), "another time"),
    ],
)
def test_what_is_no_file_of_trades(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=f"PB6301.*{said}"):
        read_trades(write(tmp_path, name, content), "XBTUSD")


def test_a_file_without_a_good_trade(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"PB6304.*1 row is no trade"):
        read_trades(write(tmp_path, "x.csv", "ts,price,amount\n1723075200000,0,1\n"), "BTC/USDT")
    with pytest.raises(UserError, match="PB6302"):
        read_trades(write(tmp_path, "x.csv", "ts,price,amount\n1723075200000,5,1\n"))


@pytest.mark.parametrize(
    ("name", "symbol", "days"),
    [
        ("BTCUSDT-trades-2024-08-08.zip", "BTC/USDT", 1),
        ("BTCUSDT-aggTrades-2024-02.csv", "BTC/USDT", 29),
        ("BTCUSD_PERP-trades-2024-08-08.zip", "BTC/USD:BTC", 1),
        ("BTCUSD_240927-trades-2024-08-08.zip", None, 1),
        ("BTCUSDT-trades-2024-13-08.zip", "BTC/USDT", None),
        ("20180901.csv.gz", None, 1),
        ("BTC-USDT-USDT_trades.parquet", "BTC/USDT:USDT", None),
        ("AAPL_trades.csv", "AAPL", None),
        ("binance_spot_BTC-USDT_20240808_trades.parquet", None, None),
    ],
)
def test_what_names_tell(name: str, symbol: str | None, days: int | None) -> None:
    told = parse_trades_name(Path(name))
    assert told.symbol == symbol
    assert (told.covers and (told.covers[1] - told.covers[0]) // DAY) == days


def test_stored_trades(market_data: Path) -> None:
    folder = market_data / "trades"
    counts = {}
    for path in sorted(folder.glob("*.parquet")):
        found = read_trades(path, "X/Y")
        counts[path.name.split("_2")[0]] = (len(found.trades), found.ids.value)
        assert found.log.faults() == ()
        assert (np.diff(found.trades.ts) >= 0).all()
    assert counts["binance_spot_BTC-USDT"] == (19_904, "trade")
    assert counts["binance_perp_BTC-USDT-USDT"] == (21_313, "trade")
    assert counts["binance_spot_XRP-ETH"] == (12_477, "trade")
    assert counts["lean_IBM"] == (84_716, "none")


def test_suspicious_ticks_are_left_out(tmp_path: Path, market_data: Path) -> None:
    table = parquet.read_table(next((market_data / "trades").glob("lean_IBM*")))
    flags = np.zeros(table.num_rows, dtype=np.int64)
    flags[::1_000] = 1
    place = table.column_names.index("suspicious")
    parquet.write_table(table.set_column(place, "suspicious", pa.array(flags)),
                        tmp_path / "IBM_trades.parquet")  # fmt: skip
    found = read_trades(tmp_path / "IBM_trades.parquet")
    assert (found.log.suspicious, found.log.bad) == (85, 0)
    assert len(found.trades) == 84_716 - 85


@pytest.mark.parametrize("time", ["0001-01-01D00:00:00.0", "9999-12-31D23:59:59.999999999"])
def test_a_time_that_no_exchange_has_had_is_a_bad_row(tmp_path: Path, time: str) -> None:
    lines = ["timestamp,symbol,side,size,price,homeNotional,foreignNotional,trdMatchID"]
    rows = ["2018-09-01D04:03:41.128828000", time]
    lines += [f"{at},XBTUSD,Buy,10,7000,0.5,3500,{k}" for k, at in enumerate(rows)]
    path = tmp_path / "XBTUSD_trades.csv"
    path.write_text("\n".join(lines) + "\n")
    found = read_trades(path, "XBTUSD")
    assert (len(found.trades), found.log.bad) == (1, 1)
