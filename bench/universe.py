"""The universe from cached tickers: `python -m bench.universe [--symbols N]`.

Measured are the choice itself (discovery and every filter over tickers in memory), reading the file
as well, and the whole command with the start of Python, which also reads the project and a year of
daily snapshots. The exit code is 1 if the command takes a second or more.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.processes import ROOT, run_process
from bench.run import keep
from paperbot_core.api import Ticker
from paperbot_core.config.universe import UniverseFile
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.universe.membership_record import append_record, first_seen, load_record
from paperbot_core.market.universe.selection import Snapshot, select
from paperbot_core.market.universe.tickers import (
    Tickers,
    facts_from_tickers,
    read_tickers,
    write_tickers,
)

SYMBOLS = 500
RUNS = 7
SEED = 7
COMMAND_S_MAX = 1.0
NOW = 1_704_067_200_000  # 2024-01-01T00:00Z

UNIVERSE: dict[str, Any] = {
    "tiers": {
        "core": {"symbols": ["BTC/USDT", "ETH/USDT"], "always_eligible": True},
        "rotational": {"symbols": ["S000/USDT"]},
        "event": {"symbols": [], "max_hold_hours": 72},
    },
    "filters": {
        "min_quote_volume": 1_000_000, "max_spread_pct": 0.5, "min_depth": 10_000,
        "min_age_days": 30, "quotes": ["USDT"], "blacklist": ["USDC/*", "FDUSD/*", "S001/USDT"],
    },
    "discovery": {"tiers": {"rotational": 20_000_000, "event": 2_000_000}, "max_symbols": 100},
}  # fmt: skip

Line = dict[str, Any]


def some_tickers(count: int) -> Tickers:
    """Return tickers of `count` markets, volumes and spreads over several powers of ten."""
    rng = np.random.default_rng(SEED)
    names = ["BTC/USDT", "ETH/USDT", *(f"S{k:03d}/USDT" for k in range(count - 2))]
    found = []
    for symbol in names:
        price, volume = (float(10 ** rng.uniform(*span)) for span in ((-4, 4), (4, 9)))
        half = price * float(10 ** rng.uniform(-5, -2))
        found.append(
            Ticker(symbol, NOW, price - half, price + half, price, volume,
                   depth=volume / 100, listed_ts=NOW - int(rng.uniform(0, 2_000) * DAY_MS))
        )  # fmt: skip
    return Tickers(NOW, "bench", tuple(found))


def choose(universe: UniverseFile, found: Tickers) -> Snapshot:
    """Return the choice, as `universe refresh` makes it."""
    return select(universe, found.fetched, facts_from_tickers(universe, found, {}), candles=False)


def measure(count: int, folder: Path) -> list[Line]:
    """Return a line for each figure; `folder` is scratch space."""
    universe, found = UniverseFile.model_validate(UNIVERSE), some_tickers(count)
    project = folder / "project"
    shutil.copytree(ROOT / "bench/project", project)
    (project / "universe.yaml").write_text(json.dumps(UNIVERSE), encoding="utf-8")
    for path in (project / "strategies.d").iterdir():
        path.unlink()
    settings = (project / "paperbot.yaml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in settings if not line.startswith("strategies:")]
    (project / "paperbot.yaml").write_text("\n".join([*kept, "strategies: []"]), encoding="utf-8")
    state = folder / "state"
    file, record = state / "tickers.json", state / "universe.jsonl"
    write_tickers(file, found)
    snapshot = choose(universe, found)
    append_record(record, [replace(snapshot, ts=NOW - k * DAY_MS) for k in range(365, 0, -1)])
    command = (
        sys.executable, "-m", "paperbot_core", "--project", str(project), "universe", "refresh",
        "--tickers", str(file), "--state-dir", str(state), "--dry-run", "--json",
    )  # fmt: skip
    facts = {"symbols": count, "members": len(snapshot.tiers)}
    works: dict[str, Callable[[], object]] = {
        "select": lambda: choose(universe, found),
        "read_select": lambda: choose(universe, read_tickers(file)),
        "record_year": lambda: first_seen(load_record(record)),
    }
    lines = [_line(name, _best(work), **facts) for name, work in works.items()]
    costs = [run_process(command, {}) for _ in range(RUNS)]
    lines.append(
        _line("command", min(cost.wall_s for cost in costs), goal=COMMAND_S_MAX,
              cpu_s=round(min(cost.cpu_s for cost in costs), 3), **facts)
    )  # fmt: skip
    return lines


def _best(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return min(spent)


def _line(name: str, seconds: float, **facts: Any) -> Line:
    return {
        "peer": "paperbot", "workload": f"universe_{name}", "seconds": round(seconds, 5), **facts,
        "python": platform.python_version(),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and keep the lines; 1 if the command was too slow."""
    parser = argparse.ArgumentParser(description="The universe from cached tickers.")
    parser.add_argument("--symbols", type=int, default=SYMBOLS, help="how many markets")
    count = parser.parse_args(arguments).symbols
    with tempfile.TemporaryDirectory() as folder:
        lines = measure(count, Path(folder))
    keep(lines)
    return int(lines[-1]["seconds"] >= COMMAND_S_MAX)


if __name__ == "__main__":
    sys.exit(main())
