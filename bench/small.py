"""The figures beside W1-W3: the plain step, the command line, and memory of a growing sweep."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench import data
from bench.processes import ROOT, Cost, Engine, run_process
from paperbot_core.domain.market import HOUR_MS, Candles

PAPERBOT = (sys.executable, "-m", "paperbot_core")
HOURS_A_YEAR = 8_760
RUNS = 7

#: What the project itself asks for; see bench/README.md.
GOALS = {
    "step_1": 10.0, "step_200": 150.0, "help": 0.2, "backtest_year": 1.5,
}

Line = dict[str, Any]


def small_figures(engine: Engine, folder: Path) -> list[Line]:
    """Return a line for each figure; `folder` is scratch space.

    Raises:
        ProcessFailedError: one of the processes failed.
    """
    return [
        _step(1, folder),
        _step(200, folder),
        _cpu("help", RUNS, (*PAPERBOT, "--help")),
        _backtest_year(folder),
        *(_sweep_memory(engine, pairs, folder) for pairs in (10, 50, 100)),
    ]


def _line(name: str, **facts: Any) -> Line:
    goal = {"goal": GOALS[name]} if name in GOALS else {}
    python = ".".join(map(str, sys.version_info[:3]))
    return {"peer": "paperbot", "workload": name, **facts, **goal, "python": python}


def _step(slots: int, folder: Path) -> Line:
    out = folder / f"step-{slots}.json"
    run_process((sys.executable, "-m", "bench.steps", str(slots), "--out", str(out)), {})
    return _line(f"step_{slots}", **json.loads(out.read_text(encoding="utf-8")))


def _cpu(name: str, runs: int, command: tuple[str, ...]) -> Line:
    """Return the CPU seconds of a command, best of several after one to warm the file cache."""
    costs = [run_process(command, {}) for _ in range(runs + 1)][1:]
    best: Cost = min(costs, key=lambda cost: cost.cpu_s)
    return _line(
        name, seconds=round(best.cpu_s, 3), wall_s=round(min(c.wall_s for c in costs), 3),
        peak_rss_mb=round(best.peak_rss_mb, 1), all_seconds=[round(c.cpu_s, 3) for c in costs],
    )


def _backtest_year(folder: Path) -> Line:
    """Return the CPU of a typed backtest: a shipped strategy on a year of synthetic hours."""
    project = folder / "year"
    shutil.copytree(ROOT / "strategies.d", project / "strategies.d")
    for name in ("paperbot.yaml", "policy.yaml", "universe.yaml"):
        shutil.copy(ROOT / name, project)
    table = data.draw(np.random.default_rng(data.SEED), HOURS_A_YEAR)
    path = project / "BTC-USDT_1h.parquet"
    write_parquet(data.candles("BTC/USDT", table, HOUR_MS), path)
    command = (
        *PAPERBOT, "--project", str(project), "backtest", "-s", "donchian_atr",
        "--data", str(path),
    )
    return _cpu("backtest_year", RUNS, command)


def write_parquet(candles: Candles, path: Path) -> None:
    """Write candles as the columns that `--data` reads."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ("open", "high", "low", "close", "volume")
    columns = {name: getattr(candles, name) for name in names}
    pq.write_table(pa.table({"ts": candles.ts, **columns}), path)


def _sweep_memory(engine: Engine, pairs: int, folder: Path) -> Line:
    """Return the peak memory of a sweep of so many combinations."""
    cache = folder / "w2-0"
    _, cost = engine.measure("w2", "cold", cache, {"BENCH_PAIRS": str(pairs)})
    return _line(f"sweep_memory_{pairs}", pairs=pairs, peak_rss_mb=round(cost.peak_rss_mb, 1))
