"""Decimal arithmetic of one slot from flat to flat; knows nothing of storage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Context, Decimal

from paperbot_core.domain.events import Action, DividendPaid, FillBooked, SharesSplit
from paperbot_core.domain.words import Side

#: Sums and products of amounts are exact in it; independent of the thread's own context.
EXACT = Context(prec=200)
#: Averages are divisions and cannot be exact: 18 significant digits, half to even.
_AVERAGE = Context(prec=18)
#: Splits of odd ratios would add digits for ever: what they make has 40 significant ones.
_SPLIT = Context(prec=40)
#: What may be left of a closed position, as a share of what was entered: with the lot grid off,
#: quantities are floats and their parts do not add up to the last bit.
_DUST = Decimal("1e-9")
#: How well the shares of an event must be those that are held, as a share of them.
_CLOSE = Decimal("1e-6")

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Slot:
    """One strategy's position on one instrument. Values are quantity x price in quote currency.

    `fees` counts every fee at its quote value; `cash_fees` those that were not taken from the
    bought quantity itself, so that nothing is charged twice. `income` are dividends. After a split
    all quantities are in new shares.
    """

    strategy: str
    symbol: str
    side: Side
    entry_ts: int
    quantity: Decimal = ZERO
    entry_quantity: Decimal = ZERO
    entry_value: Decimal = ZERO
    exit_quantity: Decimal = ZERO
    exit_value: Decimal = ZERO
    fees: Decimal = ZERO
    cash_fees: Decimal = ZERO
    income: Decimal = ZERO

    @property
    def entry_price(self) -> Decimal:
        """Return the quantity-weighted entry price."""
        return average(self.entry_value, self.entry_quantity)

    @property
    def exit_price(self) -> Decimal:
        """Return the quantity-weighted exit price; 0 while nothing was closed."""
        return average(self.exit_value, self.exit_quantity)

    @property
    def pnl(self) -> Decimal:
        """Return exits minus entries (mirrored for shorts), net of fees, and dividends."""
        gross = EXACT.multiply(int(self.side), EXACT.subtract(self.exit_value, self.entry_value))
        return EXACT.add(EXACT.subtract(gross, self.cash_fees), self.income)


def average(value: Decimal, quantity: Decimal) -> Decimal:
    """Return value / quantity to 18 significant digits, 0 for no quantity."""
    return _AVERAGE.divide(value, quantity) if quantity else ZERO


def book(slot: Slot | None, fill: FillBooked, *, crumbs: bool = False) -> Slot:
    """Return the slot after one fill; `crumbs` says that a split may have left parts of a lot.

    Raises:
        ValueError: an amount is not positive, or the fill does not fit the position: it reduces
            more than there is, opens the other side, or says flat where it is not (and vice versa).
    """
    if fill.quantity <= 0 or fill.price <= 0:
        raise ValueError(f"fill {fill.fill_id} has a quantity or price that is not positive")
    now = slot or Slot(fill.strategy, fill.symbol, fill.side, fill.bar_ts)
    if now.side is not fill.side:
        raise ValueError(f"fill {fill.fill_id} is on the other side of the open position")
    value = EXACT.multiply(fill.quantity, fill.price)
    opens = (fill.action is Action.BUY) == (fill.side is Side.LONG)
    in_base = fill.fee_asset == "base"
    fees = EXACT.add(now.fees, fill.fee_quote)
    cash_fees = now.cash_fees if in_base else EXACT.add(now.cash_fees, fill.fee_quote)
    if opens:
        received = EXACT.subtract(fill.quantity, fill.fee if in_base else ZERO)
        after = replace(
            now,
            quantity=EXACT.add(now.quantity, received),
            entry_quantity=EXACT.add(now.entry_quantity, fill.quantity),
            entry_value=EXACT.add(now.entry_value, value),
            fees=fees,
            cash_fees=cash_fees,
        )
    else:
        after = replace(
            now,
            quantity=EXACT.subtract(now.quantity, fill.quantity),
            exit_quantity=EXACT.add(now.exit_quantity, fill.quantity),
            exit_value=EXACT.add(now.exit_value, value),
            fees=fees,
            cash_fees=cash_fees,
        )
    _check(after, fill, opens, crumbs)
    return after


def pay(slot: Slot | None, paid: DividendPaid) -> Slot:
    """Return the slot after a dividend.

    Raises:
        ValueError: it does not hold the shares that were paid for.
    """
    return replace(_held(slot, paid.quantity, "a dividend"), income=EXACT.add(
        ZERO if slot is None else slot.income, paid.amount
    ))  # fmt: skip


def split(slot: Slot | None, event: SharesSplit) -> Slot | None:
    """Return the slot in new shares; None where it is flat and only its order was exchanged.

    Raises:
        ValueError: the ratio is not positive, or the shares held are not those that were exchanged.
    """
    if event.ratio <= 0:
        raise ValueError(f"a split of {event.symbol} by {event.ratio}")
    if slot is None and not event.quantity:
        return None
    before = _SPLIT.divide(event.quantity, event.ratio)
    held = _held(slot, before, "a split")
    return replace(
        held,
        quantity=abs(event.quantity),
        entry_quantity=exchanged(held.entry_quantity, event.ratio),
        exit_quantity=exchanged(held.exit_quantity, event.ratio),
    )


def exchanged(quantity: Decimal, ratio: Decimal) -> Decimal:
    """Return a quantity of old shares in new ones, to 40 significant digits."""
    return _SPLIT.multiply(quantity, ratio)


def _held(slot: Slot | None, quantity: Decimal, what: str) -> Slot:
    """Return the slot if it holds a signed quantity (to rounding).

    Raises:
        ValueError: it does not.
    """
    if slot is None:
        raise ValueError(f"{what} of shares that nobody holds")
    kept = EXACT.multiply(int(slot.side), slot.quantity)
    if abs(EXACT.subtract(kept, quantity)) > EXACT.multiply(abs(kept), _CLOSE):
        raise ValueError(f"{what} of {quantity} shares of {slot.symbol}, {kept} are held")
    return slot


def _check(after: Slot, fill: FillBooked, opens: bool, crumbs: bool) -> None:
    dust = EXACT.multiply(after.entry_quantity, _DUST)
    if after.quantity < -dust:
        raise ValueError(f"fill {fill.fill_id} closes more than is open")
    if opens and fill.flat:
        raise ValueError(f"fill {fill.fill_id} opens a position and says that it is flat")
    # A fee taken from the bought coins, or a split, leaves less than a lot, which nobody can sell.
    crumbs = crumbs or after.fees != after.cash_fees
    if fill.flat and after.quantity > dust and not crumbs:
        raise ValueError(f"fill {fill.fill_id} says flat, {after.quantity} is left")
    if not fill.flat and after.quantity <= dust:
        raise ValueError(f"fill {fill.fill_id} leaves nothing open and does not say flat")
