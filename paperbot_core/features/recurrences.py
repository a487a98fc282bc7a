"""The recursive functions: one pure step each, and the loop that runs it over a column.

A step takes this bar's values, the constants and its state, and returns the value followed by the
new state. Live calls the step; history calls the loop, plain or compiled, over the same step. A
bar on which an input is unknown gives NaN and leaves the state as it was.
"""

from __future__ import annotations

import math

from paperbot_core.features.arrays import Floats
from paperbot_core.features.compiling import jitable

DAY_MS = 86_400_000.0

#: What a step returns: the value, then the state.
Pair = tuple[float, float]
Triple = tuple[float, float, float]
Quad = tuple[float, float, float, float]
Quint = tuple[float, float, float, float, float]


@jitable
def ema_step(x: float, n: int, count: float, total: float, value: float) -> Quad:
    """Exponential mean, alpha 2 / (n + 1), seeded with the plain mean of the first n values."""
    if not math.isfinite(x):
        return math.nan, count, total, value
    if count < n:
        count += 1.0
        total += x
        if count < n:
            return math.nan, count, total, value
        value = total / n
    else:
        value = (x - value) * (2.0 / (n + 1.0)) + value
    return value, count, total, value


@jitable
def rma_step(x: float, n: int, count: float, total: float, value: float) -> Quad:
    """Wilder's mean, alpha 1 / n, seeded with the plain mean of the first n values."""
    if not math.isfinite(x):
        return math.nan, count, total, value
    if count < n:
        count += 1.0
        total += x
        if count < n:
            return math.nan, count, total, value
        value = total / n
    else:
        value = (value * (n - 1) + x) / n
    return value, count, total, value


@jitable
def true_range_step(high: float, low: float, close: float, count: float, last: float) -> Triple:
    """Largest of high - low and the distances of both to the last close; first: high - low."""
    if not (math.isfinite(high) and math.isfinite(low) and math.isfinite(close)):
        return math.nan, count, last
    value = high - low
    if count > 0.0:
        value = max(value, abs(high - last), abs(low - last))
    return value, 1.0, close


@jitable
def atr_step(
    high: float,
    low: float,
    close: float,
    n: int,
    seen: float,
    last: float,
    count: float,
    total: float,
    value: float,
) -> tuple[float, float, float, float, float, float]:
    """Wilder's mean of the true range."""
    span, seen, last = true_range_step(high, low, close, seen, last)
    out, count, total, value = rma_step(span, n, count, total, value)
    return out, seen, last, count, total, value


@jitable
def rsi_step(x: float, n: int, count: float, last: float, gain: float, loss: float) -> Quint:
    """Wilder's relative strength: 100 * gain / (gain + loss), 50 if both are 0."""
    if not math.isfinite(x):
        return math.nan, count, last, gain, loss
    if count == 0.0:
        return math.nan, 1.0, x, gain, loss
    up = max(x - last, 0.0)
    down = max(last - x, 0.0)
    if count <= n:
        count += 1.0
        gain += up
        loss += down
        if count <= n:
            return math.nan, count, x, gain, loss
        gain = gain / n
        loss = loss / n
    else:
        gain = (gain * (n - 1) + up) / n
        loss = (loss * (n - 1) + down) / n
    both = gain + loss
    value = 50.0 if both == 0.0 else min(max(100.0 * (gain / both), 0.0), 100.0)
    return value, count, x, gain, loss


@jitable
def directional_step(high: float, low: float, last_high: float, last_low: float) -> Pair:
    """Wilder's directional movement of one bar, up and down; at most one of them is not 0."""
    up = high - last_high
    down = last_low - low
    if down > 0.0 and up < down:
        return 0.0, down
    if up > 0.0 and up > down:
        return up, 0.0
    return 0.0, 0.0


@jitable
def dx_step(plus: float, minus: float, span: float) -> float:
    """Directional index of smoothed movements, 0..100; NaN where nothing moved."""
    if span == 0.0:
        return math.nan
    up = 100.0 * (plus / span)
    down = 100.0 * (minus / span)
    if up + down == 0.0:
        return math.nan
    return 100.0 * (abs(down - up) / (up + down))


@jitable
def adx_step(
    high: float,
    low: float,
    close: float,
    n: int,
    count: float,
    last_high: float,
    last_low: float,
    last: float,
    plus: float,
    minus: float,
    span: float,
    value: float,
) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Wilder's average directional index with TA-Lib's warm-up.

    Bars 1 to n-1 add up the movements, n to 2n-1 smooth them and add up n directional indices,
    whose mean is the first value; a bar without movement leaves that sum, later the value, alone.
    """
    if not (math.isfinite(high) and math.isfinite(low) and math.isfinite(close)):
        return math.nan, count, last_high, last_low, last, plus, minus, span, value
    if count == 0.0:
        return math.nan, 1.0, high, low, close, plus, minus, span, value
    up, down = directional_step(high, low, last_high, last_low)
    width = max(high - low, abs(high - last), abs(low - last))
    if count >= n:
        plus -= plus / n
        minus -= minus / n
        span -= span / n
    plus += up
    minus += down
    span += width
    if count >= n:
        index = dx_step(plus, minus, span)
        if count < 2 * n:
            if not math.isnan(index):
                value += index
            if count == 2 * n - 1:
                value = value / n
        elif not math.isnan(index):
            value = (value * (n - 1) + index) / n
    count = min(count + 1.0, 2.0 * n)
    out = value if count == 2 * n else math.nan
    return out, count, high, low, close, plus, minus, span, value


@jitable
def macd_step(
    x: float,
    fast_n: int,
    slow_n: int,
    count: float,
    fast_total: float,
    slow_total: float,
    fast: float,
    slow: float,
) -> tuple[float, float, float, float, float, float]:
    """Fast minus slow exponential mean; both seeded on the bar on which the longer one is full."""
    if not math.isfinite(x):
        return math.nan, count, fast_total, slow_total, fast, slow
    longest = max(fast_n, slow_n)
    if count < longest:
        if count >= longest - fast_n:
            fast_total += x
        if count >= longest - slow_n:
            slow_total += x
        count += 1.0
        if count < longest:
            return math.nan, count, fast_total, slow_total, fast, slow
        fast = fast_total / fast_n
        slow = slow_total / slow_n
    else:
        fast = (x - fast) * (2.0 / (fast_n + 1.0)) + fast
        slow = (x - slow) * (2.0 / (slow_n + 1.0)) + slow
    return fast - slow, count, fast_total, slow_total, fast, slow


@jitable
def obv_step(close: float, volume: float, count: float, last: float, total: float) -> Quad:
    """Volume added on a rise of the close and taken off on a fall; starts with the first volume."""
    if not (math.isfinite(close) and math.isfinite(volume)):
        return math.nan, count, last, total
    if count == 0.0:
        return volume, 1.0, close, volume
    if close > last:
        total += volume
    elif close < last:
        total -= volume
    return total, count, close, total


@jitable
def vwap_step(
    price: float,
    volume: float,
    ts: float,
    day: float,
    base: float,
    weighted: float,
    total: float,
) -> Quint:
    """Mean price by volume since 00:00 UTC; NaN until something was traded.

    Prices are taken relative to the day's first one, so that a flat day gives exactly its price.
    """
    if not (math.isfinite(price) and math.isfinite(volume) and math.isfinite(ts)):
        return math.nan, day, base, weighted, total
    today = ts // DAY_MS
    if today != day:
        day = today
        base = price
        weighted = 0.0
        total = 0.0
    weighted += (price - base) * volume
    total += volume
    value = base + weighted / total if total > 0.0 else math.nan
    return value, day, base, weighted, total


def ema_loop(x: Floats, n: int, out: Floats) -> None:
    """Run `ema_step` over a column into `out`."""
    count, total, value = 0.0, 0.0, 0.0
    for i in range(len(x)):
        out[i], count, total, value = ema_step(x[i], n, count, total, value)


def rma_loop(x: Floats, n: int, out: Floats) -> None:
    """Run `rma_step` over a column into `out`."""
    count, total, value = 0.0, 0.0, 0.0
    for i in range(len(x)):
        out[i], count, total, value = rma_step(x[i], n, count, total, value)


def true_range_loop(high: Floats, low: Floats, close: Floats, out: Floats) -> None:
    """Run `true_range_step` over columns into `out`."""
    seen, last = 0.0, 0.0
    for i in range(len(close)):
        out[i], seen, last = true_range_step(high[i], low[i], close[i], seen, last)


def atr_loop(high: Floats, low: Floats, close: Floats, n: int, out: Floats) -> None:
    """Run `atr_step` over columns into `out`."""
    seen, last, count, total, value = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(close)):
        out[i], seen, last, count, total, value = atr_step(
            high[i], low[i], close[i], n, seen, last, count, total, value
        )


def rsi_loop(x: Floats, n: int, out: Floats) -> None:
    """Run `rsi_step` over a column into `out`."""
    count, last, gain, loss = 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        out[i], count, last, gain, loss = rsi_step(x[i], n, count, last, gain, loss)


def adx_loop(high: Floats, low: Floats, close: Floats, n: int, out: Floats) -> None:
    """Run `adx_step` over columns into `out`."""
    count, last_high, last_low, last = 0.0, 0.0, 0.0, 0.0
    plus, minus, span, value = 0.0, 0.0, 0.0, 0.0
    for i in range(len(close)):
        out[i], count, last_high, last_low, last, plus, minus, span, value = adx_step(
            high[i],
            low[i],
            close[i],
            n,
            count,
            last_high,
            last_low,
            last,
            plus,
            minus,
            span,
            value,
        )


def macd_loop(x: Floats, fast_n: int, slow_n: int, out: Floats) -> None:
    """Run `macd_step` over a column into `out`."""
    count, fast_total, slow_total, fast, slow = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        out[i], count, fast_total, slow_total, fast, slow = macd_step(
            x[i], fast_n, slow_n, count, fast_total, slow_total, fast, slow
        )


def obv_loop(close: Floats, volume: Floats, out: Floats) -> None:
    """Run `obv_step` over columns into `out`."""
    count, last, total = 0.0, 0.0, 0.0
    for i in range(len(close)):
        out[i], count, last, total = obv_step(close[i], volume[i], count, last, total)


def vwap_loop(price: Floats, volume: Floats, ts: Floats, out: Floats) -> None:
    """Run `vwap_step` over columns into `out`."""
    day, base, weighted, total = -1.0, 0.0, 0.0, 0.0
    for i in range(len(price)):
        out[i], day, base, weighted, total = vwap_step(
            price[i], volume[i], ts[i], day, base, weighted, total
        )
