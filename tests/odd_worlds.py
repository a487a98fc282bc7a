"""Random worlds for sessions: markets with holes and bad ticks, a changing universe, mixed rules.

A world is made from one number alone, so that a failure is told by it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from paperbot_core.domain.market import DAY_MS, Candles, timeframe_ms
from paperbot_core.market.universe.membership_record import RECORD_NAME, append_record
from paperbot_core.market.universe.selection import Snapshot
from tests import session_world as sw

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "JUNK/USDT", "ODD/BTC")
#: Lengths of bars in hours.
HOURS = {"1h": 1, "2h": 2, "3h": 3, "4h": 4, "6h": 6, "12h": 12, "1d": 24}
#: Of bars that an account looks at the shortest must divide the others.
FRAMES = (
    ["1h", "2h", "4h", "1d"], ["1h", "2h", "4h", "1d"], ["1h", "3h", "6h"], ["2h", "6h", "12h"],
    ["4h", "12h", "1d"], ["3h", "12h"], ["1d"],
)  # fmt: skip
REGIMES = ("calm", "trend", "chop", "crash")


@dataclass(frozen=True)
class World:
    """A project, the candles beside it, and what to run."""

    project: Path
    candles: Path
    names: tuple[str, ...]
    timeframe: str


def make_world(folder: Path, seed: int) -> World:
    """Write the world of that number into a folder."""
    rng = random.Random(seed)
    frames = rng.choice(FRAMES)
    base = rng.choice(["30m", "1h", "1h", frames[0] if HOURS[frames[0]] <= 2 else "1h"])
    traded = sorted(rng.sample(SYMBOLS, rng.randint(1, 4)))
    data = folder / "candles"
    leader = rng.choice([*traded, *rng.sample(SYMBOLS, 2)])
    there = sorted({*traded, leader}) if rng.random() < 0.9 else traded
    for number, symbol in enumerate(there):
        sw.write_candles(data, _candles(rng, symbol, base, 1_000 * seed + number))
    names = ["one", "two", "three"][: rng.randint(2, 3)]
    project = sw.make_project(
        folder / "p", names, f"{{plugin: replay, path: {data}, timeframe: {base}}}",
        policy=_policy(rng),
    )
    (project / "universe.yaml").write_text(_universe(rng, traded, leader, frames))
    if rng.random() < 0.3:
        append_record(project / "state" / RECORD_NAME, [_recorded(rng, traded) for _ in range(4)])
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for number, name in enumerate(names):
        # One of them has the shortest bars.
        text = _strategy(rng, name, traded, frames if number else frames[:1], frames)
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    return World(project, data, tuple(names), base)


def _candles(rng: random.Random, symbol: str, base: str, seed: int) -> Candles:
    """Return a market that may begin late, with holes, bad ticks and unknown volumes.

    The last two days are whole, because a backtest also trades on a bar that has not ended.
    """
    tf_ms = timeframe_ms(base)
    rows = 28 * DAY_MS // tf_ms
    sigma = rng.choice([0.004, 0.01, 0.02])
    made = sw.walk(symbol, rows, seed, tf_ms=tf_ms, sigma=sigma)
    numbers = np.random.default_rng(seed)
    columns = {name: getattr(made, name).copy() for name in ("high", "low", "volume")}
    bad = numbers.choice(np.arange(5, rows), rng.choice([0, 6, 20]), replace=False)
    columns["high"][bad] *= rng.choice([1.08, 1.5, 30.0])
    columns["low"][bad[::2]] *= 0.5
    columns["volume"][bad] *= rng.choice([0.0, 0.01, 1.0])
    if rng.random() < 0.2:
        columns["volume"][numbers.integers(0, rows, 3)] = np.nan
    made = replace(made, **columns)
    keep = numbers.random(rows) >= rng.choice([0.0, 0.03, 0.3])
    if rng.random() < 0.4:
        keep[: numbers.integers(1, rows // 2)] = False
    if rng.random() < 0.4:
        hole = numbers.integers(0, rows // 2)
        keep[hole : hole + numbers.integers(1, 5 * DAY_MS // tf_ms)] = False
    keep[-2 * DAY_MS // tf_ms :] = True
    names = ("ts", "open", "high", "low", "close", "volume")
    return Candles(symbol, tf_ms, *(getattr(made, name)[keep] for name in names))


def _policy(rng: random.Random) -> str:
    text = sw.WIDE_POLICY
    if rng.random() < 0.3:
        text = text.replace("daily_stop_loss_pct: 50.0", "daily_stop_loss_pct: 0.4")
    if rng.random() < 0.3:
        text = text.replace("core: 100.0, rotational: 100.0, event: 100.0",
                            "core: 12.0, rotational: 7.0, event: 3.0")  # fmt: skip
    if rng.random() < 0.3:
        text = text.replace("cooldown_after_loss_min: 0", "cooldown_after_loss_min: 200")
    if rng.random() < 0.3:
        text = text.replace("max_trades_per_day: 1000", "max_trades_per_day: 3")
        text = text.replace("max_trades_per_hour: 1000", "max_trades_per_hour: 2")
    if rng.random() < 0.8:
        text += (
            f"data: {{max_move_pct: {rng.choice([2, 6, 10, 9999])}, min_volume_ratio: "
            f"{rng.choice([0.0001, 0.25, 1.0, 50])}, max_stale_bars: {rng.choice([1, 2, 7, 999])}, "
            f"recovery_bars: {rng.choice([1, 2, 9, 300])}}}\n"
        )
    return text


def _universe(rng: random.Random, traded: list[str], leader: str, frames: list[str]) -> str:
    tiers: dict[str, list[str]] = {"core": [], "rotational": [], "event": []}
    for symbol in traded:
        # Somebody has to be in a tier, or there is nothing to run.
        place = rng.choice(["core", "rotational", "event", None]) if symbol != traded[0] else "core"
        if place:
            tiers[place].append(symbol)
    lines = ["tiers:"]
    for name, symbols in tiers.items():
        more = ""
        if rng.random() < 0.3:
            more += f", max_hold_hours: {rng.choice([1, 5, 20, 72])}"
        if rng.random() < 0.3:
            more += ", always_eligible: true"
        if rng.random() < 0.3:
            more += f", regimes: [{', '.join(rng.sample(REGIMES, rng.randint(1, 3)))}]"
        lines.append(f"  {name}: {{symbols: [{', '.join(symbols)}]{more}}}")
    if rng.random() < 0.7:
        lines.append(
            f"filters: {{min_quote_volume: {rng.choice([0, 500_000, 900_000, 1_900_000])}, "
            f"min_age_days: {rng.choice([0, 0.3, 2, 5])}, quotes: [USDT]}}"
        )
    if rng.random() < 0.6:
        volume = rng.choice([0, 900_000, 1_500_000])
        lines.append(
            f"discovery: {{tiers: {{rotational: {volume}, event: 700000}},"
            f" max_symbols: {rng.randint(1, 3)}, refresh_hours: {rng.choice([1, 5, 6, 24, 36])}}}"
        )
    lines.append(_regime(rng, leader, frames))
    lines.append("instruments:")
    for symbol in traded:
        tick, lot = rng.choice([0, 0.01]), rng.choice([0, 0.001, 0.5])
        facts = f"shortable: true, tick: {tick}, lot: {lot}"
        if rng.random() < 0.3:
            facts += f", fee_asset: base, listed: 2024-01-{rng.randint(1, 14):02d}"
        if rng.random() < 0.2:
            facts += f", delisted: 2024-01-{rng.randint(15, 27):02d}"
        lines.append(f"  {symbol}: {{{facts}}}")
    return "\n".join(lines) + "\n"


def _recorded(rng: random.Random, traded: list[str]) -> Snapshot:
    """Return what somebody recorded at an odd time, once in a tier that is gone."""
    members = rng.sample(traded, rng.randint(0, len(traded)))
    tiers = {symbol: rng.choice(["core", "rotational", "event", "gone"]) for symbol in members}
    return Snapshot(sw.START + rng.randint(-3 * DAY_MS, 29 * DAY_MS), tiers, {}, {}, "tickers")


def _regime(rng: random.Random, leader: str, frames: list[str]) -> str:
    n = rng.choice([2, 5, 12])
    calm = rng.choice([f"realized_vol({n}) < sma(realized_vol({n}), 6)", "volume > 0", "close < 0"])
    crash = rng.choice([f"close < 0.97 * highest(high, {n})", "close < 0", "volume < 0"])
    factor = rng.choice(["{}", "{crash: 0.5, chop: 0.8}", "{calm: 0, trend: 1}"])
    return f"""\
regime:
  symbol: {leader}
  timeframe: {rng.choice(frames)}
  rules:
    crash: {crash}
    trend: abs(change(close, {n})) > 0.4 * sum(abs(change(close, 1)), {n})
    calm: {calm}
  size_factor: {factor}"""


def _strategy(
    rng: random.Random, name: str, traded: list[str], own_frames: list[str], frames: list[str]
) -> str:
    n, m = rng.randint(2, 9), rng.randint(2, 12)
    own = rng.choice(own_frames)
    longer = [tf for tf in frames if HOURS[tf] % HOURS[own] == 0]
    higher = rng.choice(longer)
    admitted = rng.choice(["core, rotational, event", "core, event", ", ".join(traded)])
    condition = rng.choice([
        "close > level * sma(close, length)", "regime('trend') or crosses_above(close, open[1])",
        f"close > sma(close, {n}, timeframe='{higher}')", "not regime('crash') and rsi(5) < 45",
        f"hysteresis(rsi(5) < 40, rsi(5) > 60) and at('{higher}', close > open)",
        f"close > ema(close, {n}) and volume_ratio(3) > 0.5",
    ])  # fmt: skip
    limit = rng.choice(["", f", limit: close - 0.3 * atr({n}), limit_bars: {rng.randint(1, 4)}"])
    short = f'\n  short: {{when: "close < sma(close, {m})"}}' if rng.random() < 0.4 else ""
    leave = f'\n  short: {{when: "close > sma(close, {m})"}}' if short else ""
    sizes = ["{equity_pct: 9}", "{risk_pct: 0.4}", f"{{risk_pct: 0.3, per: 2 * atr({n})}}"]
    if "core" in admitted:
        sizes += ["{equity_pct: {core: 9, rotational: 4, event: 2}}"]
    text = f"""\
name: {name}
timeframe: {own}
universe: [{admitted}]
params:
  level: {{default: 1.0, min: 0.9, max: 1.1, step: 0.01, regimes: {{crash: 1.02, calm: 0.98}}}}
  length: {{default: {n}, min: 2, max: 50}}
entry:
  long: {{when: "{condition}"{limit}, strength: "clip(rsi(4) / 100, 0, 1)"}}{short}
exit:
  long: {{when: "close < sma(close, {m})", min_bars: {rng.randint(0, 3)}}}{leave}
size: {rng.choice(sizes)}
protect:
  stop: {rng.choice(["level", "1.5", "2"])} * atr({n})
  max_bars: {rng.choice([1, 6, 40])}
  cooldown_bars: {rng.choice([0, 0, 3])}
"""
    if rng.random() < 0.3:
        text += "  trail: {after_r: 0.5, distance: atr(4)}\n  breakeven_after_r: 0.8\n"
    if rng.random() < 0.3:
        text += "  take_profit: [{at_r: 1, fraction: 0.4}, {at_r: 2, fraction: 0.6}]\n"
    if rng.random() < 0.3:
        text += "pyramid: [{at_r: 0.5, add: 0.5}]\n"
    if rng.random() < 0.4:
        text += _modes(rng, own, [tf for tf in frames if HOURS[higher] % HOURS[tf] == 0])
    return text


def _modes(rng: random.Random, own: str, frames: list[str]) -> str:
    used = [own, rng.choice(frames), rng.choice(frames)]
    every = rng.choice(["1d", *(t for t in frames if not any(HOURS[t] % HOURS[u] for u in used))])
    weights = rng.choice(["{trend: 1}", "{trend: 0.5, volatility: 1}", "{liquidity: 1}"])
    return f"""\
adaptive:
  every: {every}
  window: {rng.choice([2, 3, 6])}
  modes:
    quick: {{weights: {weights}, timeframe: {used[1]}, params: {{length: 2}}, size_factor: 0.5}}
    plain: {{weights: {{volatility: 0.8, trend: -0.2}}}}
    slow: {{weights: {{trend: 0.3}}, timeframe: {used[2]}, params: {{length: 7}}}}
"""
