"""Laws of the time line: alignment loses and invents no bar, resampling says what the bars said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.diagnostics import UserError
from paperbot_core.domain.market import Candles, bucket_open
from paperbot_core.market.align import align
from paperbot_core.market.resample import resample

MINUTE = 60_000


def candles(ts: list[int], tf_ms: int, seed: int = 0) -> Candles:
    rng = np.random.default_rng(seed)
    n = len(ts)
    open_, close = rng.uniform(5, 10, n), rng.uniform(5, 10, n)
    high, low = np.maximum(open_, close) + rng.random(n), np.minimum(open_, close) - rng.random(n)
    volume = np.where(rng.random(n) < 0.05, np.nan, rng.random(n) * 1e3)
    return Candles("X", tf_ms, np.array(ts, np.int64), open_, high, low, close, volume)


@st.composite
def series(draw: Any, factors: tuple[int, ...] = (1, 2, 5, 15, 60)) -> Candles:
    tf_ms = draw(st.sampled_from(factors)) * MINUTE
    slots = draw(st.lists(st.integers(0, 300), min_size=1, max_size=60, unique=True))
    start = draw(st.sampled_from([0, 5_000_000])) * 60 * MINUTE
    return candles([start + slot * tf_ms for slot in sorted(slots)], tf_ms, draw(st.integers(0, 9)))


@settings(max_examples=100, deadline=None)
@given(st.lists(series(), min_size=1, max_size=4))
def test_alignment_is_the_union_of_closes(many: list[Candles]) -> None:
    grid = align(many)
    closes = [set((c.ts + c.tf_ms).tolist()) for c in many]
    assert grid.times.tolist() == sorted(set.union(*closes))
    assert grid.times.dtype == np.int64
    assert grid.rows.dtype == np.int32
    assert grid.rows.shape == (len(many), len(grid))
    for one, row in zip(many, grid.rows, strict=True):
        used = row >= 0
        assert row[used].tolist() == list(range(len(one)))
        assert (one.ts + one.tf_ms).tolist() == grid.times[used].tolist()
    assert grid.same_times == all(len(close) == len(grid) for close in closes)


def test_steps_from_a_time() -> None:
    grid = align([candles([0, MINUTE], MINUTE)])
    assert [grid.first_step(ms) for ms in (0, MINUTE, MINUTE + 1, 9 * MINUTE)] == [0, 0, 1, 2]


@settings(max_examples=100, deadline=None)
@given(series((1, 5)), st.sampled_from([5, 15, 60, 24 * 60, 7 * 24 * 60]))
def test_resampling_equals_the_naive_loop(one: Candles, factor: int) -> None:
    tf_ms = factor * MINUTE
    made = resample(one, tf_ms)
    expected: dict[int, list[float]] = {}
    for row in range(len(one)):
        bar = one.bar(row)
        old = expected.get(bucket_open(bar.ts, tf_ms))
        if old is None:
            expected[bucket_open(bar.ts, tf_ms)] = [
                bar.open, bar.high, bar.low, bar.close, bar.volume
            ]
        else:
            old[1:] = [
                max(old[1], bar.high), min(old[2], bar.low), bar.close, old[4] + bar.volume
            ]
    assert made.ts.tolist() == list(expected)
    columns = np.array([made.open, made.high, made.low, made.close, made.volume]).T
    np.testing.assert_array_equal(columns, np.array(list(expected.values())))


def test_only_whole_multiples() -> None:
    one = candles([0], 15 * MINUTE)
    assert resample(one, 15 * MINUTE) is one
    for minutes in (5, 20):
        with pytest.raises(UserError, match="PB6020"):
            resample(one, minutes * MINUTE)
