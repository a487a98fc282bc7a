"""Which column of a file of trades is what, and its values as arrays; names decide, not places."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.market.candles.arrow import to_array
from paperbot_core.market.candles.raw import loose_times
from paperbot_core.market.trades.trades import NO_ID, Ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Ints
    from paperbot_core.market.trades.trades import Mask, Sides

#: Lower-case names a column may have, the best first: base units go before contracts.
_TIME = ("ts", "timestamp", "time", "transact_time", "trade_time", "date", "datetime")
_PRICE = ("price", "p")
_AMOUNT = ("homenotional", "base_qty", "amount", "qty", "quantity", "size", "q")
_SIDE = ("side", "taker_side")
_MAKER = ("is_buyer_maker", "isbuyermaker", "m")
_AGGREGATE = ("agg_trade_id", "aggtradeid")
_ID = (*_AGGREGATE, "id", "trade_id", "tradeid", "trdmatchid")
#: Columns of order books, whose levels have times, prices, amounts and sides as trades have.
_BOOK = (
    "update_id", "last_update_id", "final_id", "final_update_id", "lastupdateid", "is_snapshot",
)  # fmt: skip

#: Binance's rows without a header; which of the two is told by the place of the first boolean.
_TRADE_ROWS = (
    "id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match",
)  # fmt: skip
_AGGREGATE_ROWS = (
    "agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time",
    "is_buyer_maker", "is_best_match",
)  # fmt: skip
_BOOLEANS = {"true", "false"}
_DIGEST_MASK = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Names of the columns of a file as they are written in it; None where there is none."""

    layout: str
    time: str
    price: str
    amount: str
    side: str | None
    maker: str | None
    id: str | None
    ids: Ids
    symbol: str | None
    suspicious: str | None

    def wanted(self) -> list[str]:
        """Return the names of all columns that are read."""
        names = (self.time, self.price, self.amount, self.side, self.maker, self.id, self.symbol,
                 self.suspicious)  # fmt: skip
        return [name for name in names if name is not None]


def locate_trades(names: Sequence[str]) -> TradeColumns | str:
    """Return which column is what, or what is missing, in words."""
    folded: dict[str, str] = {}
    for name in names:
        if folded.setdefault(name.strip().casefold(), name) != name:
            return f"the column `{name}` is there twice"

    def find(known: tuple[str, ...]) -> str | None:
        return next((folded[name] for name in known if name in folded), None)

    if book := find(_BOOK):
        return f"it is of an order book, with its column `{book}`"
    time, price, amount = find(_TIME), find(_PRICE), find(_AMOUNT)
    if time is None or price is None or amount is None:
        places = (("time", time), ("price", price), ("amount", amount))
        return f"it has no column for the {next(what for what, name in places if name is None)}"
    id_ = find(_ID)
    aggregate = id_ is not None and id_.casefold() in _AGGREGATE
    maker = find(_MAKER)
    layout = "named"
    if maker is not None and id_ is not None:
        layout = "binance-aggtrades" if aggregate else "binance-trades"
    elif "trdmatchid" in folded:
        layout = "bitmex"
    kind = Ids.NONE if id_ is None else Ids.AGGREGATE if aggregate else Ids.TRADE
    side = None if maker is not None else find(_SIDE)
    return TradeColumns(
        layout, time, price, amount, side, maker, id_, kind, find(("symbol",)),
        find(("suspicious",)),
    )  # fmt: skip


def names_of_rows(first: Sequence[str], *, contracts: bool) -> tuple[str, ...] | None:
    """Return the names of columns without a header, None if the first row is none of Binance's.

    `contracts` says that amounts count contracts: base units are then in the fourth column.
    """
    booleans = [place for place, text in enumerate(first) if text.strip().lower() in _BOOLEANS]
    place = booleans[0] if booleans else -1
    if place == 5 and len(first) in {6, 7}:
        names = _TRADE_ROWS[: len(first)]
        return (*names[:3], "base_qty", *names[4:]) if contracts else names
    if place == 6 and len(first) in {7, 8}:
        return _AGGREGATE_ROWS[: len(first)]
    return None


def trade_times(column: Any) -> tuple[Ints, Mask]:
    """Return UTC ms (finer is cut off) and where there is a time.

    BitMEX writes a `D` between day and time: `2018-09-01D04:03:41.128828000`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = pc.replace_substring_regex(column, pattern="^(.{10})D", replacement="\\1T")
        text = pc.replace_substring_regex(text, pattern="Z$", replacement="")
        try:
            column = pc.cast(text, pa.timestamp("ns"))
        except pa.ArrowInvalid:
            column = text
    return loose_times(column)


def trade_sides(column: Any | None, maker: Any | None) -> Sides:
    """Return the side of the taker: 1, -1 or 0; of a column with buy and sell, or of the maker."""
    if maker is not None:
        made = _lower(maker)
        return _signs(made, ("false", "0"), ("true", "1"))
    assert column is not None
    import pyarrow as pa

    if pa.types.is_integer(column.type):
        return np.asarray(np.sign(to_array(column.fill_null(0))), dtype=np.int8)
    return _signs(_lower(column), ("buy", "b", "1", "bid"), ("sell", "s", "-1", "ask"))


def trade_ids(column: Any, kind: Ids) -> tuple[Ints, Ids]:
    """Return ids as numbers and what they are then; ids that are no numbers become digests."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = to_array(pc.fill_null(column.cast(pa.int64()), NO_ID)).astype(np.int64)
    except pa.ArrowInvalid:
        digests = (_digest(text) for text in column.cast(pa.string()).to_pylist())
        return np.fromiter(digests, dtype=np.int64, count=len(column)), Ids.DIGEST
    numbers = np.where(numbers < 0, NO_ID, numbers)
    return numbers, kind if (numbers != NO_ID).any() else Ids.NONE


def texts_of(column: Any) -> list[str]:
    """Return the distinct texts of a column, sorted."""
    import pyarrow.compute as pc

    return sorted(str(text) for text in pc.unique(column).to_pylist() if text is not None)


def is_text(column: Any, text: str) -> NDArray[np.bool_]:
    """Return the rows in which a column says `text`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    equal = pc.equal(column.cast(pa.string()), text)
    return np.asarray(to_array(pc.fill_null(equal, False)), dtype=np.bool_)


def marked(column: Any) -> NDArray[np.bool_]:
    """Return the rows that a column marks: neither empty nor 0 nor false."""
    return np.asarray(_signs(_lower(column), (), ("0", "false", "", "0.0")) == 0, dtype=np.bool_)


def _digest(text: str | None) -> int:
    if text is None or not text.strip():
        return NO_ID
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") & _DIGEST_MASK


def _lower(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    text = column.cast(pa.string())
    return pc.utf8_lower(pc.utf8_trim_whitespace(pc.fill_null(text, "")))


def _signs(text: Any, up: tuple[str, ...], down: tuple[str, ...]) -> Sides:
    """Return 1 where the text is one of `up`, -1 where one of `down`, else 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    signs: list[Any] = []
    for known in (up, down):
        found = pc.is_in(text, value_set=pa.array(known, pa.string()))
        signs.append(to_array(found.cast(pa.int8())))
    return np.asarray(signs[0] - signs[1], dtype=np.int8)
