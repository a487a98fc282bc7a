"""Longer timeframes: which bar counts when, with gaps, inside one another, and on Mondays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from paperbot_core.diagnostics import DataError
from paperbot_core.domain.market import DAY_MS, HOUR_MS, Bar, Candles
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.graph import Graph, Node
from paperbot_core.lang.live import Live
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.scope import Scope

NAN = float("nan")


def node_of(text: str, timeframe: int = HOUR_MS) -> Node:
    found = Lowering(Scope(timeframe, FUNCTIONS), Graph()).expression(("x",), text)
    assert found is not None
    return found.root


def candles_at(hours: Sequence[int], tf_ms: int = HOUR_MS) -> Candles:
    """Candles whose open, high, low, close and volume tell the hour: h, h + .9, h - .9, h + .5."""
    hour = np.array(hours, dtype=np.float64)
    ts = np.array(hours, dtype=np.int64) * HOUR_MS
    return Candles("X/Y", tf_ms, ts, hour + 0, hour + 0.9, hour - 0.9, hour + 0.5, hour * 10)


def both(text: str, candles: Candles) -> list[float]:
    """Evaluate over history and live; they must agree."""
    node = node_of(text, candles.tf_ms)
    column: list[float] = Columns(candles).array(node).tolist()
    live = Live([node], candles.tf_ms)
    rows = [live.update(candles.bar(row))[0] for row in range(len(candles))]
    assert np.array_equal(column, rows, equal_nan=True)
    return column


def test_a_bar_counts_from_its_last_instant_on() -> None:
    # The bar 00:00-04:00 closes with the bar of 03:00, and counts at that very close.
    assert both('at("4h", close)', candles_at(range(9))) == pytest.approx(
        [NAN, NAN, NAN, 3.5, 3.5, 3.5, 3.5, 7.5, 7.5], nan_ok=True
    )


@pytest.mark.parametrize(
    ("series", "value"),
    [("open", 0), ("high", 3.9), ("low", -0.9), ("close", 3.5), ("volume", 60), ("hour", 0)],
)
def test_a_bar_is_made_of_the_bars_that_exist(series: str, value: float) -> None:
    assert both(f'at("4h", {series})', candles_at(range(4)))[3] == pytest.approx(value)


def test_an_unknown_volume_makes_the_sum_unknown() -> None:
    candles = candles_at(range(8))
    candles.volume[2] = NAN
    column = both('at("4h", volume)', candles)
    assert np.isnan(column[3])
    assert column[7] == 220


def test_a_gap_over_the_end_closes_the_bar_late() -> None:
    # 03:00 is missing: 00:00-04:00 closes when the bar of 05:00 tells that time has passed.
    assert both('at("4h", close)', candles_at([0, 1, 2, 5, 6])) == pytest.approx(
        [NAN, NAN, NAN, 2.5, 2.5], nan_ok=True
    )


def test_a_bucket_without_bars_is_no_bar() -> None:
    # Nothing from 04:00 to 12:00: one bar ago is the bar of 00:00.
    candles = candles_at([0, 1, 2, 3, 12, 13, 14, 15])
    assert both('at("4h", close[1])', candles)[-1] == 3.5
    assert both('at("4h", close)[1]', candles)[-1] == 3.5
    assert both('at("4h", close)[1]', candles)[4] == 3.5


def test_inside_and_outside_count_different_bars() -> None:
    candles = candles_at(range(12))
    assert both('at("4h", close[1])', candles)[11] == 7.5
    assert both('at("4h", close)[1]', candles)[11] == 7.5
    assert both('at("4h", close)[1]', candles)[10] == 7.5
    assert both('at("4h", close[1])', candles)[10] == 3.5


def test_the_keyword_and_at_are_the_same() -> None:
    assert node_of('rsi(14, timeframe="4h")').key == node_of('at("4h", rsi(14))').key


def test_the_own_timeframe_is_no_detour() -> None:
    assert node_of('at("1h", close)').key == node_of("close").key
    assert node_of('at("4h", at("4h", close))').key == node_of('at("4h", close)').key


def test_longer_inside_long_reads_what_had_closed_by_then() -> None:
    # At the close of 20:00-24:00 the day has closed too; the gap shows that 4h bars read it
    # at their own close, not at ours.
    hours = [*range(20), 33, 34, 35, 36]
    column = both('at("4h", at("1d", close))', candles_at(hours))
    assert np.isnan(column[20:22]).all()
    assert column[22] == 19.5
    plain = both('at("1d", close)', candles_at(hours))
    assert plain[20] == 19.5


def test_weeks_open_on_monday() -> None:
    days = [24 * d for d in range(3, 12)]  # 1970-01-04 is a Sunday
    column = both('at("1w", open)', candles_at(days, DAY_MS))
    assert column == pytest.approx([72, 72, 72, 72, 72, 72, 72, 96, 96], nan_ok=True)


def test_overlapping_bars_are_refused_both_ways() -> None:
    candles = candles_at([0, 1, 2])
    candles.ts[1] -= HOUR_MS // 2
    with pytest.raises(DataError, match="PB2401"):
        Columns(candles).array(node_of('at("4h", close)'))
    live = Live([node_of("close")], HOUR_MS)
    live.update(candles.bar(0))
    with pytest.raises(DataError, match="PB2401"):
        live.update(candles.bar(1))
    with pytest.raises(DataError, match="PB2401"):
        live.update(Bar("X/Y", 0, HOUR_MS, 1, 1, 1, 1, 1))


def test_no_bars_give_no_values() -> None:
    assert Columns(candles_at([])).array(node_of('sma(at("4h", close), 3)')).tolist() == []
