"""Bars from trades by hand, from stored trades, and longer bars against those of the exchange."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paperbot_core.domain.market import Candles
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.resample import resample
from paperbot_core.market.trades.bars import (
    BarBuilder,
    BarKind,
    BarRule,
    dollar_bars,
    tick_bars,
    time_bars,
    volume_bars,
)
from paperbot_core.market.trades.read import read_trades
from paperbot_core.market.trades.trades import Trades, no_trades

MINUTE = 60_000
TRADES = Trades(
    "BTC/USDT",
    np.array([1_000, 1_000, 59_999, 60_000, 200_000], np.int64),
    np.array([10.0, 12.0, 9.0, 11.0, 13.0]),
    np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    np.array([1, -1, 0, 1, 1], np.int8),
    np.arange(5),
)


def test_time_bars_by_hand() -> None:
    bars = time_bars(TRADES, MINUTE)
    assert bars.ts.tolist() == [0, 60_000, 180_000]
    assert bars.close_ts.tolist() == [60_000, 120_000, 240_000]
    assert bars.open.tolist() == [10, 11, 13]
    assert bars.high.tolist() == [12, 11, 13]
    assert bars.low.tolist() == [9, 11, 13]
    assert bars.close.tolist() == [9, 11, 13]
    assert bars.volume.tolist() == [6, 4, 5]
    assert bars.quote_volume.tolist() == [61, 44, 65]
    assert bars.trades.tolist() == [3, 1, 1]
    assert bars.buy_volume.tolist() == [1, 4, 5]


def test_tick_bars_leave_the_rest_out() -> None:
    bars = tick_bars(TRADES, 2)
    assert bars.ts.tolist() == [1_000, 59_999]
    assert bars.close_ts.tolist() == [1_000, 60_000]
    assert bars.trades.tolist() == [2, 2]
    assert bars.volume.tolist() == [3, 7]


def test_the_trade_that_reaches_the_size_closes_the_bar_whole() -> None:
    assert volume_bars(TRADES, 3.0).volume.tolist() == [3, 3, 4, 5]
    assert volume_bars(TRADES, 5.0).volume.tolist() == [6, 9]
    assert dollar_bars(TRADES, 34.0).quote_volume.tolist() == [34, 71, 65]
    assert len(dollar_bars(TRADES, 1e9)) == 0


def test_weeks_begin_on_monday() -> None:
    week = 7 * 24 * 60 * MINUTE
    assert time_bars(TRADES, week).ts.tolist() == [-3 * 24 * 60 * MINUTE]


def test_no_trades_make_no_bars() -> None:
    none = no_trades("BTC/USDT")
    assert [len(bars) for bars in (time_bars(none, MINUTE), tick_bars(none, 1))] == [0, 0]


def test_older_trades_are_refused() -> None:
    builder = BarBuilder("BTC/USDT", BarRule(BarKind.TICKS, 2))
    builder.feed(TRADES)
    with pytest.raises(ValueError, match="oldest first"):
        builder.feed(TRADES)
    with pytest.raises(ValueError, match="oldest first"):
        tick_bars(TRADES.take(np.array([4, 0])), 2)


@pytest.mark.parametrize(
    ("kind", "size"),
    [("time", 0), ("time", 0.5), ("ticks", 1.5), ("ticks", -1), ("volume", 0.0),
     ("volume", float("nan")), ("dollar", float("inf"))],
)  # fmt: skip
def test_a_size_must_be_one(kind: str, size: float) -> None:
    with pytest.raises(ValueError, match="no size"):
        BarRule(BarKind(kind), size)


def stored_trades(folder: Path, name: str) -> Trades:
    (path,) = (folder / "trades").glob(f"{name}*.parquet")
    return read_trades(path, "BTC/USDT").trades


def test_stored_trades_make_equal_bars_in_one_step_and_in_two(market_data: Path) -> None:
    for name in ("binance_spot_BTC", "binance_perp_BTC", "binance_spot_XRP", "lean_IBM"):
        trades = stored_trades(market_data, name)
        minutes, fives = time_bars(trades, MINUTE), time_bars(trades, 5 * MINUTE)
        longer = resample(minutes.candles(MINUTE), 5 * MINUTE)
        for column in ("ts", "open", "high", "low", "close"):
            assert np.array_equal(getattr(longer, column), getattr(fives, column)), column
        # Sums of sums are rounded otherwise than the sum of all.
        assert np.allclose(longer.volume, fives.volume, rtol=1e-12, atol=0)
        assert int(minutes.trades.sum()) == len(trades)


def test_stored_trades_against_a_plain_count(market_data: Path) -> None:
    trades = stored_trades(market_data, "binance_spot_BTC")
    bars = time_bars(trades, MINUTE)
    for row in range(len(bars)):
        inside = (trades.ts >= bars.ts[row]) & (trades.ts < bars.close_ts[row])
        price = trades.price[inside]
        assert (bars.open[row], bars.close[row]) == (price[0], price[-1])
        assert (bars.high[row], bars.low[row]) == (price.max(), price.min())
        assert bars.trades[row] == np.count_nonzero(inside)
        bought = trades.amount[inside & (trades.side > 0)].sum()
        assert bars.buy_volume[row] == pytest.approx(bought, rel=1e-12)
    ticks = tick_bars(trades, 500)
    assert len(ticks) == len(trades) // 500
    assert set(ticks.trades.tolist()) == {500}
    for bars in (volume_bars(trades, 10.0), dollar_bars(trades, 1e6)):
        size = bars.volume if bars.volume.min() >= 10.0 else bars.quote_volume
        assert (size >= 10.0).all()
        assert int(bars.trades.sum()) <= len(trades)


def read(folder: Path, name: str, timeframe: str) -> Candles:
    path = folder / f"{name}_{timeframe}.parquet"
    return read_candles(CandleFile(path, name, timeframe))


def differences(made: Candles, known: Candles, full: np.ndarray) -> tuple[int, tuple[int, ...]]:
    """Return the common bars, and how many differ in open, high, low, close, volume."""
    _both, mine, theirs = np.intersect1d(made.ts[full], known.ts, return_indices=True)
    rows = np.flatnonzero(full)[mine]
    counts = []
    for name in ("open", "high", "low", "close", "volume"):
        one, other = getattr(made, name)[rows], getattr(known, name)[theirs]
        counts.append(int(np.count_nonzero(~np.isclose(one, other, rtol=1e-6, atol=0))))
    return len(rows), tuple(counts)


def whole(made: Candles, parts: Candles) -> np.ndarray:
    """Return the longer bars of which every part is there."""
    counts = np.bincount(np.searchsorted(made.ts, parts.ts, side="right") - 1)
    return np.asarray(counts == made.tf_ms // parts.tf_ms)


#: Two downloads of one candle of the exchange need not be equal: 4 highs, 2 lows, 16 volumes.
@pytest.mark.parametrize(
    ("symbol", "common", "differ"),
    [
        ("BTC-USDT", 8_582, (0, 4, 2, 0, 16)),
        ("ETH-USDT", 8_582, (0, 4, 2, 0, 16)),
        ("XRP-USDT", 8_581, (0, 2, 2, 0, 16)),
    ],
)
def test_minutes_agree_with_the_fives_of_the_exchange(
    market_data: Path, symbol: str, common: int, differ: tuple[int, ...]
) -> None:
    minutes = read(market_data / "binance_spot_crash", symbol, "1m")
    made = resample(minutes, 5 * MINUTE)
    known = read(market_data / "binance_spot_2021", symbol, "5m")
    assert differences(made, known, whole(made, minutes)) == (common, differ)


@pytest.mark.parametrize("symbol", ["BTC-USDT", "ETH-USDT", "XRP-USDT"])
def test_fives_agree_with_the_hours_of_the_exchange(market_data: Path, symbol: str) -> None:
    fives = read(market_data / "binance_spot_2021", symbol, "5m")
    made = resample(fives, 60 * MINUTE)
    known = read(market_data / "binance_spot_2021", symbol, "1h")
    assert differences(made, known, whole(made, fives)) == (5_475, (0, 0, 0, 0, 3))


@pytest.mark.parametrize("symbol", ["BTC-USDT", "ETH-USDT", "XRP-USDT"])
def test_hours_of_minutes_are_hours_of_fives_of_minutes(market_data: Path, symbol: str) -> None:
    minutes = read(market_data / "binance_spot_crash", symbol, "1m")
    one = resample(minutes, 60 * MINUTE)
    two = resample(resample(minutes, 5 * MINUTE), 60 * MINUTE)
    for name in ("ts", "open", "high", "low", "close"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert np.allclose(one.volume, two.volume, rtol=1e-12, atol=0)
