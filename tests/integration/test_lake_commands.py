"""`paperbot data import|list|export|prune|sql` and the lake under kill and competition."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyarrow import csv

from paperbot_core.cli import cli
from paperbot_core.market.lake.layout import Lake
from tests.candle_files import walk_table, write_walk
from tests.lake_commands import digests, json_of, kill_imports, names, run, start_import

ROWS = 2_000
SYMBOLS = ("ADA", "BTC", "DOT", "ETH")


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    folder = tmp_path / "candles"
    folder.mkdir()
    for seed, symbol in enumerate(SYMBOLS):
        write_walk(folder, f"{symbol}-USDT_1h.parquet", ROWS, seed=seed)
    return folder


def test_from_files_to_a_backtest(candles: Path, tmp_path: Path, root: Path) -> None:
    lake = tmp_path / "lake"
    done = run("import", candles, "--venue", "sim", "--bars", "4h", lake=lake)
    assert done.exit_code == 0, done.output
    assert "4 files imported, 0 refused" in done.output
    listed = json_of(run("list", "--json", lake=lake))
    assert [row["symbol"] for row in listed] == [f"{name}/USDT" for name in SYMBOLS]
    assert all(row["rows"] == ROWS and row["current"] for row in listed)
    checked = json_of(run("check", "--json", lake=lake))
    assert {row["verdict"] for row in checked} == {"ok"}
    assert "1 series" in run("check", "--symbol", "BTC/USDT", lake=lake).output

    for name in ("paperbot.yaml", "policy.yaml", "universe.yaml"):
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "strategies.d", tmp_path / "strategies.d")
    facts = {}
    for data in (candles, lake / "gold/sim"):
        result = CliRunner().invoke(
            cli,
            [
                "--project",
                str(tmp_path),
                "backtest",
                "-s",
                "sma_cross",
                "--data",
                str(data),
                "--json",
            ],
        )
        assert result.exit_code == 0, result.output
        facts[data.name] = json.loads(result.stdout)
    assert facts["sim"]["trades"] > 0
    for key in ("trades", "final_equity", "bars", "symbols", "metrics"):
        assert facts["sim"][key] == facts["candles"][key]


def test_a_bad_file_is_refused_and_the_others_go_on(candles: Path, tmp_path: Path) -> None:
    (candles / "BAD-USDT_1h.csv").write_text("date,bid,ask\n2024-01-01,1,2\n")
    done = run("import", candles, "--venue", "sim", "--json", lake=tmp_path / "lake")
    assert done.exit_code == 1
    answer = json_of(done)
    assert len(answer["imported"]) == 4
    assert [d["code"] for d in answer["diagnostics"]] == ["PB6110"]


def test_words_for_people(candles: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assert "holds nothing yet" in run("list", lake=lake).output
    table = walk_table(50, seed=9)
    csv.write_csv(table.rename_columns(["Timestamp", *table.column_names[1:]]), candles / "x.csv")
    done = run("import", candles / "x.csv", "--venue", "sim", "--symbol", "X/USD", lake=lake)
    assert "sim X/USD 1h (named): 50 bars added" in done.output
    assert "most bars lie 1h apart: taken for the timeframe" in done.output
    again = run("import", candles / "x.csv", "--venue", "sim", "--symbol", "X/USD", lake=lake)
    assert "known already" in again.output
    assert "1 source" in run("list", lake=lake).output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "nowhere", "--venue", "sim"], "does not exist"),
        (["import", ".", "--venue", "Sim"], "PB6106"),
        (["import", ".", "--venue", "sim", "--layout", "excel"], "excel"),
        (["export", "out", "--symbol", "X/Y"], "PB6107"),
        (["check", "--repair", "out"], "--repair needs a PATH"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments, lake=tmp_path / "lake")
    assert done.exit_code in {1, 2}
    assert words in done.output
    assert list(tmp_path.iterdir()) == []


def test_the_lake_of_the_project_is_the_default(candles: Path, tmp_path: Path) -> None:
    (tmp_path / "paperbot.yaml").write_text("data:\n  dir: markets\n")
    done = CliRunner().invoke(
        cli, ["--project", str(tmp_path), "data", "import", str(candles), "--venue", "sim"]
    )
    assert done.exit_code == 0, done.output
    assert len(digests(tmp_path / "markets")) == 4


def test_export_and_prune(candles: Path, tmp_path: Path) -> None:
    lake, out = tmp_path / "lake", tmp_path / "out"
    run("import", candles, "--venue", "sim", lake=lake)
    run("export", out, "--format", "freqtrade", "--symbol", "BTC/USDT", lake=lake)
    assert [path.name for path in out.iterdir()] == ["BTC_USDT-1h.feather"]
    # freqtrade's folder is read in place.
    assert json_of(run("check", out, "--json", lake=lake))[0]["rows"] == ROWS
    (lake / "silver/sim/BTC-USDT/1h/2019-01.old.parquet").write_bytes(b"x")
    told = json_of(run("prune", "--dry-run", "--json", lake=lake))
    assert [Path(file["path"]).name for file in told["files"]] == ["2019-01.old.parquet"]
    assert "1 file removed" in run("prune", lake=lake).output
    assert "0 files removed" in run("prune", lake=lake).output


def test_sql_prints_a_table(candles: Path, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    lake = tmp_path / "lake"
    run("import", candles, "--venue", "sim", lake=lake)
    query = "select symbol, count(*) as bars from gold group by symbol order by symbol"
    lines = run("sql", query, lake=lake).output.splitlines()
    assert lines[0].split() == ["symbol", "bars"]
    assert lines[1].split() == ["ADA/USDT", str(ROWS)]
    assert json_of(run("sql", query, "--json", lake=lake))[0] == {
        "symbol": "ADA/USDT",
        "bars": ROWS,
    }
    wrong = run("sql", "delete from gold", lake=lake)
    assert wrong.exit_code == 1
    assert "PB6109" in wrong.output


def test_an_import_that_is_killed_is_simply_started_again(
    candles: Path, tmp_path: Path, root: Path
) -> None:
    whole, lake = tmp_path / "whole", tmp_path / "lake"
    run("import", candles, "--venue", "sim", lake=whole)

    def check() -> None:
        assert digests(lake).items() <= digests(whole).items()

    assert kill_imports(6, lambda: start_import(candles, "sim", lake, root), lake, check) >= 3
    assert run("import", candles, "--venue", "sim", lake=lake).exit_code == 0
    assert digests(lake) == digests(whole)
    run("prune", lake=lake)
    assert {row["verdict"] for row in json_of(run("check", "--json", lake=lake))} == {"ok"}
    assert names(lake) == names(whole)


def test_two_imports_at_once_lose_nothing(candles: Path, tmp_path: Path, root: Path) -> None:
    lake, other = tmp_path / "lake", tmp_path / "more"
    other.mkdir()
    for seed, symbol in enumerate(("BTC", "SOL", "XRP")):
        write_walk(other, f"{symbol}-USDT_1h.parquet", ROWS, seed=50 + seed)
    both = [start_import(folder, "sim", lake, root) for folder in (candles, other)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert set(digests(lake)) == {f"sim/{s}/USDT/1h" for s in (*SYMBOLS, "SOL", "XRP")}
    sources = {key.symbol: len(m["sources"]) for key, m in Lake(lake).series()}
    assert sources["BTC/USDT"] == 2
    assert {row["verdict"] for row in json_of(run("check", "--json", lake=lake))} == {"ok"}
