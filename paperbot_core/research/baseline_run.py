"""What a strategy does on the market of baselines: the content of a record, computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.project import Project
from paperbot_core.domain.market import Candles, Instrument, timeframe_text
from paperbot_core.domain.words import ExitReason
from paperbot_core.kernel import words as w
from paperbot_core.kernel.plain import PlainKernel
from paperbot_core.lang.signals import GROUPS
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.timerange import TimeRange
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research import baseline_market
from paperbot_core.research.baseline_market import market, market_digest
from paperbot_core.research.history import History
from paperbot_core.research.result import metrics_of
from paperbot_core.research.simulate import Setup, Simulation, Stage, simulate
from paperbot_core.research.why_rerun import rerun

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.plugins import Plugins

FORMAT = 1
CASH = 100_000.0
SYMBOLS_MAX = 2

Content = dict[str, Any]


@dataclass(slots=True)
class _Stops:
    """The stop of each slot whenever it changed, as `row stop reason`; `-` is no position."""

    lines: dict[int, list[str]] = field(default_factory=dict)
    _last: dict[int, str] = field(default_factory=dict)

    def __call__(self, step: int, kernel: PlainKernel) -> None:
        for s, slot in enumerate(kernel.slots):
            text = "-"
            if slot.qty != 0.0 and kernel.specs[s].has_stop:
                text = f"{float(slot.stop)!r} {ExitReason(slot.stop_reason).name.lower()}"
            if text != self._last.get(s, "-"):
                self.lines.setdefault(s, []).append(f"{step} {text}")
            self._last[s] = text


def baseline_policy(project: Project) -> Content:
    """Return the policy of new records: every limit there is, none of them in the way."""
    tiers = dict.fromkeys(project.universe.tiers, 100.0)
    return {
        "version": 1,
        "modes": {"highest": "DRY_RUN"},
        "entry": {"max_slippage_pct": 5.0},
        "risk": {
            "daily_stop_loss_pct": 90.0,
            "max_drawdown_pct": 95.0,
            "max_position_size_pct": 100.0,
            "max_gross_pct": 100.0,
            "max_net_pct": 100.0,
            "max_cluster_pct": 100.0,
            "max_tier_pct": tiers,
            "position_cap": {"equity_multiple": 1.0, "min": 0, "max": 1_000_000_000},
            "max_open_positions": 1_000,
            "max_trades_per_day": 1_000,
            "max_trades_per_hour": 1_000,
            "cooldown_after_loss_min": 0,
        },
    }


def baseline_content(
    project: Project, compiled: CompiledStrategy, policy: Mapping[str, Any],
    plugins: Plugins | None = None,
) -> Content:  # fmt: skip
    """Run one strategy on the market of baselines and return what a record holds.

    Rows count the bars of the market from 0, of the strategy's own timeframe. `signals` has, by
    symbol and rule, the rows on which the rule was true as ranges; `stops` the rows at which a stop
    appeared, moved or went; `trades` rows, prices and exit reason; `exits` counts exit fills by
    reason.
    """
    # The record is about the rules: which mode an adaptive strategy would choose is not part of it.
    compiled = replace(compiled, file=compiled.file.model_copy(update={"adaptive": None}))
    instruments = _instruments(project, compiled)
    candles = [market(i.symbol, compiled.timeframe_ms) for i in instruments]
    history = _history(compiled, candles)
    stage = Stage(history, [compiled], TimeRange())
    # The record is about the strategy: which symbols a project admits when is not part of it.
    universe = project.universe.model_copy(
        update={"filters": None, "discovery": None, "regime": None}
    )
    setup = Setup(
        PolicyFile.model_validate(policy), universe, {i.symbol: i for i in instruments}, CASH
    )
    run = simulate(stage, [compiled], setup, driver="plain", source=SignalSource(plugins))
    stops = _Stops()
    rerun(run.desk, run.inputs, (), after_step=stops)
    slots = range(len(run.desk.slots))
    symbols = [run.desk.slots[s].symbol for s in slots]
    return {
        "format": FORMAT,
        "strategy": compiled.file.name,
        "timeframe": timeframe_text(compiled.timeframe_ms),
        "params": dict(compiled.params),
        "market": {
            "version": baseline_market.VERSION,
            "seed": baseline_market.SEED,
            "bars": baseline_market.BARS,
            "symbols": {i.symbol: i.tier for i in instruments},
            "sha256": market_digest(candles),
        },
        "policy": dict(policy),
        "cash": CASH,
        "signals": {
            symbols[s]: _signals(compiled, run.inputs.bits[s]) for s in slots
        },
        "stops": {symbols[s]: stops.lines.get(s, []) for s in slots},
        "trades": {symbols[s]: _trades(run, s) for s in slots},
        "exits": _exits(run),
        "metrics": _flat(metrics_of(run)),
    }


def expected_exits(compiled: CompiledStrategy) -> list[str]:
    """Return the exit reasons that the strategy's file makes possible, by name."""
    file, protect = compiled.file, compiled.file.protect
    has_exit = file.uses is not None or (file.exit is not None)
    found = {
        "signal": has_exit,
        "stop": protect.stop is not None,
        "trail": protect.trail is not None,
        "breakeven": protect.breakeven_after_r is not None,
        "target": bool(protect.take_profit),
        "time": protect.max_bars is not None,
    }
    return [name for name, possible in found.items() if possible]


def _instruments(project: Project, compiled: CompiledStrategy) -> list[Instrument]:
    """Return the first symbols of the strategy's universe with the grid and fees of baselines."""
    file = compiled.file
    shorts = file.entry is not None and bool(file.entry.short)
    return [
        replace(
            project.instrument(symbol), tick=Decimal("0.01"), lot=Decimal("0.001"),
            min_notional=Decimal(5), maker_bps=Decimal(10), taker_bps=Decimal(10),
            cluster=symbol, shortable=shorts or file.uses is not None, fee_asset="quote",
            sessions=False,
        )
        for symbol in project.symbols_of(file.name)[:SYMBOLS_MAX]
    ]  # fmt: skip


def _history(compiled: CompiledStrategy, candles: list[Candles]) -> History:
    base = {one.symbol: one for one in candles}
    return History(
        base=base,
        own={(symbol, compiled.timeframe_ms): one for symbol, one in base.items()},
        symbols={compiled.file.name: tuple(sorted(base))},
    )


def _signals(compiled: CompiledStrategy, bits: NDArray[np.uint32]) -> dict[str, list[str]]:
    found = {}
    for kind, side, first in GROUPS:
        count = 1 if compiled.file.uses is not None else len(compiled.rules(kind, side))
        for number in range(count):
            true = (bits >> np.uint32(first + number)) & np.uint32(1)
            found[f"{kind}.{side}.{number}"] = ranges(true)
    return found


def ranges(true: NDArray[np.uint32]) -> list[str]:
    """Return the rows that are not 0 as `first-last`, several to a text: `12 15-19 40`."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], true.astype(np.int8), [0]))))
    firsts, lasts = edges[0::2].tolist(), (edges[1::2] - 1).tolist()
    words = [
        str(a) if a == b else f"{a}-{b}" for a, b in zip(firsts, lasts, strict=True)
    ]
    return [" ".join(words[k : k + 10]) for k in range(0, len(words), 10)]


def _trades(run: Simulation, slot: int) -> list[str]:
    """Return one slot's trades as `entry_row exit_row side entry_price exit_price reason`."""
    first = int(run.inputs.times[0])
    length = run.desk.specs[slot]["tf_ms"]
    lines = []
    for t in run.outputs.trades[run.outputs.trades["slot"] == slot]:
        rows = [(int(t[name]) + length - first) // length for name in ("entry_ts", "exit_ts")]
        side = "long" if t["side"] > 0 else "short"
        prices = f"{float(t['entry_price']):.10g} {float(t['exit_price']):.10g}"
        reason = ExitReason(int(t["reason"])).name.lower()
        rule = f" {int(t['rule'])}" if t["rule"] >= 0 else ""
        lines.append(f"{rows[0]} {rows[1]} {side} {prices} {reason}{rule}")
    return lines


def _exits(run: Simulation) -> dict[str, int]:
    legs = run.outputs.legs
    numbers = legs["reason"][legs["kind"] == w.LEG_EXIT].tolist()
    names = [ExitReason(n).name.lower() for n in numbers]
    return {name: names.count(name) for name in sorted(set(names))}


def _flat(metrics: Mapping[str, Any], lead: str = "") -> dict[str, float | None]:
    """Return nested metrics under dotted names."""
    found: dict[str, float | None] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{lead}{name}."))
        else:
            found[f"{lead}{name}"] = value
    return found
