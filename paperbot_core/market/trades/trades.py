"""Trades of one market as arrays, and what had to be left out to have them clean.

Reading files is the business of `trades.read`, making bars that of `trades.bars`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.domain.counting import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Floats, Ints

    Mask = NDArray[np.bool_]
    Sides = NDArray[np.int8]

#: The id of a trade that has none.
NO_ID = -1

#: Times of rows are between these, 1970 and the year 8900, UTC ms: far beyond, clocks overflow.
FIRST_MS, STOP_MS = 0, 218_688_854_400_000


class Ids(StrEnum):
    """What the ids of a series count; two kinds in one series would count trades twice."""

    TRADE = "trade"
    AGGREGATE = "aggregate"
    DIGEST = "digest"
    NONE = "none"

    @property
    def ordered(self) -> bool:
        """Return whether a later trade has a higher id."""
        return self in {Ids.TRADE, Ids.AGGREGATE}


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Trades of one symbol, oldest first; all arrays C-contiguous, of shape (n,), n >= 0.

    Attributes:
        symbol: such as `BTC/USDT`.
        ts: int64, UTC ms, ascending; several trades may have one time.
        price: float64, quote per base, > 0.
        amount: float64, base units, > 0.
        side: int8, of the taker: 1 bought, -1 sold, 0 is not known.
        id: int64, >= 0; or NO_ID in every row.
    """

    symbol: str
    ts: Ints
    price: Floats
    amount: Floats
    side: Sides
    id: Ints

    def __len__(self) -> int:
        return len(self.ts)

    def slice(self, start: int, stop: int) -> Trades:
        """Return the rows `[start, stop)`; the arrays are views."""
        return self._of(slice(start, stop))

    def take(self, rows: Ints | Mask) -> Trades:
        """Return the rows with these numbers, in this order, or those of a mask."""
        return self._of(rows)

    def _of(self, rows: Any) -> Trades:
        return Trades(
            self.symbol,
            self.ts[rows],
            self.price[rows],
            self.amount[rows],
            self.side[rows],
            self.id[rows],
        )

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return ts, price, amount, side, id."""
        return self.ts, self.price, self.amount, self.side, self.id


@dataclass(frozen=True, slots=True)
class TradesLog:
    """What became of the rows of a file. Rows of other symbols are not counted.

    Attributes:
        rows: read, lines with the wrong number of fields included.
        bad: left out: no readable time, price or amount not a number, not positive or infinite.
        suspicious: left out: the tape itself marks them as such.
        duplicates: left out: the id came before, with the same values.
        conflicting: left out: the id came before, with other values.
        moved: rows that were before an older one; all are in the order of their times now.
        sideless: kept, but nobody knows who was the taker.
        ids_missing: numbers absent between the first and last id of trades, 0 if ids are none.
    """

    rows: int = 0
    bad: int = 0
    suspicious: int = 0
    duplicates: int = 0
    conflicting: int = 0
    moved: int = 0
    sideless: int = 0
    ids_missing: int = 0

    def faults(self) -> tuple[str, ...]:
        """Return what is wrong with the file, in words."""
        return _told(
            (self.bad, "row is", "rows are", "no trade"),
            (self.conflicting, "id comes", "ids come", "twice, with other values"),
        )

    def notes(self) -> tuple[str, ...]:
        """Return what is noteworthy but no fault, in words."""
        return _told(
            (self.suspicious, "row marked suspicious was", "rows marked suspicious were",
             "left out"),
            (self.duplicates, "trade that came twice was", "trades that came twice were",
             "taken once"),
            (self.moved, "trade was", "trades were", "put in the order of their times"),
            (self.sideless, "trade does", "trades do", "not tell who was the taker"),
            (self.ids_missing, "id is", "ids are", "missing between the first and the last trade"),
        )  # fmt: skip


def _told(*counts: tuple[int, str, str, str]) -> tuple[str, ...]:
    """Return what there was any of: number, words for one and for several, the rest."""
    return tuple(f"{counted(n, one, many)} {rest}" for n, one, many, rest in counts if n)


def no_trades(symbol: str) -> Trades:
    """Return no trades of a symbol."""
    none = np.empty(0, np.int64)
    return Trades(symbol, none, np.empty(0), np.empty(0), np.empty(0, np.int8), none)


def joined(parts: list[Trades]) -> Trades:
    """Return consecutive parts of one symbol as one; there must be at least one part."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*(part.columns() for part in parts), strict=True)
    ts, price, amount, side, id_ = (np.concatenate(column) for column in columns)
    return Trades(parts[0].symbol, ts, price, amount, side, id_)


def tidy(rows: Trades, ids: Ids, unreadable: Mask, suspicious: Mask) -> tuple[Trades, TradesLog]:
    """Return clean trades of the rows of a file, which may be anything, and what was left out.

    Trades of one time stay in the order of their ids where ids count up, else of the file.

    Args:
        rows: as the file has them, in its order.
        ids: what the ids of `rows` are.
        unreadable: rows without a time or with a field that is no number, shape (n,). Times that
            clocks cannot count are none.
        suspicious: rows that the tape marks as such, shape (n,).
    """
    bad = unreadable | ~(good_numbers(rows.price) & good_numbers(rows.amount))
    bad |= (rows.ts < FIRST_MS) | (rows.ts >= STOP_MS)
    doubtful = suspicious & ~bad
    drop = bad | doubtful
    trades = rows.take(~drop) if drop.any() else rows
    moved = int(np.count_nonzero(np.diff(trades.ts) < 0))
    trades = in_order(trades, ids)
    again, other = _repeated(trades, ids)
    if (twice := again | other).any():
        trades = trades.take(~twice)
    return trades, TradesLog(
        rows=len(rows),
        bad=int(np.count_nonzero(bad)),
        suspicious=int(np.count_nonzero(doubtful)),
        duplicates=int(np.count_nonzero(again)),
        conflicting=int(np.count_nonzero(other)),
        moved=moved,
        sideless=int(np.count_nonzero(trades.side == 0)),
        ids_missing=_missing(trades, ids),
    )


def in_order(trades: Trades, ids: Ids) -> Trades:
    """Return trades sorted by time, stable; inside one time by id where ids count up."""
    steps = np.diff(trades.ts)
    if not len(steps):
        return trades
    if not ids.ordered:
        if (steps >= 0).all():
            return trades
        return trades.take(np.argsort(trades.ts, kind="stable"))
    if (steps > 0).all() or ((steps >= 0) & ((steps > 0) | (np.diff(trades.id) >= 0))).all():
        return trades
    return trades.take(np.lexsort((trades.id, trades.ts)))


def good_numbers(values: Floats) -> Mask:
    """Return where values are finite and above 0; NaN is not."""
    return (values > 0) & (values < np.inf)


def _repeated(trades: Trades, ids: Ids) -> tuple[Mask, Mask]:
    """Return which trades repeat an id with the same values, and which with other ones."""
    none = np.zeros(len(trades), dtype=np.bool_)
    if ids is Ids.NONE or not len(trades) or (np.diff(trades.id) > 0).all():
        return none, none
    order = np.argsort(trades.id, kind="stable")
    sorted_ids = trades.id[order]
    begins = np.append(True, sorted_ids[1:] != sorted_ids[:-1])
    later = ~begins
    first = order[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
    equal = np.ones(len(trades), dtype=np.bool_)
    for column in trades.columns()[:4]:
        equal &= column[order] == column[first]
    again, other = none.copy(), none.copy()
    again[order[later & equal]] = True
    other[order[later & ~equal]] = True
    return again, other


def _missing(trades: Trades, ids: Ids) -> int:
    """Return how many numbers lie between the lowest and highest id and are not there."""
    if not ids.ordered or not len(trades):
        return 0
    return int(trades.id.max() - trades.id.min()) + 1 - len(trades)
