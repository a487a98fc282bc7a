"""Rounding to a grid: which way, how near a step counts as on it, and where there is no grid."""

from __future__ import annotations

import math

import pytest

from paperbot_core.kernel.grid import ceil_grid, floor_grid, snap, worse


@pytest.mark.parametrize(
    ("x", "n", "d", "down", "up"),
    [
        (12.0, 5.0, 1.0, 10.0, 15.0),
        (-12.0, 5.0, 1.0, -15.0, -10.0),
        (1.26, 1.0, 4.0, 1.25, 1.5),
        (6.0, 5.0, 2.0, 5.0, 7.5),
        (0.004, 1.0, 100.0, 0.0, 0.01),
        (10.0, 5.0, 1.0, 10.0, 10.0),
        # Two billionths of a step beside one is beside it, half a billionth is on it.
        (3.0 - 2e-9, 1.0, 1.0, 2.0, 3.0),
        (3.0 + 2e-9, 1.0, 1.0, 3.0, 4.0),
        (3.0 - 5e-10, 1.0, 1.0, 3.0, 3.0),
        (3.0 + 5e-10, 1.0, 1.0, 3.0, 3.0),
    ],
)
def test_down_and_up(x: float, n: float, d: float, down: float, up: float) -> None:
    assert (floor_grid(x, n, d), ceil_grid(x, n, d)) == (down, up)


@pytest.mark.parametrize(
    ("x", "n", "d", "expected"),
    [
        (0.1 + 0.2, 1.0, 10.0, 0.3),
        (12.5 - 1e-7, 5.0, 2.0, 12.5),
        (12.5 + 1e-7, 5.0, 2.0, 12.5),
        (-0.1 - 0.2, 1.0, 10.0, -0.3),
        # A fee was taken out of it: really between two steps.
        (0.29, 1.0, 10.0, 0.29),
        (3.0 - 2e-6, 1.0, 1.0, 3.0 - 2e-6),
        (3.0 + 2e-6, 1.0, 1.0, 3.0 + 2e-6),
        (2.5, 1.0, 1.0, 2.5),
    ],
)
def test_what_sums_leave_beside_a_step_is_the_step(
    x: float, n: float, d: float, expected: float
) -> None:
    assert snap(x, n, d) == expected


@pytest.mark.parametrize("x", [9.0e15, -9.0e15, 9.1e15, 1e300, math.inf, -math.inf, 0.123])
def test_beyond_the_steps_a_float_has_and_without_a_grid_nothing_is_rounded(x: float) -> None:
    n = 0.0 if x == 0.123 else 1.0
    assert floor_grid(x, n, 1.0) == ceil_grid(x, n, 1.0) == snap(x, n, 1.0) == x


def test_what_is_no_number_stays_so() -> None:
    for rounded in (floor_grid, ceil_grid, snap):
        assert math.isnan(rounded(math.nan, 1.0, 1.0))
        assert rounded(0.7, 0.0, 1.0) == 0.7
        assert rounded(0.5, 1.0, 2.0) == 0.5


def test_slippage_goes_against_who_trades() -> None:
    assert worse(1, 100.0, 0.001, 1.0, 4.0) == 100.25
    assert worse(-1, 100.0, 0.001, 1.0, 4.0) == 99.75
    assert worse(1, 100.0, 0.0, 1.0, 4.0) == worse(-1, 100.0, 0.0, 1.0, 4.0) == 100.0
    assert worse(1, 100.0, 0.25, 0.0, 1.0) == 125.0
    assert worse(-1, 100.0, 0.25, 0.0, 1.0) == 75.0
