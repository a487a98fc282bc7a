"""Metrics against numbers worked out by hand; the working is in the comments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.research.metrics import TradeColumns, compute_metrics
from paperbot_core.research.metrics_breakdown import breakdowns
from paperbot_core.research.metrics_curve import daily_samples, max_drawdown

#: 2024-01-01 00:00 UTC, a Monday.
MONDAY = 1_704_067_200_000
KEYS = [
    "trades", "win_rate", "payoff_ratio", "expectancy", "profit_factor", "total_return_pct",
    "cagr_pct", "max_drawdown_pct", "sharpe", "sharpe_annual", "sortino", "calmar", "exposure_pct",
    "turnover", "avg_bars_held", "max_win_streak", "max_loss_streak", "long", "short", "fees",
    "slippage_cost",
]


def a_book(
    pnl: Sequence[float] = (),
    *,
    side: Sequence[int] | None = None,
    exits: Sequence[int] | None = None,
    symbol: Sequence[int] | None = None,
    bars_held: Sequence[int] | None = None,
) -> TradeColumns:
    """Return trades that exit an hour apart from MONDAY on, long, of one symbol, unless told."""
    count = len(pnl)
    exit_ts = np.array(exits if exits is not None else [MONDAY + i * HOUR_MS for i in range(count)])
    return TradeColumns(
        symbols=("BTC/USDT", "ETH/USDT"),
        symbol=np.array(symbol or [0] * count, np.int64),
        side=np.array(side or [1] * count, np.int64),
        entry_ts=exit_ts.astype(np.int64) - HOUR_MS,
        exit_ts=exit_ts.astype(np.int64),
        pnl=np.array(pnl, np.float64),
        fees=np.zeros(count),
        bars_held=np.array(bars_held or [1] * count, np.int64),
    )


def measure(
    trades: TradeColumns | None = None,
    equity: Sequence[float] = (),
    times: Sequence[int] | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Return the metrics of daily closes from the end of MONDAY on, start 100, unless told."""
    if times is None:
        times = [MONDAY + (i + 1) * DAY_MS for i in range(len(equity))]
    options: dict[str, Any] = {
        "start_equity": 100.0, "exposure_mean": 0.0, "traded_notional": 0.0, "fees": 0.0,
        "slippage_cost": 0.0,
    }
    return compute_metrics(
        trades or a_book(), np.array(equity, np.float64), np.array(times, np.int64),
        **(options | given),
    )


def test_the_keys_are_those_of_the_contract_in_order() -> None:
    assert list(measure()) == KEYS


def test_a_run_without_marks_and_trades_is_undefined_not_zero() -> None:
    found = measure()
    defined = {
        "trades": 0, "total_return_pct": 0.0, "max_drawdown_pct": 0.0, "max_win_streak": 0,
        "max_loss_streak": 0, "fees": 0.0, "slippage_cost": 0.0,
    }
    side = {"trades": 0, "win_rate": None, "expectancy": None, "profit_factor": None}
    assert found == dict.fromkeys(KEYS) | defined | {"long": side, "short": side}


def test_outcomes() -> None:
    # Wins 30 and 10, losses 5 and 15, one of nothing.
    found = measure(a_book([30, -5, 10, 0, -15], bars_held=[1, 2, 3, 4, 10]))
    assert found["trades"] == 5
    assert found["win_rate"] == 0.4  # 2 of 5
    assert found["payoff_ratio"] == 2.0  # mean win 20 / mean loss 10
    assert found["expectancy"] == 4.0  # 20 / 5
    assert found["profit_factor"] == 2.0  # 40 / 20
    assert found["avg_bars_held"] == 4.0  # 20 / 5


def test_sides_are_apart() -> None:
    found = measure(a_book([30, -10, 8, -4], side=[1, 1, -1, -1]))
    assert found["long"] == {
        "trades": 2, "win_rate": 0.5, "expectancy": 10.0, "profit_factor": 3.0,
    }
    assert found["short"] == {
        "trades": 2, "win_rate": 0.5, "expectancy": 2.0, "profit_factor": 2.0,
    }


def test_without_a_loss_nothing_is_divided_by_it() -> None:
    found = measure(a_book([5, 7]))
    assert (found["win_rate"], found["profit_factor"], found["payoff_ratio"]) == (1.0, None, None)


def test_without_a_win_the_profit_factor_is_zero_and_there_is_no_payoff() -> None:
    found = measure(a_book([-5, -7]))
    assert (found["win_rate"], found["profit_factor"], found["payoff_ratio"]) == (0.0, 0.0, None)


def test_streaks_go_by_exit_and_a_zero_ends_them() -> None:
    # In order of exit: + + - - - + 0 + + +
    assert _streaks([1, 1, -1, -1, -1, 1, 0, 1, 1, 1]) == (3, 3)
    assert _streaks([1, 0, 1]) == (1, 0)
    assert _streaks([-1]) == (0, 1)
    # Given as + - + - but leaving the market as + + - -.
    shuffled = a_book([1, -1, 1, -1], exits=[MONDAY + h * HOUR_MS for h in (0, 2, 1, 3)])
    found = measure(shuffled)
    assert (found["max_win_streak"], found["max_loss_streak"]) == (2, 2)


def _streaks(pnl: list[float]) -> tuple[int, int]:
    found = measure(a_book(pnl))
    return found["max_win_streak"], found["max_loss_streak"]


def test_ratios_of_daily_returns() -> None:
    # 100 -> 110 -> 99 -> 108.9: returns +0.1, -0.1, +0.1.
    found = measure(equity=[110.0, 99.0, 108.9])
    mean = 0.1 / 3
    # Deviations 1/15, -2/15, 1/15: squares sum to 6/225, over 2 gives 3/225.
    spread = math.sqrt(3 / 225)
    assert found["sharpe"] == pytest.approx(mean / spread, rel=1e-12)
    assert found["sharpe_annual"] == pytest.approx(mean / spread * math.sqrt(365), rel=1e-12)
    # One day of three lost 0.1: sqrt(0.01 / 3).
    assert found["sortino"] == pytest.approx(
        mean / math.sqrt(0.01 / 3) * math.sqrt(365), rel=1e-12
    )
    assert found["total_return_pct"] == pytest.approx(8.9, rel=1e-12)
    assert found["max_drawdown_pct"] == pytest.approx(10.0, rel=1e-12)  # 110 -> 99
    # Three days: 1.089 to the power 365 / 3.
    growth = 1.089 ** (365 / 3) - 1
    assert found["cagr_pct"] == pytest.approx(growth * 100, rel=1e-9)
    assert found["calmar"] == pytest.approx(growth / 0.1, rel=1e-9)


def test_a_venue_with_sessions_has_252_days_a_year() -> None:
    found = measure(equity=[110.0, 99.0, 108.9], sessions=True)
    assert found["sharpe_annual"] == pytest.approx(found["sharpe"] * math.sqrt(252), rel=1e-12)
    always = measure(equity=[110.0, 99.0, 108.9])
    assert found["sortino"] == pytest.approx(always["sortino"] * math.sqrt(252 / 365), rel=1e-12)
    assert found["cagr_pct"] == always["cagr_pct"]


def test_growth_is_by_calendar_time() -> None:
    # 730 days, two marks: 100 -> 121 is 10 % a year, however few marks there were.
    times = [MONDAY + 400 * DAY_MS, MONDAY + 730 * DAY_MS]
    found = measure(equity=[105.0, 121.0], times=times, start_ts=MONDAY)
    assert found["cagr_pct"] == pytest.approx(10.0, rel=1e-12)


def test_without_a_start_time_the_first_bar_is_as_long_as_the_second() -> None:
    times = [MONDAY + 365 * DAY_MS, MONDAY + 730 * DAY_MS]
    assert measure(equity=[110.0, 121.0], times=times)["cagr_pct"] == pytest.approx(10.0)


def test_a_lost_account_has_a_growth_of_minus_one_and_debt_has_none() -> None:
    assert measure(equity=[50.0, 0.0])["cagr_pct"] == -100.0
    assert measure(equity=[50.0, -10.0])["cagr_pct"] is None
    assert measure(equity=[50.0, -10.0])["max_drawdown_pct"] == pytest.approx(110.0)
    # Returns after a mark of zero or less mean nothing.
    assert measure(equity=[50.0, -10.0, 5.0])["sharpe"] is None


def test_a_minute_of_profit_is_no_annual_growth() -> None:
    times = [MONDAY + 60_000, MONDAY + 120_000]
    assert measure(equity=[101.0, 110.0], times=times)["cagr_pct"] is None


def test_equal_returns_have_no_spread() -> None:
    # 1 % each day: the computed deviation is about 1e-17, which is rounding and not risk.
    found = measure(equity=[101.0, 102.01, 103.0301, 104.060401])
    assert (found["sharpe"], found["sharpe_annual"], found["sortino"]) == (None, None, None)


def test_one_day_has_no_spread_but_a_downside() -> None:
    found = measure(equity=[90.0])
    assert found["sharpe"] is None
    assert found["sortino"] == pytest.approx(-math.sqrt(365))  # -0.1 / 0.1


def test_exposure_and_turnover() -> None:
    # Equity 100 and 300, mean 200; 1,000 traded.
    found = measure(equity=[100.0, 300.0], exposure_mean=0.25, traded_notional=1000.0)
    assert (found["exposure_pct"], found["turnover"]) == (25.0, 5.0)


def test_costs_are_passed_on() -> None:
    found = measure(fees=12.5, slippage_cost=3.25)
    assert (found["fees"], found["slippage_cost"]) == (12.5, 3.25)


def test_samples_are_the_marks_at_midnight() -> None:
    # Marks each 8 hours from 08:00 on; 00:00 falls on rows 2 and 5.
    times = [MONDAY + (i + 1) * 8 * HOUR_MS for i in range(7)]
    equity = [101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0]
    assert _samples(equity, times) == [100.0, 103.0, 106.0]


def test_without_a_mark_at_midnight_the_first_of_the_day_counts() -> None:
    # Day 1 has marks at 16:00; day 2 at 01:00 and 00:00 is missing; day 3 has none; day 4 at 05:00.
    hours = (16, 25, 30, 77)
    assert _samples([101.0, 102.0, 103.0, 104.0], [MONDAY + h * HOUR_MS for h in hours]) == [
        100.0, 102.0, 104.0,
    ]


def test_the_first_mark_is_a_sample_only_on_midnight() -> None:
    assert _samples([101.0], [MONDAY]) == [100.0, 101.0]
    assert _samples([101.0], [MONDAY + 1]) == [100.0]
    assert _samples([], []) == [100.0]


def _samples(equity: list[float], times: list[int]) -> list[float]:
    return list(daily_samples(np.array(equity), np.array(times, np.int64), 100.0))


def test_the_start_is_a_peak_too() -> None:
    assert max_drawdown(np.array([80.0, 90.0]), 100.0) == pytest.approx(0.2)
    assert max_drawdown(np.array([110.0, 120.0]), 100.0) == 0.0
    assert max_drawdown(np.array([110.0]), 0.0) is None


@pytest.mark.parametrize("count", [1, 4095, 4096, 4097, 20_000])
def test_drawdown_by_blocks_equals_the_plain_loop(count: int) -> None:
    equity = 100 * np.exp(np.cumsum(np.random.default_rng(count).normal(0, 0.01, count)))
    peak, worst = 100.0, 0.0
    for value in equity.tolist():
        peak = max(peak, value)
        worst = max(worst, 1.0 - value / peak)
    assert max_drawdown(equity, 100.0) == worst


def test_breakdowns() -> None:
    # Exits: Monday 2024-01-01 twice, Sunday 01-07 23:00 (same ISO week), Monday 01-08, 01 Feb.
    hours = (0, 23, 6 * 24 + 23, 7 * 24, 31 * 24)
    trades = a_book(
        [1.0, 2.0, 4.0, 8.0, 16.0],
        exits=[MONDAY + h * HOUR_MS for h in hours],
        symbol=[0, 1, 0, 1, 1],
    )
    found = breakdowns(trades)
    assert found["day"] == {
        "2024-01-01": {"trades": 2, "pnl": 3.0},
        "2024-01-07": {"trades": 1, "pnl": 4.0},
        "2024-01-08": {"trades": 1, "pnl": 8.0},
        "2024-02-01": {"trades": 1, "pnl": 16.0},
    }
    assert found["week"] == {
        "2024-W01": {"trades": 3, "pnl": 7.0},
        "2024-W02": {"trades": 1, "pnl": 8.0},
        "2024-W05": {"trades": 1, "pnl": 16.0},
    }
    assert found["month"] == {
        "2024-01": {"trades": 4, "pnl": 15.0},
        "2024-02": {"trades": 1, "pnl": 16.0},
    }
    assert found["symbol"] == {
        "BTC/USDT": {"trades": 2, "pnl": 5.0},
        "ETH/USDT": {"trades": 3, "pnl": 26.0},
    }


def test_breakdowns_of_nothing() -> None:
    assert breakdowns(a_book()) == {"day": {}, "week": {}, "month": {}, "symbol": {}}


def test_weeks_are_those_of_the_iso_calendar() -> None:
    # 2024-12-30 is a Monday and belongs to the first week of 2025.
    exits = [MONDAY + 364 * DAY_MS]
    found = breakdowns(a_book([1.0], exits=exits))
    assert list(found["day"]) == ["2024-12-30"]
    assert list(found["week"]) == ["2025-W01"]
