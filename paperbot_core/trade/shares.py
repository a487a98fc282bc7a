"""Splits and dividends in a session: its bars in units of the first share, and as they were paid.

Kept bar by bar, with the numbers that a backtest gets over the whole history
(`research.shares`), float for float.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from paperbot_core.api import EventSource, Exchange
from paperbot_core.diagnostics import (
    Diagnostic,
    PaperbotError,
    PluginError,
    RetryableError,
    Severity,
)
from paperbot_core.diagnostics.redact import describe_error
from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.domain.market import DAY_MS, Bar
from paperbot_core.market.events.events import fault_of, two_shares
from paperbot_core.trade.ladder import Ladder
from paperbot_core.trade.symbols import has_symbol

#: What `ShareLadder.in_force` says where there are no events.
NOTHING: Final = [0, 1.0, 0.0]


@dataclass(frozen=True, slots=True)
class PaidBar:
    """A closed bar in the prices that were paid, and what came into force at its open.

    Attributes:
        bar: prices and volume in shares of its last moment.
        factor: what these prices are multiplied by to be in units of the first share.
        as_of: open time of the last bar of the feed in it, UTC ms.
        split: new shares for one old, 1 without a split.
        dividend: cash for one share held before the split, 0 without one.
    """

    bar: Bar
    factor: float
    as_of: int
    split: float = 1.0
    dividend: float = 0.0


class ShareLadder:
    """Builds the bars of one symbol in every timeframe, as `Ladder` does, over its events.

    Bars that are a part of a day are made of the prices paid, then put into first shares: no event
    falls into them. Longer ones are made of bars in first shares.
    """

    def __init__(
        self, feed_ms: int, timeframes: Iterable[int], events: CorporateEvents
    ) -> None:
        """Take the length of the feed's bars and all lengths asked for (multiples of it)."""
        wanted = set(timeframes)
        self._feed_ms = feed_ms
        self._long = sorted(tf for tf in wanted if tf != feed_ms and DAY_MS % tf)
        self._paid = Ladder(feed_ms, wanted)
        self._first = Ladder(feed_ms, self._long)
        #: Open times of the first and the last bar of the feed in each long bar being built.
        self._spans: dict[int, tuple[int, int]] = {}
        self._closed: dict[int, PaidBar] = {}
        self._believed: dict[int, int] = {}
        self.learn(events)

    def learn(self, events: CorporateEvents) -> None:
        """Go on with other events; one that was in force at a believed bar is not paid any more."""
        self._symbol = events.symbol
        self._ts: list[int] = events.ts.tolist()
        self._splits: list[float] = events.split.tolist()
        self._dividends: list[float] = events.dividend.tolist()
        self._totals = [1.0]
        for split in self._splits:
            self._totals.append(self._totals[-1] * split)

    def in_force(self, ts: int) -> list[float]:
        """Return how many events are in force at a time (UTC ms), their splits, their cash."""
        count = bisect_right(self._ts, ts)
        return [count, self._totals[count], math.fsum(self._dividends[:count])]

    def take(self, bar: Bar) -> None:
        """Add a feed bar; whatever ended before it opened must have been closed already.

        Raises:
            DataError: PB6335 it is longer than a day and an event comes into force inside it.
        """
        if bar.tf_ms > DAY_MS:
            following = bisect_right(self._ts, bar.ts)
            if following < len(self._ts) and self._ts[following] < bar.close_ts:
                raise two_shares(self._symbol, bar.tf_ms, self._ts[following])
        self._paid.take(bar)
        if self._long:
            self._first.take(_in_first_shares(bar, self._total(bar.ts)))
            for tf_ms in self._long:
                self._spans[tf_ms] = (self._spans.get(tf_ms, (bar.ts, 0))[0], bar.ts)

    def judged(self, bar: Bar) -> Bar:
        """Return a feed bar as the guards judge it: in units of the first share."""
        return _in_first_shares(bar, self._total(bar.ts))

    def ends(self) -> list[int]:
        """Return when the bars that are being built end (UTC ms)."""
        return self._paid.ends()

    def close(self, now: int) -> list[Bar]:
        """Hand out every bar that has closed by `now`, in units of the first share."""
        long = {bar.tf_ms: bar for bar in self._first.close(now)}
        found = []
        for paid in self._paid.close(now):
            first, last = self._spans.pop(paid.tf_ms, (paid.ts, paid.ts))
            factor = self._total(last)
            bar = long.get(paid.tf_ms)
            if bar is None:
                bar = _in_first_shares(paid, factor)
            elif bisect_right(self._ts, first) != bisect_right(self._ts, last):
                paid = _in_last_shares(bar, factor)  # noqa: PLW2901 - prices of two shares
            self._closed[paid.tf_ms] = PaidBar(paid, factor, last)
            found.append(bar)
        return found

    def believe(self, tf_ms: int) -> PaidBar:
        """Return the bar of this length that closed last, with what came into force since.

        What came before the first believed bar, and at it, nobody holds. A bar that the guards
        refuse is passed over: its events count at the next one.
        """
        paid = self._closed[tf_ms]
        before = bisect_right(self._ts, self._believed.get(tf_ms, paid.as_of))
        self._believed[tf_ms] = paid.as_of
        split, dividend = 1.0, 0.0
        for at in range(before, bisect_right(self._ts, paid.as_of)):
            dividend += split * self._dividends[at]
            split *= self._splits[at]
        return replace(paid, split=split, dividend=dividend)

    def _total(self, ts: int) -> float:
        """Return how many shares one first share is at the open of a bar."""
        return self._totals[bisect_right(self._ts, ts)]


def _in_first_shares(bar: Bar, factor: float) -> Bar:
    return replace(
        bar, open=bar.open * factor, high=bar.high * factor, low=bar.low * factor,
        close=bar.close * factor, volume=bar.volume / factor,
    )  # fmt: skip


def _in_last_shares(bar: Bar, factor: float) -> Bar:
    return replace(
        bar, open=bar.open / factor, high=bar.high / factor, low=bar.low / factor,
        close=bar.close / factor, volume=bar.volume * factor,
    )  # fmt: skip


class KnownShares:
    """The splits and dividends that the exchange of a session knows, by symbol, in `events`.

    A symbol without any has empty ones; an exchange that is no `EventSource` knows of none.
    """

    def __init__(self, exchange: Exchange) -> None:
        """Prepare; nothing is asked yet."""
        self.events: dict[str, CorporateEvents] = {}
        self._exchange = exchange
        self._day = -1

    @property
    def some(self) -> dict[str, CorporateEvents]:
        """Return those of the symbols that have any."""
        return {symbol: some for symbol, some in self.events.items() if len(some)}

    async def ask(self, symbols: Iterable[str]) -> None:
        """Ask for symbols that were not asked for yet.

        Raises:
            PluginError: PB8014, the exchange failed or answered something else.
        """
        if isinstance(self._exchange, EventSource):
            for symbol in sorted({*symbols} - {*self.events}):
                self.events[symbol] = await _events(self._exchange, symbol)

    async def renew(
        self, now: int, know: Callable[[Mapping[str, CorporateEvents]], None]
    ) -> list[Diagnostic]:
        """Ask for all symbols again at the first close of a UTC day, and make them known.

        Returns warnings if the exchange cannot say now; then it is asked at the next close.

        Raises:
            PluginError: as `ask`.
        """
        if now // DAY_MS == self._day or not isinstance(self._exchange, EventSource):
            return []
        try:
            found = {symbol: await _events(self._exchange, symbol) for symbol in self.events}
        except RetryableError as error:
            return [replace(one, severity=Severity.WARNING) for one in error.diagnostics]
        self._day, self.events = now // DAY_MS, found
        know(found)
        return []

    async def feed_ms(self, feed_ms: int) -> int:
        """Return the length of the bars to stream: days for longer ones that events may fall into.

        The exchange must have such bars of the symbols with events.
        """
        if feed_ms % DAY_MS or not self.some:
            return feed_ms
        days = [await has_symbol(self._exchange, symbol, DAY_MS) for symbol in self.some]
        return DAY_MS if all(days) else feed_ms


async def _events(source: EventSource, symbol: str) -> CorporateEvents:
    try:
        found: object = await source.events(symbol)
    except PaperbotError:
        raise  # the exchange speaks to the user in our own terms
    except Exception as error:
        why = f"the exchange failed to tell the events of {symbol}: {describe_error(error)}"
        raise PluginError(Diagnostic("PB8014", why)) from error
    if not isinstance(found, CorporateEvents):
        why = f"the exchange told {type(found).__name__} instead of the events of {symbol}"
        raise PluginError(Diagnostic("PB8014", why))
    if fault := fault_of(found):
        why = f"the exchange told of {symbol} events with {fault}"
        raise PluginError(Diagnostic("PB8014", why))
    return found
