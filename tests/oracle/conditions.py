"""What may be entered when: believed bars, stale data, the regime, the tier; all in plain loops."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from paperbot_core.config.policy import DataLimits
from paperbot_core.config.selection import RegimeRules
from paperbot_core.config.universe import UniverseFile
from tests.oracle.universe import Members
from tests.oracle.words import Candle

#: Numbers of the regimes as expressions see them.
CODES = {"calm": 1.0, "trend": 2.0, "chop": 3.0, "crash": 4.0}


@dataclass(frozen=True)
class Conditions:
    """What is known besides bars; `regimes` has the regime from a close on."""

    universe: UniverseFile
    members: Members | None
    regimes: dict[int, str | None] | None
    _closes: list[int] = field(default_factory=list)

    def regime(self, now: int) -> str | None:
        """Return the regime of the last bar that closed by `now`."""
        if not self.regimes:
            return None
        if not self._closes:
            self._closes.extend(sorted(self.regimes))
        place = bisect_right(self._closes, now)
        return self.regimes[self._closes[place - 1]] if place else None

    def tier(self, symbol: str, now: int) -> str | None:
        """Return the tier of a symbol at a decision, None if it is no member."""
        if self.members is None:
            homes = (n for n, t in self.universe.tiers.items() if symbol in t.symbols)
            return next(homes, "unlisted")
        return self.members.tier(symbol, now)

    def standing(
        self, symbol: str, wanted: Sequence[str], size_in: Callable[[str], float], now: int, *,
        stale: bool,
    ) -> tuple[float, str | None]:  # fmt: skip
        """Return the size of an entry at a close, and the rule that bars it."""
        tier, regime = self.tier(symbol, now), self.regime(now)
        if stale:
            return math.nan, "MAX_STALE_BARS"
        if tier is None:
            return math.nan, "NOT_IN_UNIVERSE"
        if tier != "unlisted" and tier not in wanted and symbol not in wanted:
            return math.nan, "NOT_IN_UNIVERSE"
        rules = self.universe.regime
        if rules is None:
            return size_in(tier), None
        only = self.universe.tiers[tier].regimes if tier != "unlisted" else None
        if only is not None and regime not in only:
            return math.nan, "REGIME"
        factor = 1.0
        if rules.size_factor:
            factors = {str(name): share for name, share in rules.size_factor.items()}
            factor = 0.0 if regime is None else factors.get(regime, 1.0)
        return (size_in(tier) * factor, None) if factor else (math.nan, "REGIME")


def believed(bars: Sequence[Candle], limits: DataLimits | None) -> list[Candle]:
    """Return the bars that are believed; see docs/guards.md."""
    if limits is None:
        return list(bars)
    kept: list[Candle] = []
    volumes: list[float] = []
    near: list[Candle] = []  # the first refused bar of a level, and those that held it
    for bar in bars:
        last = kept[-1].close if kept else bar.close
        ends = (bar.open, bar.high, bar.low, bar.close)
        is_suspect = kept and max(abs(p - last) for p in ends) / last * 100.0 > limits.max_move_pct
        if is_suspect and not _volume_confirms(bar, volumes, kept, limits.min_volume_ratio):
            holds = near and (
                abs(bar.close - near[0].close) / near[0].close * 100.0 <= limits.max_move_pct
            )
            near = [*near, bar] if holds else [bar]
            if len(near) < 4:
                continue
            volumes = []
        near = []
        kept.append(bar)
        volumes.append(bar.volume)
    return kept


def _volume_confirms(
    bar: Candle, volumes: Sequence[float], kept: Sequence[Candle], least: float
) -> bool:
    if math.isnan(bar.volume):
        return False
    if bar.volume == 0.0:
        # A series that never had volume cannot be judged by it.
        return not any(b.volume > 0.0 for b in kept)
    known = [v for v in volumes[-20:] if not math.isnan(v)]
    return not known or bar.volume >= least * math.fsum(known) / len(known)


def stale_closes(closes: Sequence[int], tf_ms: int, limits: DataLimits | None) -> set[int]:
    """Return the closes at which the data breaker is open, on a market that never closes."""
    if limits is None:
        return set()
    found: set[int] = set()
    is_open, in_row = False, 0
    for before, now in pairwise(closes):
        missed = len(range(before + tf_ms, now, tf_ms))
        is_open = is_open or missed >= limits.max_stale_bars
        in_row = 1 if missed else in_row + 1
        if is_open and in_row >= limits.recovery_bars:
            is_open = False
        if is_open:
            found.add(now)
    return found


def regimes(bars: Sequence[Candle], rules: RegimeRules) -> list[str | None]:
    """Return the regime at each close by the shipped rules, None while it is not known.

    Rules of another kind compare the close with a number: `close < 50`.
    """
    if rules != RegimeRules():
        return [_compared(bar.close, rules) for bar in bars]
    crash, trend = ([rule(bars, i) for i in range(len(bars))] for rule in (_falls, _moves))
    movements = [_movement(bars, i) if i >= 60 else math.nan for i in range(len(bars))]
    calm = [_rests(movements, i) for i in range(len(bars))]
    found: list[str | None] = []
    for i in range(len(bars)):
        if i < 256:
            found.append(None)
        elif any(crash[i - 11 : i + 1]):
            found.append("crash")
        elif sum(map(bool, trend[i - 17 : i + 1])) > 9:
            found.append("trend")
        elif sum(map(bool, calm[i - 17 : i + 1])) > 9:
            found.append("calm")
        else:
            found.append("chop")
    return found


def _compared(close: float, rules: RegimeRules) -> str:
    for name in ("crash", "trend", "calm"):
        word, sign, number = getattr(rules, name).split()
        assert word == "close"
        assert sign in "<>"
        if close < float(number) if sign == "<" else close > float(number):
            return name
    return "chop"


def _falls(bars: Sequence[Candle], i: int) -> bool:
    """Whether the close is 14 % below the high of 12 bars and below the close 6 bars ago."""
    if i < 11:
        return False
    top = max(bar.high for bar in bars[i - 11 : i + 1])
    return bars[i].close < 0.86 * top and bars[i].close < bars[i - 6].close


def _moves(bars: Sequence[Candle], i: int) -> bool:
    """Whether 60 bars led somewhere for the way they went."""
    if i < 60:
        return False
    way = math.fsum(abs(b.close - a.close) for a, b in _pairs(bars, i, 60))
    return abs(bars[i].close - bars[i - 60].close) > 0.25 * way


def _rests(movements: Sequence[float], i: int) -> bool:
    """Whether 60 bars moved less than 80 % of what they did in the mean of 180 bars."""
    if i < 239:
        return False
    return movements[i] < 0.8 * math.fsum(movements[i - 179 : i + 1]) / 180


def _movement(bars: Sequence[Candle], i: int) -> float:
    return math.sqrt(math.fsum(math.log(b.close / a.close) ** 2 for a, b in _pairs(bars, i, 60)))


def _pairs(bars: Sequence[Candle], i: int, n: int) -> list[tuple[Candle, Candle]]:
    return list(zip(bars[i - n : i], bars[i - n + 1 : i + 1], strict=True))
