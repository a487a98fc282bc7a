"""The records of the kernel: one table of fields, from which both forms are made.

Compiled runs use numpy structured arrays, plain runs objects with `__slots__`; the kernel reads
and writes `slot.qty` on either. Prices are quote per base, quantities base units (negative is
short), money quote units, fractions (not percent) of one, times UTC milliseconds, rows the number
of a bar of the slot's own timeframe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

MAX_RUNGS = 8
MAX_ADDS = 8
MAX_RULES = 8

#: A record of either form. The aliases name which table a parameter belongs to.
Record: TypeAlias = Any
Account: TypeAlias = Any
Limits: TypeAlias = Any
Market: TypeAlias = Any
Spec: TypeAlias = Any
Slot: TypeAlias = Any
Box: TypeAlias = Any
Table: TypeAlias = Any

Fields: TypeAlias = tuple[tuple[Any, ...], ...]

FLOAT, INT, FLAG = np.float64, np.int64, np.int8

#: The account: one record. `halt` is 0, HALT_DRAWDOWN or HALT_MANUAL; `reduce_until` is the
#: midnight until which only exits are allowed, `trip_day` the day of the anchor it was lost to;
#: `dusty` says that some market has held dust; `income` sums dividends.
ACCOUNT: Fields = (
    ("cash", FLOAT), ("equity", FLOAT), ("gross", FLOAT), ("peak", FLOAT),
    ("anchor", FLOAT), ("anchor_day", INT), ("reduce_until", INT), ("trip_day", INT),
    ("halt", FLAG), ("halted_ts", INT), ("trips", INT),
    ("count_day", INT), ("trades_day", INT), ("count_hour", INT), ("trades_hour", INT),
    ("seq", INT), ("open_slots", INT), ("reserved", FLOAT), ("available", FLOAT),
    ("held_gross", FLOAT), ("net_if_long", FLOAT), ("net_if_short", FLOAT),
    ("marks", INT), ("exposure_sum", FLOAT), ("traded", FLOAT), ("fees", FLOAT),
    ("slippage_cost", FLOAT), ("legs", INT), ("trades", INT), ("ambiguous", INT),
    ("dusty", FLAG), ("income", FLOAT),
)

#: policy.yaml as numbers: fractions of equity, counts, milliseconds.
LIMITS: Fields = (
    ("daily_stop", FLOAT), ("max_drawdown", FLOAT), ("max_position", FLOAT), ("max_gross", FLOAT),
    ("max_net", FLOAT), ("max_cluster", FLOAT), ("cap_multiple", FLOAT), ("cap_min", FLOAT),
    ("cap_max", FLOAT), ("max_open", INT), ("max_day", INT), ("max_hour", INT),
    ("loss_cooldown_ms", INT),
)

#: One instrument: its grid as exact fractions (`tick_n / tick_d`), its costs, its current bar.
#: `present` says whether a bar of it closes at this step; `last` is the last close seen. `event`
#: says that shares split (`split` new for each old one) or pay `dividend` before this bar opens.
#: `tier` is the one the instrument is in now.
MARKET: Fields = (
    ("tick_n", FLOAT), ("tick_d", FLOAT), ("lot_n", FLOAT), ("lot_d", FLOAT),
    ("min_notional", FLOAT), ("maker", FLOAT), ("taker", FLOAT), ("slippage", FLOAT),
    ("volume_share", FLOAT), ("fee_in_base", FLAG), ("shortable", FLAG), ("continuous", FLAG),
    ("cluster", INT), ("tier", INT), ("tf_ms", INT),
    ("present", FLAG), ("ts", INT), ("open", FLOAT), ("high", FLOAT), ("low", FLOAT),
    ("volume", FLOAT), ("last", FLOAT),
    ("event", FLAG), ("split", FLOAT), ("dividend", FLOAT),
    ("dust", FLOAT), ("loss_ts", INT), ("exposure", FLOAT),
)

#: What a strategy asks of one slot; constant during a run. Gates are indexed by rule: 0-7 long,
#: 8-15 short. `gated` has a bit for each exit rule that looks at the own position.
SPEC: Fields = (
    ("strategy", INT), ("market", INT), ("tf_ms", INT),
    ("by_risk", FLAG), ("collar", FLOAT),
    ("has_stop", FLAG), ("has_trail", FLAG), ("trail_after_r", FLOAT), ("breakeven_after_r", FLOAT),
    ("rungs", INT), ("rung_r", FLOAT, MAX_RUNGS), ("rung_fraction", FLOAT, MAX_RUNGS),
    ("rungs_full", FLAG),
    ("adds", INT), ("add_r", FLOAT, MAX_ADDS), ("add_fraction", FLOAT, MAX_ADDS),
    ("max_bars", INT), ("cooldown_bars", INT),
    ("limit_bars", INT, 2 * MAX_RULES), ("gated", INT),
    ("min_r", FLOAT, 2 * MAX_RULES), ("max_r", FLOAT, 2 * MAX_RULES),
    ("min_bars", INT, 2 * MAX_RULES),
)

#: The signals of one slot at this step. `row` is the bar of the slot that closes now, or
#: `-row - 1` of the one still forming. `bits`: 0-7 entry.long, 8-15 entry.short, 16-23 exit.long,
#: 24-31 exit.short. `size` is the fraction of equity to hold or to risk; `barred` is the rule that
#: keeps the slot from entering now whatever the account looks like, NONE if there is none.
BOX: Fields = (
    ("bits", INT), ("row", INT), ("strength", FLOAT), ("per", FLOAT), ("stop", FLOAT),
    ("trail", FLOAT), ("limit", FLOAT), ("size", FLOAT), ("barred", INT),
)

#: One strategy on one instrument: position, stop, pending orders. `wake_*` are the prices and
#: times at which an open position must be looked at. `hold_ms` is how long the tier in which it was
#: entered may hold it (0: no limit), `barred` the rule of its last wish (see `BOX`), `income` its
#: dividends.
SLOT: Fields = (
    ("qty", FLOAT), ("first_price", FLOAT), ("first_qty", FLOAT), ("r", FLOAT),
    ("stop", FLOAT), ("stop_reason", INT), ("trailing", FLAG), ("water", FLOAT),
    ("entry_ts", INT), ("entry_row", INT),
    ("entered_qty", FLOAT), ("entered_value", FLOAT), ("exited_qty", FLOAT),
    ("exited_value", FLOAT),
    ("trade_fees", FLOAT), ("rung", INT), ("rung_filled", FLOAT), ("added", INT),
    ("entry_rule", INT), ("exit_due", INT), ("exit_rule", INT), ("targets_wait", FLAG),
    ("no_entry_before", INT),
    ("order", INT), ("order_add", FLAG), ("order_side", INT), ("order_qty", FLOAT),
    ("order_price", FLOAT), ("order_cap", FLOAT), ("order_cash", FLOAT), ("order_stop", FLOAT),
    ("order_ts", INT), ("order_row", INT), ("order_bars", INT), ("order_seq", INT),
    ("order_rule", INT), ("strength", FLOAT), ("barred", INT), ("hold_ms", INT), ("income", FLOAT),
    ("wake_low", FLOAT), ("wake_high", FLOAT), ("wake_row", INT), ("wake_ts", INT),
)

#: A tier of the universe: the fraction of equity it may take, how long a position entered in it is
#: held at most (0: no limit), and what it holds (scratch).
TIER: Fields = (("limit", FLOAT), ("max_hold_ms", INT), ("held", FLOAT))

#: One rule's answer to one proposal; a table with a row for each `domain.words.Rule`.
FACT: Fields = (
    ("answer", INT), ("limit", FLOAT), ("observed", FLOAT), ("asked", FLOAT), ("allowed", FLOAT),
)

#: One thing that happened to an order: a fill, or its end without one (`kind` RELEASED, then
#: `reason` is a Rule). `ts` is the open time of the bar.
LEG: Fields = (
    ("ts", INT), ("slot", INT), ("kind", INT), ("reason", INT), ("side", INT), ("qty", FLOAT),
    ("price", FLOAT), ("reference", FLOAT), ("fee", FLOAT), ("maker", FLAG), ("order_ts", INT),
    ("rung", INT),
)

#: One slot from flat to flat.
TRADE: Fields = (
    ("slot", INT), ("side", INT), ("entry_ts", INT), ("entry_price", FLOAT), ("quantity", FLOAT),
    ("exit_ts", INT), ("exit_price", FLOAT), ("fees", FLOAT), ("pnl", FLOAT), ("r_multiple", FLOAT),
    ("reason", INT), ("rule", INT), ("bars_held", INT),
)


def dtype(fields: Fields) -> np.dtype[np.void]:
    """Return the aligned numpy structured type of a table of fields."""
    return np.dtype([tuple(f) for f in fields], align=True)


def _zero(field: tuple[Any, ...]) -> object:
    zero: object = 0.0 if field[1] is FLOAT else 0
    return [zero] * field[2] if len(field) == 3 else zero


def object_class(name: str, fields: Fields) -> type[Any]:
    """Return a class with one slot a field; instances start at zero (nested fields as lists)."""
    names = tuple(f[0] for f in fields)
    zeros = tuple((f[0], _zero(f)) for f in fields)

    def start(self: Any, row: Mapping[str, Any] | None = None) -> None:
        for key, zero in zeros:
            setattr(self, key, list(zero) if isinstance(zero, list) else zero)
        for key, value in (row or {}).items():
            setattr(self, key, list(value) if isinstance(value, Sequence) else value)

    return type(name, (), {"__slots__": names, "__init__": start, "__module__": __name__})


AccountObject = object_class("AccountObject", ACCOUNT)
LimitsObject = object_class("LimitsObject", LIMITS)
MarketObject = object_class("MarketObject", MARKET)
SpecObject = object_class("SpecObject", SPEC)
BoxObject = object_class("BoxObject", BOX)
SlotObject = object_class("SlotObject", SLOT)
TierObject = object_class("TierObject", TIER)
FactObject = object_class("FactObject", FACT)
LegObject = object_class("LegObject", LEG)
TradeObject = object_class("TradeObject", TRADE)


def array(fields: Fields, rows: Sequence[Mapping[str, Any]]) -> np.ndarray[Any, Any]:
    """Return a structured array with the given rows; absent fields are zero."""
    table = np.zeros(len(rows), dtype(fields))
    for record, row in zip(table, rows, strict=True):
        for key, value in row.items():
            record[key] = value
    return table


def as_row(fields: Fields, record: Record) -> dict[str, Any]:
    """Return a record of either form as a dict of plain Python numbers (exact)."""
    row: dict[str, Any] = {}
    for field in fields:
        value = getattr(record, field[0]) if not isinstance(record, np.void) else record[field[0]]
        if len(field) == 3:
            row[field[0]] = [v.item() if isinstance(v, np.generic) else v for v in value]
        else:
            row[field[0]] = value.item() if isinstance(value, np.generic) else value
    return row
