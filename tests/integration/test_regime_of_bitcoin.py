"""The shipped rules on six years of Bitcoin: what docs/regimes.md says that was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paperbot_core.config.selection import REGIMES, Regime
from paperbot_core.domain.market import DAY_MS, HOUR_MS, Candles
from paperbot_core.lang.regimes import regime_code
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.resample import resample
from paperbot_core.market.universe.regime import RegimeDetector, regime_at

#: 2018-01-01, 2020-03-12, 2021-05-19 and 2022-11-09, 12:00 UTC but for the first.
FIRST = 1_514_764_800_000
EVENTS = [1_584_014_400_000, 1_621_425_600_000, 1_667_995_200_000]
CRASH = regime_code("crash")


@pytest.fixture(scope="module")
def bitcoin(market_data: Path) -> Candles:
    path = market_data / "binance_spot_long" / "BTC-USDT_1h.parquet"
    candles = resample(read_candles(find_candles([path])[0]), 4 * HOUR_MS)
    end = FIRST + (6 * 365 + 1) * DAY_MS
    return candles.slice(0, int(np.searchsorted(candles.ts, end)))


def test_shares_and_stays_are_as_measured(bitcoin: Candles) -> None:
    detector = RegimeDetector(Regime(symbol="BTC/USDT"))
    codes = detector.batch(bitcoin)[1][detector.warmup :]
    assert not np.isnan(codes).any()
    shares = {name: round(100 * float((codes == k).mean()), 1) for k, name in enumerate(REGIMES, 1)}
    assert shares == {"calm": 27.7, "trend": 16.4, "chop": 51.3, "crash": 4.6}
    changes = int((np.diff(codes) != 0).sum())
    weeks = len(codes) * bitcoin.tf_ms / (7 * DAY_MS)
    assert changes / weeks < 1.1


def test_the_crashes_everybody_remembers_are_crashes(bitcoin: Candles) -> None:
    times, codes = RegimeDetector(Regime(symbol="BTC/USDT")).batch(bitcoin)
    known = regime_at(times, codes, np.array(EVENTS))
    assert known.tolist() == [CRASH] * 3
    year_2023 = times >= FIRST + (5 * 365 + 1) * DAY_MS
    assert not (codes[year_2023] == CRASH).any()
