"""The exact state of a session between two commits, as text and back."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from paperbot_core.diagnostics import Diagnostic, IntegrityError
from paperbot_core.domain.words import TradingState
from paperbot_core.kernel import records as rec
from paperbot_core.kernel.desk import SlotKey
from paperbot_core.kernel.plain import PlainKernel
from paperbot_core.trade.conditions import Key

#: Key of the account's checkpoint in the journal, and of the last dry run's figures.
ACCOUNT_KEY, DRY_KEY = "session", "dry_run"
VERSION = 1

Row = dict[str, Any]


@dataclass(slots=True)
class Books:
    """What the recorder remembers between steps, by slot text: open orders and last facts.

    `entries` and `exits` hold [client id, quantity ordered, quantity filled]. `day_start` is the
    equity at the first close of `summary_day`. `shares` are the events in force at `last_bar`, by
    symbol (`shares.ShareLadder.in_force`).
    """

    entries: dict[str, list[Any]] = field(default_factory=dict)
    exits: dict[str, list[Any]] = field(default_factory=dict)
    state: str = TradingState.ACTIVE.name
    anchor_day: int = -1
    summary_day: int = -1
    day_start: float = 0.0
    last_bar: int | None = None
    shares: dict[str, list[float]] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """An account as it was stored; `now` is the last decision time, None before the first."""

    now: int | None
    cash: float
    market: str
    feed_ms: int
    account: Row = field(default_factory=dict)
    markets: dict[str, Row] = field(default_factory=dict)
    slots: dict[SlotKey, Row] = field(default_factory=dict)
    specs: dict[SlotKey, Row] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    shrunk: list[int] = field(default_factory=list)
    rows: dict[Key, int] = field(default_factory=dict)
    books: Books = field(default_factory=Books)


def slot_text(key: SlotKey) -> str:
    """Return the name of a slot in texts: `strategy|symbol` (no name contains a bar)."""
    return f"{key.strategy}|{key.symbol}"


def _slot_key(text: str) -> SlotKey:
    strategy, _, symbol = text.partition("|")
    return SlotKey(strategy, symbol)


_EMPTY = {"0", "0.0"}
#: What a market keeps beyond its definition.
_MARKET = tuple(f for f in rec.MARKET if f[0] in {"last", "dust", "loss_ts"})


def _sparse(fields: rec.Fields, record: Any) -> Row:
    """Return the fields that are not zero; a fresh record starts at zero."""
    found = {f[0]: getattr(record, f[0]) for f in fields}
    return {name: value for name, value in found.items() if repr(value) not in _EMPTY}


def capture(kernel: PlainKernel, rows: dict[Key, int], books: Books, base: State) -> State:
    """Return the present state of a kernel; `base` gives what does not change."""
    desk = kernel.desk
    busy = [s for s, x in enumerate(kernel.slots) if x.qty != 0.0 or x.order != 0]
    return State(
        now=base.now, cash=base.cash, market=base.market, feed_ms=base.feed_ms,
        account=_sparse(rec.ACCOUNT, kernel.account),
        markets={
            i.symbol: _sparse(_MARKET, m)
            for i, m in zip(desk.instruments, kernel.markets, strict=True)
        },
        slots={
            key: row for key, slot in zip(desk.slots, kernel.slots, strict=True)
            if (row := _sparse(rec.SLOT, slot))
        },
        specs={desk.slots[s]: rec.as_row(rec.SPEC, kernel.specs[s]) for s in busy},
        refused=list(kernel.refused), shrunk=list(kernel.shrunk), rows=dict(rows), books=books,
    )  # fmt: skip


def restore(state: State, kernel: PlainKernel, rows: dict[Key, int]) -> None:
    """Put a stored state into a fresh kernel and its row counts; unknown slots are left out."""
    kernel.account = rec.AccountObject({**_zeros(rec.ACCOUNT), **state.account})
    for instrument, market in zip(kernel.desk.instruments, kernel.markets, strict=True):
        stored = state.markets.get(instrument.symbol)
        if stored is not None:
            for name, value in {**_zeros(_MARKET), **stored}.items():
                setattr(market, name, value)
    for s, key in enumerate(kernel.desk.slots):
        if key in state.slots:
            kernel.slots[s] = rec.SlotObject(state.slots[key])
    kernel.refused[:] = _padded(state.refused, len(kernel.refused))
    kernel.shrunk[:] = _padded(state.shrunk, len(kernel.shrunk))
    rows.update({key: count for key, count in state.rows.items() if key in rows})


def _zeros(fields: rec.Fields) -> Row:
    return {f[0]: 0.0 if f[1] is rec.FLOAT else 0 for f in fields}


def _padded(counts: list[int], length: int) -> list[int]:
    return (counts + [0] * length)[:length]


def dump(state: State) -> str:
    """Return a state as JSON: floats by `repr`, NaN and infinities as text, nothing lost."""
    body = {
        "version": VERSION, "now": state.now, "cash": state.cash, "market": state.market,
        "feed_ms": state.feed_ms, "account": state.account, "markets": state.markets,
        "slots": {slot_text(key): row for key, row in state.slots.items()},
        "specs": {slot_text(key): row for key, row in state.specs.items()},
        "refused": state.refused, "shrunk": state.shrunk,
        "rows": {f"{symbol}|{tf}": count for (symbol, tf), count in state.rows.items()},
        "books": asdict(state.books),
    }  # fmt: skip
    return json.dumps(_encode(body), separators=(",", ":"), allow_nan=False)


def parse(text: str) -> State:
    """Return the state that `dump` wrote.

    Raises:
        IntegrityError: PB8004 another version wrote it, or it is not a state.
    """
    try:
        raw = _decode(json.loads(text))
        if raw["version"] != VERSION:
            raise ValueError(f"version {raw['version']}")
        return State(
            now=raw["now"], cash=raw["cash"], market=raw["market"], feed_ms=raw["feed_ms"],
            account=raw["account"], markets=raw["markets"],
            slots={_slot_key(name): row for name, row in raw["slots"].items()},
            specs={_slot_key(name): row for name, row in raw["specs"].items()},
            refused=raw["refused"], shrunk=raw["shrunk"],
            rows={_row_key(name): count for name, count in raw["rows"].items()},
            books=Books(**raw["books"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(Diagnostic(
            "PB8004", f"the stored state of the session cannot be read: {error}",
            help="use the version of paperbot that wrote it, or `paperbot paper reset`",
        )) from error  # fmt: skip


def _row_key(text: str) -> Key:
    symbol, _, tf_ms = text.rpartition("|")
    return symbol, int(tf_ms)


_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _encode(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"float"}:
            return _SPECIAL[value["float"]]
        return {key: _decode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decode(item) for item in value]
    return value
