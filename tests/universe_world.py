"""Universes and markets for the tests of who may be traded when."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from paperbot_core.config.universe import UniverseFile
from paperbot_core.domain.market import DAY_MS, HOUR_MS, Candles
from paperbot_core.market.universe.membership import Membership
from paperbot_core.market.universe.membership_record import snapshot_line
from paperbot_core.market.universe.selection import MarketFacts, Snapshot

NAN = float("nan")
#: 2024-01-10 00:00 UTC.
DAY = 1_704_844_800_000


def universe(**fields: Any) -> UniverseFile:
    """Return a universe; by default one tier `core` with A/USDT and B/USDT."""
    tiers = {"core": {"symbols": ["A/USDT", "B/USDT"]}}
    return UniverseFile.model_validate({"tiers": tiers, **fields})


def fact(symbol: str, volume: float = 1e6, **more: Any) -> MarketFacts:
    """Return facts that pass every usual filter."""
    fields = {"spread_pct": 0.1, "depth": 1e5, "age_days": 400.0, "traded": True, **more}
    return MarketFacts(symbol, volume, **fields)


def candles(
    symbol: str, first: int, closes: list[int] | range, *, price: float = 1.0, volume: float = 1.0
) -> Candles:
    """Return hourly bars; `closes` are the hours after `first` (UTC ms) at which they close."""
    ts = first + (np.array(list(closes), dtype=np.int64) - 1) * HOUR_MS
    prices = np.full(len(ts), price)
    return Candles(symbol, HOUR_MS, ts, prices, prices, prices, prices, np.full(len(ts), volume))


def written(membership: Membership | Snapshot | None) -> list[str]:
    """Return snapshots as text, to compare them to the bit, NaN included."""
    if membership is None:
        return []
    parts = [membership] if isinstance(membership, Snapshot) else membership.snapshots
    return [snapshot_line(part) for part in parts]


SYMBOLS = ("A/USDT", "B/USDT", "C/USDT", "D/EUR", "ETHUP/USDT", "BTC3L/USDT")
_DAYS = tuple(f"2024-01-{day:02d}" for day in (9, 10, 11, 12, 13))
_NUMBERS = st.sampled_from([0.0, 0.5, 1.0, 10.0, 24.0, 100.0, 1e6])


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any] | None:
    """Draw a block `filters`."""
    if draw(st.booleans()):
        return None
    return {
        "min_quote_volume": draw(st.none() | _NUMBERS),
        "max_spread_pct": draw(st.none() | st.sampled_from([0.01, 0.5, 1.0, 10.0])),
        "min_depth": draw(st.none() | _NUMBERS),
        "min_age_days": draw(st.none() | st.sampled_from([0.0, 0.5, 1.0, 1.5, 100.0])),
        "quotes": draw(st.none() | st.sampled_from([["USDT"], ["EUR"], ["USDT", "EUR"]])),
        "blacklist": draw(st.lists(st.sampled_from([*SYMBOLS, "*/EUR", "A*", "*"]), max_size=2)),
        "leveraged_tokens": draw(st.booleans()),
    }


@st.composite
def universes(draw: st.DrawFn) -> UniverseFile:
    """Draw a universe over `SYMBOLS` with filters, discovery and dates."""
    instruments = {}
    for symbol in SYMBOLS:
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(_DAYS) - 1)] * 2)))
        listed = _DAYS[first] if draw(st.booleans()) else None
        delisted = _DAYS[last] if first < last and draw(st.booleans()) else None
        if listed or delisted:
            instruments[symbol] = {"listed": listed, "delisted": delisted}
    discovery = {
        "tiers": {"high": draw(_NUMBERS), "low": draw(_NUMBERS)},
        "max_symbols": draw(st.integers(1, 4)),
        "refresh_hours": draw(st.sampled_from([1, 5, 24, 36])),
    }
    return UniverseFile.model_validate(
        {
            "tiers": {
                "core": {"symbols": ["A/USDT"], "always_eligible": draw(st.booleans())},
                "high": {"symbols": ["B/USDT"]},
                "low": {"symbols": []},
            },
            "filters": draw(filters()),
            "discovery": draw(st.none() | st.just(discovery)),
            "instruments": instruments,
        }
    )


@st.composite
def market(draw: st.DrawFn) -> dict[str, Candles]:
    """Draw hourly bars of some days for some symbols, with holes and late beginnings."""
    found = {}
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True)):
        begin = draw(st.integers(-60, 40))
        hours = range(begin, begin + draw(st.integers(1, 70)))
        lost = draw(st.integers(0, 80))
        kept = [h for h in hours if not begin + 5 <= h < begin + 5 + lost]
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        made = candles(symbol, DAY, kept)
        close = rng.uniform(0.1, 2.0, len(made))
        volume = rng.choice([0.0, 0.1, 1.7, np.nan], len(made), p=[0.2, 0.4, 0.38, 0.02])
        found[symbol] = Candles(
            symbol, HOUR_MS, made.ts, close, close, close, close, volume
        )
    return found


@st.composite
def facts(draw: st.DrawFn) -> list[MarketFacts]:
    """Draw facts of some symbols, some of them unknown."""
    number = st.just(NAN) | _NUMBERS
    return [
        MarketFacts(s, draw(number), draw(number), draw(number), draw(number), draw(st.booleans()))
        for s in draw(st.lists(st.sampled_from(SYMBOLS), unique=True))
    ]


__all__ = [
    "DAY", "DAY_MS", "HOUR_MS", "NAN", "SYMBOLS", "candles", "fact", "facts", "filters", "market",
    "universe", "universes", "written",
]  # fmt: skip
