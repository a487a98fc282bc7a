"""The closed vocabularies: modes, sides, states, reasons. Values are what users read."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Mode(StrEnum):
    """What happens to an approved order: logged, simulated, or sent."""

    DRY_RUN = "DRY_RUN"
    PAPER = "PAPER"
    LIVE = "LIVE"

    @property
    def rank(self) -> int:
        """Order of power: a policy or a flag may lower the mode, never raise it."""
        return list(Mode).index(self)


class Side(IntEnum):
    """Direction of a position; the value is the sign of its quantity."""

    SHORT = -1
    LONG = 1


class TradingState(IntEnum):
    """What the account may do: everything, only exits until midnight, only exits until `resume`."""

    ACTIVE = 0
    REDUCING = 1
    HALTED = 2


class ExitReason(IntEnum):
    """Why a position, or a part of it, was closed. Lower-case names are what users read."""

    NONE = 0
    SIGNAL = 1
    STOP = 2
    TRAIL = 3
    BREAKEVEN = 4
    TARGET = 5
    TIME = 6
    MANUAL = 7
    FLATTEN = 8
    LIQUIDATION = 9


class Rule(IntEnum):
    """Everything that can refuse, shrink or void an entry. Names are the rule ids users read.

    The order is the order in which the policy looks: first whether the instrument may be entered
    at all now, then what else refuses outright, then what shrinks, then what the quantity left
    must satisfy, last what can still void a granted order.
    """

    NONE = 0
    MAX_STALE_BARS = 1
    NOT_IN_UNIVERSE = 2
    REGIME = 3
    MODE_NOT_CHOSEN = 4
    NOT_FINITE = 5
    MANUAL_HALT = 6
    MAX_DRAWDOWN_PCT = 7
    DAILY_STOP_LOSS_PCT = 8
    SHORT_NOT_ALLOWED = 9
    OPPOSITE_SLOT_OPEN = 10
    MAX_OPEN_POSITIONS = 11
    MAX_TRADES_PER_DAY = 12
    MAX_TRADES_PER_HOUR = 13
    COOLDOWN_AFTER_LOSS_MIN = 14
    MAX_POSITION_SIZE_PCT = 15
    POSITION_CAP = 16
    MAX_GROSS_PCT = 17
    MAX_NET_PCT = 18
    MAX_CLUSTER_PCT = 19
    MAX_TIER_PCT = 20
    CASH = 21
    RISK_CHECK = 22
    LOT = 23
    MIN_NOTIONAL = 24
    COLLAR_MISSED = 25
    BAR_ABSENT = 26
    VOLUME_ZERO = 27
    LIMIT_EXPIRED = 28
    SIGNAL_WITHDRAWN = 29
