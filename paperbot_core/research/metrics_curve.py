"""Statistics of an equity curve: returns, spread, growth and fall. None where undefined."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import DAY_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

YEAR_MS = 365 * DAY_MS

#: A spread of returns below this part of their mean is rounding, not risk.
_NOISE = 1e-9

#: Marks looked at together in `max_drawdown`; 32 kB, so that a block stays in the nearest cache.
_BLOCK = 4096


def finite(value: float) -> float | None:
    """Return `value`, or None if it is NaN or infinite."""
    return float(value) if math.isfinite(value) else None


def ratio(above: float | None, below: float | None) -> float | None:
    """Return `above / below`, or None unless both exist and `below` is positive."""
    if above is None or below is None or not below > 0.0:
        return None
    return finite(above / below)


def daily_samples(
    equity: NDArray[np.float64], times: NDArray[np.int64], start_equity: float
) -> NDArray[np.float64]:
    """Return the start and then the equity at each 00:00 UTC, shape (days + 1,).

    A day's sample is the mark that falls on its 00:00, else the first mark of that day. The first
    day of the run has the starting equity for a sample, unless its first mark falls on 00:00. Days
    without a mark have no sample; what comes after the last 00:00 is not sampled.
    """
    start = np.array([start_equity])
    if not len(times):
        return start
    # Searching for the few midnights is far cheaper than dividing every time by a day.
    first = -(-int(times[0]) // DAY_MS) * DAY_MS
    midnights = np.arange(first, int(times[-1]) + 1, DAY_MS, dtype=np.int64)
    rows = np.searchsorted(times, midnights, side="left")
    marked = times[rows] < midnights + DAY_MS
    return np.concatenate((start, equity[rows[marked]]))


def daily_returns(
    equity: NDArray[np.float64], times: NDArray[np.int64], start_equity: float
) -> NDArray[np.float64] | None:
    """Return the simple returns between daily samples; None if equity was not positive."""
    samples = daily_samples(equity, times, start_equity)
    if not bool(np.all(samples[:-1] > 0.0)):
        return None
    returns = samples[1:] / samples[:-1] - 1.0
    return returns if bool(np.all(np.isfinite(returns))) else None


def sharpe(returns: NDArray[np.float64] | None) -> float | None:
    """Return mean / standard deviation (ddof 1) of daily returns, with no risk-free rate.

    None for fewer than two returns, or where all are the same up to rounding.

    Source: Sharpe (1994), "The Sharpe Ratio", Journal of Portfolio Management 21(1).
    """
    if returns is None or len(returns) < 2:
        return None
    mean, spread = float(returns.mean()), float(returns.std(ddof=1))
    return ratio(mean, spread) if spread > _NOISE * abs(mean) else None


def sortino(returns: NDArray[np.float64] | None, per_year: int) -> float | None:
    """Return the annual ratio of mean daily return to downside deviation from 0.

    The deviation is over all days, those without a loss counting 0. None if no day lost.

    Source: Sortino and Price (1994), "Performance Measurement in a Downside Risk Framework",
    Journal of Investing 3(3).
    """
    if returns is None or not len(returns):
        return None
    downside = np.minimum(returns, 0.0)
    annual = ratio(float(returns.mean()), math.sqrt(float((downside * downside).mean())))
    return None if annual is None else finite(annual * math.sqrt(per_year))


def cagr(
    equity: NDArray[np.float64],
    times: NDArray[np.int64],
    start_equity: float,
    start_ts: int | None,
) -> float | None:
    """Return the growth a year of 365 days, as a fraction, by calendar time from start to end.

    None if there is no time between them, equity at the start is not positive, or at the end is
    negative; also where so short a run extrapolates beyond float64.
    """
    if not len(times):
        return None
    if start_ts is None:
        start_ts = 2 * int(times[0]) - int(times[1]) if len(times) > 1 else int(times[0])
    years = (int(times[-1]) - start_ts) / YEAR_MS
    whole = ratio(float(equity[-1]), start_equity)
    if whole is None or whole < 0.0 or not years > 0.0:
        return None
    try:
        return finite(whole ** (1.0 / years) - 1.0)
    except OverflowError:
        return None


def max_drawdown(equity: NDArray[np.float64], start_equity: float) -> float | None:
    """Return the largest fall from a peak as a fraction of that peak, over every mark.

    The start counts as a peak. 0 if equity never fell, above 1 if it went below zero, None if the
    start is not positive or a mark is not finite.

    Source: Magdon-Ismail and Atiya (2004), "Maximum drawdown", Risk 17(10).
    """
    if not start_equity > 0.0:
        return None
    lows, highs = _extremes(equity)
    if not all(map(math.isfinite, (*lows, *highs))):
        return None
    # The highest peak before each block. Its low, unless negative, fell from it at least so far.
    before = list(itertools.accumulate(highs, max, initial=start_equity))
    falls = (1.0 - low / peak for low, peak in zip(lows, before[:-1], strict=True) if low >= 0.0)
    worst = max([0.0, *falls])
    for block, (low, peak) in enumerate(zip(lows, before[1:], strict=True)):
        # Most blocks cannot hold a worse one: not even their low against a peak of their own.
        if low < 0.0 or 1.0 - low / peak > worst:
            rows = equity[block * _BLOCK : (block + 1) * _BLOCK]
            peaks = np.maximum(np.maximum.accumulate(rows), before[block])
            worst = max(worst, 1.0 - float((rows / peaks).min()))
    return finite(worst)


def _extremes(equity: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return the lowest and the highest value of each block of marks, the last one shorter."""
    whole = len(equity) // _BLOCK * _BLOCK
    blocks = equity[:whole].reshape(-1, _BLOCK)
    lows, highs = blocks.min(axis=1).tolist(), blocks.max(axis=1).tolist()
    rest = equity[whole:]
    if len(rest):
        # Not min() and max(), which lose a NaN.
        lows.append(float(rest.min()))
        highs.append(float(rest.max()))
    return lows, highs
