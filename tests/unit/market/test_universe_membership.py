"""Who was a member when: facts of bars, due times, holes, dates, the record."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from paperbot_core.domain.market import Bar, Candles
from paperbot_core.market.universe.membership import (
    Membership,
    MembershipBook,
    facts_from_bars,
    from_candles,
    refresh_times,
    static_membership,
)
from paperbot_core.market.universe.selection import MarketFacts, Refusal, select
from tests.universe_world import DAY, DAY_MS, HOUR_MS, candles, fact, universe, written

VOLUME = {"filters": {"min_quote_volume": 24}}


def measured(c: Candles, now: int, made: Any = None, first_ts: int | None = None) -> MarketFacts:
    first = int(c.ts[0]) if first_ts is None else first_ts
    return facts_from_bars(
        made or universe(), c.symbol, now, c.ts, c.close, c.volume, c.tf_ms, first
    )


def test_volume_is_that_of_the_bars_of_24_hours() -> None:
    bars = candles("A/USDT", DAY, range(-30, 5), price=2.0, volume=3.0)
    assert measured(bars, DAY).quote_volume == 24 * 6.0
    assert measured(bars, DAY + 30 * 60_000).quote_volume == 24 * 6.0
    assert measured(bars, DAY + 10 * HOUR_MS).quote_volume == (24 - 6) * 6.0
    assert measured(bars, DAY + 30 * HOUR_MS).quote_volume == 0.0


def test_volume_is_not_known_in_the_first_day_nor_with_an_unknown_bar() -> None:
    bars = candles("A/USDT", DAY, range(1, 40))
    assert math.isnan(measured(bars, DAY + DAY_MS - 1).quote_volume)
    assert measured(bars, DAY + DAY_MS).quote_volume == 24.0
    close = bars.close
    odd = Candles("A/USDT", HOUR_MS, bars.ts, close, close, close, close, bars.volume.copy())
    odd.volume[10] = math.nan
    assert math.isnan(measured(odd, DAY + DAY_MS).quote_volume)
    assert measured(odd, DAY + 35 * HOUR_MS).quote_volume == 24.0


def test_volume_is_added_oldest_first() -> None:
    bars = candles("A/USDT", DAY, range(-30, 1))
    bars.volume[:] = np.random.default_rng(3).uniform(0.1, 1e6, len(bars))
    total = 0.0
    for k in range(len(bars) - 24, len(bars)):
        total += float(bars.close[k]) * float(bars.volume[k])
    assert measured(bars, DAY).quote_volume == total


def test_age_counts_from_the_listing_or_else_the_first_bar() -> None:
    bars = candles("A/USDT", DAY, range(1, 5))
    assert measured(bars, DAY + 2 * HOUR_MS).age_days == pytest.approx(2 / 24)
    made = universe(instruments={"A/USDT": {"listed": "2023-12-31"}})
    assert measured(bars, DAY, made).age_days == 10.0
    early = measured(bars, DAY + HOUR_MS - 1)
    assert (math.isnan(early.age_days), early.traded) == (True, False)
    assert measured(bars, DAY + HOUR_MS).traded


def test_dates_say_whether_it_is_traded() -> None:
    bars = candles("A/USDT", DAY, range(-30, 5))
    made = universe(instruments={"A/USDT": {"listed": "2024-01-10", "delisted": "2024-01-11"}})
    assert [measured(bars, DAY + ms, made).traded for ms in (-1, 0, DAY_MS - 1, DAY_MS)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_refresh_times_are_multiples_from_midnight() -> None:
    assert list(refresh_times(universe(), DAY - 1, DAY + DAY_MS)) == [DAY, DAY + DAY_MS]
    six = universe(discovery={"tiers": {"core": 1}, "refresh_hours": 6})
    found = list(refresh_times(six, DAY + 1, DAY + DAY_MS))
    assert found == [DAY + h * HOUR_MS for h in (6, 12, 18, 24)]
    assert not refresh_times(six, DAY + 1, DAY + 2)


def test_membership_follows_the_market_day_by_day() -> None:
    bars = candles("A/USDT", DAY, range(1, 24 * 4 + 1))
    bars.volume[24:48] = 0.5
    found = from_candles(universe(**VOLUME), {"A/USDT": bars})
    # Unknown on the first day, enough at the second 00:00, too little at the third.
    assert [s.ts for s in found.snapshots] == [
        DAY + HOUR_MS, *(DAY + d * DAY_MS for d in (1, 2, 3, 4)),
    ]  # fmt: skip
    assert found.changes("A/USDT") == [
        (DAY + DAY_MS, "core"), (DAY + 2 * DAY_MS, None), (DAY + 3 * DAY_MS, "core"),
    ]  # fmt: skip
    assert found.tier_at("A/USDT", DAY + DAY_MS - 1) is None
    assert found.tier_at("A/USDT", DAY + DAY_MS) == "core"
    assert found.at(DAY) is None


def test_a_bar_that_closes_at_the_time_counts() -> None:
    bars = candles("A/USDT", DAY, range(1, 25))
    assert from_candles(universe(**VOLUME), {"A/USDT": bars}).tier_at("A/USDT", DAY + DAY_MS)


def test_no_snapshot_where_nobody_decides() -> None:
    hours = [*range(1, 30), *range(80, 100)]
    found = from_candles(universe(**VOLUME), {"A/USDT": candles("A/USDT", DAY, hours)})
    # The third 00:00 has no bar up to the fourth; the fourth is made at hour 80 as of hour 72.
    assert [(s.ts - DAY) // HOUR_MS for s in found.snapshots] == [1, 24, 72, 96]
    assert found.snapshots[2].facts["A/USDT"].quote_volume == 0.0


def test_a_symbol_joins_at_the_choice_after_its_first_bar() -> None:
    made = universe(**{"filters": {"blacklist": ["Z"]}})
    found = from_candles(
        made,
        {"A/USDT": candles("A/USDT", DAY, range(1, 60)),
         "B/USDT": candles("B/USDT", DAY, range(30, 60))},
    )  # fmt: skip
    assert found.changes("A/USDT") == [(DAY + HOUR_MS, "core")]
    assert found.changes("B/USDT") == [(DAY + 2 * DAY_MS, "core")]


def test_a_delisting_counts_on_its_day_whatever_the_refresh() -> None:
    made = universe(
        discovery={"tiers": {"core": 1}, "refresh_hours": 168},
        instruments={"B/USDT": {"delisted": "2024-01-12"}},
    )
    bars = {s: candles(s, DAY, range(1, 24 * 9)) for s in ("A/USDT", "B/USDT")}
    found = from_candles(made, bars)
    assert found.changes("B/USDT") == [(DAY + HOUR_MS, "core"), (DAY + 2 * DAY_MS, None)]
    assert all(b.ts - a.ts <= 7 * DAY_MS for a, b in pairwise(found.snapshots))


def test_a_universe_without_rules_is_the_same_at_all_times() -> None:
    found = from_candles(universe(), {"A/USDT": candles("A/USDT", DAY, range(5, 99))})
    assert [(s.ts, dict(s.tiers), s.source) for s in found.snapshots] == [
        (DAY + 5 * HOUR_MS, {"A/USDT": "core", "B/USDT": "core"}, "static")
    ]


def test_the_record_is_used_from_its_first_snapshot_on() -> None:
    record = [
        select(universe(), DAY + h * HOUR_MS, [fact("A/USDT", traded=h > 40)], candles=False)
        for h in (50, 30)
    ]
    bars = {"A/USDT": candles("A/USDT", DAY, range(1, 100))}
    found = from_candles(universe(**VOLUME), bars, record)
    assert [(s.ts - DAY) // HOUR_MS for s in found.snapshots] == [1, 24, 30, 50]
    assert [ts for ts, _ in found.changes("A/USDT")] == [
        DAY + 24 * HOUR_MS, DAY + 30 * HOUR_MS, DAY + 50 * HOUR_MS,
    ]  # fmt: skip
    before = from_candles(universe(**VOLUME), bars, [record[1], *record, *record])
    assert written(before) == written(found)
    only = select(universe(), DAY, [fact("A/USDT")], candles=False)
    assert from_candles(universe(**VOLUME), bars, [only]).snapshots == (only,)


def test_members_of_a_tier_that_is_gone_are_refused() -> None:
    made = universe(**VOLUME)
    whole = select(made, DAY, [fact("A/USDT"), fact("B/USDT")], candles=False)
    old = replace(whole, tiers={"A/USDT": "core", "B/USDT": "gone"})
    bars = {"A/USDT": candles("A/USDT", DAY, range(1, 30))}
    book = MembershipBook(made, ["A/USDT", "B/USDT"])
    book.learn([old])
    for found in (from_candles(made, bars, [old]).at(DAY), book.advance(DAY)):
        assert found is not None
        assert found.tiers == {"A/USDT": "core"}
        assert found.refused["B/USDT"] == Refusal("tier", "a tier of universe.yaml", "gone")


def test_nothing_comes_of_nothing() -> None:
    assert from_candles(universe(), {}).snapshots == ()
    assert from_candles(universe(), {"A/USDT": candles("A/USDT", DAY, [])}).snapshots == ()
    assert Membership([]).changes("A/USDT") == []
    book = MembershipBook(universe(**VOLUME), ["A/USDT"])
    book.take([Bar("Q/USDT", DAY, HOUR_MS, 1, 1, 1, 1, 1)])
    first = book.advance(DAY)
    assert first is not None
    assert first.refused["A/USDT"].filter == "listed"


def test_a_book_keeps_little() -> None:
    book = MembershipBook(universe(**VOLUME), ["A/USDT"])
    bars = candles("A/USDT", DAY, range(1, 1000))
    book.take(bars.bar(k) for k in range(len(bars)))
    assert len(book._bars["A/USDT"].rows) <= 48


def test_the_file_alone_changes_on_its_dates() -> None:
    made = universe(instruments={"B/USDT": {"listed": "2024-01-10", "delisted": "2024-01-12"}})
    assert static_membership(made).changes("B/USDT") == [(DAY, "core"), (DAY + 2 * DAY_MS, None)]
    assert static_membership(made).changes("A/USDT") == [(0, "core")]
