"""Random little worlds for the kernel: candles with gaps, signals, specs and policies that bite."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from paperbot_core.domain.market import Instrument
from paperbot_core.kernel.desk import Desk, Fills, StrategyPlan, build_desk
from paperbot_core.kernel.inputs import Inputs

MINUTE = 60_000
START = 1_704_067_200_000 - 40 * MINUTE  # 40 minutes before midnight UTC: days turn early


@dataclass(frozen=True, eq=False)
class World:
    """One desk and one history; shown as its seed."""

    seed: int
    desk: Desk = field(repr=False)
    inputs: Inputs = field(repr=False)


def walk(rng: np.random.Generator, rows: int, sigma: float) -> tuple[np.ndarray[Any, Any], ...]:
    """Return open, high, low, close, volume of a random walk near 100 with gaps at the opens."""
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, sigma, rows)))
    before = np.concatenate([[100.0], close[:-1]])
    opens = before * np.exp(rng.normal(0.0, sigma / 2, rows))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0.0, sigma / 2, rows)))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0.0, sigma / 2, rows)))
    volume = rng.lognormal(3.0, 1.0, rows)
    volume[rng.random(rows) < 0.04] = 0.0
    volume[rng.random(rows) < 0.04] = math.nan
    return (*(np.round(x, 2) for x in (opens, high, low, close)), volume)


def random_plan(rng: np.random.Generator, name: str) -> StrategyPlan:
    """Return a strategy with a random mixture of everything a slot can have."""

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    has_stop = chance(0.85)
    ladder = [(1.0, 0.3), (1.5, 0.3), (2.5, 0.4)] if chance(0.5) else [(1.0, 0.25)]
    gated = int(rng.integers(0, 1 << 16)) if has_stop and chance(0.5) else 0
    gate = np.array([bool(gated & (1 << g)) for g in range(16)])
    return StrategyPlan(
        name, MINUTE, by_risk=has_stop and chance(0.5), size=float(rng.choice([0.004, 0.1, 0.6])),
        collar=float(rng.choice([0.001, 0.004, 0.02])), has_stop=has_stop,
        has_trail=has_stop and chance(0.4), trail_after_r=float(rng.choice([0.0, 0.5, 1.0])),
        breakeven_after_r=float(rng.choice([0.0, 0.4, 1.0])) if has_stop else 0.0,
        rungs=ladder if has_stop and chance(0.5) else (),
        adds=[(0.3, 0.5), (0.8, 0.25)] if has_stop and chance(0.4) else (),
        max_bars=int(rng.choice([0, 0, 3, 12])), cooldown_bars=int(rng.choice([0, 0, 2])),
        limit_bars=[int(x) for x in rng.choice([0, 0, 0, 1, 4], 16)], gated=gated,
        min_r=np.where(gate, 0.2, -math.inf).tolist(), max_r=[math.inf] * 16,
        min_bars=np.where(gate, 2, 0).tolist(),
    )


def random_instrument(rng: np.random.Generator, number: int) -> Instrument:
    """Return an instrument with or without a grid, fees, shorts, base fees and a time limit."""
    grid = bool(rng.random() < 0.7)
    return Instrument(
        f"C{number}/USDT" if rng.random() < 0.8 else f"T{number}",
        tick=Decimal("0.01") if grid else Decimal(0), lot=Decimal("0.001") if grid else Decimal(0),
        min_notional=Decimal(int(rng.choice([0, 10, 900]))),
        maker_bps=Decimal(int(rng.choice([0, 2]))),
        taker_bps=Decimal(int(rng.choice([0, 10]))), cluster=str(rng.choice(["a", "b"])),
        tier=str(rng.choice(["core", "event"])), shortable=bool(rng.random() < 0.6),
        fee_asset="base" if grid and rng.random() < 0.2 else "quote",
        sessions=False,
    )


def random_limits(rng: np.random.Generator) -> dict[str, Any]:
    """Return a policy record in which each rule is sometimes tight and sometimes wide."""

    def pick(*xs: float) -> float:
        return float(rng.choice(xs))

    return {
        "daily_stop": pick(0.002, 0.02, 1.0), "max_drawdown": pick(0.01, 0.1, 1.0),
        "max_position": pick(0.05, 0.3, 1.0), "max_gross": pick(0.3, 1.0),
        "max_net": pick(0.2, 1.0), "max_cluster": pick(0.15, 1.0),
        "cap_multiple": pick(0.2, 2.0), "cap_min": pick(0.0, 60.0), "cap_max": pick(700.0, 1e12),
        "max_open": int(rng.choice([1, 3, 1000])), "max_day": int(rng.choice([4, 1000])),
        "max_hour": int(rng.choice([2, 1000])),
        "loss_cooldown_ms": int(rng.choice([0, 9])) * MINUTE,
    }


def random_bits(rng: np.random.Generator, slots: int, rows: int) -> np.ndarray[Any, Any]:
    """Return signal bits: rare entries and exits on both sides, sometimes several at once."""
    bits = np.zeros((slots, rows), np.uint32)
    for shift, rate in ((0, 0.12), (8, 0.06), (16, 0.05), (24, 0.05)):
        for k in range(2):
            hit = rng.random((slots, rows)) < rate
            bits |= hit.astype(np.uint32) << np.uint32(shift + k)
    return bits


def make_world(seed: int, *, steps: int = 160, changing: bool = False) -> World:
    """Return the world of one seed: one to three instruments, one or two strategies.

    In a `changing` one tiers, sizes and what bars entries change from bar to bar, shares split and
    pay dividends.
    """
    rng = np.random.default_rng(seed)
    markets, strategies = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    found = [random_instrument(rng, j) for j in range(markets)]
    instruments = sorted(found, key=lambda i: i.symbol)
    plans = [random_plan(rng, f"s{k}") for k in range(strategies)]
    names = [i.symbol for i in instruments]
    desk = build_desk(
        limits=random_limits(rng),
        tier_limits={"core": 0.5, "event": float(rng.choice([0.1, 1.0]))},
        instruments=instruments, timeframes=dict.fromkeys(names, MINUTE), plans=plans,
        symbols={p.name: names for p in plans}, cash=10_000.0,
        fills=Fills(float(rng.choice([0.0, 5.0])), float(rng.choice([0.0, 0.0, 40.0]))),
        tier_holds={t: int(rng.choice([0, 0, 7])) * MINUTE for t in ("core", "event")},
    )
    columns = [walk(rng, steps, float(rng.choice([0.002, 0.01]))) for _ in names]
    bars = tuple(np.stack([c[k] for c in columns]) for k in range(5))
    slots = markets * strategies
    bits = random_bits(rng, slots, steps)
    distance = bars[3] * float(rng.choice([0.004, 0.015])) * rng.uniform(0.8, 1.2, (markets, steps))
    distance[rng.random(distance.shape) < 0.03] = math.nan
    limit = bars[3] * rng.uniform(0.995, 1.005, (markets, steps))
    strength = rng.uniform(0.0, 1.0, (markets, steps))
    values = np.concatenate([distance, limit, strength])
    number = np.array([s % markets for s in range(slots)])
    none = np.full(slots, -1)
    table = np.stack(
        [number + 2 * markets if rng.random() < 0.5 else none, number, number,
         number if rng.random() < 0.7 else none, number + markets, none, none], axis=1,
    )
    constants = np.tile([1.0, math.nan, math.nan, 0.3, math.nan, 0.0, 0.0], (slots, 1))
    constants[:, 5] = [plans[s // markets].size for s in range(slots)]
    gaps = rng.random((markets, steps)) < float(rng.choice([0.0, 0.05]))
    rows = np.where(gaps, -1, np.arange(steps)).astype(np.int32)
    forming = -np.minimum(np.arange(steps), steps - 1) - 1
    slot_rows = np.where(rows[number] < 0, forming, rows[number]).astype(np.int32)
    dense = not gaps.any()
    empty = np.zeros((0, 0), np.int32)
    times = START + MINUTE * (1 + np.arange(steps, dtype=np.int64))
    inputs = Inputs(
        times=times, bars=bars, bar_rows=empty if dense else rows,
        slot_rows=empty if dense else slot_rows, bits=bits, columns=table.astype(np.int64),
        constants=constants, values=values,
    )
    return World(seed, desk, changed(rng, inputs) if changing else inputs)


def changed(rng: np.random.Generator, inputs: Inputs) -> Inputs:
    """Return inputs in which everything changes that may change during a run."""
    slots, markets, steps = len(inputs.bits), len(inputs.bars[0]), len(inputs.times)
    sizes = inputs.constants[:, 5:6] * rng.choice([0.5, 1.0], (slots, steps))
    barred = rng.choice([0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0], (slots, steps))
    first = len(inputs.values)
    columns = inputs.columns.copy()
    columns[:, 5] = first + np.arange(slots)
    columns[:, 6] = first + slots + np.arange(slots)
    tiers = np.repeat(rng.integers(0, 2, (markets, 1 + steps // 20)), 20, axis=1)[:, :steps]
    rare = rng.random((markets, steps)) < 0.03
    return replace(
        inputs, columns=columns, values=np.concatenate([inputs.values, sizes, barred]),
        tiers=tiers.astype(np.int8),
        splits=np.where(rare, rng.choice([0.5, 2.0, 3.0], (markets, steps)), 1.0),
        dividends=np.where(rng.random((markets, steps)) < 0.03, 0.7, 0.0),
    )


seeds = st.integers(0, 2**32 - 1)
