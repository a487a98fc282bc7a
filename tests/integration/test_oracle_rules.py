"""Members, believed bars, stale data and regimes, one by one: the oracle's loops say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.config.policy import DataLimits
from paperbot_core.config.selection import Regime
from paperbot_core.config.universe import UniverseFile
from paperbot_core.domain.market import HOUR_MS, Candles
from paperbot_core.lang.regimes import regime_name
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.checks.guards import screen, stale_rows
from paperbot_core.market.resample import resample
from paperbot_core.market.universe.membership import from_candles
from paperbot_core.market.universe.regime import RegimeDetector
from tests.oracle.build import PRICES
from tests.oracle.conditions import believed, regimes, stale_closes
from tests.oracle.universe import Series, members
from tests.oracle.words import Candle
from tests.universe_world import market, universes


def bars_of(candles: Candles) -> list[Candle]:
    columns = (getattr(candles, name).tolist() for name in ("ts", *PRICES))
    return [Candle(*row) for row in zip(*columns, strict=True)]


@given(universes(), market())
@settings(max_examples=50)
def test_members(universe: UniverseFile, candles: dict[str, Candles]) -> None:
    bars = {
        symbol: Series((c.ts + c.tf_ms).tolist(), bars_of(c))
        for symbol, c in candles.items()
        if len(c)
    }
    mine = members(universe, bars) if bars else None
    if mine is None:
        return
    theirs = from_candles(universe, candles)
    for now in sorted({close for series in bars.values() for close in series.closes}):
        for symbol in bars:
            assert mine.tier(symbol, now) == theirs.tier_at(symbol, now)


@st.composite
def rough(draw: st.DrawFn) -> Candles:
    """Draw hourly bars with holes, jumps that stay or go, and volumes that are small or unknown."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 120))
    ts = np.cumsum(rng.choice([1, 1, 1, 1, 1, 1, 2, 3, 6], n)).astype(np.int64) * HOUR_MS
    level = np.cumprod(rng.choice([1.0, 1.0, 1.0, 1.0, 1.15, 0.85], n))
    close = 100.0 * level * rng.choice([1.0, 1.0, 1.0, 1.0, 1.3], n)
    opens = close * rng.choice([1.0, 1.0, 0.95, 1.05], n)
    high, low = np.maximum(opens, close), np.minimum(opens, close) * rng.choice([1.0, 0.9], n)
    kind = draw(st.sampled_from(["some", "none", "mixed"]))
    some = rng.choice([0.0, 1.0, 10.0, 100.0], n, p=[0.1, 0.3, 0.3, 0.3])
    volume = np.zeros(n) if kind == "none" else some
    if kind == "mixed":
        volume[rng.random(n) < 0.2] = np.nan
    return Candles("A/USDT", HOUR_MS, ts, opens, high, low, close, volume)


@given(
    rough(), st.sampled_from([4.0, 10.0, 16.0]), st.sampled_from([0.25, 1.0, 3.0]),
    st.integers(1, 4), st.integers(1, 4),
)  # fmt: skip
@settings(max_examples=50)
def test_believed_bars_and_stale_data(
    candles: Candles, move: float, ratio: float, stale: int, recovery: int
) -> None:
    limits = DataLimits(
        max_move_pct=move, min_volume_ratio=ratio, max_stale_bars=stale, recovery_bars=recovery
    )
    theirs, _ = screen(candles, limits)
    mine = believed(bars_of(candles), limits)
    assert [bar.ts for bar in mine] == theirs.ts.tolist()
    closes = [bar.ts + HOUR_MS for bar in mine]
    marked = stale_rows(theirs.ts, HOUR_MS, limits, continuous=True)
    assert stale_closes(closes, HOUR_MS, limits) == set((theirs.ts[marked] + HOUR_MS).tolist())


@pytest.mark.parametrize("coin", ["BTC", "DOGE"])
def test_regimes_of_real_years(coin: str, market_data: Path) -> None:
    [file] = find_candles([market_data / "binance_spot_long" / f"{coin}-USDT_1h.parquet"])
    candles = resample(read_candles(file), 4 * HOUR_MS)
    wanted = Regime(symbol=file.symbol)
    _, codes = RegimeDetector(wanted).batch(candles)
    theirs = [regime_name(code) for code in codes.tolist()]
    assert regimes(bars_of(candles), wanted.rules) == theirs
    assert {"calm", "trend", "chop", "crash", None} == set(theirs)
