"""What triggers and strategies may look at: closed bars and named features, nothing later."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from paperbot_core.config.selection import REGIMES, RegimeName
from paperbot_core.domain.market import Bar, Candles

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


class MarketView:
    """The market of one symbol at the close of one bar.

    Look-ahead is impossible by construction: whatever the view hands out is a copy that ends with
    the bar that just closed. A strategy must be a pure function of its view, so that a backtest and
    a session decide alike; it does not see positions, the core handles those.
    """

    __slots__ = ("_candles", "_features", "_row", "strategy")

    def __init__(
        self,
        candles: Candles,
        row: int,
        *,
        features: Mapping[str, NDArray[np.float64]] | None = None,
        strategy: str = "",
    ) -> None:
        """Look at `candles` as it was when row `row` (0 .. n-1) had closed.

        `features` are float64 arrays as long as the candles; `strategy` is the name in the YAML.
        """
        if not 0 <= row < len(candles):
            raise IndexError(f"row {row} is outside the {len(candles)} bars of {candles.symbol}")
        self._candles = candles
        self._row = row
        self._features = features or {}
        self.strategy = strategy

    @property
    def symbol(self) -> str:
        """The symbol this view is about."""
        return self._candles.symbol

    @property
    def bar(self) -> Bar:
        """The bar that just closed."""
        return self._candles.bar(self._row)

    @property
    def ts(self) -> int:
        """Decision time: the close of the latest bar."""
        return self.bar.close_ts

    @property
    def tf_ms(self) -> int:
        """Length of a bar in milliseconds."""
        return self._candles.tf_ms

    @property
    def regime(self) -> RegimeName | None:
        """State of the market as a whole: calm, trend, chop or crash; None while unknown."""
        code = self.bar.regime
        return None if math.isnan(code) else REGIMES[int(code) - 1]

    def __len__(self) -> int:
        """Number of closed bars there are."""
        return self._row + 1

    def bars(self, n: int) -> Candles:
        """Return copies of the last `n` closed bars, oldest first; fewer at the start of history.

        Raises:
            ValueError: `n` is below 1.
        """
        if n < 1:
            raise ValueError(f"n is {n}, but at least one bar must be asked for")
        part = self._candles.slice(max(0, self._row + 1 - n), self._row + 1)
        return Candles(
            part.symbol,
            part.tf_ms,
            part.ts.copy(),
            part.open.copy(),
            part.high.copy(),
            part.low.copy(),
            part.close.copy(),
            part.volume.copy(),
            None if part.regime is None else part.regime.copy(),
        )

    def feature(self, name: str, ago: int = 0) -> float:
        """Return a named feature of the strategy file, `ago` bars back; NaN while it is not warm.

        Raises:
            KeyError: the strategy file names no such feature.
            ValueError: `ago` is negative, which would look ahead.
        """
        if ago < 0:
            raise ValueError(f"ago is {ago}: negative looks ahead")
        row = self._row - ago
        return float(self._features[name][row]) if row >= 0 else float("nan")

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features this view knows."""
        return tuple(self._features)
