"""Blocking brokers behind the async protocol: order of bars, paging, waiting, orders."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from paperbot_core.api import (
    Bar,
    Capabilities,
    Exchange,
    Execution,
    FillReport,
    Instrument,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    SyncExchange,
    SyncExecution,
)
from paperbot_core.testing.builders import START_TS, candles_of
from paperbot_core.testing.contracts import ExchangeContract, first_bars, run
from paperbot_core.testing.execution import ExecutionContract

HOUR = 3_600_000
PAGE = 7


class Shelf(SyncExecution):
    """A broker in memory: stored bars, orders that fill at once unless they have a price."""

    capabilities = Capabilities(execution=True, client_id=True, dedup=True)

    def __init__(self, stored: Mapping[str, list[Bar]]) -> None:
        self.stored = stored
        self.orders: dict[str, OrderReport] = {}
        self.trades: list[FillReport] = []
        self.cash = Decimal(1_000)
        self.threads: set[int] = set()

    def load_instruments(self) -> Sequence[Instrument]:
        return [Instrument(symbol) for symbol in self.stored]

    def load_bars(self, symbol: str, timeframe: str, since: int) -> Sequence[Bar]:
        self.threads.add(threading.get_ident())
        return [bar for bar in self.stored[symbol] if bar.ts >= since][:PAGE]

    def place(self, order: OrderRequest) -> OrderReport:
        if order.client_id not in self.orders:
            filled = order.price is None
            self.orders[order.client_id] = OrderReport(
                order.client_id,
                f"x{len(self.orders)}",
                order.symbol,
                order.side,
                OrderStatus.FILLED if filled else OrderStatus.OPEN,
                order.quantity,
                order.quantity if filled else Decimal(0),
            )
            if filled:
                self._fill(order)
        return self.orders[order.client_id]

    def _fill(self, order: OrderRequest) -> None:
        ts = START_TS + len(self.trades)
        trade = FillReport(
            f"t{ts}", order.client_id, order.symbol, OrderSide.BUY, order.quantity,
            Decimal(100), Decimal("0.001"), "USDT", ts,
        )  # fmt: skip
        self.trades.append(trade)
        self.cash -= trade.quantity * trade.price + trade.fee

    def cancel_order(self, client_id: str) -> OrderReport:
        order = self.orders[client_id]
        if order.status is OrderStatus.OPEN:
            self.orders[client_id] = replace(order, status=OrderStatus.CANCELLED)
        return self.orders[client_id]

    def find_order(self, client_id: str) -> OrderReport | None:
        return self.orders.get(client_id)

    def list_open_orders(self) -> Sequence[OrderReport]:
        return [order for order in self.orders.values() if order.status is OrderStatus.OPEN]

    def list_fills(self, since: int) -> Sequence[FillReport]:
        return [trade for trade in self.trades if trade.ts >= since]

    def read_balances(self) -> Mapping[str, Decimal]:
        return {"USDT": self.cash}


def bars_of(symbol: str, rows: int, missing: Sequence[int] = ()) -> list[Bar]:
    candles = candles_of([100.0 + k for k in range(rows)], symbol=symbol)
    return [candles.bar(row) for row in range(rows) if row not in missing]


def shelf(rows: int = 40) -> Shelf:
    return Shelf(
        {
            "A/X": bars_of("A/X", rows),
            "B/X": bars_of("B/X", rows, missing=range(3, 19)),
            "C/X": bars_of("C/X", rows // 2, missing=(0, 1)),
            "D/X": [],
        }
    )


class TestShelfExchange(ExchangeContract):
    SYMBOLS = ("A/X", "B/X", "C/X", "D/X")

    def make(self) -> Shelf:
        return shelf()


class TestShelfExecution(ExecutionContract):
    def make(self) -> tuple[Exchange, Execution]:
        broker = shelf()
        return broker, broker


def test_pages_and_gaps_of_several_symbols_merge_in_order() -> None:
    broker = shelf()
    bars = run(first_bars(broker, ["C/X", "A/X", "D/X", "B/X"], "1h", 1_000))
    everything = [bar for stored in broker.stored.values() for bar in stored]
    assert bars == sorted(everything, key=lambda bar: (bar.close_ts, bar.symbol))


def test_blocking_calls_do_not_run_in_the_loop() -> None:
    broker = shelf()
    run(first_bars(broker, ["A/X"], "1h", 3))
    assert threading.get_ident() not in broker.threads


def test_a_polling_broker_waits_for_the_next_bar() -> None:
    broker = shelf(3)
    broker.poll_s = 0.01
    late = bars_of("A/X", 4)[-1]
    threading.Timer(0.1, lambda: broker.stored["A/X"].append(late)).start()
    bars = run(first_bars(broker, ["A/X"], "1h", 4, since=START_TS))
    assert bars[-1] == late


def test_a_live_broker_streams_from_now_on() -> None:
    now = time.time_ns() // 1_000_000 // HOUR * HOUR
    broker = shelf(3)
    broker.poll_s = 0.01
    forming = replace(bars_of("A/X", 1)[0], ts=now)
    threading.Timer(0.05, lambda: broker.stored["A/X"].append(forming)).start()
    assert run(first_bars(broker, ["A/X"], "1h", 1)) == [forming]
    assert len(run(broker.bars("A/X", "1h", 0))) == 4


def test_the_present_of_a_stored_market_is_what_it_has_streamed() -> None:
    async def both(since: int | None) -> tuple[int, int]:
        broker = shelf()
        before = len(await broker.bars("A/X", "1h", 0))
        await first_bars(broker, ["A/X"], "1h", 3, since)
        return before, len(await broker.bars("A/X", "1h", 0))

    assert run(both(None)) == (0, 3)
    assert run(both(START_TS + HOUR)) == (0, 4)


@pytest.mark.parametrize("method", ["load_instruments", "load_bars"])
def test_what_must_be_overridden_says_so(method: str) -> None:
    arguments = {"load_instruments": (), "load_bars": ("A/X", "1h", 0)}[method]
    with pytest.raises(NotImplementedError, match=method):
        getattr(SyncExchange(), method)(*arguments)


def test_without_a_book_the_book_is_empty() -> None:
    book = run(shelf().book("A/X"))
    assert (book.symbol, book.bids, book.asks) == ("A/X", (), ())
