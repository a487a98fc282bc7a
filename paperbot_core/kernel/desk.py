"""From configuration to kernel: which slots there are, and the first contents of every record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from paperbot_core.domain.market import Instrument
from paperbot_core.kernel.words import NEVER

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SlotKey:
    """One strategy on one instrument; the order of slots is strategy order, then symbol."""

    strategy: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Fills:
    """How fills are simulated: slippage in basis points, volume share in percent (0 is off)."""

    slippage_bps: float = 5.0
    volume_share_pct: float = 0.0


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """What the kernel needs to know of a strategy besides its signals; fractions, not percent.

    `size_by_tier` is the size where the tier of the instrument has its own, else `size` holds.
    `limit_bars`, `min_r`, `max_r`, `min_bars` are indexed by rule, 0-7 long, 8-15 short;
    `limit_bars` is 0 for a market entry.
    """

    name: str
    tf_ms: int
    by_risk: bool
    size: float
    collar: float
    size_by_tier: Mapping[str, float] = field(default_factory=dict)
    has_stop: bool = False
    has_trail: bool = False
    trail_after_r: float = 0.0
    breakeven_after_r: float = 0.0
    rungs: Sequence[tuple[float, float]] = ()
    adds: Sequence[tuple[float, float]] = ()
    max_bars: int = 0
    cooldown_bars: int = 0
    limit_bars: Sequence[int] = (0,) * 16
    gated: int = 0
    min_r: Sequence[float] = (-math.inf,) * 16
    max_r: Sequence[float] = (math.inf,) * 16
    min_bars: Sequence[int] = (0,) * 16

    def size_in(self, tier: str) -> float:
        """Return the size in a tier; NaN, which is refused, where the strategy has none for it."""
        return self.size_by_tier.get(tier, self.size)


@dataclass(frozen=True, slots=True)
class Desk:
    """The first contents of every record of one run, and the names behind their numbers."""

    account: Row
    limits: Row
    markets: tuple[Row, ...]
    specs: tuple[Row, ...]
    tiers: tuple[Row, ...]
    clusters: int
    instruments: tuple[Instrument, ...]
    slots: tuple[SlotKey, ...]
    tier_names: tuple[str, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols in market order."""
        return tuple(i.symbol for i in self.instruments)


def _grid(step: Decimal) -> tuple[float, float]:
    numerator, denominator = step.as_integer_ratio()
    return float(numerator), float(denominator)


def market_row(
    instrument: Instrument, *, tf_ms: int, cluster: int, tier: int, fills: Fills
) -> Row:
    """Return the market record of an instrument whose bars have length `tf_ms`."""
    tick_n, tick_d = _grid(instrument.tick)
    lot_n, lot_d = _grid(instrument.lot)
    return {
        "tick_n": tick_n, "tick_d": tick_d, "lot_n": lot_n, "lot_d": lot_d,
        "min_notional": float(instrument.min_notional),
        "maker": float(instrument.maker_bps) / 10_000.0,
        "taker": float(instrument.taker_bps) / 10_000.0,
        "slippage": fills.slippage_bps / 10_000.0,
        "volume_share": fills.volume_share_pct / 100.0,
        "fee_in_base": int(instrument.fee_asset == "base"),
        "shortable": int(instrument.shortable),
        "continuous": int(not instrument.sessions),
        "cluster": cluster, "tier": tier, "tf_ms": tf_ms,
        "last": math.nan, "loss_ts": -NEVER,
    }


def spec_row(plan: StrategyPlan, number: int, market: int) -> Row:
    """Return the spec record of one slot."""
    rungs, adds = list(plan.rungs), list(plan.adds)
    return {
        "strategy": number, "market": market, "tf_ms": plan.tf_ms, "by_risk": int(plan.by_risk),
        "collar": plan.collar,
        "has_stop": int(plan.has_stop), "has_trail": int(plan.has_trail),
        "trail_after_r": plan.trail_after_r, "breakeven_after_r": plan.breakeven_after_r,
        "rungs": len(rungs), "rung_r": _padded([r for r, _ in rungs]),
        "rung_fraction": _padded([f for _, f in rungs]),
        "rungs_full": int(abs(math.fsum(f for _, f in rungs) - 1.0) < 1e-9),
        "adds": len(adds), "add_r": _padded([r for r, _ in adds]),
        "add_fraction": _padded([f for _, f in adds]),
        "max_bars": plan.max_bars, "cooldown_bars": plan.cooldown_bars,
        "limit_bars": list(plan.limit_bars), "gated": plan.gated,
        "min_r": list(plan.min_r), "max_r": list(plan.max_r), "min_bars": list(plan.min_bars),
    }


def _padded(values: list[float]) -> list[float]:
    return values + [0.0] * (8 - len(values))


def build_desk(
    *,
    limits: Row,
    tier_limits: Mapping[str, float],
    instruments: Sequence[Instrument],
    timeframes: Mapping[str, int],
    plans: Sequence[StrategyPlan],
    symbols: Mapping[str, Sequence[str]],
    cash: float,
    fills: Fills,
    tier_holds: Mapping[str, int] | None = None,
) -> Desk:
    """Lay out slots, markets, clusters and tiers.

    Args:
        limits: the `LIMITS` record (see `policy_limits`).
        tier_limits: fraction of equity by tier; a tier not listed is capped by gross alone.
        tier_holds: how many ms a position entered in a tier is held at most; none by default.
        instruments: every instrument with bars; they are numbered by symbol.
        timeframes: length in ms of the bars that the run steps on, by symbol.
        plans: strategies in order of service.
        symbols: the symbols each strategy trades.
        cash: starting cash in quote; also the first anchor and peak.
        fills: slippage and volume share of the simulation.
    """
    ordered = tuple(sorted(instruments, key=lambda i: i.symbol))
    tier_holds = tier_holds or {}
    clusters = sorted({i.cluster or i.symbol for i in ordered})
    tiers = sorted({*tier_limits, *tier_holds, *(i.tier for i in ordered)})
    markets = tuple(
        market_row(
            i, tf_ms=timeframes[i.symbol], cluster=clusters.index(i.cluster or i.symbol),
            tier=tiers.index(i.tier), fills=fills,
        )
        for i in ordered
    )
    number = {i.symbol: n for n, i in enumerate(ordered)}
    keys: list[SlotKey] = []
    specs: list[Row] = []
    for order, plan in enumerate(plans):
        for symbol in sorted(symbols[plan.name]):
            market = number[symbol]
            keys.append(SlotKey(plan.name, symbol))
            specs.append(spec_row(plan, order, market))
    account = {
        "cash": cash, "equity": cash, "peak": cash, "anchor": cash, "anchor_day": -1,
        "trip_day": -1,
    }
    return Desk(
        account=account, limits=dict(limits), markets=markets, specs=tuple(specs),
        tiers=tuple(
            {"limit": tier_limits.get(t, math.inf), "max_hold_ms": tier_holds.get(t, 0)}
            for t in tiers
        ),
        clusters=len(clusters), instruments=ordered, slots=tuple(keys), tier_names=tuple(tiers),
    )
