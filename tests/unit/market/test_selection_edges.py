"""The choice of the universe where one character, one ms or one unit decides."""

from __future__ import annotations

import math

import pytest

from paperbot_core.config.selection import Filters
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.selection import age_days, name_refuses, number_text


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
