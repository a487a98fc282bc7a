"""A market of three shares with splits and dividends, and rules that hold over them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from paperbot_core.domain.market import DAY_MS, Candles
from paperbot_core.market.events.events import make_events
from paperbot_core.market.events.files import events_path
from paperbot_core.market.events.table import write_events
from tests import session_world as sw

MONDAY = sw.START
UNIVERSE = """\
tiers: {core: {symbols: [AAPL, IBM, ODD]}}
instruments:
  AAPL: {tick: 0.01, lot: 0.001, min_notional: 1, shortable: true}
  IBM: {tick: 0, lot: 0, min_notional: 0, shortable: true}
  ODD: {tick: 0.01, lot: 1, min_notional: 1, shortable: true, maker_bps: 2, taker_bps: 7}
"""
GUARD = "data: {max_move_pct: 12, min_volume_ratio: 1.5, max_stale_bars: 3, recovery_bars: 2}\n"
RULES = {
    "cross": """\
name: cross
timeframe: 1d
universe: [core]
entry:
  long: {when: "sma(close, 4) > sma(close, 9) and volume_ratio(5) > 0.5"}
  short: {when: "sma(close, 4) < sma(close, 9)"}
exit:
  long: {when: "sma(close, 4) < sma(close, 9)"}
  short: {when: "sma(close, 4) > sma(close, 9)"}
size: {risk_pct: 1, per: 2 * atr(7)}
protect:
  stop: 3 * atr(7)
  trail: {after_r: 1, distance: 2 * atr(7)}
""",
    "dips": """\
name: dips
timeframe: 1d
universe: [core]
entry:
  long: {when: "volume > sma(volume, 3)", limit: "close - 0.3 * atr(5)", limit_bars: 4}
  short: {when: "close > sma(close, 5)", limit: "close + 0.3 * atr(5)", limit_bars: 4}
size: {equity_pct: 10}
protect:
  stop: 3 * atr(5)
  max_bars: 12
  breakeven_after_r: 1
  take_profit: [{at_r: 0.4, fraction: 0.5}, {at_r: 0.8, fraction: 0.25}]
pyramid: [{at_r: 0.2, add: 0.5}, {at_r: 0.3, add: 0.5}]
""",
    "slow": """\
name: slow
timeframe: 1w
universe: [core]
entry: {long: {when: "close > sma(close, 2) or volume < sma(volume, 3)"}}
exit: {long: {when: "close < sma(close, 2)"}}
size: {equity_pct: 10}
protect: {stop: 2 * atr(2), max_bars: 3}
""",
}
#: Days of splits and cash: odd ratios, both at once, two in a row, one on a missing day.
EVENTS = {
    "AAPL": [(12, 1.0, 0.5), (20, 7.0, 0.3), (40, 1.0, 0.1), (61, 4.0, 0.0), (103, 0.125, 2.0)],
    "IBM": [(15, 1.0, 1.25), (45, 1.0, 1.25), (75, 1.0, 1.3)],
    "ODD": [(25, 1 / 3, 0.0), (26, 1.5, 0.2), (50, 1.1, 0.0), (51, 1.0, 0.3), (90, 2.5, 0.4)],
}


def days(
    symbol: str, rows: int, seed: int, *, tf_ms: int = DAY_MS, gaps: float = 0.05,
    events: list[tuple[int, float, float]] | None = None,
) -> Candles:  # fmt: skip
    """Return a walk as it was paid: splits make jumps of it."""
    sigma = 0.02 * (tf_ms / DAY_MS) ** 0.5
    smooth = sw.walk(symbol, rows, seed, tf_ms=tf_ms, gaps=gaps, sigma=sigma)
    factor = np.ones(len(smooth))
    for day, split, _ in EVENTS[symbol] if events is None else events:
        factor[smooth.ts >= MONDAY + day * DAY_MS] *= split
    prices = {name: np.maximum(np.round(getattr(smooth, name) / factor, 2), 0.01)
              for name in ("open", "high", "low", "close")}  # fmt: skip
    return replace(smooth, **prices, volume=np.round(smooth.volume * factor))


def store(folder: Path, candles: Candles) -> None:
    """Write candles with the events of their symbol beside them."""
    sw.write_candles(folder, candles)
    rows = [(MONDAY + day * DAY_MS, split, cash) for day, split, cash in EVENTS[candles.symbol]]
    path = events_path(folder, candles.symbol)
    path.parent.mkdir(exist_ok=True)
    write_events(path, make_events(candles.symbol, rows))


def make_project(
    folder: Path, data: Path, rules: dict[str, str], *, timeframe: str = "1d",
    guard: bool = False, mode: str = "PAPER",
) -> Path:  # fmt: skip
    """Write a project of `rules` that plays the shares in `data`; all three may be sold short."""
    exchange = f"{{plugin: replay, path: {data}, timeframe: {timeframe}}}"
    policy = sw.WIDE_POLICY + (GUARD if guard else "")
    project = sw.make_project(
        folder, list(rules), exchange, policy=policy, mode=mode,
        more="simulation: {slippage_bps: 3, volume_share_pct: 5}\n",
    )
    (project / "universe.yaml").write_text(UNIVERSE)
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for name, text in rules.items():
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    return project
