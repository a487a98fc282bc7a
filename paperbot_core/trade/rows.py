"""Trades and fills from the journal in the kernel's own floats: equal to a backtest's, to the bit.

The ledger's table of trades is exact decimal arithmetic; a backtest is float arithmetic. Replaying
the booked fills in the kernel's order of operations gives the second from the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from paperbot_core.domain.events import DividendPaid, FillBooked, OrderKind, SharesSplit

#: What makes a trade.
Booked = FillBooked | DividendPaid | SharesSplit


@dataclass(slots=True)
class _Open:
    """A slot between its first fill and flat; sums as the kernel keeps them."""

    entry_ts: int
    entered_qty: float = 0.0
    entered_value: float = 0.0
    exited_qty: float = 0.0
    exited_value: float = 0.0
    fees: float = 0.0
    income: float = 0.0


def trade_rows(booked: Iterable[Booked]) -> list[dict[str, Any]]:
    """Return one row a finished trade, under the names of `backtest --trades`, oldest first."""
    open_: dict[tuple[str, str], _Open] = {}
    found: list[dict[str, Any]] = []
    for fill in booked:
        key = (fill.strategy, fill.symbol)
        if not isinstance(fill, FillBooked):
            if key in open_:
                _settle(open_[key], fill)
            continue
        slot = open_.setdefault(key, _Open(fill.bar_ts))
        qty, price, fee = float(fill.quantity), float(fill.price), float(fill.fee_quote)
        slot.fees += fee
        if fill.kind is not OrderKind.EXIT:
            got = qty - float(fill.fee) if fill.fee_asset == "base" else qty
            slot.entered_qty += got
            slot.entered_value += got * price
            continue
        slot.exited_qty += qty
        slot.exited_value += qty * price
        if fill.flat:
            del open_[key]
            found.append(_row(fill, slot))
    return found


def _settle(slot: _Open, event: DividendPaid | SharesSplit) -> None:
    if isinstance(event, DividendPaid):
        slot.income += float(event.amount)
        return
    slot.entered_qty *= float(event.ratio)
    slot.exited_qty *= float(event.ratio)


def _row(fill: FillBooked, slot: _Open) -> dict[str, Any]:
    paid = slot.exited_value - slot.entered_value
    return {
        "symbol": fill.symbol, "strategy": fill.strategy, "side": fill.side.name.lower(),
        "entry_ts": slot.entry_ts, "entry_price": slot.entered_value / slot.entered_qty,
        "quantity": slot.entered_qty, "exit_ts": fill.bar_ts,
        "exit_price": slot.exited_value / slot.exited_qty, "fees": slot.fees,
        "pnl": int(fill.side) * paid - slot.fees + slot.income,
        "r_multiple": math.nan if fill.r_multiple is None else fill.r_multiple,
        "exit_reason": fill.exit_reason.name.lower(), "bars_held": fill.bars_held,
    }  # fmt: skip


def fill_rows(fills: Iterable[FillBooked]) -> list[dict[str, Any]]:
    """Return one row a fill, under the names of a stored run."""
    return [
        {
            "ts": f.bar_ts, "symbol": f.symbol, "strategy": f.strategy, "side": f.action.value,
            "kind": "entry" if f.kind is OrderKind.LIMIT else f.kind.value,
            "quantity": float(f.quantity), "price": float(f.price), "fee": float(f.fee_quote),
            "liquidity": f.liquidity.value,
            "reason": f.exit_reason.name.lower() if f.kind is OrderKind.EXIT else f.kind.value,
        }
        for f in fills
    ]  # fmt: skip
