"""docs/data.md as typed: each of its commands, in its order, from an empty folder."""

from __future__ import annotations

import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from click.testing import CliRunner
from pyarrow import csv, feather

from paperbot_core.cli import cli
from paperbot_core.market.lake import Lake
from tests.candle_files import walk_table

if TYPE_CHECKING:
    import pytest

SYMBOLS = ("ADA", "ATOM", "AVAX", "BCH", "BTC", "DOT", "ETH", "LINK", "SOL", "XRP")
ROWS = 1_500


def _commands(root: Path) -> list[list[str]]:
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (root / "docs/data.md").read_text("utf-8"), re.M | re.S
    )
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("paperbot ")]


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
    for name in ("paperbot.yaml", "policy.yaml", "universe.yaml"):
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "strategies.d", tmp_path / "strategies.d")
    _downloads(tmp_path / "downloads")
    monkeypatch.chdir(tmp_path)
    commands = _commands(root)
    assert len(commands) >= 10
    for words in commands:
        if words[:2] == ["data", "sql"] and find_spec("duckdb") is None:
            continue
        done = CliRunner().invoke(cli, words)
        # The files that were downloaded fail, and only they.
        wanted = 1 if words[:3] == ["data", "check", "downloads"] else 0
        assert done.exit_code == wanted, f"{words}\n{done.output}"
    lake = Lake(tmp_path / "data")
    assert [key.symbol for key, _manifest in lake.series()] == [f"{s}/USDT" for s in SYMBOLS]
    assert len(list(lake.root.glob("gold/binance/*.parquet"))) == 30
    assert len(list((tmp_path / "for_freqtrade").iterdir())) == 10
    assert "<svg" in (tmp_path / "check.html").read_text("utf-8")


def test_the_gates_shown_are_the_defaults(root: Path) -> None:
    import yaml

    from paperbot_core.config.settings import DataGates

    block = re.search(
        r"^```yaml\n(.*?)^```", (root / "docs/data.md").read_text("utf-8"), re.M | re.S
    )
    assert block is not None
    assert yaml.safe_load(block[1])["data"]["gates"] == DataGates().model_dump()
