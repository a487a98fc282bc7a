"""`paperbot data features`: what a backtest computes, as data with an origin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from paperbot_core.cli import cli
from paperbot_core.config.project import load_project
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.strategy import compile_strategy
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.lake.contract import load_contract
from paperbot_core.plugins_signals import feature_columns
from tests import session_world as sw


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = sw.make_project(tmp_path / "p", ["donchian_atr"], "{plugin: sandbox, seed: 7}")
    for seed, symbol in enumerate(("BTC/USDT", "SOL/USDT")):
        sw.write_candles(tmp_path / "raw", sw.walk(symbol, 300, seed))
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(cli, ["data", "import", str(tmp_path / "raw"), "--venue", "sim"])
    assert done.exit_code == 0, done.output
    return folder


def told(*words: str, code: int = 0) -> list[dict[str, object]]:
    done = CliRunner().invoke(cli, ["data", *words, "--json"])
    assert done.exit_code == code, done.output
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_features_are_those_of_a_backtest_and_know_their_origin(project: Path) -> None:
    rows = told("features", "-s", "donchian_atr")
    assert [(r["symbol"], r["timeframe"], r["rows"], r["written"]) for r in rows] == [
        ("BTC/USDT", "1h", 300, True), ("SOL/USDT", "1h", 300, True),
    ]  # fmt: skip
    path = project / str(rows[0]["path"])
    table = parquet.read_table(path)
    contract = load_contract("features.v1")
    loaded = load_project(project).strategy("donchian_atr")
    compiled = compile_strategy(loaded.file, places=loaded.places)
    first = [(str(c["name"]), str(c["type"])) for c in contract["columns"]]
    more = [(name, str(contract["more"]["type"])) for name in compiled.file.features]
    assert [(f.name, str(f.type)) for f in table.schema] == first + more
    gold = project / "data/gold/sim/BTC-USDT_1h.parquet"
    candles = read_candles(CandleFile(gold, "BTC/USDT", "1h"))
    assert table.column("ts").to_pylist() == candles.ts.tolist()
    for name, values in feature_columns(compiled, Columns(candles)).items():
        assert np.array_equal(table.column(name).to_numpy(), values, equal_nan=True)
    meta = json.loads((path.parent / ".meta" / f"{path.stem}.json").read_text())
    bars = json.loads((project / "data/gold/sim/.meta/BTC-USDT_1h.json").read_text())
    assert meta["silver_digest"] == bars["silver_digest"]


def test_features_are_kept_until_bars_or_rules_change(project: Path, tmp_path: Path) -> None:
    told("features", "-s", "donchian_atr")
    assert [r["written"] for r in told("features", "-s", "donchian_atr")] == [False, False]
    file = project / "strategies.d" / "donchian_atr.yaml"
    file.write_text(file.read_text().replace("risk: atr(14)", "risk: atr(15)"))
    again = told("features", "-s", "donchian_atr", "--symbol", "BTC/USDT")
    assert [(r["symbol"], r["written"]) for r in again] == [("BTC/USDT", True)]
    sw.write_candles(tmp_path / "more", sw.walk("SOL/USDT", 400, 1))
    CliRunner().invoke(cli, ["data", "import", str(tmp_path / "more"), "--venue", "sim"])
    assert [(r["symbol"], r["rows"], r["written"]) for r in told("features", "-s", "donchian_atr")
            ] == [("BTC/USDT", 300, False), ("SOL/USDT", 400, True)]  # fmt: skip


def test_features_are_no_candles_and_no_waste(project: Path) -> None:
    [path, _] = [project / str(r["path"]) for r in told("features", "-s", "donchian_atr")]
    done = CliRunner().invoke(cli, ["data", "prune"])
    assert done.exit_code == 0
    assert path.is_file()
    checked = told("check", "data/gold")
    assert len(checked) == 2
    done = CliRunner().invoke(cli, ["backtest", "-s", "donchian_atr", "--data", "data/gold/sim"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("words", [["-s", "nobody"], ["-s", "donchian_atr", "--venue", "moon"]])
def test_what_is_not_there_is_refused(project: Path, words: list[str]) -> None:
    done = CliRunner().invoke(cli, ["data", "features", *words])
    assert done.exit_code == 1
    assert "PB" in done.output
