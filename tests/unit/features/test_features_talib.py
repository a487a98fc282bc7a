"""Agreement with TA-Lib, where it has the function, on a random walk."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from paperbot_core.features.table import FUNCTIONS

talib = pytest.importorskip("talib", reason="TA-Lib is not installed")

Floats = NDArray[np.float64]
SIZE = 3_000


@pytest.fixture(scope="module")
def market() -> dict[str, Floats]:
    rng = np.random.default_rng(11)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, SIZE)))
    high = close * np.exp(np.abs(rng.normal(0, 0.004, SIZE)))
    low = close * np.exp(-np.abs(rng.normal(0, 0.004, SIZE)))
    return {"high": high, "low": low, "close": close, "volume": rng.lognormal(5, 1, SIZE)}


def ours(name: str, market: dict[str, Floats], *values: float) -> Floats:
    function = FUNCTIONS[name]
    taken = [market["close"] for _ in function.columns]
    return function.batch([*taken, *(market[series] for series in function.inputs)], values)


def same(mine: Floats, theirs: Floats, *, after: int = 0, tolerance: float = 1e-9) -> None:
    """Values agree, and so do the bars before the first value unless `after` skips them."""
    if after == 0:
        assert np.isnan(mine).tolist() == np.isnan(theirs).tolist()
    np.testing.assert_allclose(mine[after:], theirs[after:], rtol=tolerance, atol=1e-9)


WINDOWS = [2, 5, 14, 20, 50, 300]


@pytest.mark.parametrize("n", WINDOWS)
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("sma", "SMA"),
        ("ema", "EMA"),
        ("wma", "WMA"),
        ("rsi", "RSI"),
        ("sum", "SUM"),
        ("highest", "MAX"),
        ("lowest", "MIN"),
        ("roc", "ROC"),
        ("change", "MOM"),
    ],
)
def test_one_series(name: str, theirs: str, n: int, market: dict[str, Floats]) -> None:
    expected = getattr(talib, theirs)(market["close"], n)
    # ROC is a difference of nearly equal numbers: compare it as the ratio it is made from.
    shift = 100.0 if name == "roc" else 0.0
    same(ours(name, market, n) + shift, expected + shift)


@pytest.mark.parametrize("n", WINDOWS)
def test_std(n: int, market: dict[str, Floats]) -> None:
    # TA-Lib subtracts the square of the mean from the mean of squares: it is the one that is off.
    expected = talib.STDDEV(market["close"], n)
    same(ours("std", market, n), expected, tolerance=1e-7 if n == 2 else 1e-9)


@pytest.mark.parametrize("n", [2, 14, 20, 50])
def test_atr_agrees_once_the_seed_has_faded(n: int, market: dict[str, Floats]) -> None:
    expected = talib.ATR(market["high"], market["low"], market["close"], n)
    same(ours("atr", market, n), expected, after=45 * n)


def test_true_range(market: dict[str, Floats]) -> None:
    expected = talib.TRANGE(market["high"], market["low"], market["close"])
    mine = ours("true_range", market)
    same(mine, expected, after=1)
    assert mine[0] == market["high"][0] - market["low"][0]


@pytest.mark.parametrize("n", [2, 14, 20, 50])
def test_adx_with_its_warm_up(n: int, market: dict[str, Floats]) -> None:
    same(ours("adx", market, n), talib.ADX(market["high"], market["low"], market["close"], n))


@pytest.mark.parametrize(("fast", "slow", "signal"), [(12, 26, 9), (3, 10, 16), (5, 6, 2)])
def test_macd(fast: int, slow: int, signal: int, market: dict[str, Floats]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        macd, mean, hist = talib.MACD(market["close"], fast, slow, signal)
    line = ours("macd", market, fast, slow)
    # TA-Lib shows the line only once its signal exists.
    assert np.isnan(line).sum() == slow - 1
    same(line, macd, after=slow + signal - 2)
    same(ours("macd_signal", market, fast, slow, signal), mean)
    same(ours("macd_hist", market, fast, slow, signal), hist)


@pytest.mark.parametrize("n", [5, 20, 50])
def test_bollinger(n: int, market: dict[str, Floats]) -> None:
    expected = talib.BBANDS(market["close"], n, 2.0, 2.0)
    for side, band in zip(("upper", "middle", "lower"), expected, strict=True):
        same(ours(f"bollinger_{side}", market, n, 2.0), band)


def test_obv_from_the_first_bar(market: dict[str, Floats]) -> None:
    same(ours("obv", market), talib.OBV(market["close"], market["volume"]))
