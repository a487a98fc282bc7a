"""Tickers and books through ccxt's own client against a small stand-in for Binance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from paperbot_ccxt import CcxtHistoryOptions
from paperbot_ccxt.history import CcxtHistory

from paperbot_core.api import DataError, RetryableError, Ticker, TickerSource, UserError
from paperbot_core.testing.archive import Archive, Fault
from paperbot_core.testing.contracts import run

CLOSE_TIME = 1_753_787_874_013
KEYS = ("public", "private", "v1", "sapi", "sapiV2", "sapiV3", "sapiV4", "fapiPublic", "dapiPublic")


def market(base: str, quote: str, status: str = "TRADING") -> dict[str, Any]:
    return {
        "symbol": base + quote, "status": status, "baseAsset": base, "quoteAsset": quote,
        "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"], "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False, "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000",
             "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000",
             "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5"},
        ],
    }  # fmt: skip


def ticker(symbol: str, **change: Any) -> dict[str, Any]:
    """Return a row of /api/v3/ticker/24hr as Binance sent it on 2025-07-29."""
    return {
        "symbol": symbol, "priceChange": "-188.18000000", "priceChangePercent": "-0.159",
        "weightedAvgPrice": "118356.64734074", "prevClosePrice": "118637.22000000",
        "lastPrice": "118449.03000000", "lastQty": "0.00731000",
        "bidPrice": "118449.02000000", "bidQty": "7.15931000",
        "askPrice": "118449.03000000", "askQty": "0.09592000",
        "openPrice": "118637.21000000", "highPrice": "119273.36000000",
        "lowPrice": "117427.50000000", "volume": "14741.41491000",
        "quoteVolume": "1744744445.80640740", "openTime": CLOSE_TIME - 86_400_000,
        "closeTime": CLOSE_TIME, "firstId": 5116031635, "lastId": 5117964946, "count": 1933312,
        **change,
    }  # fmt: skip


class Binance:
    """Answers of the exchange."""

    def __init__(self) -> None:
        self.tickers: Any = [
            ticker("BTCUSDT"),
            ticker("ETHUSDT", bidPrice="0.00000000", askPrice="0.00000000", quoteVolume="0.00"),
            ticker("OLDUSDT"),
            ticker("SOMETHINGELSE"),
        ]
        self.book: Any = {
            "lastUpdateId": 7,
            "bids": [["100.00", "2.0"], ["99.50", "1.0"], ["98.00", "50.0"]],
            "asks": [["100.10", "1.0"], ["101.00", "3.0"], ["105.00", "50.0"]],
        }

    def __call__(self, path: str) -> bytes | None:
        parts = urlsplit(path)
        answers = {
            "/api/v3/exchangeInfo": {
                "timezone": "UTC", "rateLimits": [], "exchangeFilters": [],
                "symbols": [market("BTC", "USDT"), market("ETH", "USDT"),
                            market("OLD", "USDT", "BREAK")],
            },
            "/api/v3/ticker/24hr": self.tickers,
            "/api/v3/depth": self.book,
        }  # fmt: skip
        if parts.path == "/api/v3/depth":
            assert parse_qs(parts.query) == {"symbol": ["BTCUSDT"], "limit": ["20"]}
        answer = answers.get(parts.path)
        if isinstance(answer, bytes):
            return answer
        return None if answer is None else json.dumps(answer).encode()


@pytest.fixture
def binance() -> Binance:
    return Binance()


@pytest.fixture
def server(binance: Binance) -> Iterator[Archive]:
    with Archive(answer=binance) as made:
        yield made


def source(server: Archive) -> CcxtHistory:
    return CcxtHistory(
        CcxtHistoryOptions.model_validate(
            {
                "id": "binance",
                "urls": dict.fromkeys(KEYS, f"{server.url}/api/v3"),
                "options": {"fetchMarkets": {"types": ["spot"]}},
                "book_levels": 20,
            }
        )
    )


def test_it_knows_tickers(server: Archive) -> None:
    assert isinstance(source(server), TickerSource)


def test_tickers_are_what_the_exchange_says(server: Archive) -> None:
    found = {one.symbol: one for one in run(source(server).tickers())}
    assert list(found) == ["BTC/USDT", "ETH/USDT", "OLD/USDT"]
    assert found["BTC/USDT"] == Ticker(
        "BTC/USDT", CLOSE_TIME, 118449.02, 118449.03, 118449.03, 1744744445.8064074,
        found["BTC/USDT"].depth, active=True,
    )  # fmt: skip
    assert found["ETH/USDT"].quote_volume == 0.0
    assert not found["OLD/USDT"].active


def test_a_book_is_as_deep_as_asked_for(server: Archive) -> None:
    book = run(source(server).book("BTC/USDT"))
    assert [float(price) for price, _ in book.bids] == [100.0, 99.5, 98.0]
    assert [str(quantity) for _, quantity in book.asks] == ["1.0", "3.0", "50.0"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_exchange_is_worth_another_try(server: Archive, status: int) -> None:
    made = source(server)
    run(made.symbols())
    server.faults = [Fault(status=status)]
    with pytest.raises(RetryableError, match="PB6210"):
        run(made.tickers())
    assert len(run(made.tickers())) == 3


@pytest.mark.parametrize("answer", [b"<html>maintenance</html>", [], [1], {"code": -1}, "text"])
def test_an_answer_without_tickers_is_none(
    server: Archive, binance: Binance, answer: object
) -> None:
    binance.tickers = answer
    made = source(server)
    try:
        found = run(made.tickers())
    except (DataError, RetryableError, UserError):
        return
    assert list(found) == []


def test_a_market_that_is_not_there_has_no_book(server: Archive) -> None:
    with pytest.raises(UserError, match="PB6222"):
        run(source(server).book("XYZ/USDT"))


@pytest.mark.parametrize("answer", [{"bids": [["x"]], "asks": []}, {"bids": 7}, b"<html>"])
def test_an_answer_that_is_no_book_is_an_error(
    server: Archive, binance: Binance, answer: object
) -> None:
    binance.book = answer
    with pytest.raises((DataError, RetryableError)):
        run(source(server).book("BTC/USDT"))
