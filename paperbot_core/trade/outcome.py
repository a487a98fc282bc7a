"""What one step of a session did, as values: nothing in here knows how it is written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from paperbot_core.domain.events import OrderKind
from paperbot_core.domain.words import ExitReason, Rule, Side, TradingState


@dataclass(frozen=True, slots=True)
class RuleFact:
    """One rule's answer to one entry; percent where the policy has percent, else its own unit."""

    rule: Rule
    answer: int
    limit: float
    observed: float
    asked: float
    allowed: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy's answer to one wished entry or add.

    Attributes:
        slot: number of the slot.
        side: direction of the position.
        kind: ENTRY, LIMIT or ADD.
        rule: what refused it; NONE if it was granted.
        shrunk_by: the rule that left the least, NONE if none made it smaller.
        wished: quantity asked for, base units (may be NaN: then refused).
        granted: quantity that became an order, 0 if refused.
        price: the collar or the limit, quote.
        size_pct: wished quantity at the close, in percent of equity.
        strength: confidence in [0, 1].
        reason: the strategy's words.
        check: the words of whoever refused or shrank for reasons of its own: a risk check, the
            universe, the regime; empty for limits, which are numbers.
        facts: every rule that was asked, in the policy's order.
    """

    slot: int
    side: Side
    kind: OrderKind
    rule: Rule
    shrunk_by: Rule
    wished: float
    granted: float
    price: float
    size_pct: float
    strength: float
    reason: str
    check: str
    facts: tuple[RuleFact, ...]


@dataclass(frozen=True, slots=True)
class ExitDecision:
    """An exit decided at this close, to be filled at the next open."""

    slot: int
    side: Side
    reason: ExitReason
    quantity: float
    text: str


@dataclass(frozen=True, slots=True)
class Raised:
    """An entry condition that is true on a flat slot, whatever becomes of it."""

    slot: int
    side: Side
    kind: OrderKind
    strength: float
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What an event of a company did to a slot at the open of a bar, before any fill.

    Attributes:
        slot: number of the slot.
        bar_ts: open time of the bar, UTC ms.
        dividend: cash for one share as it was before the split.
        held: shares before the split, negative for a short.
        paid: `held` times `dividend`.
        split: new shares for one old.
        quantity: shares after the split.
        order: shares of the resting order after the split, 0 where none rests any more.
        limit: price of that order.
    """

    slot: int
    bar_ts: int
    dividend: float
    held: float
    paid: float
    split: float
    quantity: float
    order: float
    limit: float


@dataclass(frozen=True, slots=True)
class Mark:
    """The account at the closes of a step, in quote currency; `drawdown_pct` is positive."""

    cash: float
    equity: float
    gross: float
    peak: float
    anchor: float
    anchor_day: int
    drawdown_pct: float
    state: TradingState


@dataclass(slots=True)
class Outcome:
    """One step: `now` is its decision time; `legs` and `trades` are the kernel's tapes as rows."""

    now: int
    settled: list[Settled] = field(default_factory=list)
    legs: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    raised: list[Raised] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    exits: list[ExitDecision] = field(default_factory=list)
    open_slots: frozenset[int] = frozenset()
    mark: Mark | None = None
    dropped: int = 0


def trading_state(account: Any, now: int) -> TradingState:
    """Return what an account record may do at decision time `now` (UTC ms)."""
    if account.halt != 0:
        return TradingState.HALTED
    return TradingState.REDUCING if now < account.reduce_until else TradingState.ACTIVE
