"""What a person may do to an account: halt, resume, move the day's anchor. Recorded, always."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paperbot_core.domain.events import (
    AnchorMoved,
    Event,
    Halted,
    Resumed,
    TradingStateChanged,
)
from paperbot_core.domain.market import DAY_MS
from paperbot_core.domain.words import Rule, TradingState
from paperbot_core.kernel.words import HALT_MANUAL
from paperbot_core.ledger.records import Act, Request
from paperbot_core.trade.amounts import amount
from paperbot_core.trade.checkpoint import Books
from paperbot_core.trade.outcome import trading_state


def apply_acts(
    account: Any, books: Books, requests: Iterable[Request], now: int
) -> list[Event]:
    """Change an account record as asked and return the events that say so.

    Args:
        account: the kernel's account record; changed.
        books: knows the last recorded trading state; changed.
        requests: oldest first.
        now: the account's last decision time, UTC ms.
    """
    found: list[Event] = []
    for request in requests:
        rule = Rule.NONE
        if request.act is Act.HALT:
            account.halt, account.halted_ts = HALT_MANUAL, now
            rule = Rule.MANUAL_HALT
            found.append(Halted(now, request.reason))
        elif request.act is Act.RESUME:
            account.halt = 0
            # The fall that halted the account is accepted: the next one counts from here.
            account.peak = account.equity
            found.append(Resumed(now, request.reason))
        else:
            account.anchor = account.equity
            day = max(account.anchor_day, 0) * DAY_MS
            found.append(AnchorMoved(now, day, amount(account.equity), "moved by hand"))
        state: TradingState = trading_state(account, now)
        if state.name != books.state:
            books.state = state.name
            reason = request.reason or request.act.value
            found.append(TradingStateChanged(now, state, rule, reason, amount(account.equity)))
    return found
