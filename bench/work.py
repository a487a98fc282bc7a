"""W1, W2 and W3 on our own engine: what `backtest` and `sweep` call, over arrays in memory."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import data
from paperbot_core.domain.market import Candles
from paperbot_core.domain.words import ExitReason
from paperbot_core.kernel.desk import Fills
from paperbot_core.market.timerange import TimeRange
from paperbot_core.research.backtest import Prepared
from paperbot_core.research.check import CheckedProject, check_project
from paperbot_core.research.history import History
from paperbot_core.research.result import metrics_of
from paperbot_core.research.sets import SweepGrid
from paperbot_core.research.simulate import Setup, Stage, simulate
from paperbot_core.research.sweep import sweep

OWN_PROJECT = Path(__file__).parent / "project"
STRATEGY = "w1"
CASH = 10_000_000.0
TOLERANCE = 1e-9

#: The grid of W2: 10 fast by 10 slow windows.
GRID = (f"{STRATEGY}.fast=5:50:5", f"{STRATEGY}.slow=60:240:20")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run came to, and how long its parts took (seconds)."""

    trades: int
    final_equity: float
    stops: int | None = None
    pairs: int | None = None
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """One workload: `load` (untimed) makes what `run` (timed) is given."""

    load: Callable[[], Prepared]
    run: Callable[[Prepared], Answer]
    bars: int
    expected: Answer


def load_project() -> CheckedProject:
    """Check the benchmark's project: the peers' copy where there is one, else our own.

    Raises:
        UserError: its files are not valid.
    """
    peers = os.environ.get("PAPERBOT_PEER_BENCH")
    source = Path(peers) / "paperbot" if peers else OWN_PROJECT
    with tempfile.TemporaryDirectory() as made:
        project = Path(made) / "project"
        shutil.copytree(source, project)
        shutil.copy(OWN_PROJECT / "paperbot.yaml", project)
        return check_project(project)


def prepare(bars: Sequence[Candles]) -> Prepared:
    """Return the benchmark's strategy over `bars`, ready to be simulated without slippage."""
    checked = load_project()
    compiled = checked.compiled[STRATEGY]
    base = {c.symbol: c for c in bars}
    own = {(c.symbol, compiled.timeframe_ms): c for c in bars}
    history = History(base, own, {STRATEGY: tuple(sorted(base))})
    setup = Setup(
        policy=checked.project.policy,
        universe=checked.project.universe,
        instruments={symbol: checked.project.instrument(symbol) for symbol in base},
        cash=CASH,
        fills=Fills(slippage_bps=0.0),
    )
    return Prepared(checked.project, (compiled,), history, setup, (), checked.functions)


def run_backtest(ready: Prepared) -> Answer:
    """Run one backtest from arrays to equity, trades and metrics; nothing is kept between calls."""
    started = time.perf_counter()
    stage = Stage(ready.history, ready.strategies, TimeRange())
    staged = time.perf_counter()
    run = simulate(stage, ready.strategies, ready.setup)
    simulated = time.perf_counter()
    metrics = metrics_of(run)
    done = time.perf_counter()
    return Answer(
        trades=metrics["trades"],
        final_equity=float(run.outputs.equity[-1]),
        stops=int((run.outputs.trades["reason"] == ExitReason.STOP).sum()),
        parts={
            "stage": staged - started, "simulate": simulated - staged, "metrics": done - simulated,
        },
    )


def grid(pairs: int | None = None) -> list[dict[str, dict[str, float]]]:
    """Return the combinations of W2, or `pairs` of them taken evenly."""
    whole = list(SweepGrid(GRID, {STRATEGY: ("fast", "slow")}))
    count = len(whole) if pairs is None else pairs
    return [whole[k * len(whole) // count] for k in range(count)]


def run_sweep(ready: Prepared) -> Answer:
    """Run the sweep; `BENCH_PAIRS` in the environment asks for fewer combinations."""
    wanted = os.environ.get("BENCH_PAIRS")
    combinations = grid(int(wanted) if wanted else None)
    trades, best = 0, -math.inf
    for row in sweep(ready, combinations, count=len(combinations)):
        trades += row.facts["trades"]
        best = max(best, row.facts["final_equity"])
    return Answer(trades, best, pairs=len(combinations))


def check_answer(found: Answer, expected: Answer) -> str | None:
    """Return what is wrong with an answer, None if nothing is."""
    for name in ("trades", "stops", "pairs"):
        have, want = getattr(found, name), getattr(expected, name)
        if want is not None and have != want:
            return f"{name} {have}, expected {want}"
    if not math.isclose(found.final_equity, expected.final_equity, rel_tol=TOLERANCE):
        return f"final equity {found.final_equity!r}, expected {expected.final_equity!r}"
    return None


def as_facts(answer: Answer) -> dict[str, Any]:
    """Return the answer as keys of a result line; what does not apply is left out."""
    facts: dict[str, Any] = {"trades": answer.trades, "final_equity": answer.final_equity}
    if answer.stops is not None:
        facts["stops"] = answer.stops
    if answer.pairs is not None:
        facts["pairs"] = answer.pairs
    if answer.parts:
        facts["parts"] = {name: round(seconds, 5) for name, seconds in answer.parts.items()}
    return facts


WORKS: Mapping[str, Work] = {
    "w1": Work(
        load=lambda: prepare([data.minute_year()]), run=run_backtest, bars=data.BARS_W1,
        expected=Answer(5_847, 3_128_674.70983648, stops=3_340),
    ),
    "w2": Work(
        load=lambda: prepare([data.minute_year()]), run=run_sweep, bars=data.BARS_W1 * 100,
        expected=Answer(323_177, 8_068_184.094585711, pairs=100),
    ),
    "w3": Work(
        load=lambda: prepare(list(data.portfolio())), run=run_backtest,
        bars=data.BARS_W3 * len(data.SYMBOLS_W3),
        expected=Answer(11_213, 1_044_924.0228303191),
    ),
}
