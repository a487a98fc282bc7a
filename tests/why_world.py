"""A small project with candles and a stored backtest, for tests of `why`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from paperbot_core.cli import cli
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.report.run import SavedRun
from paperbot_core.report.store import RunStore
from paperbot_core.research.baseline_market import market

ROOT = Path(__file__).resolve().parents[1]
HOUR = 3_600_000


def write_csv(candles: Candles, folder: Path) -> Path:
    """Write candles under the name that tells symbol and timeframe."""
    name = f"{candles.symbol.replace('/', '-')}_{timeframe_text(candles.tf_ms)}.csv"
    rows = zip(
        candles.ts, candles.open, candles.high, candles.low, candles.close, candles.volume,
        strict=True,
    )
    lines = ["ts,open,high,low,close,volume"]
    lines += [",".join(str(value) for value in row) for row in rows]
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def make_project(folder: Path, bars: int = 1_200) -> Path:
    """Copy the shipped files and put candles of two symbols beside them."""
    for name in ("policy.yaml", "universe.yaml", "paperbot.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "strategies.d").mkdir()
    for path in (ROOT / "strategies.d").glob("*.yaml"):
        shutil.copy(path, folder / "strategies.d" / path.name)
    (folder / "candles").mkdir()
    for symbol in ("BTC/USDT", "ETH/USDT"):
        write_csv(market(symbol, HOUR, bars=bars), folder / "candles")
    return folder


def paperbot(project: Path, *words: str) -> Result:
    """Run a command line in a project."""
    return CliRunner().invoke(
        cli, ["--project", str(project), *words], standalone_mode=True, catch_exceptions=False
    )


def backtest(
    project: Path, *words: str, strategies: tuple[str, ...] = ("donchian_atr",)
) -> SavedRun:
    """Run a backtest over the candles of the project and return what was stored."""
    chosen = [word for name in strategies for word in ("-s", name)]
    result = paperbot(project, "backtest", *chosen, "--data", str(project / "candles"), *words)
    assert result.exit_code == 0, result.output
    return RunStore(project / "state").load()


def facts_without(run: SavedRun, *names: str) -> dict[str, Any]:
    """Return the facts of a run as an older version would have stored them."""
    return {key: value for key, value in run.facts.items() if key not in names}
