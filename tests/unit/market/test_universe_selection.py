"""Who is a member, and why somebody is not."""

from __future__ import annotations

import time
from typing import Any

import pytest

from paperbot_core.config.selection import Filters
from paperbot_core.market.universe.selection import (
    Refusal,
    candidates,
    is_leveraged,
    name_refuses,
    number_text,
    refusal_text,
    select,
    static_snapshot,
)
from tests.universe_world import DAY, DAY_MS, NAN, fact, universe

DISCOVERY = {"tiers": {"core": 1000, "event": 100}, "max_symbols": 2}
TIERS = {
    "core": {"symbols": ["A/USDT"], "always_eligible": True},
    "event": {"symbols": ["B/USDT"]},
}


def why(made: Any, facts: list[Any], *, candles: bool = False) -> dict[str, tuple[str, str, str]]:
    snapshot = select(made, DAY, facts, candles=candles)
    return {s: (r.filter, r.limit, r.observed) for s, r in snapshot.refused.items()}


def test_without_filters_and_discovery_the_listed_are_members() -> None:
    snapshot = select(universe(), DAY, [fact("B/USDT"), fact("C/USDT"), fact("A/USDT", NAN)],
                      candles=False)  # fmt: skip
    assert list(snapshot.tiers.items()) == [("A/USDT", "core"), ("B/USDT", "core")]
    assert snapshot.refused["C/USDT"].filter == "discovery"
    assert (snapshot.ts, snapshot.source, list(snapshot.facts)) == (
        DAY, "tickers", ["A/USDT", "B/USDT", "C/USDT"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "change", "expected"),
    [
        ({"min_quote_volume": 500}, {"volume": 499.5}, ("min_quote_volume", "500", "499.5")),
        ({"min_quote_volume": 5000}, {"volume": NAN}, ("min_quote_volume", "5,000", "unknown")),
        ({"max_spread_pct": 0.5}, {"spread_pct": 0.51}, ("max_spread_pct", "0.5", "0.51")),
        ({"max_spread_pct": 0.5}, {"spread_pct": NAN}, ("max_spread_pct", "0.5", "unknown")),
        ({"min_depth": 10}, {"depth": 9.0}, ("min_depth", "10", "9")),
        ({"min_age_days": 30}, {"age_days": 29.9}, ("min_age_days", "30", "29.9")),
        ({"quotes": ["EUR", "USD"]}, {}, ("quotes", "EUR, USD", "USDT")),
        ({"blacklist": ["B/USDT"]}, {}, ("blacklist", "not `B/USDT`", "B/USDT")),
        ({"blacklist": ["*/USDT"]}, {}, ("blacklist", "not `*/USDT`", "B/USDT")),
    ],
)
def test_a_filter_refuses_with_limit_and_observed(
    filters: dict[str, Any], change: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    made = universe(filters=filters)
    assert why(made, [fact("B/USDT", **change)]) == {"B/USDT": expected}


@pytest.mark.parametrize(
    "filters",
    [{"min_quote_volume": 1e6}, {"max_spread_pct": 0.1}, {"min_depth": 1e5},
     {"min_age_days": 400}, {"quotes": ["USDT"]}, {"blacklist": ["b/usdt", "B", "?/USDT"]}],
)  # fmt: skip
def test_a_limit_itself_passes(filters: dict[str, Any]) -> None:
    assert why(universe(filters=filters), [fact("B/USDT")]) == {}


def test_candles_do_not_judge_spread_and_depth() -> None:
    made = universe(filters={"max_spread_pct": 0.5, "min_depth": 10, "min_quote_volume": 1})
    unknown = fact("A/USDT", spread_pct=NAN, depth=NAN)
    assert why(made, [unknown], candles=True) == {}
    assert why(made, [unknown])["A/USDT"][0] == "max_spread_pct"


def test_an_always_eligible_tier_knows_only_dates_and_the_blacklist() -> None:
    filters = {"min_quote_volume": 10**9, "quotes": ["EUR"], "blacklist": ["A/*"]}
    made = universe(tiers=TIERS, filters={**filters, "blacklist": []})
    assert why(made, [fact("A/USDT", NAN)]) == {}
    assert why(universe(tiers=TIERS, filters=filters), [fact("A/USDT")])["A/USDT"][0] == "blacklist"
    dated = universe(tiers=TIERS, instruments={"A/USDT": {"listed": "2024-01-11"}})
    assert why(dated, [fact("A/USDT")]) == {"A/USDT": ("listed", "2024-01-11", "2024-01-10")}


def test_dates_count_from_their_own_day() -> None:
    made = universe(
        instruments={"A/USDT": {"listed": "2024-01-10"}, "B/USDT": {"delisted": "2024-01-10"}}
    )
    assert why(made, [fact("A/USDT"), fact("B/USDT")]) == {
        "B/USDT": ("delisted", "2024-01-10", "2024-01-10")
    }


def test_what_is_not_traded_is_not_a_member() -> None:
    new = fact("A/USDT", age_days=NAN, traded=False)
    old = fact("B/USDT", traded=False)
    found = why(universe(), [new, old])
    assert {symbol: name for symbol, (name, *_) in found.items()} == {
        "A/USDT": "listed", "B/USDT": "delisted",
    }  # fmt: skip


def test_discovery_gives_the_highest_tier_and_the_largest_volumes() -> None:
    made = universe(tiers=TIERS, discovery=DISCOVERY)
    facts = [fact("X/USDT", 100.0), fact("Y/USDT", 5000.0), fact("Z/USDT", 99.0),
             fact("W/USDT", 100.0), fact("V/USDT", NAN), fact("B/USDT", 1.0)]  # fmt: skip
    snapshot = select(made, DAY, facts, candles=False)
    assert dict(snapshot.tiers) == {"Y/USDT": "core", "B/USDT": "event", "W/USDT": "event"}
    assert why(made, facts) == {
        "V/USDT": ("discovery", "100", "unknown"),
        "X/USDT": ("max_symbols", "2", "rank 3 by volume"),
        "Z/USDT": ("discovery", "100", "99"),
    }
    assert not snapshot.refused["V/USDT"].known


def test_a_place_that_a_filter_leaves_goes_to_the_next() -> None:
    made = universe(
        tiers=TIERS, discovery={**DISCOVERY, "max_symbols": 1}, filters={"blacklist": ["Y/USDT"]}
    )
    facts = [fact("X/USDT", 200.0), fact("Y/USDT", 500.0)]
    assert dict(select(made, DAY, facts, candles=False).tiers) == {"X/USDT": "event"}


@pytest.mark.parametrize(
    "base",
    ["BTCUP", "ETHDOWN", "1INCHUP", "BTC3L", "DOGE5S", "XRPBULL", "BULL", "ETHBEAR", "BTCHEDGE"],
)
def test_leveraged_tokens_are_known_by_name(base: str) -> None:
    assert is_leveraged(f"{base}/USDT")


@pytest.mark.parametrize(
    "symbol", ["JUP/USDT", "SYRUP/USDT", "PUMP/USDT", "SOL/USDT", "3L/USDT", "BULL", "UP/USDT"]
)
def test_coins_are_no_leveraged_tokens(symbol: str) -> None:
    assert not is_leveraged(symbol)


def test_leveraged_tokens_do_not_join_unless_allowed() -> None:
    facts = [fact("BTCUP/USDT")]
    closed = universe(tiers=TIERS, discovery=DISCOVERY)
    assert why(closed, facts)["BTCUP/USDT"] == ("leveraged_tokens", "false", "BTCUP")
    opened = universe(tiers=TIERS, discovery=DISCOVERY, filters={"leveraged_tokens": "true"})
    assert why(opened, facts) == {}


@pytest.mark.parametrize(
    ("pattern", "symbol", "fits"),
    [("*", "A/B", True), ("A*", "A/B", True), ("*B", "A/B", True), ("A*B", "A/B", True),
     ("*/B*", "A/B:B", True), ("A**B", "AB", True), ("A*A", "A", False), ("A*BB", "A/B", False),
     ("*A*A*", "A/B", False), ("a*", "A/B", False), ("*A" * 40, "A" * 39 + "B", False)],
)  # fmt: skip
def test_a_star_in_the_blacklist_is_any_text(pattern: str, symbol: str, fits: bool) -> None:
    assert (name_refuses(Filters(blacklist=[pattern]), symbol) is not None) == fits


def test_a_long_blacklist_is_gone_through_once_a_symbol() -> None:
    made = universe(filters={"blacklist": [f"*X{k}*Y" for k in range(9_999)] + ["B/*"]})
    found = [fact("A/USDT"), fact("B/USDT")]
    began = time.perf_counter()
    chosen = [select(made, DAY + k, found, candles=True) for k in range(500)]
    assert time.perf_counter() - began < 5
    assert {tuple(one.tiers) for one in chosen} == {("A/USDT",)}
    assert chosen[-1].refused["B/USDT"].limit == "not `B/*`"
    again = made.model_copy(update={"filters": Filters(blacklist=["A/*"])})
    assert tuple(select(again, DAY, found, candles=True).tiers) == ("B/USDT",)


def test_candidates_are_told_by_name() -> None:
    names = ["Z/USDT", "A/USDT", "Q/EUR", "BTCUP/USDT", "A/USDT", "S/USDT"]
    assert candidates(universe(), names) == ["A/USDT"]
    made = universe(discovery=DISCOVERY | {"tiers": {"core": 1}},
                    filters={"quotes": ["USDT"], "blacklist": ["S/*", "A/*"]})  # fmt: skip
    assert candidates(made, names) == ["A/USDT", "Z/USDT"]


def test_the_file_alone_knows_the_dates() -> None:
    made = universe(instruments={"B/USDT": {"listed": "2024-01-11"}})
    assert dict(static_snapshot(made, DAY).tiers) == {"A/USDT": "core"}
    assert dict(static_snapshot(made, DAY + DAY_MS).tiers) == {"A/USDT": "core", "B/USDT": "core"}
    assert static_snapshot(made, DAY).refused["B/USDT"].filter == "listed"


@pytest.mark.parametrize(
    ("value", "text"),
    [(NAN, "unknown"), (5e6, "5,000,000"), (4_999_999.994, "4,999,999.99"), (0.05, "0.05")],
)
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (("min_quote_volume", "500", "499.5"), "24 h volume 499.5, 500 asked for"),
        (("min_quote_volume", "500", "unknown", False), "24 h volume not known, 500 asked for"),
        (("discovery", "500", "499.5"), "24 h volume 499.5, 500 to join"),
        (("discovery", "a tier that lists it", "in no tier"), "in no tier"),
        (("max_spread_pct", "0.5", "0.51"), "spread 0.51 %, 0.5 % at most"),
        (("max_spread_pct", "0.5", "unknown"), "spread not known, 0.5 % at most"),
        (("min_depth", "10", "9"), "depth 9, 10 asked for"),
        (("min_age_days", "30", "29.9"), "age 29.9 d, 30 d asked for"),
        (("max_symbols", "6", "rank 7 by volume"), "rank 7 by volume, 6 may join"),
        (("quotes", "EUR, USD", "USDT"), "quoted in USDT, not in EUR, USD"),
        (("blacklist", "not `*/USDT`", "B/USDT"), "`*/USDT`"),
        (("leveraged_tokens", "false", "BTCUP"), "BTCUP is one"),
        (("listed", "2021-03-01", "2021-02-01"), "not before 2021-03-01"),
        (("listed", "a first bar or a listing", "none yet"), "no bar yet, and no date"),
        (("listed", "a first bar or a listing", "nothing", False), "nothing was known of it"),
        (("delisted", "2021-03-01", "2021-04-01"), "on 2021-03-01"),
        (("delisted", "it is traded", "it is not traded any more"), "it is not traded any more"),
    ],
)
def test_a_refusal_in_words(refusal: tuple[Any, ...], text: str) -> None:
    assert refusal_text(Refusal(*refusal)) == f"{refusal[0]}: {text}"
