"""From a prepared backtest to the oracle's world: files and rules, never the kernel's records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.strategy import ExitRule
from paperbot_core.domain.market import Candles, Instrument, timeframe_ms
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.compiled import CompiledStrategy
from paperbot_core.lang.strategy import batch_signals
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.events.files import events_beside
from paperbot_core.market.resample import resample
from paperbot_core.market.timerange import TimeRange
from paperbot_core.research.backtest import Prepared
from tests.oracle.conditions import CODES, Conditions, believed, regimes, stale_closes
from tests.oracle.shares import Shares, scaled
from tests.oracle.universe import Series, members
from tests.oracle.words import (
    DAY_MS,
    HOUR_MS,
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

PRICES = ("open", "high", "low", "close", "volume")


def world_of(ready: Prepared) -> World:
    """Return the world of a prepared backtest."""
    history, setup = ready.history, ready.setup
    shelf = Shelf(ready)
    known = conditions_of(ready, shelf)
    markets = {
        symbol: market_of(
            setup.instruments[symbol], shelf.paid(symbol, candles.tf_ms), candles.tf_ms, setup.span
        )
        for symbol, candles in sorted(history.base.items())
    }
    for symbol, market in markets.items():
        paid = shelf.paid(symbol, market.tf_ms)
        market.events.update(shelf.shares(symbol).at_bars(paid, market.tf_ms))
    slots = []
    for rank, compiled in enumerate(ready.strategies):
        for symbol in sorted(history.symbols[compiled.file.name]):
            own = shelf.candles(symbol, compiled.timeframe_ms, known)
            closes = (own.ts + own.tf_ms).tolist()
            stale = stale_closes(closes, own.tf_ms, setup.policy.data)
            factors = shelf.factors(symbol, own.tf_ms)
            signals = signals_of(compiled, own, factors, known, stale, setup.span)
            rules = rules_of(compiled, rank, setup.policy)
            slots.append(Slot(rules, markets[symbol], signals, closes))
    steps = {close for m in markets.values() for close in m.bars}
    times = sorted(steps.union(*(slot.signals for slot in slots)))
    for market in markets.values():
        tiers = {now: known.tier(market.symbol, now) for now in times}
        # One that left stays in its last tier: what is held of it still counts there.
        market.tiers.update({now: tier for now, tier in tiers.items() if tier is not None})
    return World(
        list(markets.values()), slots, limits_of(setup.policy), setup.cash,
        setup.fills.slippage_bps / 1e4, setup.fills.volume_share_pct / 100.0, times,
        {n: (t.max_hold_hours or 0) * HOUR_MS for n, t in setup.universe.tiers.items()},
    )  # fmt: skip


class Shelf:
    """The candles of a run as its files have them, believed or not by the oracle's own rules."""

    def __init__(self, ready: Prepared) -> None:
        self._files = {(f.symbol, f.tf_ms): f for f in ready.history.files}
        self._limits = ready.setup.policy.data
        self._feed = min(tf for _, tf in [*ready.history.own, *(
            (s, c.tf_ms) for s, c in ready.history.base.items()
        )])  # fmt: skip
        regime = ready.setup.universe.regime
        if regime is not None and self._feed % timeframe_ms(regime.timeframe) == 0:
            self._feed = timeframe_ms(regime.timeframe)
        self._bars: dict[tuple[str, int], list[Candle]] = {}
        self._shares: dict[str, Shares] = {}

    def shares(self, symbol: str) -> Shares:
        """Return the splits and dividends beside the files of a symbol."""
        if symbol not in self._shares:
            beside = [events_beside(f.path, symbol) for k, f in self._files.items()
                      if k[0] == symbol]  # fmt: skip
            found = next((e for e in beside if e is not None), None)
            columns = ((), (), ()) if found is None else (
                found.ts.tolist(), found.split.tolist(), found.dividend.tolist()
            )  # fmt: skip
            rows = zip(*columns, strict=True)
            self._shares[symbol] = Shares([(ts, Event(*event)) for ts, *event in rows])
        return self._shares[symbol]

    def bars(self, symbol: str, tf_ms: int) -> list[Candle]:
        """Return the believed bars of one series in units of the first share, oldest first."""
        key = symbol, tf_ms
        if key not in self._bars:
            file = self._file(symbol, tf_ms)
            if self.shares(symbol).events:
                file = columns_of(symbol, file.tf_ms, [
                    scaled(bar, self.shares(symbol).factor(bar.ts)) for bar in rows_of(file)
                ])  # fmt: skip
            self._bars[key] = rows_of(resample(file, tf_ms))
        return self._bars[key]

    def _file(self, symbol: str, tf_ms: int) -> Candles:
        """Return the believed bars of the coarsest file that will do, as they were paid.

        They are believed as a session gets them: of the shortest length of the account.
        """
        finer = [tf for s, tf in self._files if s == symbol and tf_ms % tf == 0]
        file = read_candles(self._files[symbol, max(finer)])
        if self._limits is not None and self._feed % file.tf_ms == 0 and tf_ms % self._feed == 0:
            file = resample(file, self._feed)
        shares = self.shares(symbol)
        judged = [
            scaled(bar, shares.factor(bar.ts)) if shares.events else bar for bar in rows_of(file)
        ]
        kept = {bar.ts for bar in believed(judged, self._limits)}
        return columns_of(symbol, file.tf_ms, [bar for bar in rows_of(file) if bar.ts in kept])

    def factors(self, symbol: str, tf_ms: int) -> list[float]:
        """Return how many shares of its end one first share is, bar by bar."""
        more, shares = max(tf_ms - DAY_MS, 0), self.shares(symbol)
        if not shares.events:
            return [1.0] * len(self.bars(symbol, tf_ms))
        return [shares.factor(bar.ts + more) for bar in self.bars(symbol, tf_ms)]

    def paid(self, symbol: str, tf_ms: int) -> list[Candle]:
        """Return the believed bars in the prices that were paid; over a split, in its end's."""
        if not self.shares(symbol).events:
            return self.bars(symbol, tf_ms)
        stored = {bar.ts: bar for bar in rows_of(resample(self._file(symbol, tf_ms), tf_ms))}
        shares = self.shares(symbol)
        pairs = zip(self.bars(symbol, tf_ms), self.factors(symbol, tf_ms), strict=True)
        return [
            stored[bar.ts] if shares.factor(bar.ts) == f else scaled(bar, 1.0 / f)
            for bar, f in pairs
        ]

    def candles(self, symbol: str, tf_ms: int, known: Conditions) -> Candles:
        """Return them as columns, with the regime known at each close."""
        bars = self.bars(symbol, tf_ms)
        names = [known.regime(b.ts + tf_ms) for b in bars]
        regime = None
        if known.regimes is not None:
            regime = np.array([CODES[name] if name else math.nan for name in names])
        return replace(columns_of(symbol, tf_ms, bars), regime=regime)


def rows_of(candles: Candles) -> list[Candle]:
    """Return columns as plain bars."""
    columns = (getattr(candles, name).tolist() for name in ("ts", *PRICES))
    return [Candle(*row) for row in zip(*columns, strict=True)]


def columns_of(symbol: str, tf_ms: int, bars: list[Candle]) -> Candles:
    """Return plain bars as columns."""
    columns = {name: np.array([getattr(b, name) for b in bars]) for name in PRICES}
    return Candles(symbol, tf_ms, np.array([b.ts for b in bars], np.int64), **columns)


def conditions_of(ready: Prepared, shelf: Shelf) -> Conditions:
    """Return what the universe and the regime allow over the time of the candles."""
    universe, told = ready.setup.universe, None
    if universe.regime is not None:
        tf_ms = timeframe_ms(universe.regime.timeframe)
        bars = shelf.bars(universe.regime.symbol, tf_ms)
        closes = [bar.ts + tf_ms for bar in bars]
        told = dict(zip(closes, regimes(bars, universe.regime.rules), strict=True))
    series = {}
    for symbol in ready.history.base:
        names = ready.history.symbols
        tf_ms = min(c.timeframe_ms for c in ready.strategies if symbol in names[c.file.name])
        found = shelf.bars(symbol, tf_ms)
        series[symbol] = Series([bar.ts + tf_ms for bar in found], found)
    return Conditions(universe, members(universe, series), told)


def _inside(ts: int, span: TimeRange) -> bool:
    return (span.start is None or ts >= span.start) and (span.end is None or ts < span.end)


def market_of(facts: Instrument, bars: list[Candle], tf_ms: int, span: TimeRange) -> Market:
    """Return an instrument with the bars that open in the time range."""
    return Market(
        facts.symbol, tf_ms, {b.ts + tf_ms: b for b in bars if _inside(b.ts, span)},
        float(facts.tick), float(facts.lot),
        float(facts.min_notional), float(facts.maker_bps) / 1e4, float(facts.taker_bps) / 1e4,
        facts.cluster or facts.symbol, facts.tier, facts.shortable, facts.fee_asset == "base",
        facts.sessions,
    )  # fmt: skip


def signals_of(
    compiled: CompiledStrategy, own: Candles, factors: list[float], known: Conditions,
    stale: set[int], span: TimeRange,
) -> dict[int, Signal]:  # fmt: skip
    """Return the signals by close time, of the bars that open in the time range.

    Rules see units of the first share; what they say of prices is told in shares of the day.
    """
    asked = compiled.risk_pct if compiled.equity_pct is None else compiled.equity_pct
    assert asked is not None

    def standing(close: int) -> tuple[float, str | None]:
        return known.standing(
            own.symbol, compiled.file.universe, lambda tier: _by_tier(asked, tier) / 100.0, close,
            stale=close in stale,
        )

    found = batch_signals(compiled, Columns(own))
    n = len(own)
    fields = [
        np.broadcast_to(np.asarray(x, np.float64), n).tolist()
        for x in (found.strength, found.per, found.stop, found.trail, found.limit)
    ]
    rows = zip(
        own.ts.tolist(), found.bits.tolist(), *fields, own.close.tolist(), factors, strict=True
    )
    signals = {}
    for ts, bits, strength, per, stop, trail, limit, price, f in rows:
        if _inside(ts, span):
            close = ts + own.tf_ms
            signals[close] = Signal(
                bits, strength, per / f, stop / f, trail / f, limit / f, price / f,
                *standing(close),
            )
    return signals


def _by_tier(size: float | Mapping[str, float], tier: str) -> float:
    return size.get(tier, math.nan) if isinstance(size, Mapping) else size


def rules_of(compiled: CompiledStrategy, rank: int, policy: PolicyFile) -> Rules:
    """Return what a strategy's file says."""
    file, protect = compiled.file, compiled.file.protect
    collar = policy.entry.max_slippage_pct
    if file.max_slippage_pct is not None:
        collar = min(collar, file.max_slippage_pct)
    sides = {LONG: "long", SHORT: "short"}
    return Rules(
        name=file.name,
        rank=rank,
        by_risk=compiled.equity_pct is None,
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
