"""Compiled and plain give the same bits: every loop of the recurrences and of the windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.features import recurrences, window_loops, windows
from paperbot_core.features.arrays import Floats, floats
from paperbot_core.features.compiling import compile_function
from paperbot_core.features.running import run_compiled, run_plain

#: Loop, number of columns, constants.
LOOPS: list[tuple[Callable[..., None], int, tuple[int, ...]]] = [
    (recurrences.ema_loop, 1, (7,)),
    (recurrences.rma_loop, 1, (7,)),
    (recurrences.true_range_loop, 3, ()),
    (recurrences.atr_loop, 3, (14,)),
    (recurrences.rsi_loop, 1, (5,)),
    (recurrences.adx_loop, 3, (6,)),
    (recurrences.macd_loop, 1, (5, 12)),
    (recurrences.macd_loop, 1, (12, 5)),
    (recurrences.obv_loop, 2, ()),
    (recurrences.vwap_loop, 3, ()),
]


def column(size: int, seed: int, gaps: float) -> Floats:
    """A walk with flat runs, zeros and unknown values."""
    rng = np.random.default_rng(seed)
    moves = np.where(rng.random(size) < 0.3, 0.0, rng.normal(size=size))
    out: Floats = np.asarray(10.0 + np.cumsum(moves), dtype=np.float64)
    out[rng.random(size) < 0.02] = 0.0
    out[rng.random(size) < gaps] = math.nan
    return out


def bits(values: Floats) -> list[int]:
    return [int(v) for v in np.where(np.isnan(values), np.nan, values).view(np.int64)]


@pytest.mark.parametrize(("loop", "width", "constants"), LOOPS)
@settings(max_examples=15, deadline=None)
@given(size=st.integers(0, 300), seed=st.integers(0, 10_000), gaps=st.sampled_from([0.0, 0.05]))
def test_recurrences(
    loop: Callable[..., None],
    width: int,
    constants: tuple[int, ...],
    size: int,
    seed: int,
    gaps: float,
) -> None:
    taken = [column(size, seed + i, gaps) for i in range(width)]
    if loop is recurrences.vwap_loop:
        taken[2] = np.asarray(1.7e12 + 3_600_000.0 * np.arange(size), dtype=np.float64)
    assert bits(run_compiled(loop, taken, constants)) == bits(run_plain(loop, taken, constants))


@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(0, 2600),
    n=st.integers(1, 700),
    seed=st.integers(0, 10_000),
    gaps=st.sampled_from([0.0, 0.001]),
)
def test_windows(size: int, n: int, seed: int, gaps: float) -> None:
    x = floats(column(size, seed, gaps))
    mean = floats(column(size, seed + 1, gaps))

    def compiled(loop: Callable[..., None], *rest: Any) -> list[int]:
        out = np.full(size, math.nan)
        compile_function(loop)(*rest, out)
        return bits(out + 0.0)

    def plain(fill: Callable[..., None], *rest: Any) -> list[int]:
        out = np.full(size, math.nan)
        fill(*rest, out)
        return bits(out + 0.0)

    assert compiled(window_loops.weighted_loop, x, n, windows.BLOCK) == plain(
        windows.weighted_sum_numpy, x, n
    )
    for power in (2, 3, 4):
        assert compiled(window_loops.power_loop, x, mean, n, power, windows.BLOCK) == plain(
            windows.power_sum_numpy, x, mean, n, power
        )


def test_long_columns_run_compiled_and_equal_the_plain_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from paperbot_core.features import running
    from paperbot_core.features.table import FUNCTIONS

    close = column(running.COMPILE_FROM, 3, 0.0)
    columns = [close + 1.0, close - 1.0, close]
    calls = [
        (FUNCTIONS["atr"], columns, [14]),
        (FUNCTIONS["std"], [close], [20]),
        (FUNCTIONS["wma"], [close], [20]),
        (FUNCTIONS["sma"], [close], [300]),
    ]
    compiled = [bits(function.batch(taken, values)) for function, taken, values in calls]
    monkeypatch.setattr(running, "compiling_pays", lambda _loop, _size: False)
    monkeypatch.setattr(windows, "compiling_pays", lambda _loop, _size: False)
    plain = [bits(function.batch(taken, values)) for function, taken, values in calls]
    assert compiled == plain
