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

    The order is the order in which the policy looks: first what refuses outright, then what
    shrinks, then what the quantity left must satisfy, last what can still void a granted order.
    """

    NONE = 0
    NOT_FINITE = 1
    MANUAL_HALT = 2
    MAX_DRAWDOWN_PCT = 3
    DAILY_STOP_LOSS_PCT = 4
    SHORT_NOT_ALLOWED = 5
    OPPOSITE_SLOT_OPEN = 6
    MAX_OPEN_POSITIONS = 7
    MAX_TRADES_PER_DAY = 8
    MAX_TRADES_PER_HOUR = 9
    COOLDOWN_AFTER_LOSS_MIN = 10
    MAX_POSITION_SIZE_PCT = 11
    POSITION_CAP = 12
    MAX_GROSS_PCT = 13
    MAX_NET_PCT = 14
    MAX_CLUSTER_PCT = 15
    MAX_TIER_PCT = 16
    CASH = 17
    RISK_CHECK = 18
    LOT = 19
    MIN_NOTIONAL = 20
    COLLAR_MISSED = 21
    BAR_ABSENT = 22
    VOLUME_ZERO = 23
    LIMIT_EXPIRED = 24
    SIGNAL_WITHDRAWN = 25
