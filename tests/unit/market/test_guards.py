from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from paperbot_core.config.policy import DataLimits, PolicyFile
from paperbot_core.config.reading import read_model
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.market import DAY_MS, HOUR_MS, MINUTE_MS, Bar, Candles
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.checks.guards import (
    RefusedBar,
    StaleGuard,
    TickGuard,
    screen,
    stale_rows,
)

ROOT = Path(__file__).resolve().parents[3]
START = 1_704_067_200_000  # Monday 2024-01-01T00:00Z
LIMITS = DataLimits(
    max_move_pct=10.0, min_volume_ratio=0.5, max_stale_bars=3, recovery_bars=2
)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def _series(closes: list[float], volumes: list[float]) -> Candles:
    """Flat bars, one an hour."""
    ts = START + HOUR_MS * np.arange(len(closes), dtype=np.int64)
    opens, high, low, close = (np.array(closes, dtype=np.float64) for _ in range(4))
    return Candles(
        "A/B", HOUR_MS, ts, opens, high, low, close, np.array(volumes, dtype=np.float64)
    )


def _refused(candles: Candles, limits: DataLimits = LIMITS) -> list[int]:
    """Rows refused bar by bar; `screen` must say the same."""
    guard = TickGuard(limits)
    found = [guard.admit(candles.bar(row)) for row in range(len(candles))]
    kept, refused = screen(candles, limits)
    assert refused == [one for one in found if one is not None]
    rows = [row for row, one in enumerate(found) if one is not None]
    assert kept.ts.tolist() == np.delete(candles.ts, rows).tolist()
    assert kept.close.tolist() == np.delete(candles.close, rows).tolist()
    return rows


def test_a_move_without_volume_is_refused_and_says_why() -> None:
    candles = _series([100.0, 100.0, 120.0, 101.0], [10.0, 30.0, 5.0, 10.0])
    assert _refused(candles) == [2]
    refused = screen(candles, LIMITS)[1]
    assert refused == [
        RefusedBar("A/B", START + 2 * HOUR_MS, HOUR_MS, 20.0, 0.25, 100.0)
    ]


def test_a_move_with_volume_is_believed_and_is_the_new_price() -> None:
    assert _refused(_series([100.0, 100.0, 120.0, 120.0, 100.0], [10.0, 10.0, 5.0, 5, 1])) == [4]


def test_the_limit_itself_is_no_suspect() -> None:
    assert _refused(_series([100.0, 110.0, 99.0], [10.0, 0.0, 0.0])) == []


@pytest.mark.parametrize("price", ["open", "high", "low", "close"])
def test_each_price_of_a_bar_is_looked_at(price: str) -> None:
    guard = TickGuard(LIMITS)
    guard.admit(Bar("A/B", START, HOUR_MS, 100.0, 100.0, 100.0, 100.0, 10.0))
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0) | {price: 80.0}
    refused = guard.admit(Bar("A/B", START + HOUR_MS, HOUR_MS, **prices, volume=1.0))
    assert refused is not None
    assert refused.move_pct == pytest.approx(20.0)


def test_the_first_bar_is_believed() -> None:
    assert _refused(_series([100.0], [0.0])) == []
    assert _refused(_series([], [])) == []


def test_the_mean_is_of_the_last_twenty_believed_bars() -> None:
    # Twenty bars of 10 behind one of a million: 5 is half of the mean, and enough.
    volumes = [1e6, *[10.0] * 20, 5.0]
    assert _refused(_series([100.0] * 21 + [120.0], volumes)) == []
    assert _refused(_series([100.0] * 20 + [120.0], [*volumes[:20], 5.0])) == [20]
    # A refused bar is not in the mean: 4 would be half of a mean with the 1.
    assert _refused(_series([100.0, 120.0, 100.0, 120.0], [10.0, 1.0, 10.0, 4.0])) == [1, 3]


def test_unknown_volume_confirms_nothing_and_is_left_out_of_the_mean() -> None:
    nan = math.nan
    candles = _series([100.0, 100.0, 120.0], [10.0, 10.0, nan])
    assert _refused(candles) == [2]
    assert math.isnan(screen(candles, LIMITS)[1][0].volume_ratio)
    assert _refused(_series([100.0, 100.0, 100.0, 120.0], [10.0, nan, nan, 5.0])) == []
    assert _refused(_series([100.0, 120.0, 100.0], [nan, nan, nan])) == [1]


def test_a_series_that_never_had_volume_cannot_be_judged_by_it() -> None:
    assert _refused(_series([100.0, 150.0, 80.0], [0.0, 0.0, 0.0])) == []


def test_no_volume_confirms_nothing_once_there_was_some() -> None:
    candles = _series([100.0] * 22 + [120.0, 100.0], [1.0, *[0.0] * 21, 0.0, 0.0])
    assert _refused(candles) == [22]
    assert screen(candles, LIMITS)[1][0].volume_ratio == 0.0
    assert _refused(_series([100.0] * 22 + [120.0], [1.0, *[0.0] * 21, 0.1])) == []


def test_a_level_that_holds_is_real_at_its_fourth_bar() -> None:
    # A split 4:1: one refused bar, two that hold, and the third that holds is believed.
    split = _series([100.0] * 5 + [25.0, 25.5, 24.5, 25.0, 25.0], [10.0] * 5 + [1.0] * 5)
    assert _refused(split) == [5, 6, 7]


def test_a_level_left_before_it_held_starts_again() -> None:
    closes = [100.0, 25.0, 25.0, 50.0, 50.0, 50.0, 50.0]
    assert _refused(_series(closes, [10.0] + [1.0] * 6)) == [1, 2, 3, 4, 5]


def test_a_bar_at_the_old_price_ends_the_new_level() -> None:
    closes = [100.0, 25.0, 25.0, 100.0, 25.0, 25.0, 25.0, 25.0]
    assert _refused(_series(closes, [10.0] + [1.0] * 7)) == [1, 2, 4, 5, 6]


def test_a_level_holds_by_its_closes_and_starts_volumes_anew() -> None:
    closes = [100.0, 1.0, 1.0, 1.0, 1.0, 1.5]
    candles = _series(closes, [1e6, 10.0, 10.0, 10.0, 10.0, 5.0])
    candles.high[2:4] = 2.0
    # The last bar moves by half with half of the volume since the new level.
    assert _refused(candles) == [1, 2, 3]


def test_nothing_refused_gives_the_same_object() -> None:
    candles = _series([100.0, 101.0, 120.0], [10.0, 10.0, 10.0])
    kept, refused = screen(candles, LIMITS)
    assert kept is candles
    assert refused == []


def test_a_year_of_minutes_takes_milliseconds() -> None:
    rng = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.001, 525_600)))
    ts = START + MINUTE_MS * np.arange(len(close), dtype=np.int64)
    candles = Candles("A/B", MINUTE_MS, ts, close, close, close, close, np.ones(len(close)))
    best = math.inf
    for _ in range(3):
        begun = time.perf_counter()
        assert screen(candles, LIMITS)[0] is candles
        assert not stale_rows(ts, MINUTE_MS, LIMITS, continuous=True).any()
        best = min(best, time.perf_counter() - begun)
    assert best < 0.25  # 12 ms on an idle machine


def _stale(ts: list[int], tf_ms: int, limits: DataLimits, continuous: bool) -> list[bool]:
    """Say where the breaker is open, bar by bar; `stale_rows` must say the same."""
    guard = StaleGuard(limits, tf_ms, continuous)
    found = [not guard.take(one + tf_ms) for one in ts]
    whole = stale_rows(np.array(ts, dtype=np.int64), tf_ms, limits, continuous)
    assert whole.tolist() == found
    return found


def _hours(*numbers: int) -> list[int]:
    return [START + number * HOUR_MS for number in numbers]


def test_a_hole_opens_the_breaker_and_bars_in_a_row_close_it() -> None:
    assert _stale(_hours(0, 1, 5, 6, 7), HOUR_MS, LIMITS, continuous=True) == [
        False, False, True, False, False,
    ]  # fmt: skip


def test_a_smaller_hole_does_not() -> None:
    assert not any(_stale(_hours(0, 1, 4, 7, 10), HOUR_MS, LIMITS, continuous=True))


def test_any_hole_starts_the_recovery_again() -> None:
    limits = LIMITS.model_copy(update={"recovery_bars": 3})
    assert _stale(_hours(0, 4, 5, 7, 8, 9, 10), HOUR_MS, limits, continuous=True) == [
        False, True, True, True, True, False, False,
    ]  # fmt: skip


def test_one_recovery_bar_is_the_bar_after_the_hole() -> None:
    limits = LIMITS.model_copy(update={"recovery_bars": 1})
    assert not any(_stale(_hours(0, 9, 20), HOUR_MS, limits, continuous=True))


def test_without_a_bar_the_clock_opens_the_breaker() -> None:
    guard = StaleGuard(LIMITS, HOUR_MS, continuous=True)
    assert not guard.is_open(START)
    assert guard.take(START)
    # Closes at 1, 2 and 3 hours are missed one ms after the third.
    assert not guard.is_open(START + 3 * HOUR_MS)
    assert guard.is_open(START + 3 * HOUR_MS + 1)
    assert not guard.take(START + 4 * HOUR_MS)
    assert guard.is_open(START + 4 * HOUR_MS)
    assert guard.take(START + 5 * HOUR_MS)
    assert not guard.is_open(START + 5 * HOUR_MS)


def test_a_bar_again_changes_nothing() -> None:
    guard = StaleGuard(LIMITS, HOUR_MS, continuous=True)
    guard.take(START)
    assert not guard.take(START + 9 * HOUR_MS)
    assert not guard.take(START + 9 * HOUR_MS)
    assert not guard.take(START)
    assert guard.take(START + 10 * HOUR_MS)


def test_nights_and_holidays_of_a_market_with_sessions_are_no_holes() -> None:
    # Friday before Washington's birthday, Tuesday after it.
    days = [_ms("2024-02-16"), _ms("2024-02-20"), _ms("2024-02-21")]
    limits = LIMITS.model_copy(update={"max_stale_bars": 1})
    assert not any(_stale(days, DAY_MS, limits, continuous=False))
    hours = [_ms("2024-02-16 20:00"), _ms("2024-02-20 14:00"), _ms("2024-02-20 15:00")]
    assert not any(_stale(hours, HOUR_MS, limits, continuous=False))
    # Without Thursday and Friday; without the afternoon of Friday.
    days = [_ms("2024-02-14"), _ms("2024-02-20"), _ms("2024-02-21")]
    limits = LIMITS.model_copy(update={"max_stale_bars": 2})
    assert _stale(days, DAY_MS, limits, continuous=False) == [False, True, False]
    hours = [_ms("2024-02-16 17:00"), _ms("2024-02-20 14:00"), _ms("2024-02-20 15:00")]
    assert _stale(hours, HOUR_MS, LIMITS, continuous=False) == [False, True, False]


def test_the_clock_knows_sessions_too() -> None:
    guard = StaleGuard(LIMITS, HOUR_MS, continuous=False)
    assert guard.take(_ms("2024-02-16 21:00"))
    assert not guard.is_open(_ms("2024-02-20 14:00"))
    assert not guard.is_open(_ms("2024-02-20 17:00"))
    assert guard.is_open(_ms("2024-02-20 17:01"))


def test_weeks_have_no_closed_times() -> None:
    weeks = [START + 7 * DAY_MS * number for number in (0, 1, 5, 6)]
    assert _stale(weeks, 7 * DAY_MS, LIMITS, continuous=False) == [False, False, True, False]


def _shipped() -> DataLimits:
    text = (ROOT / "policy.yaml").read_text("utf-8")
    policy, diagnostics = read_model(PolicyFile, parse_yaml(text, "policy.yaml"))
    assert diagnostics == []
    assert policy is not None
    assert policy.data is not None
    return policy.data


CRASHES = ("2020-03-12", "2020-03-13", "2021-05-19", "2022-11-08", "2022-11-09", "2022-11-10")


@pytest.mark.parametrize(
    "folder", ["binance_spot_long", "binance_spot_crash", "binance_perp", "ftx_perp"]
)
def test_real_crashes_are_believed(market_data: Path, folder: str) -> None:
    for file in find_candles([market_data / folder], warnings=[]):
        assert screen(read_candles(file), _shipped())[1] == [], file.path.name


def test_crashes_of_many_coins_are_believed(market_data: Path) -> None:
    days = [(_ms(day), _ms(day) + DAY_MS) for day in CRASHES]
    refused = [
        (one.symbol, one.ts)
        for file in find_candles([market_data / "binance_spot_2021"], warnings=[])
        for one in screen(read_candles(file), _shipped())[1]
        if any(first <= one.ts < last for first, last in days)
    ]
    # A coin in the hours after its listing, on a fifth of the mean volume since.
    assert [symbol for symbol, _ in refused] == ["POLS/USDT", "POLS/USDT"]


def test_real_splits_cost_three_bars(market_data: Path) -> None:
    file = find_candles([market_data / "lean_equity" / "USO_1d.parquet"])[0]
    refused = screen(read_candles(file), _shipped())[1]
    assert [one.ts for one in refused] == [
        _ms("2020-04-29"), _ms("2020-04-30"), _ms("2020-05-01"),
    ]  # fmt: skip


def test_real_outages_open_the_breaker(market_data: Path) -> None:
    file = find_candles([market_data / "binance_spot_long" / "BTC-USDT_1h.parquet"])[0]
    candles = read_candles(file)
    stale = stale_rows(candles.ts, candles.tf_ms, _shipped(), continuous=True)
    outages = [
        ("2018-02-08 00:00", 33), ("2018-06-26 01:00", 10), ("2018-07-04 00:00", 7),
        ("2018-11-14 01:00", 7), ("2019-05-15 02:00", 10), ("2020-02-19 11:00", 5),
        ("2020-12-21 13:00", 4), ("2021-04-25 04:00", 3), ("2021-08-13 01:00", 4),
    ]  # fmt: skip
    after = {_ms(last) + (missing + 1) * HOUR_MS for last, missing in outages}
    assert after <= set(candles.ts[stale].tolist())
    assert _ms("2023-03-24 14:00") not in candles.ts[stale]


def test_real_sessions_have_few_holes(market_data: Path) -> None:
    for file in find_candles([market_data / "lean_equity"], warnings=[]):
        candles = read_candles(file)
        stale = stale_rows(candles.ts, candles.tf_ms, _shipped(), continuous=False)
        assert int(stale.sum()) <= 1, file.path.name
