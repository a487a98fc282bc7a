"""ccxt's own client against a small stand-in for Binance on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import paperbot_ccxt
import pytest
from paperbot_ccxt import CcxtHistoryOptions
from paperbot_ccxt.history import CcxtHistory

from paperbot_core.api import DataError, DataSource, RetryableError, UserError
from paperbot_core.testing.archive import Archive, Fault
from paperbot_core.testing.builders import START_TS, plugins_of, random_candles
from paperbot_core.testing.contracts import DataSourceContract, run
from paperbot_core.testing.downloads import download

HOUR = 3_600_000
BARS = random_candles(2_600, seed=5)
#: The last candle has begun and is not closed.
NOW = int(BARS.ts[-1]) + HOUR // 2
CLOSED = len(BARS) - 1
KEYS = ("public", "private", "v1", "sapi", "sapiV2", "sapiV3", "sapiV4", "fapiPublic", "dapiPublic")


def market(base: str, quote: str) -> dict[str, Any]:
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000",
             "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000",
             "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5"},
        ],
    }  # fmt: skip


class Binance:
    """Answers of the exchange; `windows` makes it answer only the stretch asked for."""

    def __init__(self) -> None:
        self.windows = False
        self.raw: list[bytes] = []
        self.rows = range(len(BARS))

    def __call__(self, path: str) -> bytes | None:
        parts = urlsplit(path)
        if parts.path == "/api/v3/exchangeInfo":
            info = {"timezone": "UTC", "rateLimits": [], "exchangeFilters": [],
                    "symbols": [market("BTC", "USDT"), market("ETH", "USDT")]}  # fmt: skip
            return json.dumps(info).encode()
        if parts.path != "/api/v3/klines":
            return None
        if self.raw:
            return self.raw.pop(0)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert (query["symbol"], query["interval"]) == ("BTCUSDT", "1h")
        since, limit = int(query["startTime"]), min(int(query["limit"]), 1_000)
        chosen = [k for k in self.rows if int(BARS.ts[k]) >= since][:limit]
        if self.windows:
            chosen = [k for k in chosen if int(BARS.ts[k]) < since + limit * HOUR]
        return json.dumps([self.kline(k) for k in chosen]).encode()

    @staticmethod
    def kline(k: int) -> list[object]:
        bar = BARS.bar(k)
        return [
            bar.ts, repr(bar.open), repr(bar.high), repr(bar.low), repr(bar.close),
            repr(bar.volume), bar.ts + HOUR - 1, "1.0", 99, "0.5", "0.5", "0",
        ]  # fmt: skip


@pytest.fixture
def binance() -> Binance:
    return Binance()


@pytest.fixture
def server(binance: Binance) -> Iterator[Archive]:
    with Archive(answer=binance) as made:
        yield made


def options(server: Archive, **more: Any) -> dict[str, Any]:
    return {
        "id": "binance",
        "urls": dict.fromkeys(KEYS, f"{server.url}/api/v3"),
        "options": {"fetchMarkets": {"types": ["spot"]}},
        "first_day": "2023-12-01",
        **more,
    }


def source(server: Archive, **more: Any) -> CcxtHistory:
    chosen = CcxtHistoryOptions.model_validate(options(server, **more))
    made = CcxtHistory(chosen, lambda: NOW)
    made._exchange.rateLimit = 1  # this machine does not mind
    return made


def collect(made: CcxtHistory, since: int = 0, limit: int = 1_000) -> np.ndarray:
    rows: list[np.ndarray] = []
    following: int | None = since
    while following is not None:
        page = run(made.page("BTC/USDT", "1h", following, limit))
        c = page.candles
        rows.append(np.column_stack([c.ts, c.open, c.high, c.low, c.close, c.volume]))
        following = page.following
    return np.concatenate(rows)


def wanted(rows: range) -> np.ndarray:
    columns = (BARS.ts, BARS.open, BARS.high, BARS.low, BARS.close, BARS.volume)
    return np.column_stack([column[rows] for column in columns])


def klines(server: Archive) -> list[str]:
    return [path for path in server.paths() if "/klines" in path]


class TestCcxtContract(DataSourceContract):
    SINCE = START_TS + 50 * HOUR

    @pytest.fixture(autouse=True)
    def _stand_in(self, server: Archive) -> None:
        self.server = server

    def make(self) -> DataSource:
        return source(self.server)


@pytest.mark.parametrize("windows", [False, True])
def test_history_is_paged_from_its_begin_to_the_last_closed_candle(
    server: Archive, binance: Binance, windows: bool
) -> None:
    binance.windows = windows
    assert np.array_equal(collect(source(server)), wanted(range(CLOSED)))


@pytest.mark.parametrize("windows", [False, True])
def test_an_outage_longer_than_a_page_is_no_end(
    server: Archive, binance: Binance, windows: bool
) -> None:
    binance.windows = windows
    binance.rows = [*range(300), *range(900, len(BARS))]  # type: ignore[assignment]
    rows = collect(source(server), limit=200)
    assert rows[:, 0].tolist() == [int(BARS.ts[k]) for k in binance.rows[:-1]]


def test_the_size_of_a_page_is_an_option(server: Archive) -> None:
    page = run(source(server, page_size=7).page("BTC/USDT", "1h", START_TS, 1_000))
    assert len(page.candles) == 7
    assert page.following == START_TS + 7 * HOUR


@pytest.mark.parametrize("status", [429, 418, 500, 502, 503, 504])
def test_a_busy_exchange_is_worth_another_try(server: Archive, status: int) -> None:
    made = source(server)
    run(made.symbols())
    server.faults = [Fault(status=status, headers={"Retry-After": "11"})]
    with pytest.raises(RetryableError, match="PB6210") as caught:
        run(made.page("BTC/USDT", "1h", START_TS, 10))
    assert caught.value.retry_after_s == 11.0
    assert server.url not in str(caught.value)
    assert len(run(made.page("BTC/USDT", "1h", START_TS, 10)).candles) == 10


def test_a_truncated_answer_is_worth_another_try(server: Archive) -> None:
    made = source(server)
    run(made.symbols())
    server.faults = [Fault(cut=200)]
    with pytest.raises(RetryableError, match="PB6210"):
        run(made.page("BTC/USDT", "1h", START_TS, 10))


@pytest.mark.parametrize("body", [b"", b"<html>maintenance</html>", b'[[17040672000', b'"x"'])
def test_an_answer_that_is_none_is_not_the_end(
    server: Archive, binance: Binance, body: bytes
) -> None:
    binance.raw = [body]
    made = source(server)
    with pytest.raises((RetryableError, DataError)):
        run(made.page("BTC/USDT", "1h", START_TS, 10))
    assert len(run(made.page("BTC/USDT", "1h", START_TS, 10)).candles) == 10


@pytest.mark.parametrize("row", [[START_TS], [START_TS, None, "1", "1", "1", "1"], [START_TS, "x"]])
def test_rows_that_are_no_candles_are_an_error(
    server: Archive, binance: Binance, row: list[Any]
) -> None:
    binance.raw = [json.dumps([row]).encode()]
    with pytest.raises(DataError, match="PB6223"):
        run(source(server).page("BTC/USDT", "1h", START_TS, 10))


def test_an_unknown_volume_stays_unknown(server: Archive, binance: Binance) -> None:
    row = Binance.kline(0)
    row[5] = None
    binance.raw = [json.dumps([row]).encode()]
    page = run(source(server).page("BTC/USDT", "1h", START_TS, 10))
    assert np.isnan(page.candles.volume).all()


def test_a_refusal_is_final(server: Archive) -> None:
    made = source(server)
    run(made.symbols())
    server.faults = [Fault(status=403)]
    with pytest.raises((DataError, RetryableError), match="PB621"):
        run(made.page("BTC/USDT", "1h", START_TS, 10))


@pytest.mark.parametrize(
    ("symbol", "timeframe", "hint"),
    [("BTC/USDC", "1h", "BTC/USDT"), ("BTC/USDT", "7h", "1h, 2h"), ("", "1h", "")],
)
def test_what_the_exchange_does_not_have_is_refused(
    server: Archive, symbol: str, timeframe: str, hint: str
) -> None:
    with pytest.raises(UserError, match="PB6222") as caught:
        run(source(server).page(symbol, timeframe, START_TS, 10))
    assert hint in caught.value.diagnostics[0].expected


@pytest.mark.parametrize(
    ("change", "code"),
    [({"id": "binanse"}, "PB6222"), ({"id": "exchange"}, "PB6222"), ({"id": "B"}, "PB5009"),
     ({"urls": {"public": "ftp://x"}}, "PB6213")],
)  # fmt: skip
def test_wrong_options_are_named(server: Archive, change: dict[str, Any], code: str) -> None:
    plugins = plugins_of({"paperbot-ccxt": paperbot_ccxt})
    with pytest.raises(UserError, match=code):
        plugins.build("data_source", "ccxt", {**options(server), **change})


def test_a_download_resumes_and_rides_out_faults(server: Archive, tmp_path: Path) -> None:
    server.faults = [None, Fault(status=429, headers={"Retry-After": "30"}), Fault(status=503)]
    made, pauses = source(server, page_size=500), list[float]()
    first = download(made, "BTC/USDT", "1h", tmp_path, until="2024-02-01", pauses=pauses)
    assert (len(first.candles), len(first.gaps.holes), pauses) == (31 * 24, 0, [30.0, 2.0])
    asked = len(klines(server))
    second = download(made, "BTC/USDT", "1h", tmp_path, until="2024-03-01")
    assert (len(second.candles), second.added) == (60 * 24, 29 * 24)
    assert f"startTime={int(BARS.ts[31 * 24 - 10])}" in klines(server)[asked]
