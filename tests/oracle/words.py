"""What the oracle knows of a world: plain objects, nothing shared with the kernel.

The oracle is a second, slow reading of the fill rules and of the policy. It takes signals as the
language gives them and never looks at the kernel, so that a slip in one is not copied by the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

LONG, SHORT = 1, -1
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Candle:
    """One closed bar of an instrument; times in ms, NaN volume is unknown."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    @property
    def trades(self) -> bool:
        """Whether anything can fill in it: known zero volume cannot, unknown volume can."""
        return self.volume != 0.0


@dataclass(frozen=True)
class Event:
    """What a company does to its shares before an open: new for old, cash a share held before."""

    split: float = 1.0
    dividend: float = 0.0


@dataclass(frozen=True)
class Signal:
    """What a strategy says at one close; bits as in `lang.signals`, the rest may be NaN.

    `size` is the fraction of equity to hold or to risk, `barred` the rule that bars entries.
    """

    bits: int
    strength: float
    per: float
    stop: float
    trail: float
    limit: float
    close: float
    size: float
    barred: str | None = None

    def first(self, shift: int) -> int | None:
        """Return the first true rule of a group of eight, None if none is."""
        group = self.bits >> shift & 0xFF
        return next((k for k in range(8) if group & 1 << k), None)


@dataclass(frozen=True)
class Gate:
    """Conditions of one exit rule on the own position."""

    min_r: float = -math.inf
    max_r: float = math.inf
    min_bars: int = 0
    gated: bool = False


@dataclass(frozen=True)
class Rules:
    """One strategy: collars as fractions, None is what it does not have.

    `limit_bars` has, by side, the bars that entry rule k rests, 0 for a market entry. `gates` has,
    by side, the gate of exit rule k.
    """

    name: str
    rank: int
    by_risk: bool
    collar: float
    has_stop: bool
    trail_after_r: float | None = None
    breakeven_after_r: float | None = None
    rungs: tuple[tuple[float, float], ...] = ()
    adds: tuple[tuple[float, float], ...] = ()
    max_bars: int = 0
    cooldown_bars: int = 0
    limit_bars: dict[int, tuple[int, ...]] = field(default_factory=dict)
    gates: dict[int, tuple[Gate, ...]] = field(default_factory=dict)


@dataclass(eq=False)
class Market:
    """An instrument: its grid and fees as floats, its bars by close time, its last close.

    `tier` is the one it is in now, `tiers` the one from a decision time on, `events` what happens
    to its shares at the open of the bar that closes then.
    """

    symbol: str
    tf_ms: int
    bars: dict[int, Candle]
    tick: float = 0.0
    lot: float = 0.0
    min_notional: float = 0.0
    maker: float = 0.0
    taker: float = 0.0
    cluster: str = ""
    tier: str = ""
    shortable: bool = False
    fee_in_base: bool = False
    sessions: bool = False
    tiers: dict[int, str] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    last_close: float = math.nan
    last_loss_close: int | None = None
    dust: float = 0.0


@dataclass(eq=False)
class Order:
    """A granted entry or add; `worst` is the price that its reservation is made at.

    Exactly one of `collar` (a market order for one open) and `limit` is set.
    """

    slot: Slot
    side: int
    qty: float
    worst: float
    decided: int
    number: int
    distance: float
    strength: float
    is_add: bool
    hold_ms: int
    collar: float | None = None
    limit: float | None = None
    bars_left: int = 1


@dataclass
class Rung:
    """One step of a ladder, at `at_r` times R from the entry."""

    at_r: float
    price: float
    fraction: float
    takes_rest: bool
    done: bool = False
    filled: float = 0.0
    taken: dict[int, float] = field(default_factory=dict)


@dataclass
class Position:
    """From the first fill to flat; `hold_ms` is the limit of the tier it was granted in."""

    side: int
    qty: float
    entry: float
    r: float
    first_qty: float
    entry_ts: int
    entry_bar: int
    extreme: float
    strength: float
    hold_ms: int
    stop: float | None
    stop_reason: str = "stop"
    entered: float = 0.0
    entry_notional: float = 0.0
    exited: float = 0.0
    exit_notional: float = 0.0
    fees: float = 0.0
    cash_flow: float = 0.0
    armed: bool = False
    targets_from: int = 0
    rungs: list[Rung] = field(default_factory=list)
    next_add: int = 0
    leaving: str | None = None


@dataclass(eq=False)
class Slot:
    """One strategy on one instrument; `closes` are the closes of its own bars, ascending."""

    rules: Rules
    market: Market
    signals: dict[int, Signal]
    closes: list[int]
    position: Position | None = None
    pending: Order | None = None
    last_exit_bar: int | None = None


@dataclass(frozen=True)
class Limits:
    """The policy; percentages as fractions."""

    daily_stop: float
    max_drawdown: float
    max_position: float
    max_gross: float
    max_net: float
    max_cluster: float
    max_tier: dict[str, float]
    cap_multiple: float
    cap_min: float
    cap_max: float
    max_open: int
    max_day: int
    max_hour: int
    loss_cooldown_ms: int


@dataclass(frozen=True)
class World:
    """Everything that decides a result; `times` are the decision times, ascending.

    `holds` is how many ms a position may be held, by the tier in which it was granted.
    """

    markets: list[Market]
    slots: list[Slot]
    limits: Limits
    cash: float
    slippage: float
    volume_share: float
    times: list[int]
    holds: dict[str, int] = field(default_factory=dict)


def step_up(price: float, step: float) -> float:
    """Return the next price on the grid at or above; what is on the grid stays there."""
    if step == 0.0:
        return price
    n = price / step
    near = round(n)
    steps = near if abs(n - near) <= max(1e-9, 1e-14 * abs(n)) else math.ceil(n)
    return on_grid(steps, step)


def step_down(price: float, step: float) -> float:
    """Return the next price on the grid at or below; what is on the grid stays there."""
    return -step_up(-price, step)


def against(price: float, step: float, direction: int) -> float:
    """Round a price to the grid against a buyer (direction 1) or a seller (-1)."""
    return step_up(price, step) if direction > 0 else step_down(price, step)


def whole_lots(qty: float, lot: float) -> float:
    """Return the quantity on the lot's grid, rounded down."""
    if lot == 0.0:
        return qty
    n = qty / lot
    return on_grid(math.floor(n + max(1e-9, 1e-14 * abs(n))), lot)


def on_grid(steps: int, step: float) -> float:
    """Return so many steps as the float nearest to the decimal number that they make."""
    return float(steps * Decimal(repr(step)))
