"""An adapter for brokers with blocking or in-memory clients: plain methods in, async out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from paperbot_core.api.orders import (
    Book,
    Capabilities,
    FillReport,
    OrderReport,
    OrderRequest,
)
from paperbot_core.domain.market import Bar, Instrument, timeframe_ms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from decimal import Decimal


T = TypeVar("T")


class SyncExchange:
    """Turns blocking methods into the `Exchange` protocol; they run in a thread, one at a time.

    Override `load_instruments` and `load_bars`, and `load_book` where there is one. `poll_s` is the
    pause between questions for new bars. None means a stored market: its stream begins with its
    first bar and ends with its last, and its present is the latest close that was streamed.
    """

    capabilities: Capabilities = Capabilities()
    poll_s: float | None = None
    _present: int = 0

    def load_instruments(self) -> Sequence[Instrument]:
        """Return all instruments."""
        raise NotImplementedError("override load_instruments")

    def load_bars(self, symbol: str, timeframe: str, since: int) -> Sequence[Bar]:
        """Return a page of closed bars with `ts >= since`, ascending; empty when there are none.

        A stored market returns whatever it holds; the adapter keeps its future back.
        """
        raise NotImplementedError("override load_bars")

    def load_book(self, symbol: str) -> Book:
        """Return the best levels; the default is an empty book at time 0."""
        return Book(symbol, 0, (), ())

    async def instruments(self) -> Sequence[Instrument]:
        """Return all instruments."""
        return await _in_thread(self.load_instruments)

    async def bars(self, symbol: str, timeframe: str, since: int) -> Sequence[Bar]:
        """Return one page of bars with `ts >= since` that have closed, ascending."""
        page = await _in_thread(self.load_bars, symbol, timeframe, since)
        if self.poll_s is not None:
            return page
        return [bar for bar in page if bar.close_ts <= self._present]

    async def book(self, symbol: str) -> Book:
        """Return the best levels of the order book."""
        return await _in_thread(self.load_book, symbol)

    async def stream_bars(
        self, symbols: Sequence[str], timeframe: str, since: int | None = None
    ) -> AsyncIterator[Bar]:
        """Yield bars by (close time, symbol), asking page by page; see `Exchange.stream_bars`."""
        length = timeframe_ms(timeframe)
        if since is None:
            since = 0 if self.poll_s is None else _now_ms() // length * length
        # Whoever goes on at `since` knows what was before.
        self._present = max(self._present, since)
        following = dict.fromkeys(sorted(symbols), since)
        waiting: dict[str, list[Bar]] = {symbol: [] for symbol in following}
        while True:
            for symbol, page in waiting.items():
                if not page:
                    start = following[symbol]
                    page.extend(await _in_thread(self.load_bars, symbol, timeframe, start))
                    if page:
                        following[symbol] = page[-1].ts + length
            ready = _ready(waiting)
            for bar in ready:
                self._present = max(self._present, bar.close_ts)
                yield bar
            if not ready:
                if self.poll_s is None:
                    return
                await _sleep(self.poll_s)


async def _in_thread(work: Callable[..., T], *args: object) -> T:
    # Imported here: whoever only reads the words of the api need not pay for asyncio.
    import asyncio

    return await asyncio.to_thread(work, *args)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


def _ready(waiting: dict[str, list[Bar]]) -> list[Bar]:
    """Take out, in order, the bars up to the end of the shortest page; the rest must wait."""
    pages = [page for page in waiting.values() if page]
    if not pages:
        return []
    horizon = min(page[-1].ts for page in pages)
    ready: list[Bar] = []
    for page in pages:
        count = sum(1 for bar in page if bar.ts <= horizon)
        ready.extend(page[:count])
        del page[:count]
    return sorted(ready, key=lambda bar: (bar.close_ts, bar.symbol))


class SyncExecution(SyncExchange):
    """The same for `Execution`: override the methods that place, cancel and look up orders."""

    def place(self, order: OrderRequest) -> OrderReport:
        """Send an order."""
        raise NotImplementedError("override place")

    def cancel_order(self, client_id: str) -> OrderReport:
        """Cancel an order."""
        raise NotImplementedError("override cancel_order")

    def find_order(self, client_id: str) -> OrderReport | None:
        """Return an order, or None if it is unknown."""
        raise NotImplementedError("override find_order")

    def list_open_orders(self) -> Sequence[OrderReport]:
        """Return all open orders."""
        raise NotImplementedError("override list_open_orders")

    def list_fills(self, since: int) -> Sequence[FillReport]:
        """Return executions with `ts >= since`, ascending."""
        raise NotImplementedError("override list_fills")

    def read_balances(self) -> Mapping[str, Decimal]:
        """Return total balances by asset."""
        raise NotImplementedError("override read_balances")

    async def submit(self, order: OrderRequest) -> OrderReport:
        """Send an order."""
        return await _in_thread(self.place, order)

    async def cancel(self, client_id: str) -> OrderReport:
        """Cancel an order."""
        return await _in_thread(self.cancel_order, client_id)

    async def order(self, client_id: str) -> OrderReport | None:
        """Return one order, or None."""
        return await _in_thread(self.find_order, client_id)

    async def open_orders(self) -> Sequence[OrderReport]:
        """Return all open orders."""
        return await _in_thread(self.list_open_orders)

    async def fills(self, since: int) -> Sequence[FillReport]:
        """Return executions with `ts >= since`."""
        return await _in_thread(self.list_fills, since)

    async def balances(self) -> Mapping[str, Decimal]:
        """Return total balances by asset."""
        return await _in_thread(self.read_balances)
