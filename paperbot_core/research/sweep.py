"""A sweep: one simulation for each combination of parameters, over shared candles and columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.backtest import Prepared, compile_with
from paperbot_core.research.result import by_rule, metrics_of
from paperbot_core.research.simulate import COMPILE_ABOVE, Simulation, Stage, simulate


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
    for number, sets in enumerate(combinations):
        strategies = tuple(
            compile_with(
                ready.project, c.file.name, {**c.params, **sets[c.file.name]}, ready.functions
            )
            if c.file.name in sets else c
            for c in ready.strategies
        )
        source = SignalSource(ready.plugins)
        run = simulate(stage, strategies, ready.setup, driver=driver, source=source)
        facts = {
            "final_equity": float(run.outputs.equity[-1]),
            "trades": len(run.outputs.trades),
            "metrics": metrics_of(run),
            "rejections": by_rule(run.outputs.refused),
            "halted_at": run.outputs.account["halted_ts"] or None,
            "warnings": [d.message for d in source.faults.warnings()],
        }
        yield SweepRow(number, sets, facts, run)
