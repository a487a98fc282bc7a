"""What crosses the border between the core and a plugin: frozen facts, never live objects.

Numbers that take part in decisions are floats in the units named here; money on its way to an
exchange is Decimal. All times are UTC milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paperbot_core.domain.words import Mode, Side, TradingState


class Action(StrEnum):
    """What a signal wishes: open a position in its direction, or close the one it has."""

    ENTER = "enter"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Signal:
    """What a strategy wants, before sizing and policy.

    Attributes:
        ts: decision time, the close of the bar that made it.
        symbol: what to trade.
        strategy: the name in the strategy's YAML file.
        side: direction of the position to open or close.
        strength: confidence in [0, 1]; decides the order of service.
        reason: one line for people.
        params: the numbers behind the reason.
        stop_distance: price distance from the entry fill to the stop, > 0; None leaves it to YAML.
        action: ENTER or EXIT.
    """

    ts: int
    symbol: str
    strategy: str
    side: Side
    strength: float = 1.0
    reason: str = ""
    params: Mapping[str, float] = field(default_factory=dict)
    stop_distance: float | None = None
    action: Action = Action.ENTER


@dataclass(frozen=True, slots=True)
class TriggerFact:
    """A trigger fired: direction, strength in [0, 1], the reason and the numbers behind it."""

    side: Side
    strength: float
    reason: str
    params: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntryFact:
    """An entry or add that asks for permission, as a risk check sees it.

    Attributes:
        ts: decision time.
        symbol: what to trade.
        strategy: who asks.
        side: direction.
        kind: `entry` or `add`.
        quantity: asked, in base units, > 0, after the limits of the policy.
        price: at which limits count it: its collar or limit price; for a short at market, the
            close plus the slippage allowed.
        close: close of the decision bar.
        strength: the signal's strength in [0, 1].
        reason: the signal's reason.
        stop_distance: price distance to the stop, or None without a stop.
        equity: of the account at the decision close, in quote currency.
    """

    ts: int
    symbol: str
    strategy: str
    side: Side
    kind: str
    quantity: float
    price: float
    close: float
    strength: float
    reason: str
    stop_distance: float | None
    equity: float


@dataclass(frozen=True, slots=True)
class PositionFact:
    """One open slot; `quantity` is in base units and always > 0, `side` gives the direction."""

    symbol: str
    strategy: str
    side: Side
    quantity: float
    entry_price: float
    close: float
    opened_ts: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account at the decision close, in quote currency; nothing in it can be changed.

    `gross` and `net` hold open positions at the close and pending entries at the price at which
    limits count them; `net` leaves out pending entries of the other direction than the one that
    asks, which may never fill.
    """

    ts: int
    equity: float
    cash: float
    peak_equity: float
    day_anchor: float
    gross: float
    net: float
    trades_today: int
    trades_this_hour: int
    state: TradingState
    positions: tuple[PositionFact, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyView:
    """The limits of `policy.yaml`, under the names they have there; percentages are percent."""

    highest_mode: Mode
    max_slippage_pct: float
    daily_stop_loss_pct: float
    max_drawdown_pct: float
    max_position_size_pct: float
    max_gross_pct: float
    max_net_pct: float
    max_cluster_pct: float
    max_tier_pct: Mapping[str, float]
    position_cap_equity_multiple: float
    position_cap_min: float
    position_cap_max: float
    max_open_positions: int
    max_trades_per_day: int
    max_trades_per_hour: int
    cooldown_after_loss_min: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a risk check: the quantity it allows and why.

    `allowed` is in base units; None allows what was asked, 0 refuses. A verdict can only make an
    entry smaller: the core treats a larger or unreadable answer as a refusal.
    """

    allowed: float | None
    reason: str = ""

    @classmethod
    def approve(cls) -> Verdict:
        """Allow the entry as asked."""
        return cls(None)

    @classmethod
    def shrink(cls, quantity: float, reason: str) -> Verdict:
        """Allow at most `quantity` base units."""
        return cls(quantity, reason)

    @classmethod
    def refuse(cls, reason: str) -> Verdict:
        """Allow nothing."""
        return cls(0.0, reason)


class NoticeSeverity(StrEnum):
    """How loudly a notice should arrive."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for a person.

    Attributes:
        kind: `start`, `stop`, `fill`, `refusal`, `halt`, `summary`, `error`, or a kind of your own.
        title: one line.
        text: some more lines; may be empty.
        severity: how loud.
        dedupe_key: notices of one key within the cooldown are sent once; empty: always sent.
        facts: names and values to show as a table, in order.
    """

    kind: str
    title: str
    text: str = ""
    severity: NoticeSeverity = NoticeSeverity.INFO
    dedupe_key: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventFact:
    """One committed event of the journal; `body` holds its fields, money as Decimal text."""

    seq: int
    run_id: str
    ts: int
    kind: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ticker:
    """What an exchange says of one of its markets at one time; NaN is not said.

    Attributes:
        symbol: `BASE/QUOTE`, `BASE/QUOTE:SETTLE` or a ticker.
        ts: UTC ms at which the 24 h of the volume end; None if the exchange does not say.
        bid: best price of a buyer.
        ask: best price of a seller.
        last: latest price.
        quote_volume: traded in 24 h, in quote currency.
        depth: quote currency in the book within 1 % of the middle, on the thinner side.
        active: whether it is traded now.
        listed_ts: UTC ms from which on it is traded; None if the exchange does not say.
    """

    symbol: str
    ts: int | None = None
    bid: float = math.nan
    ask: float = math.nan
    last: float = math.nan
    quote_volume: float = math.nan
    depth: float = math.nan
    active: bool = True
    listed_ts: int | None = None
