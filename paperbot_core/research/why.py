"""`why`: run a stored run again and tell what happened on one bar, strategy by strategy."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.config.adaptive import family_of
from paperbot_core.config.policy import RULE_KEYS, PolicyFile
from paperbot_core.config.project import Project
from paperbot_core.config.universe import UniverseFile
from paperbot_core.diagnostics import (
    DataError,
    Diagnostic,
    PaperbotError,
    did_you_mean,
    user_error,
)
from paperbot_core.domain.market import bucket_open, timeframe_text
from paperbot_core.domain.words import Rule
from paperbot_core.kernel import records as rec
from paperbot_core.kernel.desk import Desk, SlotKey
from paperbot_core.kernel.inputs import Inputs
from paperbot_core.kernel.plain import PlainKernel
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.timerange import iso_time
from paperbot_core.market.universe.membership_record import RECORD_NAME
from paperbot_core.plugins_review import RiskReview
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.backtest import Prepared, prepare
from paperbot_core.research.result import trade_table
from paperbot_core.research.simulate import Stage, kernel_inputs, reviewer
from paperbot_core.research.why_mode import mode_row
from paperbot_core.research.why_record import stored_request, write_project
from paperbot_core.research.why_rerun import Rerun, rerun
from paperbot_core.research.why_session import session_past
from paperbot_core.research.why_slot import (
    Seen,
    SlotView,
    bar_at,
    during,
    explain_slot,
    slot_head,
)

if TYPE_CHECKING:
    from paperbot_core.plugins import Plugins
    from paperbot_core.research.history import History

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A run rebuilt from what was stored of it, ready to be run again."""

    facts: Mapping[str, Any]
    policy: PolicyFile
    universe: UniverseFile
    places: Mapping[Rule, str]
    strategies: Mapping[str, CompiledStrategy]
    stage: Stage
    desk: Desk
    inputs: Inputs
    source: SignalSource
    make_review: Callable[[PlainKernel], RiskReview] | None
    acts: Callable[[int, PlainKernel], None] | None


def explain_bar(
    facts: Mapping[str, Any],
    trades: Mapping[str, Any],
    symbol: str,
    time_ms: int,
    strategies: Sequence[str] = (),
    *,
    journal: Path | None = None,
    plugins: Callable[[Project], Plugins] | None = None,
) -> Row:
    """Explain the bar of `symbol` that contains `time_ms` in a stored backtest or session.

    Args:
        facts: of the stored run (`report.run.SavedRun.facts`).
        trades: its table of trades by column, to prove that the second run is the first one again.
        symbol: a symbol of the run.
        time_ms: UTC milliseconds.
        strategies: explain these only; empty means all that trade the symbol. The name of an
            adaptive strategy means all of its modes.
        journal: of a session, where it is now (default: where the session had it).
        plugins: loads them, if the run needs any (default: all installed).

    Returns:
        `{run_id, mode, symbol, time, strategies: [...]}`, see docs/why.md.

    Raises:
        UserError: PB6601, PB6602, PB6604 no such symbol or strategy in the run.
        DataError: PB6602 changed candles, PB6603 the second run made other trades.
    """
    with tempfile.TemporaryDirectory(prefix="paperbot-why-") as folder:
        world = rebuild(facts, Path(folder), journal, plugins)
    chosen = _chosen_slots(world, symbol, strategies)
    rows = {s: bar_at(_own(world, s), time_ms) for s in chosen}
    steps = {s: _steps(world, s, row) for s, row in rows.items()}
    watched = {n for found in steps.values() for n in found}
    run = rerun(world.desk, world.inputs, watched, world.make_review, world.acts)
    _verify(world, run, trades)
    return {
        "run_id": facts["run_id"],
        "mode": facts["mode"],
        "symbol": symbol,
        "time": time_ms,
        "strategies": [_explained(world, run, s, rows[s], steps[s], time_ms) for s in chosen],
    }


def rebuild(
    facts: Mapping[str, Any], folder: Path, journal: Path | None = None,
    plugins: Callable[[Project], Plugins] | None = None,
) -> World:  # fmt: skip
    """Rebuild a stored run in an empty folder, which may be deleted afterwards.

    Raises:
        UserError, DataError: as `explain_bar`, and whatever the stored files do not fit any more.
    """
    session = facts.get("mode") != "backtest"
    stored = None if session else stored_request(facts)
    write_project(facts, folder)
    try:
        if stored is not None:
            record = folder / RECORD_NAME
            ready = prepare(folder, stored.request, plugins=plugins, record=record)
            return _world(facts, ready, stored.replaced.get("policy"))
        past = session_past(facts, folder, journal, plugins)
        world = _world(facts, past.ready, None)
        return replace(world, desk=past.started(world.desk, world.inputs), acts=past.act)
    except PaperbotError as error:
        raise type(error)([_relative(d, folder) for d in error.diagnostics]) from error


def _world(facts: Mapping[str, Any], ready: Prepared, policy_name: str | None) -> World:
    stage = Stage(ready.history, ready.strategies, ready.setup.span)
    source = SignalSource(ready.plugins)
    desk, inputs = kernel_inputs(stage, ready.strategies, ready.setup, source)
    checks = ready.setup.checks
    return World(
        facts, ready.setup.policy, ready.setup.universe, policy_places(ready.project, policy_name),
        {c.file.name: c for c in ready.strategies}, stage, desk, inputs, source,
        reviewer(stage, ready.strategies, ready.setup, source) if checks else None, None,
    )  # fmt: skip


def policy_places(project: Project, shown: str | None) -> dict[Rule, str]:
    """Return `policy.yaml:LINE` for each rule with a limit there; `shown` names another file."""
    lines = {rule: project.policy_place(rule).rpartition(":")[2] for rule in RULE_KEYS}
    return {rule: f"{shown or 'policy.yaml'}:{line}" for rule, line in lines.items()}


def _relative(diagnostic: Diagnostic, folder: Path) -> Diagnostic:
    """Return a diagnostic about a stored file under the name that the file had in the project."""
    span = diagnostic.span
    if span is None or not span.file.startswith(f"{folder}/"):
        return diagnostic
    return replace(diagnostic, span=replace(span, file=span.file.removeprefix(f"{folder}/")))


def _own(world: World, slot: int) -> Any:
    key = world.desk.slots[slot]
    compiled = world.strategies[key.strategy]
    return world.stage.history.own[key.symbol, compiled.timeframe_ms]


def _chosen_slots(world: World, symbol: str, strategies: Sequence[str]) -> list[int]:
    known = sorted({key.symbol for key in world.desk.slots})
    if symbol not in known:
        raise user_error(
            "PB6604", f"the run has no symbol `{symbol}`",
            expected=", ".join(known[:20]), help=did_you_mean(symbol, known),
        )  # fmt: skip
    named = sorted({*world.strategies, *map(family_of, world.strategies)})
    for name in strategies:
        if name not in named:
            raise user_error(
                "PB6604", f"the run has no strategy `{name}`",
                expected=", ".join(named), help=did_you_mean(name, named),
            )  # fmt: skip
    slots = [
        s for s, key in enumerate(world.desk.slots)
        if key.symbol == symbol
        and (not strategies or {key.strategy, family_of(key.strategy)} & set(strategies))
    ]  # fmt: skip
    if not slots:
        traders = [key.strategy for key in world.desk.slots if key.symbol == symbol]
        raise user_error(
            "PB6604", f"{', '.join(strategies)} did not trade {symbol} in this run",
            expected="one of " + ", ".join(traders),
        )  # fmt: skip
    return slots


def _steps(world: World, slot: int, row: int) -> range:
    """Return the steps of the run inside one bar of a slot; empty if it decides at none."""
    if row < 0:
        return range(0)
    own, times = _own(world, slot), world.inputs.times
    first = int(times.searchsorted(own.ts[row], side="right"))
    last = int(times.searchsorted(own.ts[row] + own.tf_ms, side="left"))
    decides = last < len(times) and int(times[last]) == int(own.ts[row]) + own.tf_ms
    return range(first, last + 1) if decides else range(0)


def _verify(world: World, run: Rerun, trades: Mapping[str, Any]) -> None:
    """Compare the second run's trades with the stored ones: all columns, all rows, exactly.

    Raises:
        DataError: PB6603.
    """
    made = trade_table(world.desk, rec.array(rec.TRADE, run.trades))
    count, stored = len(run.trades), len(trades["entry_ts"])
    message = f"{count} trades were computed again, {stored} are stored" if count != stored else ""
    for name in () if message else made:
        for row, (new, old) in enumerate(zip(made[name], trades[name], strict=True)):
            if new != old and not (_is_nan(new) and _is_nan(old)):
                message = message or f"`{name}` of trade {row + 1} is {new}, stored is {old}"
    if message:
        raise DataError(
            Diagnostic(
                "PB6603", f"the run `{world.facts['run_id']}` cannot be repeated: {message}",
                help="it was made by another version of paperbot or of a plugin, or, in a session,"
                " entries came too late to be taken",
            )
        )  # fmt: skip


def _is_nan(value: object) -> bool:
    """Tell whether a column has no value here: a trade without a stop has no R."""
    return isinstance(value, float) and math.isnan(value)


def _choice(stage: Stage, slot: SlotKey) -> Callable[[int], Row] | None:
    """Return what tells the choice of an adaptive strategy at a decision time; None of others."""
    chooser = stage.choosers.get((family_of(slot.strategy), slot.symbol))
    if chooser is None:
        return None
    return partial(mode_row, chooser, stage.columns[slot.symbol, chooser.tf_ms])


def _explained(
    world: World, run: Rerun, slot: int, row: int, steps: range, time_ms: int
) -> Row:
    key = world.desk.slots[slot]
    compiled = world.strategies[key.strategy]
    own = _own(world, slot)
    spec = world.desk.specs[slot]
    instrument = world.desk.instruments[spec["market"]]
    if steps:
        tier = run.moments[steps[-1]].markets[spec["market"]]["tier"]
        instrument = replace(instrument, tier=world.desk.tier_names[tier])
    history, frame = world.stage.history, (key.symbol, compiled.timeframe_ms)
    view = SlotView(
        slot, compiled, history.as_paid(frame), world.stage.columns[frame], spec, instrument,
        world.policy, world.places, world.source, world.make_review is not None,
        world.universe, history.conditions, _choice(world.stage, key),
        partial(history.factor, frame),
    )  # fmt: skip
    if steps:
        moments = tuple(run.moments[n] for n in steps)
        return explain_slot(view, Seen(row, moments, run))
    head = slot_head(view, row)
    first, last = world.inputs.times[0], world.inputs.times[-1]
    if row < 0:
        text = (
            f"no {timeframe_text(own.tf_ms)} bar of {key.symbol} contains {iso_time(time_ms)}; "
            f"the data reaches from {iso_time(int(own.ts[0]))} to "
            f"{iso_time(int(own.ts[-1]) + own.tf_ms)}"
        )
        opened = bucket_open(time_ms, own.tf_ms)
        unbelieved = _unbelieved(history, key.symbol, opened, opened + own.tf_ms)
        text = unbelieved or text
        legs = during(run, slot, opened + 1, opened + own.tf_ms)
        return {**head, "outcome": "absent", "because": [text], "during": legs}
    text = (
        f"outside the run, which decides from {iso_time(int(first))} to {iso_time(int(last))}; "
        "earlier bars only warm up"
    )
    return {**head, "outcome": "outside", "because": [text]}


def _unbelieved(history: History, symbol: str, start: int, end: int) -> str:
    """Say which bars of [start, end) were left out because they were not believed, if any."""
    bars = [one for one in history.refused if one.symbol == symbol and start <= one.ts < end]
    if not bars:
        return ""
    bar = bars[0]
    known = not math.isnan(bar.volume_ratio)
    volume = f"{bar.volume_ratio:.2g} times the usual volume" if known else "unknown volume"
    return (
        f"the {timeframe_text(bar.tf_ms)} bar of {iso_time(bar.ts)} was not believed: it reached "
        f"{bar.move_pct:.2f} % from the last close {bar.last_close:g} with {volume}"
    )
