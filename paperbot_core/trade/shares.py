"""Splits and dividends in a session: its bars in units of the first share, and as they were paid.

Kept bar by bar, with the numbers that a backtest gets over the whole history
(`research.shares`), float for float.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from paperbot_core.api import EventSource, Exchange
from paperbot_core.diagnostics import Diagnostic, PaperbotError, PluginError
from paperbot_core.diagnostics.redact import describe_error
from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.domain.market import DAY_MS, Bar
from paperbot_core.market.events import fault_of, two_shares
from paperbot_core.trade.ladder import Ladder
from paperbot_core.trade.symbols import has_symbol


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


async def ask_events(exchange: Exchange, symbols: Iterable[str]) -> dict[str, CorporateEvents]:
    """Return the splits and dividends of symbols that an exchange knows; none if it cannot say.

    Raises:
        PluginError: PB8014, it failed or answered something else.
    """
    if not isinstance(exchange, EventSource):
        return {}
    return {symbol: await _events(exchange, symbol) for symbol in sorted(set(symbols))}


async def feed_of_shares(
    exchange: Exchange, events: Mapping[str, CorporateEvents], feed_ms: int
) -> int:
    """Return the length of the bars to stream: days for longer ones into which events may fall."""
    shares = [symbol for symbol, some in events.items() if len(some)]
    if feed_ms % DAY_MS or not shares:
        return feed_ms
    days = [await has_symbol(exchange, symbol, DAY_MS) for symbol in shares]
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
