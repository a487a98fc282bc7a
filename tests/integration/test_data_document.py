"""docs/data.md as typed: each of its commands, in its order, from an empty folder."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from click.testing import CliRunner
from pyarrow import csv, feather

from paperbot_core.cli import cli
from paperbot_core.market.lake.layout import Lake
from tests.candle_files import walk_table

if TYPE_CHECKING:
    import pytest

SYMBOLS = ("ADA", "ATOM", "AVAX", "BCH", "BTC", "DOT", "ETH", "LINK", "SOL", "XRP")
ROWS = 1_500


def _blocks(root: Path) -> list[tuple[str, str]]:
    """Return the code blocks of the page: language and text."""
    page = (root / "docs/data.md").read_text("utf-8")
    return re.findall(r"^```(sh|yaml)\n(.*?)^```", page, re.M | re.S)


def _commands(block: str) -> list[list[str]]:
    lines = [line for line in block.splitlines() if line.startswith("paperbot ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def _downloads(folder: Path) -> None:
    """Write ten markets as freqtrade stores them, and one of them as a damaged CSV file."""
    folder.mkdir()
    for seed, symbol in enumerate(SYMBOLS):
        table = walk_table(ROWS, seed=seed)
        if symbol == "SOL":
            order = np.append(np.arange(ROWS), [10, 20])
            damaged = {name: np.array(v)[order] for name, v in table.to_pydict().items()}
            csv.write_csv(pa.table(damaged), folder / "SOL-USDT_1h.csv")
            continue
        dates = table.column("ts").cast(pa.timestamp("ms", tz="UTC"))
        feather.write_feather(
            table.set_column(0, "date", dates), folder / f"{symbol}_USDT-1h.feather"
        )


def test_each_command_works_as_typed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _downloads(tmp_path / "downloads")
    count = 0
    for language, block in _blocks(root):
        if block.startswith("# universe.yaml\n"):
            (tmp_path / "universe.yaml").write_text(block)
        for words in _commands(block) if language == "sh" else ():
            count += 1
            if words[:2] == ["data", "sql"] and find_spec("duckdb") is None:
                continue
            done = CliRunner().invoke(cli, words)
            # The files that were downloaded fail, and only they.
            wanted = 1 if words[:3] == ["data", "check", "downloads"] else 0
            assert done.exit_code == wanted, f"{words}\n{done.output}"
            if "--why" in words:
                assert "delisted" in done.output
    assert count >= 15
    lake = Lake(tmp_path / "data")
    assert [key.symbol for key, _manifest in lake.series()] == [f"{s}/USDT" for s in SYMBOLS]
    assert len(list(lake.root.glob("gold/binance/*.parquet"))) == 30
    assert len(list((tmp_path / "for_freqtrade").iterdir())) == 10
    assert "<svg" in (tmp_path / "check.html").read_text("utf-8")


def test_the_gates_shown_are_the_defaults(root: Path) -> None:
    import yaml

    from paperbot_core.config.settings import DataGates

    [gates] = [text for language, text in _blocks(root) if "gates:" in text and language == "yaml"]
    assert yaml.safe_load(gates)["data"]["gates"] == DataGates().model_dump()
