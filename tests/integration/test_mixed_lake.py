"""One import, one list, one check, one prune over a lake of candles, trades and events."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from tests.candle_files import walk_table
from tests.lake_commands import json_of, run
from tests.trade_files import binance_csv, walk, zipped

DAY = 86_400_000
BARS = ["bars", "BTC/USDT", "--venue", "sim"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with daily candles of X, two days of trades, a split, and what is none of them."""
    folder = tmp_path / "files"
    (folder / "events").mkdir(parents=True)
    parquet.write_table(walk_table(40, seed=3, tf_ms=DAY), folder / "X_1d.parquet")
    for day in range(2):
        name = f"BTCUSDT-trades-2024-08-{8 + day:02d}.zip"
        (folder / name).write_bytes(zipped(binance_csv(walk(600, day=day))))
    (folder / "events/X_factors.csv").write_text("20240119,1,0.25,80\n20501231,1,1,0\n")
    (folder / "events/X_events.csv").write_text("date,split\n2024-01-22,4\n")
    (folder / "history.csv").write_text("Date,Open,High,Low,Close,Volume,Dividends\n")
    (folder / "readme.txt").write_text("markets\n")
    return folder


@pytest.fixture
def lake(files: Path, tmp_path: Path) -> Path:
    (files / "events/X_factors.csv").unlink()
    (files / "history.csv").unlink()
    done = run("import", files, "--venue", "sim", lake=tmp_path / "lake")
    assert (done.exit_code, "4 files imported, 0 refused" in done.output) == (0, True)
    return tmp_path / "lake"


def test_each_file_is_told_what_it_was_taken_for(files: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    done = run("import", files, "--venue", "sim", lake=lake)
    assert done.exit_code == 1
    for words in (
        "X_1d.parquet: sim X 1d (named): 40 bars added",
        "BTCUSDT-trades-2024-08-08.zip: sim BTC/USDT trades (binance-trades): 600 trades added",
        "X_events.csv: sim X events (events): 1 event added; 1 split and 0 dividends in the lake",
        "X_factors.csv: sim X events (lean): 0 events added, 1 as before",
        "PB6111",
        "can be read in more than one way: it has the columns of candles and of events",
        "say which with `--kind`",
        "5 files imported, 1 refused",
    ):
        assert words in done.output
    again = json_of(run("import", files, "--venue", "sim", "--json", lake=lake))
    assert [(row["kind"], row["known"]) for row in again["imported"]] == [
        ("trades", True), ("trades", True), ("candles", True), ("events", True), ("events", True)
    ]  # fmt: skip
    assert [one["code"] for one in again["diagnostics"]] == ["PB6111"]


def test_the_user_decides(files: Path, tmp_path: Path) -> None:
    lake, file = tmp_path / "lake", files / "history.csv"
    file.write_text("Date,Open,High,Low,Close,Volume,Dividends\n2024-01-02,5,6,4,5,100,0.5\n")
    words: list[str | Path] = ["import", file, "--venue", "sim", "--symbol", "Y"]
    taken = run(*words, "--kind", "events", lake=lake)
    assert "sim Y events (yfinance): 1 event added; 0 splits and 1 dividend" in taken.output
    for option in (["--kind", "candles"], ["--layout", "named"]):
        taken = run(*words, "--timeframe", "1d", *option, lake=lake)
        assert "sim Y 1d (named)" in taken.output
    wrong = run(*words, "--kind", "trades", lake=lake)
    assert (wrong.exit_code, "PB6301" in wrong.output) == (1, True)
    for options in (["--layout", "jesse"], ["--replace"]):
        assert run(*words, "--kind", "trades", *options, lake=lake).exit_code == 2


def test_one_list_of_everything(lake: Path) -> None:
    rows = json_of(run("list", "--json", lake=lake))
    assert [(row["kind"], row["symbol"], row["timeframe"], row["rows"]) for row in rows] == [
        ("trades", "BTC/USDT", None, 1_200), ("candles", "X", "1d", 40), ("events", "X", None, 1)
    ]  # fmt: skip
    trades, candles, events = rows
    assert (trades["days"], trades["sources"], trades["ids"]) == (2, 2, "trade")
    assert trades["covered"] == [[1_723_075_200_000, 1_723_075_200_000 + 2 * DAY]]
    assert candles["current"] is True
    assert (events["splits"], events["dividends"]) == (1, 0)
    assert events["first"] == events["last"] == 1_705_881_600_000
    lines = run("list", "--symbol", "X", lake=lake).output.splitlines()
    assert [line.split()[2] for line in lines] == ["1d", "events"]
    assert lines[1].endswith("1 source, 1 split, 0 dividends")
    assert "nothing of kraken" in run("list", "--venue", "kraken", lake=lake).output
    assert json_of(run("list", "--venue", "kraken", "--json", lake=lake)) == []


def test_one_check_of_everything(lake: Path, tmp_path: Path) -> None:
    for size in (["--time", "1h"], ["--ticks", "100"]):
        assert run(*BARS, *size, lake=lake).exit_code == 0
    good = run("check", "--html", tmp_path / "check.html", lake=lake)
    assert "sim BTC/USDT: 1,200 trades, ok\nsim X: 1 day of events, ok" in good.output
    assert [row["symbol"] for row in json_of(run("check", "--json", lake=lake))] == ["X"]
    (row,) = json_of(run("check", "--kind", "trades", "--json", lake=lake))
    assert (row["kind"], row["rows"]) == ("trades", 1_200)
    assert (row["verdict"], row["findings"]) == ("ok", [])
    for words in (["--symbol", "Z"], ["--kind", "events", "--symbol", "BTC/USDT"]):
        nothing = run("check", *words, lake=lake)
        assert (nothing.exit_code, "PB6107" in nothing.output) == (1, True)
    assert run("check", lake, "--kind", "trades", lake=lake).exit_code == 2


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("silver/sim/BTC-USDT/trades/2024-08-09.*.parquet", "PB6105"),
        ("silver/sim/X/events/*.parquet", "PB6105"),
        ("gold/sim/BTC-USDT_1h.parquet", "BTC-USDT_1h.parquet"),
        ("gold/sim/event_bars/BTC-USDT_ticks100.parquet", "BTC-USDT_ticks100.parquet"),
        ("gold/sim/events/X_events.parquet", "X_events.parquet"),
    ],
)
def test_damage_is_found_wherever_it_is(lake: Path, place: str, words: str) -> None:
    for size in (["--time", "1h"], ["--ticks", "100"]):
        run(*BARS, *size, lake=lake)
    (path,) = lake.glob(place)
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    done = run("check", "--json", lake=lake)
    assert done.exit_code == 1
    # Rows of candles stay what they are; what is wrong with the others is said beside them.
    if not place.startswith("silver/sim/X"):
        assert "fail" not in {row["verdict"] for row in json_of(done)}
    assert "fail" in done.stderr
    assert words in done.stderr
    kind = "events" if "events" in place else "trades"
    (row,) = json_of(run("check", "--kind", kind, "--json", lake=lake))
    assert row["verdict"] == "fail"


def test_bars_whose_trades_are_gone_are_pruned(lake: Path) -> None:
    for size in (["--time", "1h"], ["--ticks", "100"]):
        run(*BARS, *size, lake=lake)
    assert json_of(run("prune", "--bronze", "--json", lake=lake))["files"] == []
    for folder in ("BTC-USDT/trades", "X/events"):
        (lake / "silver/sim" / folder / "manifest.json").unlink()
    gone = {
        str(Path(file["path"]).relative_to(lake))
        for file in json_of(run("prune", "--json", lake=lake))["files"]
        if file["why"] == "its series is not in the lake"
    }
    assert gone == {
        "gold/sim/.meta/BTC-USDT_1h.bars",
        "gold/sim/.meta/BTC-USDT_1h.json",
        "gold/sim/BTC-USDT_1h.parquet",
        "gold/sim/event_bars/.meta/BTC-USDT_ticks100.json",
        "gold/sim/event_bars/BTC-USDT_ticks100.parquet",
        "gold/sim/events/X_events.parquet",
    }
    left = {path.name for path in (lake / "gold/sim").rglob("*") if path.is_file()}
    assert left == {"X_1d.parquet", "X_1d.json", "X_1d.bars"}


def test_sql_sees_everything(lake: Path) -> None:
    pytest.importorskip("duckdb")
    query = "select symbol, ts, split, dividend from events"
    assert json_of(run("sql", query, "--json", lake=lake)) == [
        {"symbol": "X", "ts": 1_705_881_600_000, "split": 4.0, "dividend": 0.0}
    ]
    joined = (
        "select (select count(*) from trades) as trades, (select count(*) from silver) as candles, "
        "(select count(*) from events where time < now()) as events"
    )
    (row,) = json_of(run("sql", joined, "--json", lake=lake))
    assert row == {"trades": 1_200, "candles": 40, "events": 1}
