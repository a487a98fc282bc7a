"""From a prepared backtest to the oracle's world: files and candles, never the kernel's records."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.strategy import ExitRule
from paperbot_core.domain.market import Candles, Instrument
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.compiled import CompiledStrategy
from paperbot_core.lang.strategy import batch_signals
from paperbot_core.market.timerange import TimeRange
from paperbot_core.research.backtest import Prepared
from tests.oracle.words import LONG, SHORT, Candle, Gate, Limits, Market, Rules, Signal, Slot, World


def world_of(ready: Prepared) -> World:
    """Return the world of a prepared backtest."""
    history, setup = ready.history, ready.setup
    tier, holds = setup.universe.tier_of, setup.universe.tier_holds
    markets = {
        symbol: market_of(
            setup.instruments[symbol], candles, setup.span, holds.get(tier(symbol), 0)
        )
        for symbol, candles in sorted(history.base.items())
    }
    slots = []
    for rank, compiled in enumerate(ready.strategies):
        for symbol in sorted(history.symbols[compiled.file.name]):
            market = markets[symbol]
            own = history.own[symbol, compiled.timeframe_ms]
            rules = rules_of(compiled, rank, market.tier, setup.policy)
            signals = signals_of(compiled, own, setup.span)
            closes = [int(ts) + own.tf_ms for ts in own.ts]
            slots.append(Slot(rules, market, signals, closes))
    steps = {close for m in markets.values() for close in m.bars}
    times = sorted(steps.union(*(slot.signals for slot in slots)))
    return World(
        list(markets.values()), slots, limits_of(setup.policy), setup.cash,
        setup.fills.slippage_bps / 1e4, setup.fills.volume_share_pct / 100.0, times,
    )  # fmt: skip


def _inside(ts: int, span: TimeRange) -> bool:
    return (span.start is None or ts >= span.start) and (span.end is None or ts < span.end)


def market_of(facts: Instrument, candles: Candles, span: TimeRange, hold_ms: int) -> Market:
    """Return an instrument with the bars that open in the time range."""
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    bars = {
        int(ts) + candles.tf_ms: Candle(int(ts), *(float(x) for x in row))
        for ts, *row in zip(candles.ts, *columns, strict=True)
        if _inside(int(ts), span)
    }
    return Market(
        facts.symbol, candles.tf_ms, bars, float(facts.tick), float(facts.lot),
        float(facts.min_notional), float(facts.maker_bps) / 1e4, float(facts.taker_bps) / 1e4,
        facts.cluster or facts.symbol, facts.tier, facts.shortable, facts.fee_asset == "base",
        facts.sessions, hold_ms,
    )  # fmt: skip


def signals_of(compiled: CompiledStrategy, own: Candles, span: TimeRange) -> dict[int, Signal]:
    """Return the signals by close time, of the bars that open in the time range."""
    found = batch_signals(compiled, Columns(own))
    n = len(own)
    fields = [
        np.broadcast_to(np.asarray(x, np.float64), n).tolist()
        for x in (found.strength, found.per, found.stop, found.trail, found.limit)
    ]
    rows = zip(own.ts.tolist(), found.bits.tolist(), *fields, own.close.tolist(), strict=True)
    return {
        ts + own.tf_ms: Signal(bits, *values) for ts, bits, *values in rows if _inside(ts, span)
    }


def _by_tier(size: float | Mapping[str, float], tier: str) -> float:
    return size.get(tier, math.nan) if isinstance(size, Mapping) else size


def rules_of(compiled: CompiledStrategy, rank: int, tier: str, policy: PolicyFile) -> Rules:
    """Return what a strategy's file says, for one tier."""
    file, protect = compiled.file, compiled.file.protect
    size = compiled.risk_pct if compiled.equity_pct is None else compiled.equity_pct
    assert size is not None
    collar = policy.entry.max_slippage_pct
    if file.max_slippage_pct is not None:
        collar = min(collar, file.max_slippage_pct)
    sides = {LONG: "long", SHORT: "short"}
    return Rules(
        name=file.name,
        rank=rank,
        by_risk=compiled.equity_pct is None,
        size=_by_tier(size, tier) / 100.0,
        collar=collar / 100.0,
        has_stop=protect.stop is not None,
        trail_after_r=None if protect.trail is None else protect.trail.after_r,
        breakeven_after_r=protect.breakeven_after_r,
        rungs=tuple((rung.at_r, rung.fraction) for rung in protect.take_profit),
        adds=tuple((level.at_r, level.add) for level in file.pyramid),
        max_bars=protect.max_bars or 0,
        cooldown_bars=protect.cooldown_bars,
        limit_bars={
            s: tuple(
                0 if rule.limit is None else rule.limit_bars  # type: ignore[union-attr]
                for rule in compiled.rules("entry", word)
            )
            for s, word in sides.items()
        },
        gates={
            s: tuple(_gate(rule) for rule in compiled.rules("exit", word))
            for s, word in sides.items()
        },
    )


def _gate(rule: object) -> Gate:
    assert isinstance(rule, ExitRule)
    gated = not (rule.min_r is None and rule.max_r is None and rule.min_bars is None)
    return Gate(
        -math.inf if rule.min_r is None else rule.min_r,
        math.inf if rule.max_r is None else rule.max_r,
        rule.min_bars or 0,
        gated,
    )


def limits_of(policy: PolicyFile) -> Limits:
    """Return the policy with fractions instead of percentages."""
    risk, cap = policy.risk, policy.risk.position_cap
    return Limits(
        risk.daily_stop_loss_pct / 100.0, risk.max_drawdown_pct / 100.0,
        risk.max_position_size_pct / 100.0, risk.max_gross_pct / 100.0,
        risk.max_net_pct / 100.0, risk.max_cluster_pct / 100.0,
        {tier: pct / 100.0 for tier, pct in risk.max_tier_pct.items()},
        cap.equity_multiple, float(cap.min), float(cap.max),
        risk.max_open_positions, risk.max_trades_per_day, risk.max_trades_per_hour,
        risk.cooldown_after_loss_min * 60_000,
    )  # fmt: skip
