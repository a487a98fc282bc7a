"""What a session trades: symbols, timeframes and the desk, positions left behind included."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.universe import UniverseFile
from paperbot_core.diagnostics import Diagnostic, UserError, user_error
from paperbot_core.domain.market import timeframe_text
from paperbot_core.kernel.desk import Desk, Fills, Row, SlotKey, build_desk
from paperbot_core.kernel.plan import policy_limits, strategy_plan, tier_limits
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.universe.adaptive import choice_bars
from paperbot_core.market.universe.regime import RegimeDetector
from paperbot_core.market.universe.standing import Eligibility
from paperbot_core.trade.conditions import Key

#: Bars of the past that a live market is asked for, at least.
HISTORY_BARS = 5_000


@dataclass(frozen=True, slots=True)
class Orphan:
    """An open slot of a strategy that is no longer enabled: it exits, but never enters again."""

    key: SlotKey
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """The slots of a session, and what each may do (None: it was left behind).

    `extra` are bars needed only for what was left behind.
    """

    desk: Desk
    rules: tuple[Eligibility | None, ...]
    strategies: tuple[CompiledStrategy, ...]
    symbols: Mapping[str, tuple[str, ...]]
    feed_ms: int
    extra: tuple[Key, ...] = ()

    @property
    def traded(self) -> tuple[str, ...]:
        """Return every symbol whose bars are needed."""
        return self.desk.symbols


def shortest_timeframe(
    strategies: Sequence[CompiledStrategy], regime_ms: int | None = None
) -> int:
    """Return the length in ms of the shortest bars that an account looks at."""
    finest = min(c.timeframe_ms for c in strategies)
    return finest if regime_ms is None or finest % regime_ms else regime_ms


def feed_timeframe(
    strategies: Sequence[CompiledStrategy], regime_ms: int | None = None
) -> int:
    """Return the length in ms of the bars to stream: the finest, which must divide the others.

    Raises:
        UserError: PB8010 it does not.
    """
    finest = shortest_timeframe(strategies, regime_ms)
    if regime_ms is not None and regime_ms % finest:
        raise user_error(
            "PB8010",
            f"bars of {timeframe_text(finest)} cannot make the bars of "
            f"{timeframe_text(regime_ms)} that the regime is read from",
            help="give `regime` of universe.yaml a `timeframe` that is a multiple of it",
        )
    wrong = [c for c in strategies if c.timeframe_ms % finest]
    if wrong:
        raise UserError([
            Diagnostic(
                "PB8010",
                f"bars of {timeframe_text(finest)} cannot make the bars of "
                f"{timeframe_text(c.timeframe_ms)} that strategy `{c.file.name}` needs",
                help="run these strategies in accounts of their own",
            )
            for c in wrong
        ])  # fmt: skip
    return finest


def make_layout(
    strategies: Sequence[CompiledStrategy], symbols: Mapping[str, Sequence[str]],
    universe: UniverseFile, policy: PolicyFile, feed_ms: int, *, cash: float, fills: Fills,
    orphans: Iterable[Orphan] = (),
) -> Layout:  # fmt: skip
    """Lay out the slots: strategies in order of service, then what was left behind.

    The kernel steps each instrument on the finest timeframe that trades it, as a backtest does.
    """
    left = list(orphans)
    timeframes: dict[str, int] = {}
    for compiled in strategies:
        for symbol in symbols[compiled.file.name]:
            known = timeframes.get(symbol, compiled.timeframe_ms)
            timeframes[symbol] = min(known, compiled.timeframe_ms)
    for orphan in left:
        timeframes.setdefault(orphan.key.symbol, feed_ms)
    plans = [strategy_plan(c, policy) for c in strategies]
    names = {*timeframes, *(o.key.symbol for o in left)}
    desk = build_desk(
        limits=policy_limits(policy), tier_limits=tier_limits(policy),
        instruments=[universe.instrument(s) for s in names], timeframes=timeframes,
        plans=plans, symbols=symbols, cash=cash,
        fills=fills, tier_holds=universe.tier_holds,
    )  # fmt: skip
    rules: list[Eligibility | None] = [
        Eligibility(universe, frozenset(c.file.universe), symbol, plan.size_in)
        for c, plan in zip(strategies, plans, strict=True)
        for symbol in sorted(symbols[plan.name])
    ]
    if left:
        number = {symbol: n for n, symbol in enumerate(desk.symbols)}
        specs = [
            {**o.spec, "strategy": len(strategies) + n, "market": number[o.key.symbol], "adds": 0}
            for n, o in enumerate(left)
        ]
        desk = replace(
            desk, specs=(*desk.specs, *specs), slots=(*desk.slots, *(o.key for o in left))
        )
    return Layout(
        desk, (*rules, *(None for _ in left)), tuple(strategies),
        {name: tuple(some) for name, some in symbols.items()}, feed_ms,
        tuple((o.key.symbol, o.spec["tf_ms"]) for o in left),
    )  # fmt: skip


def bars_needed(strategies: Sequence[CompiledStrategy], feed_ms: int) -> int:
    """Return how many bars of the feed are enough to warm every strategy."""
    return max(math.ceil(c.warmup * c.timeframe_ms / feed_ms) for c in strategies) + 1


def history_bars(
    strategies: Sequence[CompiledStrategy], symbols: Mapping[str, Sequence[str]],
    detector: RegimeDetector | None, feed_ms: int,
) -> int:  # fmt: skip
    """Return how many bars of the past to ask a live market for; a stored one gives all it has.

    Rules may remember without end, so more than they need; regimes and choices of modes look at
    windows, so they need little more than these.
    """
    slow = 0 if detector is None else detector.warmup * detector.tf_ms // feed_ms
    slow = max(slow, choice_bars(strategies, symbols, feed_ms))
    return max(HISTORY_BARS, 4 * bars_needed(strategies, feed_ms), 2 * slow)


def same_timeframes(layout: Layout, specs: Mapping[SlotKey, Row]) -> None:
    """Check that no open slot changed its timeframe, which its bar counts are made of.

    Raises:
        UserError: PB8009 naming each slot.
    """
    found = []
    for key, spec in zip(layout.desk.slots, layout.desk.specs, strict=True):
        old = specs.get(key)
        if old is not None and old["tf_ms"] != spec["tf_ms"]:
            found.append(user_error(
                "PB8009",
                f"strategy `{key.strategy}` holds {key.symbol} and has changed from "
                f"{timeframe_text(old['tf_ms'])} to {timeframe_text(spec['tf_ms'])}",
                help="put the old timeframe back until the position is closed",
            ).diagnostics[0])  # fmt: skip
    if found:
        raise UserError(found)
