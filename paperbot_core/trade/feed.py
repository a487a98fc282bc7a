"""From an exchange's stream to whole decision times: grouped, guarded, never out of order."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from itertools import groupby

from paperbot_core.api import Exchange
from paperbot_core.diagnostics import Diagnostic, PaperbotError, PluginError, RetryableError
from paperbot_core.diagnostics.redact import describe_error
from paperbot_core.domain.market import Bar, bucket_open, timeframe_text

#: How long bars of one close may trickle in on a live feed after the first, in seconds.
GRACE_S = 5.0
#: How often a silent feed says so, in seconds, so that requests and signals are heard.
TICK_S = 0.5
#: Bars read ahead of the session.
_AHEAD = 256
_RETRY_MAX_S = 60.0


@dataclass(frozen=True, slots=True)
class Batch:
    """All bars that close at `now`, by symbol."""

    now: int
    bars: dict[str, Bar]


@dataclass(slots=True)
class Guard:
    """Lets only sound bars in order through; `refused` says what it kept out and why."""

    feed_ms: int
    last: dict[str, int] = field(default_factory=dict)
    done: int = -(2**62)
    refused: list[tuple[Bar, str]] = field(default_factory=list)
    total: int = 0

    def admit(self, bar: Bar) -> bool:
        """Return whether a bar may be traded on; note it if not."""
        why = self._fault(bar)
        if why:
            self.total += 1
            self.refused.append((bar, why))
            return False
        self.last[bar.symbol] = bar.ts
        return True

    def _fault(self, bar: Bar) -> str:
        prices = (bar.open, bar.high, bar.low, bar.close)
        if not all(math.isfinite(p) and p > 0.0 for p in prices):
            return "a price is missing or not above 0"
        if bar.high < max(bar.open, bar.close) or bar.low > min(bar.open, bar.close):
            return "high and low do not span open and close"
        if bar.volume < 0.0 or math.isinf(bar.volume):
            return "the volume is not a volume"
        if bar.tf_ms != self.feed_ms or bucket_open(bar.ts, self.feed_ms) != bar.ts:
            return f"it is not a bar of {timeframe_text(self.feed_ms)}"
        if bar.ts <= self.last.get(bar.symbol, -(2**62)):
            return "a duplicate, or back in time"
        if bar.close_ts <= self.done:
            return "too late: its close was decided without it"
        return ""


class BarFeed:
    """The bars of a session from its exchange."""

    def __init__(
        self, exchange: Exchange, symbols: Iterable[str], feed_ms: int, *, live: bool
    ) -> None:
        """Prepare; `live` says that the market's present is the wall clock's."""
        self.exchange = exchange
        self.symbols = sorted(symbols)
        self.feed_ms = feed_ms
        self.live = live
        self.guard = Guard(feed_ms)

    async def history(self, symbol: str, since: int, until: int | None = None) -> list[Bar]:
        """Return the closed bars of a symbol with `ts >= since`, page by page.

        Args:
            symbol: what to fetch.
            since: first open time, UTC ms.
            until: latest close time; None takes all there is.
        """
        found: list[Bar] = []
        text = timeframe_text(self.feed_ms)
        while True:
            page = [
                b for b in await self.exchange.bars(symbol, text, since)
                if b.ts >= since and (until is None or b.close_ts <= until)
            ]
            if not page:
                return found
            found += [bar for bar in page if self.guard.admit(bar)]
            since = max(bar.ts for bar in page) + self.feed_ms

    async def batches(self, since: int | None) -> AsyncIterator[Batch | None]:
        """Yield decision times in order, and None when nothing came for a while.

        A batch is whole when every symbol has reported, when a later bar arrives, when the stream
        ends, or, on a live feed, `GRACE_S` after its first bar.
        """
        queue: asyncio.Queue[Bar | PaperbotError | None] = asyncio.Queue(_AHEAD)
        pump = asyncio.create_task(self._pump(queue, since))
        try:
            async for item in self._group(queue):
                yield item
            await pump
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)

    async def _group(
        self, queue: asyncio.Queue[Bar | PaperbotError | None]
    ) -> AsyncIterator[Batch | None]:
        waiting: dict[str, Bar] = {}
        now = 0
        loop = asyncio.get_running_loop()
        first_at = 0.0
        while True:
            try:
                bar = await self._next(queue)
            except TimeoutError:
                if waiting and self.live and loop.time() - first_at >= GRACE_S:
                    yield self._batch(now, waiting)
                    waiting = {}
                else:
                    yield None
                continue
            if isinstance(bar, PaperbotError):
                raise bar
            if bar is None:
                if waiting:
                    yield self._batch(now, waiting)
                return
            if not self.guard.admit(bar):
                continue
            if waiting and bar.close_ts > now:
                yield self._batch(now, waiting)
                waiting = {}
            if not waiting:
                now, first_at = bar.close_ts, loop.time()
            waiting[bar.symbol] = bar
            if len(waiting) == len(self.symbols):
                yield self._batch(now, waiting)
                waiting = {}

    async def _next(
        self, queue: asyncio.Queue[Bar | PaperbotError | None]
    ) -> Bar | PaperbotError | None:
        if not queue.empty():
            return queue.get_nowait()
        return await asyncio.wait_for(queue.get(), TICK_S)

    def _batch(self, now: int, bars: dict[str, Bar]) -> Batch:
        self.guard.done = now
        return Batch(now, dict(sorted(bars.items())))

    async def _pump(
        self, queue: asyncio.Queue[Bar | PaperbotError | None], since: int | None
    ) -> None:
        """Read the stream into the queue; a failure that may pass is waited out."""
        text = timeframe_text(self.feed_ms)
        sent: dict[str, int] = {}
        pause, again = 1.0, False
        while True:
            try:
                async for bar in self.exchange.stream_bars(self.symbols, text, since):
                    if again and bar.ts <= sent.get(bar.symbol, -1):
                        continue  # a stream that was opened again repeats its last bars
                    since = bar.ts if since is None else max(bar.ts, since)
                    sent[bar.symbol] = bar.ts
                    pause = 1.0
                    await queue.put(bar)
            except RetryableError:
                again = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _RETRY_MAX_S)
                continue
            except PaperbotError as error:
                await queue.put(error)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it is reported
                why = f"the stream of the exchange failed: {describe_error(error)}"
                await queue.put(PluginError(Diagnostic("PB8014", why)))
            break
        await queue.put(None)


def group(bars: Iterable[Bar]) -> list[Batch]:
    """Return bars of several symbols as batches, oldest first."""
    ordered = sorted(bars, key=lambda b: (b.close_ts, b.symbol))
    return [
        Batch(now, {bar.symbol: bar for bar in some})
        for now, some in groupby(ordered, key=lambda b: b.close_ts)
    ]
