"""A sweep: one simulation for each combination of parameters, over shared candles and columns."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from paperbot_core.config.adaptive import spread_sets
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.backtest import Prepared, compile_with
from paperbot_core.research.result import by_rule, metrics_of
from paperbot_core.research.simulate import COMPILE_ABOVE, Simulation, Stage, lay_out


@dataclass(frozen=True, slots=True, eq=False)
class SweepRow:
    """One combination: its parameters by strategy, its facts, and the simulation itself."""

    number: int
    params: Mapping[str, Mapping[str, float]]
    facts: dict[str, Any]
    run: Simulation


def sweep(
    ready: Prepared, combinations: Iterable[Mapping[str, Mapping[str, float]]], *, count: int
) -> Iterator[SweepRow]:
    """Yield a row for each combination, in order; row k equals the single backtest k.

    Columns are shared by all rows through the stage, so memory does not grow with their number.

    Args:
        ready: the prepared request; its strategies' own values hold where nothing is varied.
        combinations: parameter values by strategy.
        count: how many there are, to choose between the plain and the compiled kernel.

    Raises:
        UserError: a value outside the bounds of its parameter.
    """
    stage = Stage(ready.history, ready.strategies, ready.setup.span)
    jobs = len(stage.line.times) * len(stage.keys) * count
    driver = "compiled" if jobs > COMPILE_ABOVE else "plain"
    # Signals are worked out here, in order, over shared columns; compiled kernels run beside each
    # other. Plain ones hold the interpreter anyway, and plugins are not asked from two threads.
    beside = driver == "compiled" and not ready.setup.checks
    workers = (os.cpu_count() or 1) if beside else 0
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        waiting: deque[tuple[_Asked, Future[Simulation]]] = deque()
        for number, sets in enumerate(combinations):
            source = SignalSource(ready.plugins)
            strategies = _with_values(ready, sets)
            run = lay_out(
                stage, strategies, ready.setup, driver=driver, source=source, whole_curve=False
            )
            done = pool.submit(run) if beside else _now(run)
            waiting.append((_Asked(number, sets, source), done))
            if len(waiting) > workers:
                yield _row(*waiting.popleft())
        while waiting:
            yield _row(*waiting.popleft())


def _now(run: Callable[[], Simulation]) -> Future[Simulation]:
    done: Future[Simulation] = Future()
    done.set_result(run())
    return done


@dataclass(frozen=True, slots=True)
class _Asked:
    """A combination whose kernel is running."""

    number: int
    sets: Mapping[str, Mapping[str, float]]
    source: SignalSource


def _with_values(
    ready: Prepared, sets: Mapping[str, Mapping[str, float]]
) -> tuple[CompiledStrategy, ...]:
    spread = spread_sets({c.file.name: c.file for c in ready.strategies}, sets)
    return tuple(
        compile_with(
            ready.project, c.file.name, {**c.params, **spread[c.file.name]}, ready.functions
        )
        if c.file.name in spread else c
        for c in ready.strategies
    )


def _row(asked: _Asked, done: Future[Simulation]) -> SweepRow:
    run = done.result()
    facts = {
        "final_equity": float(run.outputs.equity[-1]),
        "trades": len(run.outputs.trades),
        "metrics": metrics_of(run),
        "rejections": by_rule(run.outputs.refused),
        "halted_at": run.outputs.account["halted_ts"] or None,
        "warnings": [d.message for d in asked.source.faults.warnings()],
    }
    return SweepRow(asked.number, asked.sets, facts, run)
