"""The synthetic market as an exchange with a present: closed bars, a stream, a thin book."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from paperbot_core.api import (
    Bar,
    Book,
    Capabilities,
    Diagnostic,
    Instrument,
    Ticker,
    UserError,
    bucket_open,
    timeframe_ms,
)
from paperbot_sandbox.market import DEFAULT_SYMBOLS, candles, listing, price_at

if TYPE_CHECKING:
    from paperbot_sandbox.options import SandboxOptions

PAGE_BARS = 1_000
_BLOCK_BARS = 256
_HOUR_MS = 3_600_000
_SYMBOL = re.compile(r"[A-Z0-9.\-]{1,30}(/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?)?")


class Sandbox:
    """A market without orders: PAPER and DRY_RUN trade on its bars.

    At speed `max` its present is the latest close it has streamed, the start before that; at
    `realtime` it is the clock.
    """

    def __init__(
        self,
        options: SandboxOptions,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Open the market; `clock` gives seconds since 1970, `sleep` waits for some."""
        self._options = options
        self._clock = clock
        self._sleep = sleep
        self._start = options.start_ms(int(clock() * 1_000))
        self._streamed = self._start

    @property
    def capabilities(self) -> Capabilities:
        """It has no orders, so it declares nothing."""
        return Capabilities()

    async def instruments(self) -> Sequence[Instrument]:
        """Return the configured symbols, or a few that look familiar."""
        return [listing(symbol).instrument for symbol in self._options.symbols or DEFAULT_SYMBOLS]

    async def bars(self, symbol: str, timeframe: str, since: int) -> Sequence[Bar]:
        """Return up to 1,000 bars with `ts >= since` that have closed; none older than `history`.

        Raises:
            UserError: PB5050 if it has no such symbol.
        """
        self._check(symbol)
        length = _length(timeframe)
        oldest = bucket_open(self._start, length) - self._options.history * length
        first = _at_or_after(max(since, oldest), length)
        count = min(PAGE_BARS, (self._now() - first) // length)
        return _bars(self._options.seed, symbol, length, first, count)

    async def stream_bars(
        self, symbols: Sequence[str], timeframe: str, since: int | None = None
    ) -> AsyncIterator[Bar]:
        """Yield bars for ever, or until `bars` of them since the start.

        Raises:
            UserError: PB5050 if it has no such symbol.
        """
        wanted = sorted(set(symbols))
        for symbol in wanted:
            self._check(symbol)
        length = _length(timeframe)
        first = _at_or_after(self._start, length)
        end = None if self._options.bars is None else first + self._options.bars * length
        ts = first if since is None else _at_or_after(since, length)
        block: list[list[Bar]] = []
        while end is None or ts < end:
            if not block:
                block = self._block(wanted, length, ts)
            await self._wait_for(ts + length)
            self._streamed = max(self._streamed, ts + length)
            for bar in block.pop():
                yield bar
            ts += length

    async def tickers(self) -> Sequence[Ticker]:
        """Return the tickers of its present: the volume is that of the latest 24 whole hours."""
        import numpy as np

        now, seed = self._now(), self._options.seed
        found = []
        for symbol in self._options.symbols or DEFAULT_SYMBOLS:
            made = candles(seed, symbol, _HOUR_MS, bucket_open(now, _HOUR_MS) - 24 * _HOUR_MS, 24)
            last = float(price_at(seed, symbol, np.array([now], dtype=np.int64))[0])
            tick = float(listing(symbol).instrument.tick)
            volume = float(np.add.accumulate(made.close * made.volume)[-1])
            found.append(Ticker(symbol, now, last - tick, last + tick, last, volume))
        return found

    async def book(self, symbol: str) -> Book:
        """Return five levels around the present price, a tick apart."""
        import numpy as np

        self._check(symbol)
        now = self._now()
        listed = listing(symbol)
        price = float(price_at(self._options.seed, symbol, np.array([now], dtype=np.int64))[0])
        tick = listed.instrument.tick
        middle = (Decimal(price) / tick).to_integral_value() * tick
        size = Decimal(1).scaleb(-listed.lot_decimals) * 1_000
        levels = range(1, 6)
        return Book(
            symbol,
            now,
            bids=tuple((middle - tick * k, size * k) for k in levels if middle > tick * k),
            asks=tuple((middle + tick * k, size * k) for k in levels),
        )

    def _now(self) -> int:
        if self._options.speed == "realtime":
            return max(self._streamed, int(self._clock() * 1_000))
        return self._streamed

    async def _wait_for(self, close_ts: int) -> None:
        # Also at full speed the loop must get its turn: a stop request has to be heard.
        await asyncio.sleep(0)
        while (
            self._options.speed == "realtime" and (missing := close_ts / 1_000 - self._clock()) > 0
        ):
            # In small steps, because the clock may be set while we sleep.
            await self._sleep(min(missing, 1.0))

    def _block(self, symbols: Sequence[str], length: int, ts: int) -> list[list[Bar]]:
        """Return the next closes, latest first, each with one bar a symbol in order."""
        columns = [_bars(self._options.seed, symbol, length, ts, _BLOCK_BARS) for symbol in symbols]
        return [list(row) for row in zip(*columns, strict=True)][::-1] or [[]] * _BLOCK_BARS

    def _check(self, symbol: str) -> None:
        known = self._options.symbols
        if symbol not in known if known else not _SYMBOL.fullmatch(symbol):
            expected = f"one of {', '.join(f'`{s}`' for s in known)}" if known else "e.g. BTC/USDT"
            raise UserError(
                Diagnostic("PB5050", f"the sandbox has no symbol `{symbol}`", expected=expected)
            )


def _length(timeframe: str) -> int:
    try:
        return timeframe_ms(timeframe)
    except ValueError as error:
        raise UserError(Diagnostic("PB5050", str(error))) from None


def _at_or_after(ts: int, length: int) -> int:
    opened = bucket_open(ts, length)
    return opened if opened == ts else opened + length


def _bars(seed: int, symbol: str, length: int, first: int, count: int) -> list[Bar]:
    if count <= 0:
        return []
    made = candles(seed, symbol, length, first, count)
    rows = zip(
        made.ts.tolist(), made.open.tolist(), made.high.tolist(), made.low.tolist(),
        made.close.tolist(), made.volume.tolist(), strict=True,
    )  # fmt: skip
    return [Bar(symbol, ts, length, o, h, lo, c, v) for ts, o, h, lo, c, v in rows]
