"""The universe over half a year of real candles of 60 markets, outages and a listing inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperbot_core.config.universe import UNLISTED, UniverseFile
from paperbot_core.domain.market import Bar, Candles
from paperbot_core.market.timerange import parse_time
from paperbot_core.market.universe.membership import Membership, MembershipBook, from_candles
from paperbot_core.market.universe.membership_data import read_candidates
from tests.universe_world import written

UNIVERSE = UniverseFile.model_validate(
    {
        "tiers": {
            "core": {"symbols": ["BTC/USDT", "ETH/USDT"], "always_eligible": True},
            "event": {"symbols": ["TKO/USDT"]},
        },
        "filters": {"min_quote_volume": 10_000_000, "min_age_days": 7, "quotes": ["USDT"]},
        "discovery": {"tiers": {"event": 50_000_000}, "max_symbols": 10, "refresh_hours": 6},
    }
)


@pytest.fixture(scope="module")
def candles(market_data: Path) -> dict[str, Candles]:
    return read_candidates(UNIVERSE, [market_data / "binance_spot_2021"])


@pytest.fixture(scope="module")
def membership(candles: dict[str, Candles]) -> Membership:
    return from_candles(UNIVERSE, candles)


def test_a_coin_is_no_member_before_its_listing_and_a_week(membership: Membership) -> None:
    # TKO/USDT has its first candle on 2021-04-07 13:00.
    first, tier = membership.changes("TKO/USDT")[0]
    assert (tier, first >= parse_time("2021-04-14T13:00")) == ("event", True)
    at_first = membership.at(parse_time("2021-04-10"))
    assert at_first is not None
    assert at_first.refused["TKO/USDT"].filter == "min_age_days"
    before = membership.at(parse_time("2021-04-07T12:00"))
    assert before is not None
    assert before.refused["TKO/USDT"].filter == "listed"


def test_discovery_never_takes_more_than_it_may(membership: Membership) -> None:
    for snapshot in membership.snapshots:
        joined = [symbol for symbol in snapshot.tiers if UNIVERSE.tier_of(symbol) == UNLISTED]
        volumes = [snapshot.facts[symbol].quote_volume for symbol in joined]
        assert len(joined) <= 10
        assert volumes == sorted(volumes, reverse=True)
        assert all(volume >= 50_000_000 for volume in volumes)


def test_a_session_sees_the_same_universe(
    candles: dict[str, Candles], membership: Membership
) -> None:
    chosen = {s: candles[s] for s in ("BTC/USDT", "ETH/USDT", "TKO/USDT", "ADA/USDT", "DOT/USDT")}
    batch, book = from_candles(UNIVERSE, chosen), MembershipBook(UNIVERSE, chosen)
    by_close: dict[int, list[Bar]] = {}
    for c in chosen.values():
        for k in range(len(c)):
            by_close.setdefault(c.bar(k).close_ts, []).append(c.bar(k))
    made = []
    for now in sorted(by_close):
        book.take(by_close[now])
        if (new := book.advance(now)) is not None:
            made.append(new)
        assert book.current is not None
        assert book.current.tiers == getattr(batch.at(now), "tiers", None)
    assert [line for one in made for line in written(one)] == written(batch)
    assert len(membership.snapshots) >= len(made)
