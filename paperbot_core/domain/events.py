"""The closed union of journal events: facts in the past tense, frozen, complete.

Every event has `ts`, the decision time it belongs to (UTC ms). Money, prices and quantities are
Decimal; statistics are float. How events become text is `domain/event_text.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from paperbot_core.domain.words import (
    ExitReason,
    Mode,
    Rule,
    Side,
    TradingState,
)


class OrderKind(StrEnum):
    """What an order does to its slot: opens it, opens it at a limit, adds to it, reduces it."""

    ENTRY = "entry"
    LIMIT = "limit"
    ADD = "add"
    EXIT = "exit"


class Action(StrEnum):
    """What the exchange is asked to do."""

    BUY = "buy"
    SELL = "sell"


class Liquidity(StrEnum):
    """Who waited: a maker rested in the book, a taker did not. Decides the fee."""

    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A session opened the journal. `config` holds (file name, text), `plugins` (name, version)."""

    ts: int
    run_id: str
    mode: Mode
    strategies: tuple[str, ...]
    seed: int | None
    policy_digest: str
    config: tuple[tuple[str, str], ...]
    plugins: tuple[tuple[str, str], ...]
    host: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RunStopped:
    """A session ended on purpose; a killed one leaves no such event."""

    ts: int
    reason: str


@dataclass(frozen=True, slots=True)
class BarConsumed:
    """A closed bar entered the step. `open_ts` is its open time, `bar_hash` that of its row."""

    ts: int
    symbol: str
    tf_ms: int
    open_ts: int
    bar_hash: str


@dataclass(frozen=True, slots=True)
class SignalRaised:
    """A strategy's condition was true. `strength` lies in [0, 1]."""

    ts: int
    strategy: str
    symbol: str
    side: Side
    kind: OrderKind
    strength: float
    reason: str


@dataclass(frozen=True, slots=True)
class ProposalMade:
    """What a strategy wants, sized but not yet allowed. `price` is the collar or the limit."""

    ts: int
    client_id: str
    strategy: str
    symbol: str
    side: Side
    kind: OrderKind
    size_pct: float
    quantity: Decimal
    price: Decimal
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One rule as it looked: its limit, what it observed, the quantity asked and left over."""

    rule: Rule
    limit: float
    observed: float
    asked: float
    allowed: float


@dataclass(frozen=True, slots=True)
class VerdictGiven:
    """The policy's answer to one proposal; `rule` is the one that refused or shrank, or NONE."""

    ts: int
    client_id: str
    strategy: str
    symbol: str
    approved: bool
    rule: Rule
    asked: Decimal
    allowed: Decimal
    reason: str
    rows: tuple[VerdictRow, ...]


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An intent, committed before it is sent. `side` is the position's, `action` the order's."""

    ts: int
    client_id: str
    strategy: str
    symbol: str
    side: Side
    kind: OrderKind
    action: Action
    quantity: Decimal
    limit_price: Decimal | None
    exit_reason: ExitReason
    reason: str


@dataclass(frozen=True, slots=True)
class OrderReleased:
    """An order, or the rest of it, ended without filling; its reservation is free again."""

    ts: int
    client_id: str
    rule: Rule
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class FillBooked:
    """An execution; `bar_ts` is the open time of its bar.

    `reference_price` is the price before slippage.
    `fee` is in `fee_asset` (`quote`, `base` or a name), `fee_quote` its value in quote currency.
    `flat` says that the slot is closed by it; only then are `r_multiple` and `bars_held` given
    (`r_multiple` stays None where the strategy has no stop distance).
    """

    ts: int
    fill_id: str
    client_id: str
    strategy: str
    symbol: str
    side: Side
    kind: OrderKind
    action: Action
    quantity: Decimal
    price: Decimal
    reference_price: Decimal
    fee: Decimal
    fee_asset: str
    fee_quote: Decimal
    liquidity: Liquidity
    exit_reason: ExitReason
    bar_ts: int
    leg: int
    flat: bool
    r_multiple: float | None
    bars_held: int | None


@dataclass(frozen=True, slots=True)
class DividendPaid:
    """What a slot got for the shares that it held at the open of the bar at `bar_ts`.

    `quantity` are those shares, negative for a short, `per_share` the cash for each of them;
    `amount` is what came of both in quote currency, negative for a short, who pays.
    """

    ts: int
    strategy: str
    symbol: str
    bar_ts: int
    per_share: Decimal
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class SharesSplit:
    """Shares of a slot, or of its resting order, were exchanged at the open of the bar at `bar_ts`.

    `ratio` are new shares for one old. `quantity` is what the slot holds since then, negative for a
    short, 0 where it is flat; `order_quantity` and `limit_price` are what its resting order is for
    since then, 0 and None where there is none (any more).
    """

    ts: int
    strategy: str
    symbol: str
    bar_ts: int
    ratio: Decimal
    quantity: Decimal
    order_quantity: Decimal
    limit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class TradingStateChanged:
    """The account's state moved, by a rule of the policy or by hand."""

    ts: int
    state: TradingState
    rule: Rule
    reason: str
    equity: Decimal


@dataclass(frozen=True, slots=True)
class AnchorMoved:
    """The day's anchor is now `equity`; `day` is 00:00 UTC in ms."""

    ts: int
    day: int
    equity: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class EquityMarked:
    """The account valued at the closes of `ts`. `drawdown_pct` is positive, of the peak."""

    ts: int
    cash: Decimal
    equity: Decimal
    gross: Decimal
    drawdown_pct: float


@dataclass(frozen=True, slots=True)
class Halted:
    """A person stopped entries."""

    ts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person lifted a halt."""

    ts: int
    reason: str


@dataclass(frozen=True, slots=True)
class ConditionChanged:
    """What may be traded, or which data is believed, changed.

    `condition` and `state` are `universe` (the tier, or `left`), `regime` (its name, or `unknown`),
    `data_breaker` (`open` or `closed`), `bad_tick` (`refused`: the bar was not used), `mode` (the
    one that an adaptive strategy chose, or `none`; the subject is `STRATEGY SYMBOL`).
    """

    ts: int
    condition: str
    subject: str
    state: str
    detail: str


Event = (
    RunStarted | RunStopped | BarConsumed | SignalRaised | ProposalMade | VerdictGiven
    | OrderPlaced | OrderReleased | FillBooked | DividendPaid | SharesSplit | TradingStateChanged
    | AnchorMoved | EquityMarked | Halted | Resumed | ConditionChanged
)  # fmt: skip

EVENT_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        RunStarted, RunStopped, BarConsumed, SignalRaised, ProposalMade, VerdictGiven,
        OrderPlaced, OrderReleased, FillBooked, DividendPaid, SharesSplit, TradingStateChanged,
        AnchorMoved, EquityMarked, Halted, Resumed, ConditionChanged,
    )
}  # fmt: skip

#: Facts about the process rather than the account: left out of the content hash, so that a run
#: that was killed and restarted has the content of one that was not.
RUN_FACTS = frozenset({"RunStarted", "RunStopped"})


def client_id(account: str, strategy: str, symbol: str, ts: int, leg: str) -> str:
    """Return the id of the order that one decision makes: 32 hex digits.

    The same account, slot, decision time and leg give the same id in every run, so an order
    decided twice is found by its id. `leg` tells orders of one slot and bar apart.
    """
    text = "\x1f".join((account, strategy, symbol, str(ts), leg))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
