"""Splits and dividends in a run: what rules see, what is traded, what is paid.

Rules see prices in units of the first share, which no split breaks and which need no event of the
future. Orders, stops and cash are in the money and the shares of their day. The factor between the
two, at each bar, is the number of shares of that day for one first share.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.checks.guards import RefusedBar, screen
from paperbot_core.market.events.events import CorporateEvents, forward_scaled
from paperbot_core.market.events.files import events_beside
from paperbot_core.market.resample import resample

if TYPE_CHECKING:
    from paperbot_core.config.policy import DataLimits
    from paperbot_core.domain.market import Candles, Floats, Ints

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False)
class Payouts:
    """What holders get at the open of each bar, in the form of `kernel.inputs.Inputs`.

    `splits` are new shares for one, `dividends` cash for one share held before; float64 of shape
    (n,), 1 and 0 where there is nothing.
    """

    splits: Floats
    dividends: Floats

    def held(self, start: int, stop: int) -> tuple[float, float]:
        """Return what one share bought at the open of row `start` is before row `stop`.

        That is a number of shares, and the dividends they paid, in cash.
        """
        shares, cash = 1.0, 0.0
        rows = (self.splits[start + 1 : stop] != 1) | (self.dividends[start + 1 : stop] != 0)
        for row in (np.flatnonzero(rows) + start + 1).tolist():
            cash += shares * float(self.dividends[row])
            shares *= float(self.splits[row])
        return shares, cash


def find_shares(candles: Iterable[Path], symbol: str) -> CorporateEvents | None:
    """Return the events beside the first of some candle files that has any; None if there are none.

    Raises:
        DataError: PB6003, PB6014, PB6330 to PB6332, they cannot be read.
    """
    for path in candles:
        events = events_beside(path, symbol)
        if events is not None and len(events):
            return events
    return None


def believed_bars(
    file: Candles, events: CorporateEvents | None, limits: DataLimits | None
) -> tuple[Candles, list[RefusedBar]]:
    """Return the bars of `file` that the guards believe, as they were paid, and the refused ones.

    Prices are judged in units of the first share: a split is no bad tick. They are judged as they
    are stored, so that a bad tick does not hide in a longer bar made of it.
    """
    if limits is None:
        return file, []
    kept, refused = screen(file if events is None else forward_scaled(file, events), limits)
    return (file.take(np.isin(file.ts, kept.ts)) if refused else file), refused


def in_first_shares(file: Candles, events: CorporateEvents | None, tf_ms: int) -> Candles:
    """Return the bars of `tf_ms` made of those of `file`, in units of the first share.

    No event falls into a bar that is a part of a day: it is made of the prices paid, then put into
    first shares, as sessions do. Longer bars are made of bars in first shares.

    Raises:
        DataError: PB6335 an event comes into force inside a bar of `file`.
    """
    if events is None:
        return resample(file, tf_ms)
    if DAY_MS % tf_ms == 0:
        return forward_scaled(resample(file, tf_ms), events)
    return resample(forward_scaled(file, events), tf_ms)


def share_factor(file: Candles, events: CorporateEvents, bars: Candles) -> Floats:
    """Return how many shares of its last moment one first share is at each bar, shape (n,).

    `bars` were made of the bars of `file`.
    """
    return _totals(events)[_in_force(file, events, bars)]


def as_traded(file: Candles, events: CorporateEvents, bars: Candles) -> Candles:
    """Return `bars`, which are in units of the first share, in the prices that were paid.

    The prices are those of `file`, exactly. A bar longer than a day in which an event comes into
    force is told in the shares of its end, as if the event had been at its open.
    """
    raw = resample(file, bars.tf_ms)
    rows = raw.ts.searchsorted(bars.ts)
    last = _in_force(file, events, bars)
    first = np.searchsorted(events.ts, file.ts[file.ts.searchsorted(bars.ts)], side="right")
    mixed, factor = first != last, _totals(events)[last]
    columns = {
        name: np.where(mixed, getattr(bars, name) / factor, getattr(raw, name)[rows])
        for name in _PRICES
    }
    volume = np.where(mixed, bars.volume * factor, raw.volume[rows])
    return replace(bars, **columns, volume=volume)


def payouts(file: Candles, events: CorporateEvents, bars: Candles) -> Payouts:
    """Return what comes into force at each bar of `bars`, made of `file`.

    An event on a day without a bar counts at the next one; what was before the first bar, and at
    it, nobody holds.
    """
    count = _in_force(file, events, bars)
    splits, dividends = np.ones(len(bars)), np.zeros(len(bars))
    for row in (np.flatnonzero(np.diff(count)) + 1).tolist():
        for at in range(int(count[row - 1]), int(count[row])):
            dividends[row] += splits[row] * events.dividend[at]
            splits[row] *= events.split[at]
    return Payouts(splits, dividends)


def _totals(events: CorporateEvents) -> Floats:
    return np.concatenate(([1.0], np.cumprod(events.split)))


def _in_force(file: Candles, events: CorporateEvents, bars: Candles) -> Ints:
    """Return how many events are in force at the end of each bar: at its last bar in `file`."""
    last = file.ts.searchsorted(bars.ts + bars.tf_ms) - 1
    found: Ints = np.searchsorted(events.ts, file.ts[last], side="right")
    return found
