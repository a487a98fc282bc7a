"""Metrics where one mark, one trade or one unit more would make another number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.research.metrics_breakdown import breakdowns
from paperbot_core.research.metrics_curve import (
    daily_returns,
    daily_samples,
    max_drawdown,
    sharpe,
)
from tests.unit.metrics.test_metrics_by_hand import MONDAY, a_book, measure


def _samples(equity: list[float], times: list[int]) -> list[float]:
    return list(daily_samples(np.array(equity), np.array(times, np.int64), 100.0))


def test_trades_of_nothing_are_no_streak() -> None:
    found = measure(a_book([1.0, 0.0, 0.0, 0.0, -1.0]))
    assert (found["max_win_streak"], found["max_loss_streak"]) == (1, 1)


def test_a_midnight_belongs_to_the_day_it_begins() -> None:
    # The day from 24 to 48 h has no mark: the one at 48 h is only that of the next day.
    assert _samples([101.0, 102.0], [MONDAY + h * HOUR_MS for h in (16, 48)]) == [100.0, 102.0]


def test_a_run_may_end_just_before_midnight() -> None:
    assert _samples([101.0], [MONDAY + DAY_MS - 1]) == [100.0]


def test_two_returns_are_enough_for_a_ratio() -> None:
    # Mean 0.2, deviation sqrt(2 * 0.1 ** 2 / 1).
    assert sharpe(np.array([0.1, 0.3])) == pytest.approx(0.2 / math.sqrt(0.02))
    assert sharpe(np.array([0.1])) is None
    # Returns that are small, or close to each other, have a spread as well.
    assert sharpe(np.array([1e-6, 3e-6])) == pytest.approx(2 / math.sqrt(2))
    assert sharpe(np.array([0.10, 0.11])) == pytest.approx(0.105 / math.sqrt(5e-5))


def test_returns_that_even_out_have_a_ratio_of_zero() -> None:
    assert measure(equity=[150.0, 75.0])["sharpe"] == 0.0


def test_an_account_of_less_than_one_unit_is_measured_like_any_other() -> None:
    # A tenth of a bitcoin: up to 0.125, down to 0.1.
    times = np.array([MONDAY + (i + 1) * DAY_MS for i in range(2)], np.int64)
    returns = daily_returns(np.array([0.125, 0.1]), times, 0.1)
    assert returns is not None
    assert returns.tolist() == pytest.approx([0.25, -0.2])
    assert max_drawdown(np.array([0.125, 0.1]), 0.1) == pytest.approx(0.2)


def test_an_account_that_had_nothing_has_no_returns() -> None:
    times = np.array([MONDAY + (i + 1) * DAY_MS for i in range(3)], np.int64)
    with np.errstate(all="ignore"):
        assert daily_returns(np.array([0.0, 5.0, 6.0]), times, 100.0) is None


def test_days_far_ahead_keep_their_date() -> None:
    # 100,000 days after 1970, to the last ms.
    found = breakdowns(a_book([1.0], exits=[100_001 * DAY_MS - 1]))
    assert list(found["day"]) == ["2243-10-17"]


def test_wins_and_losses_of_less_than_one_unit_count() -> None:
    found = measure(a_book([0.5, -0.25]))
    assert (found["win_rate"], found["profit_factor"], found["payoff_ratio"]) == (0.5, 2.0, 2.0)
