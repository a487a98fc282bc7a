"""Prices in units of the first share, and at which bar splits and dividends come into force."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tests.oracle.words import DAY_MS, Candle, Event


@dataclass(frozen=True)
class Shares:
    """The events of one symbol as (time they are in force from, event), oldest first."""

    events: Sequence[tuple[int, Event]] = ()

    def factor(self, ts: int) -> float:
        """Return how many shares of that moment one first share is."""
        return math.prod(ratio for since, ratio in self._splits if since <= ts)

    @cached_property
    def _splits(self) -> list[tuple[int, float]]:
        return [(since, event.split) for since, event in self.events if event.split != 1.0]

    def at_bars(self, bars: Sequence[Candle], tf_ms: int) -> dict[int, Event]:
        """Return what comes into force at the open of each bar, by its close.

        A bar longer than a day is told in the shares of its end, so its events come at its open.
        Those of days without a bar come with the next one; the holders of the first bar bought it.
        """
        found: dict[int, Event] = {}
        days = [_last_day(bar, tf_ms) for bar in bars]
        for since, event in self.events:
            row = bisect_left(days, since)
            if row in (0, len(bars)):
                continue
            close = bars[row].ts + tf_ms
            before = found.get(close, Event())
            found[close] = Event(
                before.split * event.split, before.dividend + before.split * event.dividend
            )
        return found


def _last_day(bar: Candle, tf_ms: int) -> int:
    """Return the latest 00:00 UTC that the bar can hold prices of."""
    return bar.ts if tf_ms <= DAY_MS else bar.ts + tf_ms - DAY_MS


def scaled(bar: Candle, factor: float) -> Candle:
    """Return a bar with prices times the factor, and volume in as many shares fewer."""
    if factor == 1.0:
        return bar
    return replace(
        bar, open=bar.open * factor, high=bar.high * factor, low=bar.low * factor,
        close=bar.close * factor, volume=bar.volume / factor,
    )  # fmt: skip
