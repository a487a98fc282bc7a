"""The replay exchange: what was stored comes back in order, and never before its time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from paperbot_core.api import Bar, Exchange
from paperbot_core.diagnostics import UserError
from paperbot_core.market.replay import Replay, ReplayOptions, register_exchanges

HOUR = 3_600_000
START = 1_609_459_200_000


def store(folder: Path, symbol: str, ts: list[int]) -> None:
    n = len(ts)
    price = np.arange(n) + 10.0
    columns = {
        "ts": START + HOUR * np.array(ts, np.int64), "open": price, "high": price + 1,
        "low": price - 1, "close": price, "volume": np.ones(n),
    }
    parquet.write_table(pa.table(columns), folder / f"{symbol}_1h.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store(tmp_path, "BTC-USDT", [0, 1, 2, 3, 4, 5])
    store(tmp_path, "ETH-USDT", [1, 3, 4, 9])
    return tmp_path


def replay(folder: Path, **options: Any) -> Replay:
    return Replay(ReplayOptions(path=str(folder), timeframe="1h", **options))


async def collect(exchange: Replay, *args: Any, **kwargs: Any) -> list[Bar]:
    return [bar async for bar in exchange.stream_bars(*args, **kwargs)]


def seen(bars: list[Bar]) -> list[tuple[str, int]]:
    return [(bar.symbol[:3], (bar.ts - START) // HOUR) for bar in bars]


BOTH = ["ETH/USDT", "BTC/USDT"]


def test_it_is_an_exchange(folder: Path) -> None:
    exchange = replay(folder)
    assert isinstance(exchange, Exchange)
    assert not exchange.capabilities.execution
    assert [i.symbol for i in asyncio.run(exchange.instruments())] == ["BTC/USDT", "ETH/USDT"]
    assert asyncio.run(exchange.book("BTC/USDT")).bids == ()
    assert [component.name for component in register_exchanges()] == ["replay"]


def test_bars_come_by_close_time_then_symbol(folder: Path) -> None:
    bars = asyncio.run(collect(replay(folder), BOTH, "1h"))
    assert seen(bars) == [
        ("BTC", 0), ("BTC", 1), ("ETH", 1), ("BTC", 2), ("BTC", 3), ("ETH", 3), ("BTC", 4),
        ("ETH", 4), ("BTC", 5), ("ETH", 9),
    ]
    assert bars[2] == Bar("ETH/USDT", START + HOUR, HOUR, 10.0, 11.0, 9.0, 10.0, 1.0)
    again = asyncio.run(collect(replay(folder), BOTH, "1h", START + 4 * HOUR))
    assert seen(again) == [("BTC", 4), ("ETH", 4), ("BTC", 5), ("ETH", 9)]
    assert asyncio.run(collect(replay(folder), BOTH, "1h", START + 10 * HOUR)) == []


def test_the_range_bounds_the_stream_and_earlier_bars_warm_up(folder: Path) -> None:
    exchange = replay(folder, timerange="2021-01-01T02:00/2021-01-01T04:00")

    async def scenario() -> None:
        before = await exchange.bars("BTC/USDT", "1h", 0)
        assert seen(list(before)) == [("BTC", 0), ("BTC", 1)]
        assert seen(await collect(exchange, BOTH, "1h")) == [("BTC", 2), ("BTC", 3), ("ETH", 3)]

    asyncio.run(scenario())


def test_history_never_shows_the_future(folder: Path) -> None:
    exchange = replay(folder)

    async def scenario() -> None:
        assert await exchange.bars("BTC/USDT", "1h", 0) == []
        async for bar in exchange.stream_bars(BOTH, "1h"):
            history = await exchange.bars("BTC/USDT", "1h", 0)
            assert all(old.close_ts <= bar.close_ts for old in history)
            assert len(history) == min(6, (bar.ts - START) // HOUR + 1)

    asyncio.run(scenario())


def test_history_comes_in_pages(tmp_path: Path) -> None:
    store(tmp_path, "BTC-USDT", list(range(1_500)))
    exchange = replay(tmp_path)

    async def scenario() -> list[int]:
        await collect(exchange, ["BTC/USDT"], "1h")
        pages, since = [], 0
        while page := await exchange.bars("BTC/USDT", "1h", since):
            pages.append(len(page))
            since = page[-1].ts + 1
        return pages

    assert asyncio.run(scenario()) == [1_000, 500]


def test_longer_bars_are_built_and_an_unfinished_one_is_not_shown(folder: Path) -> None:
    bars = asyncio.run(collect(replay(folder), ["BTC/USDT"], "4h"))
    assert [(bar.tf_ms, bar.open, bar.close, bar.volume) for bar in bars] == [
        (4 * HOUR, 10.0, 13.0, 4.0)
    ]


def test_speed_is_closes_per_second(folder: Path) -> None:
    began = time.monotonic()
    asyncio.run(collect(replay(folder, speed=50), ["BTC/USDT"], "1h"))
    assert time.monotonic() - began >= 5 / 50


def test_real_time_waits_for_the_next_close(folder: Path) -> None:
    async def scenario() -> int:
        stream = replay(folder, speed="realtime").stream_bars(["BTC/USDT"], "1h")
        await anext(stream)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.05)
        return 1

    assert asyncio.run(scenario()) == 1


@pytest.mark.parametrize(
    ("options", "symbols", "timeframe", "code"),
    [
        ({}, ["BTC/USD"], "1h", "PB6021"),
        ({}, ["BTC/USDT"], "30m", "PB6020"),
        ({}, ["BTC/USDT"], "hourly", "PB6002"),
        ({"timerange": "20300101-"}, ["BTC/USDT"], "1h", "PB6017"),
        ({"symbol": "XRP/USDT"}, ["XRP/USDT"], "1h", "PB6001"),
    ],
)
def test_what_is_not_stored_is_refused(
    folder: Path, options: dict[str, Any], symbols: list[str], timeframe: str, code: str
) -> None:
    with pytest.raises(UserError, match=code):
        asyncio.run(collect(replay(folder, **options), symbols, timeframe))
