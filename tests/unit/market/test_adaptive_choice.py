"""The choice of a mode: against plain arithmetic, live as in history, unknown without data."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.config.adaptive import Adaptive
from paperbot_core.domain.market import HOUR_MS, Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.market.resample import resample
from paperbot_core.market.universe.adaptive import ModeChooser, measure_text
from tests import session_world as sw

WINDOW = 4
MODES = {
    "fast": {"weights": {"trend": -0.5, "volatility": 1.0, "liquidity": 0.5}},
    "slow": {"weights": {"trend": 1.0}},
    "calm": {"weights": {"volatility": -1.0}},
}


def adaptive(every: str = "4h", modes: dict[str, Any] | None = None) -> Adaptive:
    return Adaptive.model_validate({"every": every, "window": WINDOW, "modes": modes or MODES})


def measures_by_hand(candles: Candles, row: int) -> list[float]:
    """Return trend, volatility and liquidity at a row of candles of `every`, NaN in warm-up."""
    close = candles.close
    if row < 6 * WINDOW - 1:
        return [math.nan] * 3

    def vol(k: int) -> float:
        return math.sqrt(sum(math.log(close[j] / close[j - 1]) ** 2 for j in range(k - 3, k + 1)))

    def liquid(k: int) -> float:
        turnover = close * candles.volume
        return float(sum(turnover[j] for j in range(k - 3, k + 1))) / WINDOW

    def placed(of: Any) -> float:
        past = [of(k) for k in range(row - 5 * WINDOW + 1, row + 1)]
        return float((past[-1] - min(past)) / (max(past) - min(past)))

    way = sum(abs(close[j] - close[j - 1]) for j in range(row - WINDOW + 1, row + 1))
    trend = abs(close[row] - close[row - WINDOW]) / way
    return [float(trend), placed(vol), placed(liquid)]


def test_measures_and_choice_are_those_of_plain_arithmetic() -> None:
    candles = sw.walk("A/USDT", 800, 5)
    chooser = ModeChooser("x", adaptive(), HOUR_MS)
    columns = Columns(candles)
    line, slow = chooser.batch(columns), resample(candles, 4 * HOUR_MS)
    seen = set()
    for row in range(len(slow)):
        expected = measures_by_hand(slow, row)
        at = 4 * row + 3
        values = chooser.values_at(columns, at)
        assert values == pytest.approx(expected, nan_ok=True)
        assert all(math.isnan(v) or 0.0 <= v <= 1.0 + 1e-12 for v in values)
        if math.isnan(expected[0]):
            assert math.isnan(line.codes[at])
            continue
        t, v, q = values
        scores = {"fast": -0.5 * t + v + 0.5 * q, "slow": t, "calm": -v}
        best = max(scores, key=lambda name: scores[name])
        assert chooser.name(line.codes[at]) == best
        seen.add(best)
        # What was chosen stays until the next close of `every`.
        assert set(line.codes[at : at + 4].tolist()) == {line.codes[at]}
    assert seen == {"fast", "slow"}


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000), st.floats(0.0, 0.3), st.sampled_from(["1h", "2h", "1d"]),
    st.integers(1, 200),
)
def test_live_is_history_and_history_has_no_future(
    seed: int, gaps: float, every: str, rows: int
) -> None:
    candles = sw.walk("A/USDT", 300, seed, gaps=gaps)
    chooser = ModeChooser("x", adaptive(every), HOUR_MS)
    line = chooser.batch(Columns(candles))
    live = chooser.live()
    told = [live.update(candles.bar(row)) for row in range(len(candles))]
    assert np.array_equal(np.array(told), line.codes, equal_nan=True)
    known = chooser.batch(Columns(candles.slice(0, rows)))
    assert np.array_equal(known.codes, line.codes[: len(known.codes)], equal_nan=True)


def test_the_first_of_equal_modes_wins() -> None:
    same = {"one": {"weights": {"trend": 1}}, "two": {"weights": {"trend": 1}}}
    line = ModeChooser("x", adaptive(modes=same), HOUR_MS).batch(Columns(sw.walk("A/B", 300, 1)))
    assert [mode for _, mode in line.changes()] == ["one"]


def test_unknown_volume_matters_where_liquidity_is_weighed() -> None:
    made = sw.walk("A/USDT", 300, 2)
    nothing = replace(made, volume=np.full(len(made), np.nan))
    weighing = ModeChooser("x", adaptive(), HOUR_MS)
    assert weighing.batch(Columns(nothing)).changes() == []
    assert weighing.text(weighing.values_at(Columns(nothing), 299)) == "liquidity not known"
    modes = {"slow": {"weights": {"trend": 1}}, "calm": {"weights": {"volatility": -1}}}
    blind = ModeChooser("x", adaptive(modes=modes), HOUR_MS)
    assert blind.measures == ("trend", "volatility")
    assert blind.batch(Columns(nothing)).changes()


def test_flat_prices_have_no_trend_and_no_place() -> None:
    flat = np.full(300, 100.0)
    made = sw.walk("A/USDT", 300, 2)
    still = replace(made, open=flat, high=flat, low=flat, close=flat, volume=flat)
    chooser = ModeChooser("x", adaptive(), HOUR_MS)
    assert chooser.values_at(Columns(still), 299) == [0.0, 0.0, 0.0]
    assert chooser.choice_text([0.0, 0.0, 0.0]) == (
        "`fast` is chosen: scores fast 0, slow 0, calm 0 (trend 0, volatility 0, liquidity 0)"
    )


def test_a_choice_is_looked_up_by_decision_time() -> None:
    candles = sw.walk("A/USDT", 300, 7)
    line = ModeChooser("x", adaptive(), HOUR_MS).batch(Columns(candles))
    first, mode = line.changes()[0]
    assert mode is not None
    now = np.array([first - 1, first, first + 1])
    assert line.is_chosen(mode, now).tolist() == [False, True, True]


def test_measures_are_expressions_of_the_language() -> None:
    assert measure_text("trend", adaptive()) == (
        "where(sum(abs(change(close, 1)), 4) > 0, "
        "abs(change(close, 4)) / sum(abs(change(close, 1)), 4), 0)"
    )
