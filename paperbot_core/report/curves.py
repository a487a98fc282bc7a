"""Curves for the eye: few enough points to draw, with every extreme still in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Candles

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

POINTS_MAX = 4_000


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Equity, drawdown and buy and hold on one time line; all of shape (n,), n <= about 4,000.

    `times` are UTC ms, ascending; `drawdown_pct` is 0 or below; `hold` is empty where there are
    no bars to hold.
    """

    times: Ints
    equity: Floats
    drawdown_pct: Floats
    hold: Floats


def draw_curves(
    times: Ints, equity: Floats, cash: float, start: int, bars: Sequence[Candles]
) -> Curves:
    """Return the curves of a run that began with `cash` at `start` (UTC ms)."""
    if len(times) == 0:
        return Curves(times, equity, equity, np.empty(0))
    times = np.concatenate(([min(start, int(times[0]) - 1)], times))
    equity = np.concatenate(([cash], equity))
    peak = np.maximum.accumulate(equity)
    drawdown = np.where(peak > 0, equity / np.where(peak > 0, peak, 1.0) - 1.0, 0.0) * 100.0
    keep = extremes(equity, POINTS_MAX)
    # The deepest point must be there, wherever the buckets fall.
    keep = np.union1d(keep, [int(drawdown.argmin())])
    times = times[keep]
    hold = buy_and_hold(times, cash, start, bars)
    return Curves(times, equity[keep], drawdown[keep], hold)


def extremes(values: Floats, points: int) -> Ints:
    """Return ascending row numbers, about `points`: the ends, and both extremes of each part."""
    n = len(values)
    if n <= points:
        return np.arange(n)
    edges = np.linspace(0, n, points // 2 + 1).astype(np.int64)
    starts, stops = edges[:-1], edges[1:]
    width = int((stops - starts).max())
    # Each part as a row of a table, short ones repeat their last value: one pass finds both ends.
    table = np.minimum(starts[:, None] + np.arange(width), stops[:, None] - 1)
    part = values[table]
    rows = np.arange(len(starts))
    found = [table[rows, part.argmin(axis=1)], table[rows, part.argmax(axis=1)], [0, n - 1]]
    return np.unique(np.concatenate(found))


def buy_and_hold(times: Ints, cash: float, start: int, bars: Sequence[Candles]) -> Floats:
    """Return what `cash` in equal parts of every symbol, bought at its first open, was worth.

    A part is cash until its symbol begins; no fees. Bars that closed by `start` are left out. Empty
    if no symbol has a bar.
    """
    parts = []
    for candles in bars:
        # Bars made longer for the chart may open a little before the run does.
        first = int((candles.ts + candles.tf_ms).searchsorted(start, side="right"))
        if first < len(candles):
            parts.append(candles.slice(first, len(candles)))
    if not parts:
        return np.empty(0)
    worth = np.zeros(len(times))
    for part in parts:
        growth = np.concatenate(([1.0], part.close / part.open[0]))
        closed = (part.ts + part.tf_ms).searchsorted(times, side="right")
        worth += growth[closed]
    return worth * (cash / len(parts))
