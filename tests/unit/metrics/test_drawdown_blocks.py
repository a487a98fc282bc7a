"""The largest fall over many blocks of marks: the cases where blocks could mislead."""

from __future__ import annotations

import numpy as np
import pytest

from paperbot_core.research.metrics_curve import max_drawdown

MANY = 20_000


def plain(equity: np.ndarray[tuple[int], np.dtype[np.float64]], start: float) -> float:
    peaks = np.maximum(np.maximum.accumulate(equity), start)
    return float(max(0.0, 1.0 - (equity / peaks).min()))


@pytest.mark.parametrize("drift", [-2e-4, 0.0, 2e-4])
def test_a_curve_that_falls_or_rises_all_along(drift: float) -> None:
    steps = np.random.default_rng(3).normal(drift, 1e-3, MANY)
    equity = 100.0 * np.exp(np.cumsum(steps))
    assert max_drawdown(equity, 100.0) == plain(equity, 100.0)


@pytest.mark.parametrize("row", [0, 1, 4_095, 4_096, MANY - 1])
def test_a_debt_counts_against_the_peak_before_it(row: int) -> None:
    equity = 100.0 + np.sqrt(np.arange(MANY, dtype=np.float64))
    equity[row] = -5.0
    assert max_drawdown(equity, 100.0) == plain(equity, 100.0) > 1.0


@pytest.mark.parametrize("row", [0, 7, MANY - 1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_mark_that_is_no_number_leaves_no_drawdown(row: int, value: float) -> None:
    equity = np.full(MANY, 100.0)
    equity[row] = value
    assert max_drawdown(equity, 100.0) is None
