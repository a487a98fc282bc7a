"""What an exchange that takes orders must do, as tests to inherit; see `contracts`."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from decimal import Decimal

from paperbot_core.api import (
    Capabilities,
    Exchange,
    Execution,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
)
from paperbot_core.testing.contracts import run


class ExecutionContract:
    """An execution: override `make`, and the orders if its market needs other ones.

    `make` returns the exchange and the execution on one fresh account with funds; usually both are
    one object.
    """

    def make(self) -> tuple[Exchange, Execution]:
        """Return a fresh exchange and its execution."""
        raise NotImplementedError("return an exchange that executes")

    def filling(self, client_id: str) -> OrderRequest:
        """Return an order that fills at once."""
        return OrderRequest(client_id, "BTC/USDT", OrderSide.BUY, Decimal("0.01"))

    def resting(self, client_id: str) -> OrderRequest:
        """Return an order that stays open."""
        return OrderRequest(client_id, "BTC/USDT", OrderSide.BUY, Decimal("0.01"), Decimal(1))

    def test_it_declares_that_it_executes(self) -> None:
        exchange, execution = self.make()
        assert isinstance(execution, Execution)
        assert isinstance(exchange.capabilities, Capabilities)
        assert exchange.capabilities.execution

    def test_an_order_is_known_by_its_client_id(self) -> None:
        _, execution = self.make()
        sent = run(execution.submit(self.resting("a-1")))
        assert (sent.client_id, sent.status) == ("a-1", OrderStatus.OPEN)
        assert run(execution.order("a-1")) == sent
        assert run(execution.open_orders()) == [sent]
        assert run(execution.order("never-sent")) is None

    def test_a_filled_order_has_its_fills(self) -> None:
        _, execution = self.make()
        order = self.filling("a-2")
        sent = run(execution.submit(order))
        assert sent.status is OrderStatus.FILLED
        fills = [fill for fill in run(execution.fills(0)) if fill.client_id == "a-2"]
        assert sum((fill.quantity for fill in fills), Decimal(0)) == order.quantity == sent.filled
        assert len({fill.trade_id for fill in fills}) == len(fills)
        times = [fill.ts for fill in run(execution.fills(0))]
        assert times == sorted(times)
        assert run(execution.fills(times[-1] + 1)) == []

    def test_cancelling_twice_is_like_cancelling_once(self) -> None:
        _, execution = self.make()
        run(execution.submit(self.resting("a-3")))
        first = run(execution.cancel("a-3"))
        assert first.status is OrderStatus.CANCELLED
        assert run(execution.cancel("a-3")) == first
        assert run(execution.open_orders()) == []

    def test_cancelling_what_is_filled_changes_nothing(self) -> None:
        _, execution = self.make()
        sent = run(execution.submit(self.filling("a-4")))
        assert run(execution.cancel("a-4")) == sent

    def test_declared_dedup_is_true(self) -> None:
        exchange, execution = self.make()
        if not exchange.capabilities.dedup:
            return  # it promises nothing, so nothing is resent
        for order in (self.filling("a-5"), self.resting("a-6")):
            answers: list[OrderReport] = [run(execution.submit(order)) for _ in range(2)]
            assert answers[0] == answers[1]
        assert len([fill for fill in run(execution.fills(0)) if fill.client_id == "a-5"]) == 1
        assert [order.client_id for order in run(execution.open_orders())] == ["a-6"]

    def test_money_is_decimal(self) -> None:
        _, execution = self.make()
        run(execution.submit(self.filling("a-7")))
        assert all(type(amount) is Decimal for amount in run(execution.balances()).values())
        for fill in run(execution.fills(0)):
            assert {type(fill.quantity), type(fill.price), type(fill.fee)} == {Decimal}
