"""From configuration to plans: policy.yaml and a compiled strategy in the numbers of the kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.strategy import EntryRule, ExitRule
from paperbot_core.kernel.desk import Row, StrategyPlan
from paperbot_core.kernel.records import MAX_RULES
from paperbot_core.lang.strategy import CompiledStrategy

MINUTE_MS = 60_000


def policy_limits(policy: PolicyFile) -> Row:
    """Return the `LIMITS` record of a policy: fractions, quote units, counts, milliseconds."""
    risk = policy.risk
    return {
        "daily_stop": risk.daily_stop_loss_pct / 100.0,
        "max_drawdown": risk.max_drawdown_pct / 100.0,
        "max_position": risk.max_position_size_pct / 100.0,
        "max_gross": risk.max_gross_pct / 100.0,
        "max_net": risk.max_net_pct / 100.0,
        "max_cluster": risk.max_cluster_pct / 100.0,
        "cap_multiple": risk.position_cap.equity_multiple,
        "cap_min": float(risk.position_cap.min),
        "cap_max": float(risk.position_cap.max),
        "max_open": risk.max_open_positions,
        "max_day": risk.max_trades_per_day,
        "max_hour": risk.max_trades_per_hour,
        "loss_cooldown_ms": risk.cooldown_after_loss_min * MINUTE_MS,
    }


def tier_limits(policy: PolicyFile) -> dict[str, float]:
    """Return the fraction of equity each tier of the policy may take."""
    return {tier: pct / 100.0 for tier, pct in policy.risk.max_tier_pct.items()}


def _gates(rules: Sequence[ExitRule] | None) -> list[ExitRule | None]:
    filled: list[ExitRule | None] = list(rules or ())
    return filled + [None] * (MAX_RULES - len(filled))


def _limit_bars(rules: Sequence[EntryRule] | None) -> list[int]:
    filled = [rule.limit_bars if rule.limit is not None else 0 for rule in rules or ()]
    return filled + [0] * (MAX_RULES - len(filled))


def _by_tier(size: float | Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """Return the size for tiers without one of their own (none: refused as NaN), and the others."""
    if isinstance(size, Mapping):
        return math.nan, {tier: pct / 100.0 for tier, pct in size.items()}
    return size / 100.0, {}


def strategy_plan(compiled: CompiledStrategy, policy: PolicyFile) -> StrategyPlan:
    """Return the kernel's view of a strategy under a policy; the tighter collar wins."""
    file = compiled.file
    protect = file.protect
    collar = policy.entry.max_slippage_pct
    if file.max_slippage_pct is not None:
        collar = min(collar, file.max_slippage_pct)
    by_risk = compiled.risk_pct is not None
    pct = compiled.risk_pct if compiled.risk_pct is not None else compiled.equity_pct
    size, by_tier = _by_tier(math.nan if pct is None else pct)
    exits = file.exit
    gates = _gates(exits.long if exits else None) + _gates(exits.short if exits else None)
    gated = [
        g is not None and not (g.min_r is None and g.max_r is None and g.min_bars is None)
        for g in gates
    ]
    return StrategyPlan(
        name=file.name,
        tf_ms=compiled.timeframe_ms,
        by_risk=by_risk,
        size=size,
        size_by_tier=by_tier,
        collar=collar / 100.0,
        has_stop=protect.stop is not None,
        has_trail=protect.trail is not None,
        trail_after_r=protect.trail.after_r if protect.trail else 0.0,
        breakeven_after_r=protect.breakeven_after_r or 0.0,
        rungs=[(rung.at_r, rung.fraction) for rung in protect.take_profit],
        adds=[(level.at_r, level.add) for level in file.pyramid],
        max_bars=protect.max_bars or 0,
        cooldown_bars=protect.cooldown_bars,
        limit_bars=_limit_bars(file.entry.long if file.entry else None)
        + _limit_bars(file.entry.short if file.entry else None),
        gated=sum(1 << k for k, is_gated in enumerate(gated) if is_gated),
        min_r=[-math.inf if g is None or g.min_r is None else g.min_r for g in gates],
        max_r=[math.inf if g is None or g.max_r is None else g.max_r for g in gates],
        min_bars=[0 if g is None or g.min_bars is None else g.min_bars for g in gates],
    )
