"""Laws of the guards on market data, over series that are worse than real ones."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from paperbot_core.config.policy import DataLimits
from paperbot_core.domain.market import DAY_MS, HOUR_MS, MINUTE_MS, Candles
from paperbot_core.market.checks.guards import HOLD_BARS, StaleGuard, TickGuard, screen, stale_rows

START = 1_704_067_200_000
LOOSEST = 10_000.0
TIMEFRAMES = [MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS]


@st.composite
def _limits(draw: st.DrawFn) -> DataLimits:
    return DataLimits(
        max_move_pct=draw(st.sampled_from([0.5, 2.0, 10.0, 50.0, 400.0])),
        min_volume_ratio=draw(st.sampled_from([0.01, 0.25, 1.0, 3.0])),
        max_stale_bars=draw(st.integers(1, 5)),
        recovery_bars=draw(st.integers(1, 5)),
    )


@st.composite
def _candles(draw: st.DrawFn) -> Candles:
    """Walks with jumps, wicks, runs without volume and unknown volumes."""
    rows = draw(st.integers(0, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    jumps = rng.random(rows) < draw(st.sampled_from([0.0, 0.1, 0.5]))
    steps = np.where(jumps, rng.normal(0.0, 0.5, rows), rng.normal(0.0, 0.02, rows))
    close = 100.0 * np.exp(np.cumsum(steps) if draw(st.booleans()) else steps)
    opens = close * np.exp(rng.normal(0.0, 0.01, rows))
    wick = np.where(rng.random(rows) < 0.1, 1.3, 1.001)
    high, low = np.maximum(opens, close) * wick, np.minimum(opens, close) / wick
    volume = rng.lognormal(0.0, draw(st.sampled_from([0.1, 1.0, 3.0])), rows)
    volume[rng.random(rows) < draw(st.sampled_from([0.0, 0.5, 1.0]))] = 0.0
    volume[rng.random(rows) < draw(st.sampled_from([0.0, 0.3]))] = math.nan
    ts = START + HOUR_MS * np.arange(rows, dtype=np.int64)
    return Candles("A/B", HOUR_MS, ts, opens, high, low, close, volume)


@st.composite
def _times(draw: st.DrawFn, tf_ms: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 4, 7, 40]), max_size=60))
    return START + tf_ms * np.cumsum([0, *steps], dtype=np.int64)


def _refused_rows(candles: Candles, limits: DataLimits) -> list[int]:
    return [int(np.searchsorted(candles.ts, one.ts)) for one in screen(candles, limits)[1]]


@given(_candles(), _limits())
def test_a_history_is_judged_as_its_bars(candles: Candles, limits: DataLimits) -> None:
    guard = TickGuard(limits)
    live = [guard.admit(candles.bar(row)) for row in range(len(candles))]
    kept, refused = screen(candles, limits)
    assert refused == [one for one in live if one is not None]
    believed = np.array([one is None for one in live], dtype=np.bool_)
    for name in ("ts", "open", "high", "low", "close", "volume"):
        assert np.array_equal(
            getattr(kept, name), getattr(candles, name)[believed], equal_nan=name == "volume"
        )
    assert (kept is candles) == bool(believed.all())


@given(_candles(), _limits(), st.data())
def test_bars_to_come_change_nothing(
    candles: Candles, limits: DataLimits, data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(candles)))
    rows = _refused_rows(candles, limits)
    assert _refused_rows(candles.slice(0, length), limits) == [r for r in rows if r < length]


@given(_candles(), _limits())
def test_limits_beyond_every_move_refuse_nothing(candles: Candles, limits: DataLimits) -> None:
    spread = float(candles.high.max() / candles.low.min()) if len(candles) else 1.0
    assume(spread < LOOSEST / 100.0)
    assert _refused_rows(candles, limits.model_copy(update={"max_move_pct": LOOSEST})) == []


@given(_candles(), _limits(), st.floats(1.0, 100.0), st.floats(1.0, 100.0))
def test_a_tighter_limit_refuses_its_first_bar_no_later(
    candles: Candles, limits: DataLimits, narrower: float, fuller: float
) -> None:
    # Beyond the first refusal the two guards compare with other bars: no law holds there.
    tight = limits.model_copy(
        update={
            "max_move_pct": limits.max_move_pct / narrower,
            "min_volume_ratio": limits.min_volume_ratio * fuller,
        }
    )
    loose_rows, tight_rows = _refused_rows(candles, limits), _refused_rows(candles, tight)
    if loose_rows:
        assert tight_rows
        assert tight_rows[0] <= loose_rows[0]


@given(_candles(), _limits())
def test_a_level_that_holds_is_never_locked_out(candles: Candles, limits: DataLimits) -> None:
    rows = set(_refused_rows(candles, limits))
    for row in rows - {r + 1 for r in rows}:
        level, after = candles.close[row], candles.close[row + 1 : row + 1 + HOLD_BARS]
        near = np.abs(after - level) / level * 100.0 <= limits.max_move_pct
        if len(after) == HOLD_BARS and near.all():
            assert not rows >= set(range(row + 1, row + 1 + HOLD_BARS))


@given(_candles(), _limits(), st.integers(-20, 20), st.integers(-20, 20))
def test_units_of_price_and_volume_do_not_matter(
    candles: Candles, limits: DataLimits, price: int, volume: int
) -> None:
    # Powers of two: other units would round.
    unit = 2.0**price
    other = Candles(
        candles.symbol, candles.tf_ms, candles.ts, candles.open * unit, candles.high * unit,
        candles.low * unit, candles.close * unit, candles.volume * 2.0**volume,
    )  # fmt: skip
    assert _refused_rows(other, limits) == _refused_rows(candles, limits)


@given(st.sampled_from(TIMEFRAMES), st.booleans(), _limits(), st.data())
def test_stale_rows_are_those_of_the_guard(
    tf_ms: int, continuous: bool, limits: DataLimits, data: st.DataObject
) -> None:
    ts = data.draw(_times(tf_ms))
    guard = StaleGuard(limits, tf_ms, continuous)
    live = []
    for one in ts.tolist():
        was_open = guard.is_open(one + tf_ms)
        allowed = guard.take(one + tf_ms)
        # A bar closes the breaker or leaves it; only missing ones open it.
        assert was_open or allowed
        assert guard.is_open(one + tf_ms) is not allowed
        live.append(not allowed)
    assert stale_rows(ts, tf_ms, limits, continuous).tolist() == live


@given(_limits(), st.integers(1, 5), st.data())
def test_more_patience_is_stale_no_more_often(
    limits: DataLimits, more: int, data: st.DataObject
) -> None:
    ts = data.draw(_times(HOUR_MS))
    strict = stale_rows(ts, HOUR_MS, limits, continuous=True)
    for key in ("max_stale_bars", "recovery_bars"):
        sign = 1 if key == "max_stale_bars" else -1
        value = max(1, getattr(limits, key) + sign * more)
        lax = stale_rows(ts, HOUR_MS, limits.model_copy(update={key: value}), continuous=True)
        assert not (lax & ~strict).any()
