"""Who is in the universe when, by a plain loop over bars and the words of universe.yaml."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime

from paperbot_core.config.universe import UniverseFile
from tests.oracle.words import DAY_MS, HOUR_MS, Candle

BLUNT = ("UP", "DOWN", "BULL", "BEAR", "HALF", "HEDGE")


@dataclass(frozen=True)
class Series:
    """Believed bars of one symbol, oldest first, and their closes."""

    closes: list[int]
    bars: list[Candle]


class Members:
    """The tier of every member from a time on."""

    def __init__(self, snapshots: dict[int, dict[str, str]]) -> None:
        self.snapshots = snapshots
        self._times = sorted(snapshots)

    def tier(self, symbol: str, now: int) -> str | None:
        """Return the tier of a symbol at a decision, None if it is no member."""
        place = bisect_right(self._times, now)
        return self.snapshots[self._times[place - 1]].get(symbol) if place else None


def members(universe: UniverseFile, bars: dict[str, Series]) -> Members | None:
    """Return who is a member when; None for a universe that never changes."""
    dated = any(f.listed or f.delisted for f in universe.instruments.values())
    if universe.filters is None and universe.discovery is None and not dated:
        return None
    decisions = sorted({close for series in bars.values() for close in series.closes})
    due = [decisions[0], *_due(universe, decisions[0] + 1, decisions[-1])]
    found = {}
    for at, following in zip(due, [*due[1:], decisions[-1] + 1], strict=True):
        place = bisect_left(decisions, at)
        if place < len(decisions) and decisions[place] < following:
            found[at] = _chosen(universe, bars, at)
    return Members(found)


def _due(universe: UniverseFile, first: int, last: int) -> list[int]:
    step = (universe.discovery.refresh_hours if universe.discovery else 24) * HOUR_MS
    found = {ts for ts in range(first - first % step, last + 1, step) if ts >= first}
    for facts in universe.instruments.values():
        days = [_midnight(day) for day in (facts.listed, facts.delisted) if day]
        found.update(ts for ts in days if first <= ts <= last)
    return sorted(found)


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def _chosen(universe: UniverseFile, bars: dict[str, Series], now: int) -> dict[str, str]:
    """Return who is in at `now`, by the bars that closed by then."""
    found: dict[str, str] = {}
    joining: list[tuple[float, str, str]] = []
    for symbol in sorted(bars):
        home = next((n for n, t in universe.tiers.items() if symbol in t.symbols), None)
        volume, age = _facts(universe, symbol, bars[symbol], now)
        if not _is_traded(universe, symbol, bars[symbol], now):
            continue
        if not _passes(universe, symbol, home, volume, age):
            continue
        if home is not None:
            found[symbol] = home
        elif universe.discovery is not None:
            reached = [
                (-float(limit), name)
                for name, limit in universe.discovery.tiers.items()
                if volume >= float(limit)
            ]
            if reached:
                joining.append((-volume, symbol, min(reached)[1]))
    most = universe.discovery.max_symbols if universe.discovery else 0
    found.update({symbol: tier for _, symbol, tier in sorted(joining)[:most]})
    return found


def _is_traded(universe: UniverseFile, symbol: str, known: Series, now: int) -> bool:
    facts = universe.instruments.get(symbol)
    if facts is not None and facts.delisted and now >= _midnight(facts.delisted):
        return False
    if facts is not None and facts.listed:
        return now >= _midnight(facts.listed)
    return known.closes[0] <= now


def _facts(universe: UniverseFile, symbol: str, known: Series, now: int) -> tuple[float, float]:
    """Return the quote volume of 24 h and the age in days; NaN where they are not known."""
    facts = universe.instruments.get(symbol)
    start = known.bars[0].ts if known.closes[0] <= now else None
    volume = math.nan
    if start is not None and now - start >= DAY_MS:
        first, stop = (bisect_right(known.closes, ts) for ts in (now - DAY_MS, now))
        volume = math.fsum(b.close * b.volume for b in known.bars[first:stop])
    if facts is not None and facts.listed:
        start = _midnight(facts.listed)
    return volume, math.nan if start is None else (now - start) / DAY_MS


def _passes(
    universe: UniverseFile, symbol: str, home: str | None, volume: float, age: float
) -> bool:
    filters = universe.filters
    base, _, quote = symbol.partition("/")
    if filters is None:
        return home is not None or not _is_leveraged(base)
    if any(_matches(entry, symbol) for entry in filters.blacklist):
        return False
    if home is not None and universe.tiers[home].always_eligible:
        return True
    if filters.quotes is not None and quote.partition(":")[0] not in filters.quotes:
        return False
    if _is_leveraged(base) and not filters.leveraged_tokens:
        return False
    # What is not known is not above anything: NaN keeps out.
    enough = filters.min_quote_volume is None or volume >= float(filters.min_quote_volume)
    return enough and (filters.min_age_days is None or age >= filters.min_age_days)


def _matches(entry: str, symbol: str) -> bool:
    return re.fullmatch(re.escape(entry).replace(r"\*", ".*"), symbol) is not None


def _is_leveraged(base: str) -> bool:
    """Tell BTCUP, ETH3L and XRPBULL by their names; the coins of these tests are no such thing."""
    return base.endswith(BLUNT) or re.fullmatch(r"\w{2,}[2-5][LS]", base) is not None
