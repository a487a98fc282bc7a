"""What an exchange says and hears: capabilities, books, orders, fills. Money is Decimal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an exchange declares of itself; the contract kit proves what it can.

    `dedup` promises that a second order with a known client id is not executed again: only then
    does the core resend after a lost answer. `execution` is True if it also takes orders.
    """

    execution: bool = False
    stop: bool = False
    oco: bool = False
    post_only: bool = False
    client_id: bool = False
    dedup: bool = False
    short: bool = False
    perpetual: bool = False
    testnet: bool = False


@dataclass(frozen=True, slots=True)
class Book:
    """Best levels of an order book: (price, quantity) pairs, best first, at time `ts`."""

    symbol: str
    ts: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class OrderSide(StrEnum):
    """Direction of an order, not of a position."""

    BUY = "buy"
    SELL = "sell"


class OrderStatus(StrEnum):
    """Where an order is on the exchange."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order the policy has granted; `price` None is a market order, `stop` a trigger price.

    `client_id` is ours, unique for ever. `reduce_only` never opens or grows a position.
    """

    client_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal | None = None
    stop: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the exchange knows of one order; `filled` is cumulative, in base units."""

    client_id: str
    exchange_id: str
    symbol: str
    side: OrderSide
    status: OrderStatus
    quantity: Decimal
    filled: Decimal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FillReport:
    """One execution; (exchange, `trade_id`) is its key, so hearing it twice changes nothing."""

    trade_id: str
    client_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    ts: int
    maker: bool = False
