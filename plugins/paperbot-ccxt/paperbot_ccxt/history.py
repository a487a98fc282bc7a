"""Pages of candles from one exchange, through ccxt's blocking client in a thread."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import ccxt
import numpy as np

from paperbot_ccxt.failures import in_our_terms
from paperbot_ccxt.tickers import read_book, read_tickers
from paperbot_core.api import (
    Book,
    Candles,
    DataError,
    Diagnostic,
    HistoryPage,
    RetryableError,
    Ticker,
    UserError,
    timeframe_ms,
)
from paperbot_core.api.fetch import check_base_url

if TYPE_CHECKING:
    from paperbot_ccxt import CcxtHistoryOptions

_FIELDS = 6
#: The position of the volume, the one field that an exchange may not know.
_VOLUME = 5


def open_exchange(options: CcxtHistoryOptions) -> Any:
    """Return ccxt's client for an exchange; nothing is sent yet.

    Raises:
        UserError: PB6222, ccxt does not know it, or it offers no candles; PB6213, a bad address.
    """
    if options.id not in ccxt.exchanges:
        from difflib import get_close_matches

        near = get_close_matches(options.id, ccxt.exchanges, 1)
        help_ = f"did you mean `{near[0]}`?" if near else ""
        raise UserError(
            Diagnostic("PB6222", f"ccxt knows no exchange `{options.id}`", help=help_)
        )
    exchange = getattr(ccxt, options.id)(
        {
            "enableRateLimit": True,
            "timeout": options.timeout_sec * 1_000,
            "options": dict(options.options),
        }
    )
    if not exchange.has.get("fetchOHLCV"):
        raise UserError(Diagnostic("PB6222", f"`{options.id}` offers no candles"))
    for key, url in options.urls.items():
        exchange.urls["api"][key] = check_base_url(url)
    return exchange


class CcxtHistory:
    """The source. The markets of the exchange are loaded with the first page."""

    def __init__(
        self,
        options: CcxtHistoryOptions,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
    ) -> None:
        """Prepare; nothing is sent yet. `now_ms` returns the present, UTC ms."""
        self._options = options
        self._exchange = open_exchange(options)
        self._now_ms = now_ms
        day = options.first_day
        self._begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000

    async def symbols(self) -> Sequence[str]:
        """Return the markets of the exchange.

        Raises:
            RetryableError: PB6210.
            DataError: PB6211.
        """
        await asyncio.to_thread(self._load_markets)
        return sorted(self._exchange.markets)

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        """Return up to `limit` closed candles; an empty stretch is followed by the next.

        Raises:
            RetryableError: PB6210.
            DataError: PB6211, PB6223.
            UserError: PB6222, no such market or timeframe.
        """
        return await asyncio.to_thread(self._page, symbol, timeframe, since, limit)

    async def tickers(self) -> Sequence[Ticker]:
        """Return the tickers of all markets.

        Raises:
            RetryableError: PB6210.
            UserError: PB6222, the exchange has no such thing.
            DataError: PB6211, PB6223.
        """
        await asyncio.to_thread(self._load_markets)
        return await asyncio.to_thread(read_tickers, self._exchange)

    async def book(self, symbol: str) -> Book:
        """Return the order book of a market, `book_levels` deep.

        Raises:
            RetryableError: PB6210.
            UserError: PB6222, no such market.
            DataError: PB6211, PB6223.
        """
        await asyncio.to_thread(self._load_markets)
        return await asyncio.to_thread(
            read_book, self._exchange, symbol, self._options.book_levels
        )

    def _page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        tf_ms, now = timeframe_ms(timeframe), self._now_ms()
        since = max(since, self._begin)
        if since + tf_ms > now:
            return HistoryPage(_candles(symbol, tf_ms, []), None)
        self._check(symbol, timeframe)
        limit = min(limit, self._options.page_size)
        with in_our_terms(self._exchange, f"candles of {symbol} {timeframe}"):
            answer = self._exchange.fetch_ohlcv(symbol, timeframe, since, limit)
        rows = self._rows(answer, symbol)
        rows = [row for row in rows if row[0] >= since and row[0] + tf_ms <= now]
        # Some exchanges answer the stretch asked for and not the next candles there are: nothing
        # in it, in an outage or before the listing, is not the end.
        following = int(rows[-1][0]) + tf_ms if rows else since + limit * tf_ms
        return HistoryPage(
            _candles(symbol, tf_ms, rows), following if following + tf_ms <= now else None
        )

    def _load_markets(self) -> None:
        with in_our_terms(self._exchange, "its markets"):
            self._exchange.load_markets()

    def _check(self, symbol: str, timeframe: str) -> None:
        from difflib import get_close_matches

        known = self._exchange.timeframes or {}
        if timeframe not in known:
            text = f"`{self._exchange.id}` has no candles of {timeframe}"
            raise UserError(Diagnostic("PB6222", text, expected=", ".join(known)))
        self._load_markets()
        if symbol not in self._exchange.markets:
            near = get_close_matches(symbol, self._exchange.markets, 3)
            raise UserError(
                Diagnostic(
                    "PB6222",
                    f"`{self._exchange.id}` has no market `{symbol[:40]}`",
                    expected=" or ".join(near),
                )
            )

    def _rows(self, answer: Any, symbol: str) -> list[list[float]]:
        """Return the rows as numbers, ascending as ccxt sorts them.

        ccxt makes no rows of a body that is no JSON, and no error either: it is looked at here.
        """
        if not isinstance(answer, list):
            raise self._no_candle(symbol, f"it is {type(answer).__name__}")
        if not answer:
            try:
                body = json.loads(self._exchange.last_http_response or "")
            except (ValueError, TypeError):
                body = None
            if not isinstance(body, list | dict):
                text = f"`{self._exchange.id}` answered nothing readable for {symbol}"
                raise RetryableError(Diagnostic("PB6210", text))
        return [self._row(row, symbol) for row in answer]

    def _row(self, row: Any, symbol: str) -> list[float]:
        if not isinstance(row, list) or len(row) < _FIELDS:
            raise self._no_candle(symbol, "it has too few fields")
        values = list(row[:_FIELDS])
        if values[_VOLUME] is None:
            values[_VOLUME] = math.nan
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self._no_candle(symbol, f"a field is {type(value).__name__}")
        return values

    def _no_candle(self, symbol: str, why: str) -> DataError:
        text = f"`{self._exchange.id}` answered a row of {symbol} that is no candle: {why}"
        return DataError(Diagnostic("PB6223", text))


def _candles(symbol: str, tf_ms: int, rows: list[list[float]]) -> Candles:
    table = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), _FIELDS - 1)
    times = np.array([int(row[0]) for row in rows], dtype=np.int64)
    columns = (np.ascontiguousarray(table[:, k]) for k in range(_FIELDS - 1))
    return Candles(symbol, tf_ms, times, *columns)
