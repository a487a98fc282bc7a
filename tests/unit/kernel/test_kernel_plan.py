"""From policy.yaml, a strategy's file and instruments to the numbers of the kernel."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.market import HOUR_MS, Instrument
from paperbot_core.kernel.desk import Desk, Fills, StrategyPlan, build_desk
from paperbot_core.kernel.plan import policy_limits, strategy_plan, tier_limits
from paperbot_core.kernel.records import MAX_RUNGS
from paperbot_core.kernel.words import NEVER
from paperbot_core.lang.strategy import compile_strategy

POLICY = """
version: 1
modes: {highest: PAPER}
entry: {max_slippage_pct: 0.5}
risk:
  daily_stop_loss_pct: 2.0
  max_drawdown_pct: 10.0
  max_position_size_pct: 5.0
  max_gross_pct: 50.0
  max_net_pct: 40.0
  max_cluster_pct: 15.0
  max_tier_pct: {core: 30.0, event: 12.5}
  position_cap: {equity_multiple: 2.5, min: 10, max: 25000}
  max_open_positions: 8
  max_trades_per_day: 11
  max_trades_per_hour: 4
  cooldown_after_loss_min: 60
"""
SHORT = "name: s\ntimeframe: 1h\nuniverse: [core]\nentry: {long: close > open}\n"
LONG = """
name: s
timeframe: 4h
universe: [core]
entry:
  long: [{when: close > open, limit: close * 0.99, limit_bars: 3}, close > 1]
  short: [close < 1, {when: close < open, limit: close * 1.01}]
exit:
  long: [{when: close < 2, min_r: 1.5}, close < 3, {when: close < 4, max_r: 0.5}]
  short: [close < 5, {when: close < 6, min_bars: 7}]
size: {risk_pct: 0.5}
protect:
  stop: 2 * atr(14)
  trail: {after_r: 1.5, distance: 3 * atr(14)}
  breakeven_after_r: 0.75
  take_profit: [{at_r: 1, fraction: 0.25}, {at_r: 2, fraction: 0.5}]
  max_bars: 24
  cooldown_bars: 2
pyramid: [{at_r: 0.5, add: 0.4}]
max_slippage_pct: 0.25
"""


def _policy() -> PolicyFile:
    return PolicyFile.model_validate(parse_yaml(POLICY, "policy.yaml").data)


def _plan(text: str) -> StrategyPlan:
    document = parse_yaml(text, "s.yaml")
    file = StrategyFile.model_validate(document.data)
    return strategy_plan(compile_strategy(file, places=document.places), _policy())


def test_a_policy_in_fractions_and_milliseconds() -> None:
    assert policy_limits(_policy()) == {
        "daily_stop": 0.02, "max_drawdown": 0.1, "max_position": 0.05, "max_gross": 0.5,
        "max_net": 0.4, "max_cluster": 0.15, "cap_multiple": 2.5, "cap_min": 10.0,
        "cap_max": 25_000.0, "max_open": 8, "max_day": 11, "max_hour": 4,
        "loss_cooldown_ms": HOUR_MS,
    }  # fmt: skip
    assert tier_limits(_policy()) == {"core": 0.3, "event": 0.125}


def test_everything_a_strategy_can_ask_for() -> None:
    plan = _plan(LONG)
    assert (plan.name, plan.tf_ms, plan.by_risk, plan.size) == ("s", 4 * HOUR_MS, True, 0.005)
    assert plan.collar == 0.0025
    assert (plan.has_stop, plan.has_trail, plan.trail_after_r) == (True, True, 1.5)
    assert plan.breakeven_after_r == 0.75
    assert list(plan.rungs) == [(1.0, 0.25), (2.0, 0.5)]
    assert list(plan.adds) == [(0.5, 0.4)]
    assert (plan.max_bars, plan.cooldown_bars) == (24, 2)
    assert list(plan.limit_bars) == [3] + [0] * 8 + [1] + [0] * 6
    assert plan.gated == (1 << 0) | (1 << 2) | (1 << 9)
    assert list(plan.min_r) == [1.5] + [-math.inf] * 15
    assert list(plan.max_r) == [math.inf] * 2 + [0.5] + [math.inf] * 13
    assert list(plan.min_bars) == [0] * 9 + [7] + [0] * 6


def test_a_strategy_that_asks_for_nothing_has_nothing() -> None:
    plan = _plan(SHORT + "size: {equity_pct: 5}\n")
    assert plan == StrategyPlan(
        "s", HOUR_MS, by_risk=False, size=0.05, collar=0.005, rungs=[], adds=[],
        limit_bars=[0] * 16, min_r=[-math.inf] * 16, max_r=[math.inf] * 16, min_bars=[0] * 16,
    )  # fmt: skip
    assert _plan(SHORT + "size: {equity_pct: 5}\nmax_slippage_pct: 3\n").collar == 0.005


def test_a_plan_has_a_number_for_each_of_sixteen_rules() -> None:
    plan = StrategyPlan("s", HOUR_MS, by_risk=False, size=0.05, collar=0.005)
    assert list(plan.limit_bars) == list(plan.min_bars) == [0] * 16
    assert (list(plan.min_r), list(plan.max_r)) == ([-math.inf] * 16, [math.inf] * 16)


def test_sizes_by_tier_leave_the_other_tiers_without_one() -> None:
    plan = _plan(SHORT + "size: {equity_pct: {core: 5, event: 1}}\n")
    assert plan.size_by_tier == {"core": 0.05, "event": 0.01}
    assert (plan.size_in("core"), plan.size_in("event")) == (0.05, 0.01)
    assert math.isnan(plan.size_in("other"))
    assert _plan(SHORT + "size: {equity_pct: 5}\n").size_in("core") == 0.05


# Instruments and slots.

COINS = [
    Instrument(
        "B/USDT", tick=Decimal("0.01"), lot=Decimal("0.001"), min_notional=Decimal(10),
        maker_bps=Decimal(2), taker_bps=Decimal(10), cluster="majors", tier="event",
        shortable=True, fee_asset="base",
    ),
    Instrument("A", sessions=True, cluster="", tier="core"),
]  # fmt: skip


def _desk(*plans: StrategyPlan, **more: Any) -> Desk:
    asked: dict[str, Any] = {
        "limits": {"max_open": 3}, "tier_limits": {"core": 0.3},
        "symbols": {plan.name: ["B/USDT", "A"] for plan in plans}, "cash": 5_000.0,
    }  # fmt: skip
    return build_desk(
        instruments=COINS, timeframes={"A": HOUR_MS, "B/USDT": 2 * HOUR_MS}, plans=plans,
        fills=Fills(5.0, 10.0), **(asked | more),
    )  # fmt: skip


def test_an_instrument_in_fractions() -> None:
    first, second = _desk().markets
    assert second == {
        "tick_n": 1.0, "tick_d": 100.0, "lot_n": 1.0, "lot_d": 1_000.0, "min_notional": 10.0,
        "maker": 0.0002, "taker": 0.001, "slippage": 0.0005, "volume_share": 0.1,
        "fee_in_base": 1, "shortable": 1, "continuous": 1, "cluster": 1, "tier": 1,
        "tf_ms": 2 * HOUR_MS, "last": pytest.approx(math.nan, nan_ok=True), "loss_ts": -NEVER,
    }  # fmt: skip
    assert (first["tick_n"], first["tick_d"], first["fee_in_base"]) == (0.0, 1.0, 0)
    assert (first["continuous"], first["cluster"], first["tier"]) == (0, 0, 0)


def test_fills_slip_five_basis_points_and_take_any_volume_by_default() -> None:
    assert (Fills().slippage_bps, Fills().volume_share_pct) == (5.0, 0.0)


def test_slots_are_strategies_in_order_and_symbols_in_theirs() -> None:
    base: dict[str, Any] = {"tf_ms": HOUR_MS, "by_risk": False, "size": 0.1, "collar": 0.01}
    desk = _desk(StrategyPlan("z", **base), StrategyPlan("a", **base))
    assert [(key.strategy, key.symbol) for key in desk.slots] == [
        ("z", "A"), ("z", "B/USDT"), ("a", "A"), ("a", "B/USDT"),
    ]  # fmt: skip
    assert [(s["strategy"], s["market"]) for s in desk.specs] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert (desk.symbols, desk.clusters, desk.tier_names) == (("A", "B/USDT"), 2, ("core", "event"))
    assert desk.account == {
        "cash": 5_000.0, "equity": 5_000.0, "peak": 5_000.0, "anchor": 5_000.0, "anchor_day": -1,
        "trip_day": -1,
    }  # fmt: skip
    assert desk.limits == {"max_open": 3}


def test_tiers_without_a_limit_or_a_hold_have_none() -> None:
    assert _desk().tiers == (
        {"limit": 0.3, "max_hold_ms": 0}, {"limit": math.inf, "max_hold_ms": 0},
    )  # fmt: skip
    held = _desk(tier_holds={"event": HOUR_MS, "late": 5})
    assert held.tier_names == ("core", "event", "late")
    assert [tier["max_hold_ms"] for tier in held.tiers] == [0, HOUR_MS, 5]


@pytest.mark.parametrize(
    ("fractions", "full"),
    [((0.1, 0.2, 0.7), 1), ((0.3, 0.3, 0.4 - 1e-8), 0), ((0.3, 0.3), 0), ((0.6, 0.6), 0),
     ((1.0,), 1), ((), 0), ((0.5, 0.5 + 1e-8), 0), ((1.0, 1.0), 0)],
)  # fmt: skip
def test_a_ladder_is_full_where_its_fractions_make_one(
    fractions: tuple[float, ...], full: int
) -> None:
    rungs = [(float(n), part) for n, part in enumerate(fractions, 1)]
    plan = StrategyPlan("s", HOUR_MS, False, 0.1, 0.01, rungs=rungs, adds=[(0.5, 0.25)])
    spec = _desk(plan).specs[0]
    assert (spec["rungs"], spec["rungs_full"]) == (len(rungs), full)
    padding = [0.0] * (MAX_RUNGS - len(rungs))
    assert spec["rung_r"] == [r for r, _ in rungs] + padding
    assert spec["rung_fraction"] == [*fractions, *padding]
    assert (spec["adds"], spec["add_r"][:2], spec["add_fraction"][:2]) == (1, [0.5, 0], [0.25, 0])
