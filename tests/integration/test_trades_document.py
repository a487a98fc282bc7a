"""docs/trades.md as typed: each of its commands that needs no network, in its order."""

from __future__ import annotations

import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from paperbot_core.cli import cli
from tests.trade_files import binance_csv, walk, zipped

if TYPE_CHECKING:
    import pytest


def test_each_command_works_as_typed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("paperbot.yaml", "policy.yaml", "universe.yaml"):
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "strategies.d", tmp_path / "strategies.d")
    (tmp_path / "ticks").mkdir()
    for day in range(2):
        path = tmp_path / "ticks" / f"BTCUSDT-trades-2024-08-{8 + day:02d}.zip"
        path.write_bytes(zipped(binance_csv(walk(9_000, day=day), unit=1_000)))
    monkeypatch.chdir(tmp_path)
    text = (root / "docs/trades.md").read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    commands = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    assert len(commands) >= 10
    for words in commands:
        if "download" in words or ("sql" in words and find_spec("duckdb") is None):
            continue
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, f"{words}\n{done.output}"
    assert sorted(path.name for path in Path("data/gold/binance/event_bars").glob("*.parquet")) == [
        "BTC-USDT_dollar1000000.parquet",
        "BTC-USDT_ticks500.parquet",
        "BTC-USDT_volume0.5.parquet",
    ]
