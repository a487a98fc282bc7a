"""A project whose strategies use what the shipped ones do not: shorts, limits, gates, 4h bars."""

from __future__ import annotations

from pathlib import Path

EVERYWHERE = "universe: [core, rotational, event, perp, stocks]\n"

POLICIES = {
    "wide": """
version: 1
modes: {highest: PAPER}
entry: {max_slippage_pct: 5.0}
risk:
  daily_stop_loss_pct: 100.0
  max_drawdown_pct: 100.0
  max_position_size_pct: 100.0
  max_gross_pct: 1000.0
  max_net_pct: 1000.0
  max_cluster_pct: 1000.0
  max_tier_pct: {core: 1000, rotational: 1000, event: 1000, perp: 1000, stocks: 1000}
  position_cap: {equity_multiple: 10.0, min: 0, max: 1000000000}
  max_open_positions: 1000
  max_trades_per_day: 100000
  max_trades_per_hour: 100000
  cooldown_after_loss_min: 0
""",
    "tight": """
version: 1
modes: {highest: PAPER}
entry: {max_slippage_pct: 0.1}
risk:
  daily_stop_loss_pct: 0.3
  max_drawdown_pct: 6.0
  max_position_size_pct: 4.0
  max_gross_pct: 12.0
  max_net_pct: 11.0
  max_cluster_pct: 6.0
  max_tier_pct: {core: 7, rotational: 6, event: 2, perp: 7, stocks: 7}
  position_cap: {equity_multiple: 0.035, min: 150, max: 380}
  max_open_positions: 3
  max_trades_per_day: 3
  max_trades_per_hour: 2
  cooldown_after_loss_min: 180
""",
}

UNIVERSE = """
tiers:
  core: {symbols: [BTC/USDT, ETH/USDT]}
  rotational: {symbols: [SOL/USDT, XRP/USDT]}
  event: {symbols: [DOGE/USDT], max_hold_hours: 30}
  perp: {symbols: ["BTC/USDT:USDT", "XRP/USDT:USDT"]}
  stocks: {symbols: [AAPL, SPY], max_hold_hours: 240}
instruments:
  BTC/USDT: {tick: 0.01, lot: 0.00001, min_notional: 5, cluster: majors}
  ETH/USDT: {tick: 0.01, lot: 0.0001, min_notional: 5, cluster: majors, fee_asset: base}
  BTC/USDT:USDT:
    {tick: 0.1, lot: 0.001, maker_bps: 2, taker_bps: 4, cluster: perps, shortable: true}
  XRP/USDT:USDT:
    {tick: 0.0001, lot: 0.1, maker_bps: 2, taker_bps: 4, cluster: perps, shortable: true}
  AAPL: {tick: 0.01, lot: 1, maker_bps: 1, taker_bps: 1, shortable: true}
"""

BREAKOUT = """
entry:
  long: close > highest(high, 20)[1]
  short: close < lowest(low, 20)[1]
exit:
  long: close < lowest(low, 10)[1]
  short: close > highest(high, 10)[1]
size: {risk_pct: 0.5}
protect:
  stop: 2 * atr(14)
  trail: {after_r: 1.0, distance: 2 * atr(14)}
  breakeven_after_r: 0.7
  take_profit: [{at_r: 1.5, fraction: 0.4}, {at_r: 3, fraction: 0.6}]
  max_bars: 60
  cooldown_bars: 2
pyramid: [{at_r: 0.5, add: 0.5}, {at_r: 1.2, add: 0.25}]
"""

LIMITS = """
entry:
  long:
    - when: close < sma(close, 20)
      limit: close - 0.5 * atr(14)
      limit_bars: 3
      strength: clip(rsi(14) / 100, 0, 1)
  short:
    - when: close > sma(close, 20) + 2 * atr(14)
      limit: close + 0.3 * atr(14)
exit:
  long:
    - {when: "close > sma(close, 20)", min_r: 0.2}
    - when: rsi(14) > 70
    - {when: "close < sma(close, 20)", max_r: -0.5, min_bars: 4}
  short: close < sma(close, 20)
size: {equity_pct: 4}
protect:
  stop: 1.5 * atr(14)
  take_profit: [{at_r: 0.5, fraction: 0.3}, {at_r: 1, fraction: 0.3}]
  max_bars: 12
"""

SLOW = """
entry:
  long: close > ema(close, 20)
  short: close < ema(close, 20)
exit:
  long: close < ema(close, 20)
  short: close > ema(close, 20)
size: {equity_pct: 3}
protect:
  stop: 1.5 * atr(14)
  trail: {distance: 2 * atr(14)}
  take_profit: [{at_r: 2, fraction: 1}]
  max_bars: 10
  cooldown_bars: 1
pyramid: [{at_r: 1, add: 1}]
"""

#: Name: timeframe and rules.
STRATEGIES = {
    "breakout": ("1h", BREAKOUT), "limits": ("1h", LIMITS), "slow": ("4h", SLOW),
    "breakout_day": ("1d", BREAKOUT), "limits_day": ("1d", LIMITS),
    "limits_week": ("1w", LIMITS),
    "breakout_five": ("5m", BREAKOUT), "limits_minute": ("1m", LIMITS),
}  # fmt: skip


def write_project(
    directory: Path, root: Path, universe: str = UNIVERSE, policy: str = ""
) -> None:
    """Write the project, with the paperbot.yaml of the checkout; `policy` is added to each."""
    (directory / "strategies.d").mkdir()
    settings = (root / "paperbot.yaml").read_text()
    lines = [line for line in settings.splitlines() if not line.startswith("strategies:")]
    (directory / "paperbot.yaml").write_text("\n".join([*lines, "strategies: [slow]"]) + "\n")
    (directory / "universe.yaml").write_text(universe)
    for name, text in POLICIES.items():
        (directory / f"{name}.yaml").write_text(text + policy)
    (directory / "policy.yaml").write_text(POLICIES["wide"] + policy)
    for name, (timeframe, rules) in STRATEGIES.items():
        head = f"name: {name}\ntimeframe: {timeframe}\n{EVERYWHERE}"
        (directory / "strategies.d" / f"{name}.yaml").write_text(head + rules)
