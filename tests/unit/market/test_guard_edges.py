"""Guards at the very edges: one bar more, one ms later, one hundredth below."""

from __future__ import annotations

import math

import numpy as np

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.market.checks.guards import StaleGuard, screen
from tests.unit.market.test_guards import LIMITS, START, _hours, _ms, _refused, _series, _stale


def test_a_close_just_within_the_limit_of_the_new_level_holds_it() -> None:
    # 220 is exactly 10 % above 200.
    closes = [100.0, 200.0, 220.0, 220.0, 220.0]
    assert _refused(_series(closes, [10.0] + [1.0] * 4)) == [1, 2, 3]
    # 220.01 is not: it is a level of its own.
    closes = [100.0, 200.0, 220.01, 220.01, 220.01, 220.01]
    assert _refused(_series(closes, [10.0] + [1.0] * 5)) == [1, 2, 3, 4]


def test_the_second_and_last_bar_is_judged() -> None:
    assert _refused(_series([100.0, 120.0], [10.0, 1.0])) == [1]


def test_a_volume_of_less_than_one_has_a_ratio_too() -> None:
    candles = _series([100.0, 100.0, 120.0], [0.5, 0.5, 0.125])
    assert _refused(candles) == [2]
    assert screen(candles, LIMITS)[1][0].volume_ratio == 0.25


def test_a_hole_before_the_second_and_last_bar_counts() -> None:
    assert _stale(_hours(0, 9), HOUR_MS, LIMITS, continuous=True) == [False, True]
    limits = LIMITS.model_copy(update={"max_stale_bars": 2})
    days = [_ms("2024-02-14"), _ms("2024-02-20")]
    assert _stale(days, DAY_MS, limits, continuous=False) == [False, True]


def test_a_bar_beside_the_grid_misses_those_that_should_have_closed_before_it() -> None:
    assert _stale([START, START + 4 * HOUR_MS], HOUR_MS, LIMITS, continuous=True)[1]
    assert _stale([START, START + 3 * HOUR_MS + 1], HOUR_MS, LIMITS, continuous=True)[1]
    assert not _stale([START, START + 3 * HOUR_MS], HOUR_MS, LIMITS, continuous=True)[1]


def test_a_close_of_a_session_is_missed_one_ms_later() -> None:
    guard = StaleGuard(LIMITS, HOUR_MS, continuous=False)
    assert guard.take(_ms("2024-02-16 21:00"))
    assert not guard.is_open(_ms("2024-02-20 17:00"))
    assert guard.is_open(_ms("2024-02-20 17:00") + 1)


def test_one_bar_is_never_stale() -> None:
    for rows in (0, 1):
        assert _stale(_hours(*range(rows)), HOUR_MS, LIMITS, continuous=True) == [False] * rows
    assert np.array_equal(screen(_series([100.0], [1.0]), LIMITS)[0].close, [100.0])


def test_a_price_of_less_than_one_is_judged_too() -> None:
    assert _refused(_series([0.1, 0.1, 0.12, 0.1], [10.0, 10.0, 1.0, 1.0])) == [2]
    assert _refused(_series([0.1, 0.1, 0.08, 0.1], [10.0, 10.0, 1.0, 1.0])) == [2]


def test_where_no_volume_is_known_any_confirms() -> None:
    assert _refused(_series([100.0, 100.0, 120.0], [math.nan, math.nan, 0.25])) == []


def test_a_breaker_that_closed_stays_closed_over_a_small_hole() -> None:
    # Open after the hole of three, closed by two bars in a row; one missing opens nothing.
    assert _stale(_hours(0, 4, 5, 7, 8), HOUR_MS, LIMITS, continuous=True) == [
        False, True, False, False, False,
    ]  # fmt: skip
    # One bar in a row does not close it.
    assert _stale(_hours(0, 4, 6, 7, 8), HOUR_MS, LIMITS, continuous=True) == [
        False, True, True, False, False,
    ]  # fmt: skip
