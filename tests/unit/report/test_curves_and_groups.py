"""What the charts and tables are made of, against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.domain.market import Candles
from paperbot_core.report.curves import buy_and_hold, draw_curves, extremes
from paperbot_core.report.groups import compound, group_trades, histogram, monthly_returns
from paperbot_core.report.run import SavedRun

DAY = 86_400_000
START = 1_609_459_200_000  # 2021-01-01


def bars(symbol: str, start: int, opens: list[float], closes: list[float]) -> Candles:
    o, c = np.array(opens), np.array(closes)
    ts = start + DAY * np.arange(len(o), dtype=np.int64)
    return Candles(symbol, DAY, ts, o, np.maximum(o, c), np.minimum(o, c), c, np.ones(len(o)))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3_000), st.integers(10, 400), st.integers(0, 99))
def test_thinning_keeps_ends_and_extremes(n: int, points: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=n).cumsum()
    keep = extremes(values, points)
    assert (np.diff(keep) > 0).all()
    assert {0, n - 1, int(values.argmin()), int(values.argmax())} <= set(keep.tolist())
    assert len(keep) <= points + 2


def test_drawdown_is_from_the_peak_and_starts_at_the_cash() -> None:
    times = START + DAY * np.arange(1, 5, dtype=np.int64)
    curves = draw_curves(times, np.array([90.0, 120.0, 60.0, 150.0]), 100.0, START, [])
    assert curves.times.tolist() == [START, *times.tolist()]
    np.testing.assert_allclose(curves.drawdown_pct, [0.0, -10.0, 0.0, -50.0, 0.0], atol=1e-12)
    assert len(curves.hold) == 0
    assert len(draw_curves(times[:0], np.empty(0), 100.0, START, []).times) == 0


def test_the_deepest_fall_survives_thinning() -> None:
    n = 500_000
    equity = np.full(n, 1_000.0) + np.random.default_rng(3).random(n)
    equity[345_678] = 400.0
    curves = draw_curves(np.arange(1, n + 1) * 60_000, equity, 1_000.0, 0, [])
    assert len(curves.times) < 5_000
    assert curves.drawdown_pct.min() == pytest.approx(100 * (400 / equity[:345_678].max() - 1))


def test_buy_and_hold_is_equal_parts_at_the_first_open() -> None:
    a = bars("A", START, [10.0, 12.0, 9.0], [12.0, 9.0, 20.0])
    b = bars("B", START + DAY, [50.0, 40.0], [40.0, 25.0])
    times = START + DAY * np.arange(4, dtype=np.int64)
    # A: 1, 1.2, 0.9, 2.0 of its 50; B is cash until its first close: 1, 1, 0.8, 0.5 of its 50.
    expected = [100.0, 110.0, 85.0, 125.0]
    np.testing.assert_allclose(buy_and_hold(times, 100.0, START, [a, b]), expected)
    # Bought at the start of the run, not of the data: A from its second open, 12.
    late = buy_and_hold(times[2:], 100.0, START + DAY, [a])
    np.testing.assert_allclose(late, [75.0, 100 * 20 / 12])
    assert len(buy_and_hold(times, 100.0, START + 9 * DAY, [a])) == 0


def test_months_end_at_midnight_of_the_first() -> None:
    january_end, february = 1_612_137_600_000, 1_612_137_600_001  # 2021-02-01T00:00 and after
    times = np.array([START + DAY, january_end, february, february + DAY], dtype=np.int64)
    found = monthly_returns(times, np.array([105.0, 110.0, 100.0, 99.0]), 100.0)
    assert found.keys() == {2021}
    assert found[2021][1] == pytest.approx(10.0)
    assert found[2021][2] == pytest.approx(-10.0)
    assert compound(found[2021].values()) == pytest.approx(-1.0)
    assert monthly_returns(times[:0], np.empty(0), 100.0) == {}


def test_groups_add_up(make_run: Callable[..., SavedRun]) -> None:
    groups = group_trades(make_run(trades=4), "exit_reason")
    assert [(g.label, g.trades, g.wins, g.pnl) for g in groups] == [
        ("target", 2, 2, 40.0),
        ("signal", 1, 1, 20.0),
        ("stop", 1, 0, -10.0),
    ]
    assert groups[0].win_pct == 100.0
    assert group_trades(make_run(trades=0), "symbol") == []


def test_histograms_put_the_rest_at_the_ends() -> None:
    values = np.array([-9.0, -0.1, 0.0, 0.4, 9.0, np.nan])
    assert histogram(values, 1.0, 0.5) == [(-1.0, 1), (-0.5, 1), (0.0, 2), (0.5, 1)]
    assert histogram(np.array([np.nan]), 1.0, 0.5) == []
