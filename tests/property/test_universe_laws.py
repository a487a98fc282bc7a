"""Laws of the universe: point in time, the same bar by bar, no order, no look ahead."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.config.universe import UNLISTED, UniverseFile, day_ms
from paperbot_core.domain.market import Candles
from paperbot_core.market.universe.membership import Membership, MembershipBook, from_candles
from paperbot_core.market.universe.selection import MarketFacts, Snapshot, candidates, select
from tests.universe_world import (
    DAY,
    DAY_MS,
    HOUR_MS,
    facts,
    market,
    universes,
    written,
)


def decisions(candles: dict[str, Candles]) -> list[int]:
    return sorted({int(t) for c in candles.values() for t in c.ts + c.tf_ms})


def replayed(
    book: MembershipBook, candles: dict[str, Candles], rng: random.Random
) -> dict[int, Snapshot | None]:
    """Feed a book as a session does, the bars of one close in any order."""
    by_close: dict[int, list[Any]] = {}
    for c in candles.values():
        for k in range(len(c)):
            by_close.setdefault(c.bar(k).close_ts, []).append(c.bar(k))
    seen: dict[int, Snapshot | None] = {}
    for now in sorted(by_close):
        rng.shuffle(by_close[now])
        book.take(by_close[now])
        before = book.current
        new = book.advance(now)
        assert new is (None if book.current is before else book.current)
        assert book.advance(now) is None
        seen[now] = book.current
    return seen


def recorded(draw: st.DataObject, universe: UniverseFile) -> list[Snapshot]:
    times = draw.draw(st.lists(st.integers(-300, 110), max_size=3), label="recorded at hours")
    return [
        select(universe, DAY + hour * HOUR_MS, draw.draw(facts()), candles=False) for hour in times
    ]


@given(universes(), market(), st.data())
def test_bar_by_bar_says_what_all_at_once_says(
    universe: UniverseFile, candles: dict[str, Candles], draw: st.DataObject
) -> None:
    record = recorded(draw, universe)
    batch = from_candles(universe, candles, record)
    rng = random.Random(draw.draw(st.integers(0, 9)))
    live = replayed(MembershipBook(universe, sorted(candles), record), candles, rng)
    assert {now: written(snapshot) for now, snapshot in live.items()} == {
        now: written(batch.at(now)) for now in live
    }
    in_force = {s.ts for s in live.values() if s is not None}
    made = {s.ts for s in batch.snapshots if s.source != "tickers"}
    assert made <= in_force


@given(universes(), market(), st.integers(-50, 100), st.data())
def test_later_bars_change_nothing_before(
    universe: UniverseFile, candles: dict[str, Candles], hour: int, draw: st.DataObject
) -> None:
    now = DAY + hour * HOUR_MS
    cut = {}
    for symbol, c in candles.items():
        keep = int((c.ts + c.tf_ms).searchsorted(now, side="right"))
        price = c.close.copy()
        price[keep:] = price[keep:] * draw.draw(st.sampled_from([0.0, 1e6]))
        stop = draw.draw(st.integers(keep, len(c)))
        cut[symbol] = Candles(symbol, c.tf_ms, c.ts, price, price, price, price, c.volume).slice(
            0, stop
        )
    whole, part = from_candles(universe, candles), from_candles(universe, cut)
    decided = [t for t in decisions(candles) if t <= now]
    assert [written(whole.at(t)) for t in decided] == [written(part.at(t)) for t in decided]


@given(universes(), market())
def test_nobody_is_a_member_before_it_is_listed_or_admitted(
    universe: UniverseFile, candles: dict[str, Candles]
) -> None:
    membership = from_candles(universe, candles)
    begin, decided = min(int(c.ts[0]) for c in candles.values()) - DAY_MS, decisions(candles)
    for symbol, c in candles.items():
        dates = universe.instruments.get(symbol)
        admitted = membership.changes(symbol)[:1]
        for now in range(begin, decided[-1] + 3 * DAY_MS, HOUR_MS):
            if membership.tier_at(symbol, now) is None:
                continue
            assert admitted
            assert now >= admitted[0][0]
            if dates is not None and dates.listed:
                assert now >= day_ms(dates.listed)
            elif not universe.is_static:
                assert now >= int(c.ts[0]) + c.tf_ms
        if dates is not None and dates.delisted:
            gone = [t for t in decided if t >= day_ms(dates.delisted)]
            assert not any(membership.tier_at(symbol, t) for t in gone)


@given(universes(), facts(), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_the_facts_does_not_matter(
    universe: UniverseFile, found: list[MarketFacts], rng: random.Random, candles: bool
) -> None:
    shuffled = found[:]
    rng.shuffle(shuffled)
    one, other = (select(universe, DAY, order, candles=candles) for order in (found, shuffled))
    assert written(one) == written(other)
    assert set(one.tiers) | set(one.refused) == {fact.symbol for fact in found}
    assert not set(one.tiers) & set(one.refused)
    assert set(one.tiers) <= set(candidates(universe, [fact.symbol for fact in found]))


def stricter(draw: st.DataObject, old: dict[str, Any]) -> dict[str, Any]:
    new = dict(old)
    for name in ("min_quote_volume", "min_depth", "min_age_days"):
        if draw.draw(st.booleans()):
            new[name] = (float(old[name]) if old[name] is not None else 0.0) + 1.0
    if draw.draw(st.booleans()):
        new["max_spread_pct"] = (old["max_spread_pct"] or 100.0) / 2
    if draw.draw(st.booleans()):
        new["quotes"] = (old["quotes"] or ["USDT", "EUR"])[:1]
    if draw.draw(st.booleans()):
        new["blacklist"] = [*old["blacklist"], "B/*", "C/USDT"]
    new["leveraged_tokens"] = old["leveraged_tokens"] and draw.draw(st.booleans())
    return new


@given(universes(), facts(), st.booleans(), st.data())
def test_stricter_filters_never_add_members(
    universe: UniverseFile, found: list[MarketFacts], candles: bool, draw: st.DataObject
) -> None:
    written_file = universe.model_dump(mode="json")
    loose = written_file["filters"] or {
        "min_quote_volume": None, "max_spread_pct": None, "min_depth": None, "min_age_days": None,
        "quotes": None, "blacklist": [], "leveraged_tokens": False,
    }  # fmt: skip
    tight = UniverseFile.model_validate({**written_file, "filters": stricter(draw, loose)})
    before, after = (select(one, DAY, found, candles=candles) for one in (universe, tight))
    # A place that a refused symbol leaves under `max_symbols` goes to the next by volume: only
    # who had been refused for want of a place can come in, and never more than went out.
    waiting = {s for s, why in before.refused.items() if why.filter == "max_symbols"}
    assert set(after.tiers) - waiting <= set(before.tiers)
    assert len(after.tiers) <= len(before.tiers)
    assert all(before.tiers[s] == tier for s, tier in after.tiers.items() if s in before.tiers)


@given(universes(), market(), st.data())
def test_changes_tell_the_whole_story(
    universe: UniverseFile, candles: dict[str, Candles], draw: st.DataObject
) -> None:
    membership = from_candles(universe, candles, recorded(draw, universe))
    times = [s.ts for s in membership.snapshots]
    for symbol in candles:
        changes = membership.changes(symbol)
        assert [ts for ts, _ in changes] == sorted({ts for ts, _ in changes})
        tier: str | None = None
        for ts in times:
            tier = next((t for at, t in changes if at == ts), tier)
            assert membership.tier_at(symbol, ts) == tier
        assert UNLISTED not in {t for _, t in changes}
    assert Membership(membership.snapshots[::-1]).snapshots == membership.snapshots
