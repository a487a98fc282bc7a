"""`paperbot data` through the command line: what it prints, writes and returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import csv, parquet

from paperbot_core.cli import cli
from tests.candle_files import HOUR, START, walk_table, write_walk


def run(*arguments: str | Path, project: Path | None = None) -> Result:
    place = ["--project", str(project)] if project else []
    return CliRunner().invoke(cli, [*place, "data", *map(str, arguments)])


def rows_of(result: Result) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a good file and one with every fault that a repair can mend."""
    folder = tmp_path / "candles"
    folder.mkdir()
    write_walk(folder, "ETH-USDT_1h.parquet", 300, seed=1)
    table = walk_table(300, seed=2)
    order = np.arange(300)
    order[[20, 21]] = [21, 20]
    order = np.append(order, [40, 41])  # rows 40 and 41 come again at the end
    data = {name: np.array(values)[order] for name, values in table.to_pydict().items()}
    data["close"][-1] += 0.01  # ... and one of them with another price
    data["high"][-1] = max(data["high"][-1], data["close"][-1])
    data["low"][100] = 0.0
    data["ts"][200] += 5
    csv.write_csv(pa.table(data), folder / "BTC-USDT_1h.csv")
    (folder / "README.txt").write_text("not candles")
    return folder


def test_check_prints_one_row_for_each_file(broken: Path) -> None:
    result = run("check", broken, "--json")
    assert result.exit_code == 1
    btc, eth = rows_of(result)
    wanted = {
        "symbol": "BTC/USDT",
        "timeframe": "1h",
        "rows": 302,
        "duplicates": 2,
        "disorder": 2,
        "bad_rows": 1,
        "off_grid": 1,
        "verdict": "fail",
    }
    assert {key: btc[key] for key in wanted} == wanted
    assert eth["verdict"] == "ok"
    assert "README.txt" in result.stderr


def test_check_is_content_with_good_files(broken: Path) -> None:
    result = run("check", broken / "ETH-USDT_1h.parquet")
    assert result.exit_code == 0
    assert "1 series: 1 ok" in result.output


def test_check_says_what_is_wrong_in_words(broken: Path) -> None:
    result = run("check", broken)
    assert "fail: 2 rows repeat an open time" in result.output
    assert "2 series: 1 ok, 1 fail" in result.output


def test_gates_come_from_the_project(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "paperbot.yaml").write_text(
        "data:\n  gates:\n    duplicates_max: null\n    disorder_max: 5\n    bad_rows_max: 1\n"
        "    off_grid_max: 1\n"
    )
    result = run("check", broken, "--json", project=tmp_path)
    assert [row["verdict"] for row in rows_of(result)] == ["warn", "ok"]
    assert result.exit_code == 0


def test_an_unknown_gate_is_pointed_at(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "paperbot.yaml").write_text("data:\n  gates:\n    duplicate_max: 1\n")
    result = run("check", broken, project=tmp_path)
    assert result.exit_code == 1
    assert "paperbot.yaml:3:5: error[PB2001]" in result.stderr
    assert "duplicates_max" in result.stderr


def test_repair_writes_a_clean_copy_and_says_what_it_did(broken: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in broken.iterdir()}
    clean = tmp_path / "clean"
    result = run("check", broken, "--repair", clean)
    assert result.exit_code == 1  # it is the originals that were judged
    kept = "kept 298 of 302 rows; left out: 1 bad, 1 off the grid, 2 duplicate; 1 duplicate had"
    assert kept in result.output
    assert "nothing was wrong" in result.output
    assert {path.name: path.read_bytes() for path in broken.iterdir()} == before

    again = run("check", clean, "--json")
    assert again.exit_code == 0
    btc, eth = rows_of(again)
    assert (btc["rows"], btc["missing"], btc["duplicates"], btc["disorder"]) == (298, 2, 0, 0)
    assert eth["rows"] == 300
    log = json.loads((clean / "repair.json").read_text("utf-8"))
    assert log["files"][0]["duplicates"] == 2
    ts = parquet.read_table(clean / "BTC-USDT_1h.parquet").column("ts").to_pylist()
    assert ts == sorted(set(ts))
    assert set(ts) <= {START + HOUR * n for n in range(300)}


def test_of_two_rows_the_last_in_the_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "BTC-USDT_1h.csv"
    path.write_text(
        "ts,open,high,low,close,volume\n"
        f"{START},10,11,9,10,1\n{START},10,11,9,10.5,2\n{START + HOUR},10,11,9,10,3\n"
    )
    run("check", path, "--repair", tmp_path / "clean")
    table = parquet.read_table(tmp_path / "clean/BTC-USDT_1h.parquet")
    assert table.column("close").to_pylist() == [10.5, 10.0]


def test_repair_never_overwrites(broken: Path) -> None:
    result = run("check", broken, "--repair", broken)
    assert result.exit_code == 1
    assert "PB6101" in result.stderr


def test_repair_refuses_two_files_for_one_place(broken: Path, tmp_path: Path) -> None:
    copy = broken / "ETH-USDT_1h.csv"
    csv.write_csv(walk_table(10, seed=1), copy)
    result = run("check", broken, "--repair", tmp_path / "clean")
    assert result.exit_code == 1
    assert "PB6102" in result.stderr
    assert not (tmp_path / "clean").exists()


def test_the_page_names_each_series_and_loads_nothing(broken: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run("check", broken, "--html", page)
    text = page.read_text("utf-8")
    assert "BTC/USDT 1h" in text
    assert "rows repeat an open time" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text


def test_a_name_is_shown_and_never_becomes_markup(tmp_path: Path) -> None:
    folder = tmp_path / "<b>bold"
    folder.mkdir()
    write_walk(folder, "BTC-USDT_1h.parquet", 30, seed=1)
    page = tmp_path / "page.html"
    run("check", folder, "--html", page)
    assert "<b>" not in page.read_text("utf-8")


def test_no_such_path_is_a_diagnostic(tmp_path: Path) -> None:
    result = run("check", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "PB6001" in result.stderr


def test_a_file_that_is_garbage_does_not_hide_the_others(broken: Path) -> None:
    (broken / "XRP-USDT_1h.feather").write_bytes(b"garbage")
    verdicts = {row["symbol"]: row["verdict"] for row in rows_of(run("check", broken, "--json"))}
    assert verdicts == {"BTC/USDT": "fail", "ETH/USDT": "ok", "XRP/USDT": "fail"}
