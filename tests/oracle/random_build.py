"""From a random world of the kernel's laws to the oracle's: its plans and arrays, read afresh."""

from __future__ import annotations

from typing import Any

import numpy as np

from paperbot_core.domain.words import Rule
from tests.oracle.words import (
    LONG,
    SHORT,
    Candle,
    Event,
    Gate,
    Limits,
    Market,
    Rules,
    Signal,
    Slot,
    World,
)
from tests.property.kernel_worlds import MINUTE
from tests.property.kernel_worlds import World as KernelWorld


def world_of_random(made: KernelWorld) -> World:
    """Return the world of one seed; every bar there is one minute long."""
    desk, inputs = made.desk, made.inputs
    times = inputs.times.tolist()
    dense = inputs.bar_rows.size == 0
    markets = []
    for j, facts in enumerate(desk.instruments):
        bars = {
            now: Candle(now - MINUTE, *(float(column[j, i]) for column in inputs.bars))
            for i, now in enumerate(times)
            if dense or inputs.bar_rows[j, i] >= 0
        }
        markets.append(
            Market(
                facts.symbol, MINUTE, bars, float(facts.tick), float(facts.lot),
                float(facts.min_notional), float(facts.maker_bps) / 1e4,
                float(facts.taker_bps) / 1e4, facts.cluster, facts.tier, facts.shortable,
                facts.fee_asset == "base", facts.sessions, _tiers(made, j), _events(inputs, j),
            )
        )  # fmt: skip
    slots = []
    for s, spec in enumerate(desk.specs):
        market = markets[spec["market"]]
        signals = {
            now: _signal(inputs, s, i, market.bars[now].close)
            for i, now in enumerate(times)
            if now in market.bars
        }
        # Rows are numbered by step there, so a bar that is missing still has its number.
        slots.append(Slot(_rules(spec, desk.slots[s].strategy), market, signals, times))
    first = desk.markets[0]
    return World(
        markets, slots, _limits(desk), desk.account["cash"],
        first["slippage"], first["volume_share"], times,
        {n: row["max_hold_ms"] for n, row in zip(desk.tier_names, desk.tiers, strict=True)},
    )  # fmt: skip


def _tiers(made: KernelWorld, market: int) -> dict[int, str]:
    """Return the tier by decision time; empty where it never changes."""
    if made.inputs.tiers.size == 0:
        return {}
    names = [made.desk.tier_names[number] for number in made.inputs.tiers[market].tolist()]
    return dict(zip(made.inputs.times.tolist(), names, strict=True))


def _events(inputs: Any, market: int) -> dict[int, Event]:
    """Return splits and dividends by the close of the bar before whose open they come."""
    if inputs.splits.size == 0:
        return {}
    events = np.stack([inputs.splits[market], inputs.dividends[market]], axis=1).tolist()
    rows = zip(inputs.times.tolist(), events, strict=True)
    return {now: Event(*event) for now, event in rows if event != [1.0, 0.0]}


def _signal(inputs: Any, s: int, row: int, close: float) -> Signal:
    strength, per, stop, trail, limit, size, barred = (
        float(inputs.constants[s, k] if column < 0 else inputs.values[column, row])
        for k, column in enumerate(inputs.columns[s].tolist())
    )
    rule = Rule(int(barred))
    return Signal(
        int(inputs.bits[s, row]), strength, per, stop, trail, limit, close, size,
        None if rule is Rule.NONE else rule.name,
    )  # fmt: skip


def _rules(spec: dict[str, Any], name: str) -> Rules:
    def gate(g: int) -> Gate:
        gated = bool(spec["gated"] >> g & 1)
        return Gate(spec["min_r"][g], spec["max_r"][g], spec["min_bars"][g], gated)

    def pairs(count: str, left: str, right: str) -> tuple[tuple[float, float], ...]:
        return tuple(zip(spec[left], spec[right], strict=True))[: spec[count]]

    return Rules(
        name=name, rank=spec["strategy"], by_risk=bool(spec["by_risk"]),
        collar=spec["collar"], has_stop=bool(spec["has_stop"]),
        trail_after_r=spec["trail_after_r"] if spec["has_trail"] else None,
        breakeven_after_r=spec["breakeven_after_r"] or None,
        rungs=pairs("rungs", "rung_r", "rung_fraction"),
        adds=pairs("adds", "add_r", "add_fraction"),
        max_bars=spec["max_bars"], cooldown_bars=spec["cooldown_bars"],
        limit_bars={LONG: tuple(spec["limit_bars"][:8]), SHORT: tuple(spec["limit_bars"][8:])},
        gates={
            LONG: tuple(gate(g) for g in range(8)), SHORT: tuple(gate(g) for g in range(8, 16)),
        },
    )  # fmt: skip


def _limits(desk: Any) -> Limits:
    p = desk.limits
    tiers = {n: row["limit"] for n, row in zip(desk.tier_names, desk.tiers, strict=True)}
    return Limits(
        p["daily_stop"], p["max_drawdown"], p["max_position"], p["max_gross"], p["max_net"],
        p["max_cluster"], tiers,
        p["cap_multiple"], p["cap_min"], p["cap_max"], p["max_open"], p["max_day"], p["max_hour"],
        p["loss_cooldown_ms"],
    )  # fmt: skip
