"""A backtest from request to result: check the project, read candles, simulate, sum up."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.config.adaptive import spread_sets
from paperbot_core.config.project import Project
from paperbot_core.diagnostics import Diagnostic
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.kernel.desk import Fills
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.universe.membership_record import RECORD_NAME
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.check import check_project, compile_loaded
from paperbot_core.research.conditions import condition_facts, never_chosen
from paperbot_core.research.history import History, load_history
from paperbot_core.research.metrics_breakdown import breakdowns
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.result import (
    buy_and_hold_pct,
    by_rule,
    fill_table,
    metrics_of,
    never_ready,
    shaping_warnings,
    trade_columns,
    trade_table,
)
from paperbot_core.research.simulate import Setup, Simulation, Stage, simulate, with_fee
from paperbot_core.research.why_record import candle_facts, project_texts, request_facts

if TYPE_CHECKING:
    from paperbot_core.features.function import Function
    from paperbot_core.plugins import Plugins


@dataclass(frozen=True, slots=True, eq=False)
class BacktestResult:
    """A finished backtest: its facts (the JSON of the command) and its tables by column."""

    facts: dict[str, Any]
    trades: dict[str, Any]
    fills: dict[str, Any]
    equity: dict[str, Any]
    candles: tuple[Candles, ...]
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A checked project with the candles and rules of one request, ready to be simulated.

    `functions` is what each strategy may call; `plugins` is None in a run without any.
    """

    project: Project
    strategies: tuple[CompiledStrategy, ...]
    history: History
    setup: Setup
    warnings: tuple[Diagnostic, ...]
    functions: Mapping[str, Mapping[str, Function]]
    plugins: Plugins | None = None


def compile_with(
    project: Project, name: str, params: Mapping[str, float],
    functions: Mapping[str, Mapping[str, Function]],
) -> CompiledStrategy:
    """Compile one strategy of a checked project with other parameter values.

    `functions` is what each strategy may call, by its name.

    Raises:
        UserError: an unknown parameter, or a value outside its bounds.
    """
    return compile_loaded(project, project.strategy(name), functions[name], params)


def prepare(
    directory: Path,
    request: BacktestRequest,
    *,
    policy: Path | None = None,
    universe: Path | None = None,
    plugins: Callable[[Project], Plugins] | None = None,
    record: Path | None = None,
) -> Prepared:
    """Check the project and read the candles a request needs.

    `plugins` loads them, if the run needs any (default: all installed). `record` is the file in
    which the universe was recorded (default: that of the project's state directory).

    Raises:
        UserError, DataError: everything wrong with the files, the candles or the request.
    """
    checked = check_project(
        directory, policy=policy, universe=universe, names=request.strategies, plugins=plugins
    )
    project = checked.project
    wanted = project.settings.risk_checks
    names = project.names_of(request.strategies)
    sets = spread_sets({name: project.strategy(name).file for name in names}, request.sets)
    strategies = tuple(
        compile_with(project, name, sets[name], checked.functions)
        if name in sets else checked.compiled[name]
        for name in names
    )
    history = load_history(
        project, strategies, request.paths, symbol=request.symbol, timeframe=request.timeframe,
        detail=request.detail, span=request.span, record=record or project.state_dir / RECORD_NAME,
    )
    simulation = project.settings.simulation
    slippage = simulation.slippage_bps if request.slippage_bps is None else request.slippage_bps
    cash = project.settings.wallet.cash if request.cash is None else request.cash
    setup = Setup(
        policy=project.policy,
        universe=project.universe,
        instruments={
            symbol: with_fee(project.instrument(symbol), request.fee_bps) for symbol in history.base
        },
        cash=float(cash),
        fills=Fills(slippage, simulation.volume_share_pct or 0.0),
        span=request.span,
        checks=tuple(checked.plugins.risk_checks(wanted)) if checked.plugins else (),
    )
    warnings = checked.warnings + history.warnings
    return Prepared(
        project, strategies, history, setup, warnings, checked.functions, checked.plugins
    )


def run_backtest(
    directory: Path,
    request: BacktestRequest,
    *,
    policy: Path | None = None,
    universe: Path | None = None,
    plugins: Callable[[Project], Plugins] | None = None,
) -> BacktestResult:
    """Run the backtest a user asked for; `plugins` as for `prepare`.

    Raises:
        UserError, DataError: everything wrong with the files, the candles or the request.
    """
    clock = _Clock()
    ready = prepare(directory, request, policy=policy, universe=universe, plugins=plugins)
    clock.lap("load")
    stage = Stage(ready.history, ready.strategies, request.span)
    source = SignalSource(ready.plugins)
    run = simulate(stage, ready.strategies, ready.setup, source=source)
    clock.lap("simulate")
    faults = tuple(source.faults.warnings())
    facts = summarise(ready, stage, run, faults)
    facts["config"] = project_texts(ready.project, ready.project.state_dir / RECORD_NAME)
    facts["request"] = request_facts(request, facts["params"], policy, universe)
    clock.lap("summarise")
    facts["timing"] = clock.laps
    return BacktestResult(
        facts=facts,
        trades=trade_table(run.desk, run.outputs.trades),
        fills=fill_table(run.desk, run.outputs.legs),
        equity={
            "ts": run.inputs.times, "equity": run.outputs.equity,
            "cash": run.outputs.cash, "gross": run.outputs.gross,
        },
        candles=tuple(stage.base),
        warnings=ready.warnings + faults,
    )


class _Clock:
    """Seconds spent by part, for `timing` in the result."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 6)
        self._last = now


def run_identity(ready: Prepared, stage: Stage) -> str:
    """Return the name of a run: the same inputs give the same name."""
    digest = hashlib.sha256()
    setup = ready.setup
    digest.update(setup.policy.digest.encode())
    regime = setup.universe.regime
    rules = (setup.cash, setup.fills, setup.span, sorted(setup.instruments.items()), regime)
    digest.update(repr(rules).encode())
    if ready.plugins is not None:
        used = (ready.plugins.versions(), sorted(ready.project.settings.risk_checks.items()))
        digest.update(repr(used).encode())
    membership = ready.history.conditions.membership
    for snapshot in membership.snapshots if membership is not None else ():
        digest.update(repr((snapshot.ts, sorted(snapshot.tiers.items()))).encode())
    for c in ready.strategies:
        digest.update(ready.project.strategy(c.file.name).text.encode())
        digest.update(repr(sorted(c.params.items())).encode())
    for candles in stage.base:
        digest.update(candles.symbol.encode())
        for name in ("ts", "open", "high", "low", "close", "volume"):
            digest.update(getattr(candles, name).tobytes())
    for symbol, paid in sorted(ready.history.payouts.items()):
        digest.update(symbol.encode() + paid.splits.tobytes() + paid.dividends.tobytes())
    return digest.hexdigest()[:16]


def summarise(
    ready: Prepared, stage: Stage, run: Simulation, faults: Sequence[Diagnostic] = ()
) -> dict[str, Any]:
    """Return the facts of a run: the JSON of `backtest`, and what was asked.

    `faults` are the failures of plugins, which shaped the result.
    """
    account = run.outputs.account
    rejections = by_rule(run.outputs.refused)
    halted_at = account["halted_ts"] or None
    timeframes = sorted({c.timeframe_ms for c in ready.strategies})
    found = [d.message for d in ready.warnings]
    found += [d.message for d in faults]
    found += run.review.summary() if run.review is not None else []
    found += never_ready(stage, ready.strategies) + never_chosen(stage)
    found += shaping_warnings(run, rejections, halted_at)
    return {
        "run_id": "bt-" + run_identity(ready, stage),
        "mode": "backtest",
        "strategies": [c.file.name for c in ready.strategies],
        "symbols": stage.symbols,
        "timeframe": ",".join(timeframe_text(tf) for tf in timeframes),
        "start": run.start_ts,
        "end": int(run.inputs.times[-1]),
        "bars": len(run.inputs.times),
        "trades": len(run.outputs.trades),
        "final_equity": float(run.outputs.equity[-1]),
        "metrics": {
            **metrics_of(run), "by": breakdowns(trade_columns(run.desk, run.outputs.trades)),
        },
        "rejections": rejections,
        "shrunk": by_rule(run.outputs.shrunk),
        "ambiguous_bars": account["ambiguous"],
        "halted_at": halted_at,
        "buy_and_hold_pct": buy_and_hold_pct(stage, run.start_ts),
        "timing": {},
        "warnings": found,
        "cash": ready.setup.cash,
        "slippage_bps": ready.setup.fills.slippage_bps,
        "params": {c.file.name: dict(c.params) for c in ready.strategies},
        "risk_checks": dict(run.review.counts) if run.review is not None else {},
        "plugins": ready.plugins.versions() if ready.plugins is not None else {},
        "conditions": condition_facts(ready.history, stage.modes),
        "policy_digest": ready.setup.policy.digest,
        "timerange": str(ready.setup.span),
        "candles": candle_facts(ready.history.files),
    }
