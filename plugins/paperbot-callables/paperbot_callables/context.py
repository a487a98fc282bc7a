"""What the user's function is given: the last closed bars as plain lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paperbot_core.api import MarketView


@dataclass(frozen=True, slots=True)
class Context:
    """The market of one symbol at the close of a bar; lists are oldest first, the last bar is now.

    Attributes:
        symbol: what trades.
        ts: decision time, UTC milliseconds.
        open: opens; high, low, close and volume likewise. A volume of NaN is unknown.
        features: the named features of the strategy file at this bar; NaN while not warm.
    """

    symbol: str
    ts: int
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    features: Mapping[str, float]

    @property
    def price(self) -> float:
        """The latest close."""
        return self.close[-1]


def context_of(view: MarketView, bars: int) -> Context:
    """Return the context of a view with its last `bars` bars."""
    part = view.bars(bars)
    return Context(
        view.symbol,
        view.ts,
        part.open.tolist(),
        part.high.tolist(),
        part.low.tolist(),
        part.close.tolist(),
        part.volume.tolist(),
        {name: view.feature(name) for name in view.features},
    )
