"""Longer bars are built as the backtest builds them: on the clock, from the bars that exist."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.domain.market import HOUR_MS, Bar, Candles
from paperbot_core.market.resample import resample
from paperbot_core.trade.ladder import Ladder
from tests import session_world as sw


def build(candles: Candles, timeframes: list[int]) -> dict[int, list[Bar]]:
    """Feed candles through a ladder as a session does: what ended between two bars closes first."""
    ladder = Ladder(candles.tf_ms, timeframes)
    made: dict[int, list[Bar]] = {tf: [] for tf in timeframes}

    def close(now: int) -> None:
        for bar in ladder.close(now):
            made[bar.tf_ms].append(bar)

    for row in range(len(candles)):
        bar = candles.bar(row)
        for end in sorted(set(ladder.ends())):
            if end < bar.close_ts:
                close(end)
        ladder.take(bar)
        close(bar.close_ts)
    return made


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.0, 0.6), st.integers(0, 30))
def test_a_ladder_resamples_like_the_backtest(seed: int, gaps: float, offset: int) -> None:
    start = sw.START + offset * HOUR_MS
    candles = sw.walk("A", 120, seed, gaps=gaps, start=start)
    if not len(candles):
        return
    timeframes = [HOUR_MS, 4 * HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS]
    made = build(candles, timeframes)
    end = int(candles.ts[-1]) + HOUR_MS
    for tf in timeframes:
        whole = resample(candles, tf)
        expected = [whole.bar(r) for r in range(len(whole)) if whole.bar(r).close_ts <= end]
        assert made[tf] == expected


def test_an_unknown_volume_makes_the_longer_volume_unknown() -> None:
    ladder = Ladder(HOUR_MS, [2 * HOUR_MS])
    for hour, volume in ((0, 1.0), (1, float("nan"))):
        ladder.take(Bar("A", hour * HOUR_MS, HOUR_MS, 1.0, 2.0, 0.5, 1.5, volume))
    (bar,) = ladder.close(2 * HOUR_MS)
    assert np.isnan(bar.volume)
    assert ladder.close(9 * HOUR_MS) == []
