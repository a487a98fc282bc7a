"""`paperbot data import|list|bars` of trades as typed, killed in the middle, and two at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from paperbot_core.cli import cli
from paperbot_core.domain.market import Candles
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from tests.candle_files import write_walk
from tests.lake_commands import digests, json_of, kill_imports, names, run, start_import
from tests.trade_files import binance_csv, walk, zipped

DAYS = 4


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for day in range(DAYS):
        name = f"BTCUSDT-trades-2024-08-{8 + day:02d}.zip"
        (folder / name).write_bytes(zipped(binance_csv(walk(4_000, day=day))))
    return folder


def add_others(files: Path) -> None:
    """Put candles and events among the files of trades."""
    write_walk(files, "ADA-USDT_1h.parquet", 500, seed=1)
    (files / "events").mkdir()
    (files / "events" / "X_events.csv").write_text("date,split,dividend\n2024-01-21,4,\n")


def test_from_files_to_a_backtest(files: Path, tmp_path: Path, root: Path) -> None:
    lake = tmp_path / "lake"
    done = run("import", files, "--venue", "binance", lake=lake)
    assert done.exit_code == 0, done.output
    assert "binance BTC/USDT trades (binance-trades): 4,000 trades added" in done.output
    assert "4 files imported, 0 refused" in done.output
    assert "known already" in run("import", files, "--venue", "binance", lake=lake).output
    (row,) = json_of(run("list", "--json", lake=lake))
    assert (row["kind"], row["sources"]) == ("trades", 4)
    assert (row["rows"], row["days"], row["ids"], len(row["covered"])) == (16_000, 4, "trade", 1)
    listed = run("list", lake=lake).output
    assert "2024-08-08 to 2024-08-12" in listed
    assert "4 sources, 4 days" in listed
    checked = run("check", lake=lake)
    assert (checked.exit_code, checked.output) == (0, "binance BTC/USDT: 16,000 trades, ok\n")
    made = run("bars", "BTC/USDT", "--venue", "binance", "--time", "15m", lake=lake)
    assert f"{DAYS * 96} bars" in made.output
    ticks = run("bars", "BTC/USDT", "--venue", "binance", "--ticks", "500", "--json", lake=lake)
    assert json_of(ticks)["rows"] == DAYS * 8
    again = run("bars", "BTC/USDT", "--venue", "binance", "--ticks", "500", lake=lake)
    assert "up to date already" in again.output
    pruned = run("prune", "--bronze", "--json", lake=lake)
    assert json_of(pruned)["files"] == []

    for name in ("paperbot.yaml", "policy.yaml", "universe.yaml"):
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "strategies.d", tmp_path / "strategies.d")
    words = ["backtest", "-s", "sma_cross", "--data", str(lake / "gold/binance"), "--json"]
    result = CliRunner().invoke(cli, ["--project", str(tmp_path), *words])
    assert result.exit_code == 0, result.output
    assert json_of(result)["symbols"] == ["BTC/USDT"]


def test_a_file_of_ones_own(files: Path, tmp_path: Path) -> None:
    lake, out = tmp_path / "lake", tmp_path / "BTC-USDT_1h.parquet"
    run("import", files, "--venue", "binance", lake=lake)
    options = ["--venue", "binance", "--time", "1h", "--out", str(out)]
    assert run("bars", "BTC/USDT", *options, lake=lake).exit_code == 0
    bars: Candles = read_candles(CandleFile(out, "BTC/USDT", "1h"))
    assert len(bars) == DAYS * 24
    assert not (lake / "gold").exists()


def test_a_bad_file_is_refused_and_the_others_go_on(files: Path, tmp_path: Path) -> None:
    (files / "a.csv").write_text("ts,price\n1,2\n")
    (files / "b.csv.gz").write_bytes(b"none")
    done = run("import", files, "--venue", "binance", "--json", lake=tmp_path / "lake")
    assert done.exit_code == 1
    answer = json_of(done)
    assert len(answer["imported"]) == DAYS
    assert [d["code"] for d in answer["diagnostics"]] == ["PB6110", "PB6301"]


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["import", "nowhere", "--venue", "sim"], "does not exist", 1),
        (["import", ".", "--venue", "sim"], "no .parquet", 1),
        (["import", "x.csv", "--venue", "Sim"], "PB6106", 1),
        (["import", "x.csv", "--venue", "sim"], "PB6302", 1),
        (["import", "x.csv", "--venue", "sim", "--symbol", "a b"], "PB6112", 1),
        (["bars", "X/Y", "--venue", "sim"], "PB6307", 1),
        (["bars", "X/Y", "--venue", "sim", "--ticks", "5", "--volume", "1"], "PB6307", 1),
        (["bars", "X/Y", "--venue", "sim", "--ticks", "0"], "PB6307", 1),
        (["bars", "X/Y", "--venue", "sim", "--dollar", "nan"], "PB6307", 1),
        (["bars", "X/Y", "--venue", "sim", "--time", "soon"], "PB6002", 1),
        (["bars", "X/Y", "--venue", "sim", "--time", "1m"], "PB6306", 1),
        (["bars", "X/Y", "--venue", "sim", "--ticks", "5", "--out", "x.txt"], ".parquet", 1),
        (["download", "nobody", "--trades", "--symbol", "X/Y", "--since", "2024-01-01",
          "--venue", "sim"], "PB5008", 1),
        (["download", "x", "--trades", "--symbol", "X/Y", "--venue", "sim"], "'--since'", 2),
        (["download", "x", "--trades", "--symbol", "X/Y", "--out", "y"], "--out is of bars", 2),
    ],
)  # fmt: skip
def test_mistakes_are_named(
    arguments: list[str], words: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "x.csv" in arguments:
        (tmp_path / "x.csv").write_text("ts,price,amount\n1723075200000,5,1\n")
    done = run(*arguments, lake=tmp_path / "lake")
    assert words in done.output
    assert done.exit_code == code
    assert {path.name for path in tmp_path.iterdir()} <= {"x.csv"}


def test_an_import_that_is_killed_is_simply_started_again(
    files: Path, tmp_path: Path, root: Path
) -> None:
    whole, lake = tmp_path / "whole", tmp_path / "lake"
    add_others(files)
    run("import", files, "--venue", "binance", lake=whole)
    assert len(digests(whole)) == 3
    assert kill_imports(4, lambda: start_import(files, "binance", lake, root), lake) >= 2
    assert run("import", files, "--venue", "binance", lake=lake).exit_code == 0
    assert digests(lake) == digests(whole)
    run("prune", lake=lake)
    assert names(lake) == names(whole)
    assert run("check", lake=lake).exit_code == 0


def test_two_imports_at_once_lose_nothing(files: Path, tmp_path: Path, root: Path) -> None:
    lake, other = tmp_path / "lake", tmp_path / "more"
    other.mkdir()
    for path in sorted(files.iterdir())[2:]:
        path.rename(other / path.name)
    both = [start_import(folder, "binance", lake, root) for folder in (files, other)]
    assert [process.wait(60) for process in both] == [0, 0]
    (row,) = json_of(run("list", "--json", lake=lake))
    assert (row["rows"], len(row["covered"])) == (16_000, 1)
    bars = run("bars", "BTC/USDT", "--venue", "binance", "--time", "1d", "--out",
               tmp_path / "x.csv", lake=lake)  # fmt: skip
    assert bars.exit_code == 0
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert np.array([float(line.split(",")[8]) for line in lines[1:]]).tolist() == [4_000.0] * 4
