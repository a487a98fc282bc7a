"""The choice of the universe where one character, one ms or one unit decides."""

from __future__ import annotations

import math

import pytest

from paperbot_core.config.selection import Filters
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.universe.selection import (
    Refusal,
    age_days,
    is_market_name,
    name_refuses,
    number_text,
    refusal_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(999.5, "999.5"), (999.9996, "1000"), (1_000.0, "1,000"), (-1_000.0, "-1,000"),
     (1_000.5, "1,000.50"), (-999.0, "-999"), (math.nan, "unknown")],
)  # fmt: skip
def test_numbers_have_separators_from_a_thousand_on(value: float, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("pattern", "symbol", "fits"),
    [
        ("*A*/USDT", "A/USDT", True),
        ("*A*/USDT", "BAB/USDT", True),
        ("*AB*/USDT", "BA/USDT", False),
        # The parts follow each other: one letter is not used twice.
        ("*AA*A/USDT", "AA/USDT", False),
        ("*AA*A/USDT", "AAA/USDT", True),
        ("*AB*BA*", "ABA/USDT", False),
        ("*AB*BA*", "ABBA/USDT", True),
        ("A*A/USDT", "A/USDT", False),
        ("A*A/USDT", "AA/USDT", True),
        ("*", "A/USDT", True),
    ],
)
def test_the_parts_of_a_pattern_follow_each_other(pattern: str, symbol: str, fits: bool) -> None:
    refusal = name_refuses(Filters(blacklist=[pattern]), symbol)
    assert (refusal is not None) == fits


def test_an_age_counts_from_its_first_ms() -> None:
    assert age_days(DAY_MS, DAY_MS) == 0.0
    assert age_days(DAY_MS, 3 * DAY_MS + DAY_MS // 4) == 2.25
    assert math.isnan(age_days(DAY_MS, DAY_MS - 1))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("BTC/USDT:USDT", True), ("SPY", True), ("A" * 115 + "/USDT", True),
        ("A" * 116 + "/USDT", False), ("A/B:C/D", False), ("A//B", False), ("A/", False),
        ("", False), ("A B/USDT", False), ("A\x1b/USDT", False),
    ],
)  # fmt: skip
def test_a_market_has_a_short_printable_name_of_up_to_three_parts(name: str, is_one: bool) -> None:
    assert is_market_name(name) is is_one


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (Refusal("min_quote_volume", "1,000", "499.5"),
         "min_quote_volume: 24 h volume 499.5, 1,000 asked for"),
        (Refusal("discovery", "1,000", "unknown", known=False),
         "discovery: 24 h volume not known, 1,000 to join"),
        (Refusal("discovery", "a tier that lists it", "in no tier"), "discovery: in no tier"),
        (Refusal("max_spread_pct", "0.5", "0.51"), "max_spread_pct: spread 0.51 %, 0.5 % at most"),
        (Refusal("max_spread_pct", "0.5", "unknown", known=False),
         "max_spread_pct: spread not known, 0.5 % at most"),
        (Refusal("min_depth", "10", "9"), "min_depth: depth 9, 10 asked for"),
        (Refusal("min_age_days", "30", "29.9"), "min_age_days: age 29.9 d, 30 d asked for"),
        (Refusal("delisted", "2024-01-09", "2024-01-10"), "delisted: on 2024-01-09"),
        (Refusal("listed", "2024-01-11", "2024-01-10"), "listed: not before 2024-01-11"),
        (Refusal("blacklist", "not `A/*`", "A/USDT"), "blacklist: `A/*`"),
    ],
)
def test_a_refusal_in_words(refusal: Refusal, text: str) -> None:
    assert refusal_text(refusal) == text
