"""Tickers and order books of one exchange, through ccxt's blocking client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from paperbot_ccxt.failures import in_our_terms
from paperbot_core.api import Book, DataError, Diagnostic, RetryableError, Ticker, UserError
from paperbot_core.api.tickers import ticker_from_ccxt


def read_tickers(exchange: Any) -> list[Ticker]:
    """Return the tickers of all markets; the markets must be loaded.

    Exchanges that tell best prices apart from volumes (Binance's futures) are asked for both.

    Raises:
        RetryableError: PB6210.
        UserError: PB6222, the exchange has no such thing.
        DataError: PB6211; PB6223, an answer that holds no tickers.
    """
    if not exchange.has.get("fetchTickers"):
        raise UserError(Diagnostic("PB6222", f"`{exchange.id}` offers no tickers of all markets"))
    with _readable(exchange, "its tickers"):
        answer = exchange.fetch_tickers()
    rows = _rows(exchange, answer)
    if rows and all(row.get("bid") is None for row in rows.values()):
        rows = _with_best_prices(exchange, rows)
    return [
        ticker_from_ccxt(symbol, row, exchange.markets.get(symbol)) for symbol, row in rows.items()
    ]


def read_book(exchange: Any, symbol: str, levels: int) -> Book:
    """Return an order book, as deep as the exchange lets it be.

    Raises:
        RetryableError: PB6210.
        UserError: PB6222, no such market.
        DataError: PB6211; PB6223, an answer that is no book.
    """
    with _readable(exchange, f"the order book of {symbol}"):
        answer = exchange.fetch_order_book(symbol, levels)
        sides = [
            tuple((Decimal(str(row[0])), Decimal(str(row[1]))) for row in answer[side])
            for side in ("bids", "asks")
        ]
        if not any(sides):
            _check_body(exchange)
        # Some exchanges give books no time: then it is that of the answer.
        time = int(answer.get("timestamp") or exchange.milliseconds())
    return Book(symbol, time, *sides)


@contextmanager
def _readable(exchange: Any, what: str) -> Iterator[None]:
    """Turn what ccxt raises, and what its parsers stumble over, into our errors.

    Raises:
        RetryableError: PB6210, also for a body that is no JSON: the page of a proxy.
        DataError: PB6223, JSON of another shape; and what `in_our_terms` raises.
    """
    try:
        with in_our_terms(exchange, what):
            yield
    except (TypeError, LookupError, ValueError, ArithmeticError, AttributeError) as error:
        if not _is_json(exchange.last_http_response):
            text = f"`{exchange.id}` answered nothing readable for {what}"
            raise RetryableError(Diagnostic("PB6210", text)) from error
        text = f"`{exchange.id}` answered something else than {what}"
        raise DataError(Diagnostic("PB6223", text)) from error


def _check_body(exchange: Any) -> None:
    """Raise ValueError if ccxt made nothing of a body that is no JSON, and no error either."""
    if not _is_json(exchange.last_http_response):
        raise ValueError("the body is no JSON")


def _is_json(body: object) -> bool:
    try:
        return isinstance(json.loads(str(body)), list | dict)
    except ValueError:
        return False


def _with_best_prices(exchange: Any, rows: dict[str, Any]) -> dict[str, Any]:
    if not exchange.has.get("fetchBidsAsks"):
        return rows
    with _readable(exchange, "its best prices"):
        answer = exchange.fetch_bids_asks()
    best = _rows(exchange, answer)
    return {
        symbol: {**row, **{side: best.get(symbol, {}).get(side) for side in ("bid", "ask")}}
        for symbol, row in rows.items()
    }


def _rows(exchange: Any, answer: Any) -> dict[str, Any]:
    """Return the tickers of markets that ccxt knows, by symbol; others have no name of their own.

    Stocks and delisted markets come in the same answer on some exchanges.
    """
    with _readable(exchange, "its tickers"):
        if not answer:
            _check_body(exchange)
        return {symbol: dict(row) for symbol, row in answer.items() if symbol in exchange.markets}
