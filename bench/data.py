"""The synthetic minute bars of the peer benchmark, drawn anew from its seed; nothing is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import MINUTE_MS, Candles

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 7
START_MS = 1_672_531_200_000  # 2023-01-01T00:00Z
FIRST_PRICE = 100.0
STEP_SIGMA = 0.0008
GAP_SIGMA = 0.00005
WICK_SIGMA = STEP_SIGMA * 0.5

BARS_W1 = 525_600
BARS_W3 = 100_000
SYMBOL_W1 = "W1/USDT"
SYMBOLS_W3 = tuple(f"S{k:02d}/USDT" for k in range(10))

#: First 16 hex digits of the sha256 of each table, as the benchmark publishes them.
DIGESTS = {SYMBOL_W1: "bd777a39142df643", SYMBOLS_W3[0]: "bc2acb5842e9f28e"}


class WrongDataError(Exception):
    """This numpy draws other numbers than the published ones, so no answer can be compared."""


def draw(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return `count` bars as rows open, high, low, close, volume: shape (5, count).

    The order of the draws is part of the data: closes, gaps, upper wicks, lower wicks, volumes.
    """
    close = np.exp(np.log(FIRST_PRICE) + np.cumsum(rng.normal(0.0, STEP_SIGMA, count)))
    before = np.concatenate(([FIRST_PRICE], close[:-1]))
    opened = before * np.exp(rng.normal(0.0, GAP_SIGMA, count))
    above = np.exp(np.abs(rng.normal(0.0, WICK_SIGMA, count)))
    below = np.exp(-np.abs(rng.normal(0.0, WICK_SIGMA, count)))
    volume = np.round(1e6 * np.exp(rng.normal(0.0, 0.5, count)))
    high = np.maximum(opened, close) * above
    low = np.minimum(opened, close) * below
    opened, high, low, close = (np.round(x, 4) for x in (opened, high, low, close))
    # Rounding never leaves open or close outside low..high, whichever way it went.
    high = np.maximum(np.maximum(high, opened), close)
    low = np.minimum(np.minimum(low, opened), close)
    return np.stack((opened, high, low, close, volume))


def candles(symbol: str, table: NDArray[np.float64], tf_ms: int = MINUTE_MS) -> Candles:
    """Return a table of `draw` as candles from `START_MS` on."""
    ts = START_MS + tf_ms * np.arange(table.shape[1], dtype=np.int64)
    return Candles(symbol, tf_ms, ts, *table)


def _checked(symbol: str, table: NDArray[np.float64]) -> Candles:
    digest = hashlib.sha256(table.tobytes()).hexdigest()
    if not digest.startswith(DIGESTS.get(symbol, "")):
        raise WrongDataError(
            f"the bars of {symbol} hash to {digest[:16]}, not to {DIGESTS[symbol]}: "
            f"numpy {np.__version__} draws differently"
        )
    return candles(symbol, table)


def minute_year() -> Candles:
    """Return the bars of W1 and W2.

    Raises:
        WrongDataError: they are not the published ones.
    """
    return _checked(SYMBOL_W1, draw(np.random.default_rng(SEED), BARS_W1))


def portfolio() -> Iterator[Candles]:
    """Yield the bars of each symbol of W3, drawn one after the other from one generator.

    Raises:
        WrongDataError: they are not the published ones.
    """
    rng = np.random.default_rng(SEED)
    for symbol in SYMBOLS_W3:
        yield _checked(symbol, draw(rng, BARS_W3))
