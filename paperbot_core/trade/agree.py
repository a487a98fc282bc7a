"""At every start: the journal's fills and the stored kernel must tell the same account."""

from __future__ import annotations

from decimal import Decimal

from paperbot_core.diagnostics import Diagnostic, IntegrityError, Span
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.trade.checkpoint import State

_TOLERANCE = 1e-6


def journal_cash(reader: JournalReader, start: float) -> Decimal:
    """Return the cash that fills and dividends leave of `start`, in quote currency."""
    cash = Decimal(repr(start))
    for fill in reader.table("fills"):
        notional = Decimal(fill["quantity"]) * Decimal(fill["price"])
        cash += notional if fill["action"] == "sell" else -notional
        if fill["fee_asset"] != "base":
            cash -= Decimal(fill["fee_quote"])
    paid = (row["amount"] for row in reader.table("corporate") if row["kind"] == "dividend")
    return cash + sum(map(Decimal, paid), Decimal(0))


def check_agreement(reader: JournalReader, state: State) -> None:
    """Compare cash and open positions of the journal with the stored kernel state.

    Raises:
        IntegrityError: PB8003 naming every difference.
    """
    found = []
    booked, kernel = float(journal_cash(reader, state.cash)), state.account.get("cash", 0.0)
    if abs(booked - kernel) > _TOLERANCE * max(1.0, abs(state.cash)):
        found.append(f"cash is {kernel:.8f}, the fills say {booked:.8f}")
    held = {
        (key.strategy, key.symbol): row["qty"] for key, row in state.slots.items() if "qty" in row
    }
    for row in reader.table("positions"):
        sign = 1.0 if row["side"] == "long" else -1.0
        quantity = sign * float(row["quantity"])
        kept = held.pop((row["strategy"], row["symbol"]), 0.0)
        if abs(quantity - kept) > _TOLERANCE * abs(quantity):
            name = f"{row['strategy']} on {row['symbol']}"
            found.append(f"{name} holds {kept:.8f}, the fills say {quantity:.8f}")
    found += [f"{strategy} on {symbol} holds {qty:.8f}, the fills say nothing"
              for (strategy, symbol), qty in held.items()]  # fmt: skip
    if found:
        raise IntegrityError([
            Diagnostic("PB8003", f"journal and session disagree: {text}", Span(str(reader.path)),
                       help="run `paperbot ledger verify`, then restore a copy of the journal")
            for text in found
        ])  # fmt: skip
