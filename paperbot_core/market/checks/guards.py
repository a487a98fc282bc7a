"""Which market data to believe: bad ticks are refused, stale series take no entries.

Every rule is here twice, bar by bar for sessions and over a whole history for backtests; both give
the same answers, float for float. What a refusal means for orders is not known here.
docs/guards.md says how the rules were chosen and what they do to real markets.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import DAY_MS, Candles
from paperbot_core.market.equities import expected_opens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.config.policy import DataLimits
    from paperbot_core.domain.market import Bar, Floats, Ints

    Mask = NDArray[np.bool_]

#: Believed bars whose mean volume a suspect bar is compared with.
VOLUME_BARS = 20
#: Bars in a row near the first refused close that make the new level real.
HOLD_BARS = 3


@dataclass(frozen=True, slots=True)
class RefusedBar:
    """A bar that was not believed, and why.

    `ts` is its open time (UTC ms). `move_pct` is how far it reached from `last_close`, the close of
    the last believed bar, in percent of that. `volume_ratio` is its volume as a multiple of the
    mean of the believed bars before; NaN if its volume is unknown.
    """

    symbol: str
    ts: int
    tf_ms: int
    move_pct: float
    volume_ratio: float
    last_close: float


class TickGuard:
    """Judges the bars of one series (a symbol, a timeframe) in order, as they close."""

    def __init__(self, limits: DataLimits) -> None:
        self._max_move_pct = float(limits.max_move_pct)
        self._min_ratio = float(limits.min_volume_ratio)
        self._close: float | None = None
        self._volumes: deque[float] = deque(maxlen=VOLUME_BARS)
        self._traded = False
        self._level: float | None = None
        self._held = 0

    def admit(self, bar: Bar) -> RefusedBar | None:
        """Return None if `bar` is believed, else why not; O(1).

        The bar follows the ones before in time, closed; its prices are finite and above 0, its
        volume is NaN (unknown) or at least 0. The first bar of a series is believed.
        """
        move = 0.0 if self._close is None else _reach_pct(bar, self._close)
        if self._close is None or move <= self._max_move_pct or self._is_real(bar):
            self._close, self._level = bar.close, None
            self._volumes.append(bar.volume)
            self._traded = self._traded or bar.volume > 0
            return None
        ratio = self._ratio(bar.volume)
        return RefusedBar(bar.symbol, bar.ts, bar.tf_ms, move, ratio, self._close)

    def _believe_all(self, closes: Floats, volumes: Floats) -> None:
        """Go to the state after bars that are all believed and none of them a suspect."""
        self._close, self._level = float(closes[-1]), None
        self._volumes.extend(volumes[-VOLUME_BARS:].tolist())
        self._traded = self._traded or bool((volumes > 0).any())

    def _is_real(self, bar: Bar) -> bool:
        return self._confirms(bar.volume) or self._holds(bar)

    def _mean_volume(self) -> float:
        known = [volume for volume in self._volumes if not math.isnan(volume)]
        return sum(known) / len(known) if known else 0.0

    def _confirms(self, volume: float) -> bool:
        # NaN compares as False. A bar without volume confirms a move only where none ever had any:
        # mark prices and indices cannot be judged by volume.
        enough = volume >= self._min_ratio * self._mean_volume()
        return enough and (volume > 0 or not self._traded)

    def _ratio(self, volume: float) -> float:
        if math.isnan(volume):
            return math.nan
        mean = self._mean_volume()
        return volume / mean if mean > 0 else 0.0

    def _holds(self, bar: Bar) -> bool:
        """Count `bar` for the refused level, or start a new one at its close."""
        level = self._level
        # Closes only: in a wild market a wick beyond the limit must not lock it out for hours.
        if level is None or abs(bar.close - level) / level * 100.0 > self._max_move_pct:
            self._level, self._held = bar.close, 0
            return False
        self._held += 1
        if self._held < HOLD_BARS:
            return False
        # After a split or a new denomination, volumes count in other units than before.
        self._volumes.clear()
        return True


def _reach_pct(bar: Bar, close: float) -> float:
    """Return how far the price of `bar` furthest from `close` lies from it, in percent of it."""
    top = max(bar.open, bar.high, bar.low, bar.close)
    bottom = min(bar.open, bar.high, bar.low, bar.close)
    return max(top - close, close - bottom) / close * 100.0


def screen(candles: Candles, limits: DataLimits) -> tuple[Candles, list[RefusedBar]]:
    """Return the believed bars of a history and the refused ones, as a TickGuard finds them.

    `candles` itself is returned if nothing is refused. Suspects are searched in one pass over the
    arrays; only from a suspect to the next believed bar does the guard go bar by bar.
    """
    guard = TickGuard(limits)
    refused: list[RefusedBar] = []
    kept = np.ones(len(candles), dtype=np.bool_)
    row = 0  # the rows before are judged, and the last of them is believed
    for suspect in _suspect_rows(candles, float(limits.max_move_pct)).tolist():
        if suspect < row:
            continue
        if suspect > row:
            guard._believe_all(candles.close[row:suspect], candles.volume[row:suspect])
        row = suspect
        while row < len(candles) and (found := guard.admit(candles.bar(row))) is not None:
            refused.append(found)
            kept[row] = False
            row += 1
        row += 1
    return (candles.take(kept), refused) if refused else (candles, refused)


def _suspect_rows(candles: Candles, max_move_pct: float) -> Ints:
    """Return the rows that reach too far from the close of the row before, ascending."""
    if len(candles) < 2:
        return np.empty(0, dtype=np.int64)
    top, bottom = candles.high[1:], candles.low[1:]
    for prices in (candles.open[1:], candles.close[1:]):
        top, bottom = np.maximum(top, prices), np.minimum(bottom, prices)
    close = candles.close[:-1]
    # The same operations in the same order as `_reach_pct`; a reach beyond all floats is infinite.
    with np.errstate(over="ignore"):
        reach = np.maximum(top - close, close - bottom) / close * 100.0
    return np.flatnonzero(reach > max_move_pct) + 1


class StaleGuard:
    """The data breaker of one series: opens on a hole, closes after bars in a row.

    It is closed until the first bar. `continuous` False is a market with sessions: a bar is missed
    only where the regular sessions of the New York exchanges have one (market/equities.py).
    """

    def __init__(self, limits: DataLimits, tf_ms: int, continuous: bool) -> None:
        self._max_stale, self._recovery = limits.max_stale_bars, limits.recovery_bars
        self._tf_ms, self._by_session = tf_ms, _by_session(tf_ms, continuous)
        self._last: int | None = None
        self._open = False
        self._in_row = 0

    def take(self, close_ts: int) -> bool:
        """Note a believed bar that closed at `close_ts` (UTC ms); return whether entries may be.

        A bar that closed no later than the last one changes nothing.
        """
        if self._last is not None and close_ts > self._last:
            missed = self._missed(close_ts)
            self._open = self._open or missed >= self._max_stale
            self._in_row = 1 if missed else self._in_row + 1
            self._open = self._open and self._in_row < self._recovery
        self._last = close_ts if self._last is None else max(self._last, close_ts)
        return not self._open

    def is_open(self, now: int) -> bool:
        """Return whether the breaker is open at `now` (UTC ms), whatever bar comes then.

        A bar whose close is `now` itself is not missed yet.
        """
        if self._last is None or now <= self._last:
            return self._open
        return self._open or self._missed(now) >= self._max_stale

    def _missed(self, before: int) -> int:
        """Return how many bars should have closed after the last one and before `before`."""
        if self._last is None or before - self._last <= self._tf_ms:
            return 0
        if not self._by_session:
            return (before - self._last - 1) // self._tf_ms
        first = self._last - self._tf_ms + 1
        return len(expected_opens(first, before - self._tf_ms - 1, self._tf_ms))


def stale_rows(ts: Ints, tf_ms: int, limits: DataLimits, continuous: bool) -> Mask:
    """Return True where the breaker is open at the close of the bar, as a StaleGuard has it.

    `ts` holds strictly ascending open times (UTC ms) of believed bars, shape (n,); so does the
    answer.
    """
    stale = np.zeros(len(ts), dtype=np.bool_)
    missed = _missed_before(ts, tf_ms, continuous)
    holes = np.flatnonzero(missed) + 1
    if not bool((missed >= limits.max_stale_bars).any()):
        return stale
    ends = np.append(holes[1:], len(ts))
    is_open = False
    for row, end, count in zip(
        holes.tolist(), ends.tolist(), missed[holes - 1].tolist(), strict=True
    ):
        if is_open or count >= limits.max_stale_bars:
            stale[row : min(end, row + limits.recovery_bars - 1)] = True
            is_open = end - row < limits.recovery_bars
    return stale


def _missed_before(ts: Ints, tf_ms: int, continuous: bool) -> Ints:
    """Return the bars missed between each row and the next; shape (n - 1,)."""
    if len(ts) < 2:
        return np.empty(0, dtype=np.int64)
    steps = np.diff(ts)
    if not _by_session(tf_ms, continuous):
        return (steps - 1) // tf_ms
    opens = expected_opens(int(ts[0]), int(ts[-1]), tf_ms)
    between: Ints = np.searchsorted(opens, ts[1:]) - np.searchsorted(opens, ts[:-1], "right")
    return np.where(steps > tf_ms, between, 0)


def _by_session(tf_ms: int, continuous: bool) -> bool:
    # Bars longer than a day have no closed times: every week has a session.
    return not continuous and tf_ms <= DAY_MS
