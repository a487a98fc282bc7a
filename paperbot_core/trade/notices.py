"""Which events are worth telling a person, and in which words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal

from paperbot_core.api import Notice, NoticeSeverity
from paperbot_core.domain.events import (
    ConditionChanged,
    DividendPaid,
    Event,
    FillBooked,
    OrderKind,
    ProposalMade,
    SharesSplit,
    TradingStateChanged,
    VerdictGiven,
)
from paperbot_core.domain.market import DAY_MS
from paperbot_core.domain.words import ExitReason, Mode, Rule, TradingState
from paperbot_core.trade.outcome import Mark

#: Changes of the universe that one notice lists.
_LINES_MAX = 20
#: Symbols that one line lists.
_NAMES_MAX = 4
#: Digits of a quantity or a price: more are noise of division, as in 63.57912619321461.
_DIGITS = Context(prec=8)

_STANDING = frozenset(
    {Rule.MAX_STALE_BARS, Rule.NOT_IN_UNIVERSE, Rule.REGIME, Rule.MODE_NOT_CHOSEN}
)
_SEVERITY = {
    TradingState.ACTIVE: NoticeSeverity.INFO,
    TradingState.REDUCING: NoticeSeverity.WARNING,
    TradingState.HALTED: NoticeSeverity.CRITICAL,
}


def started(mode: Mode, strategies: Sequence[str], symbols: Sequence[str], run_id: str) -> Notice:
    """Return the notice of a session that begins."""
    facts = {"strategies": ", ".join(strategies), "symbols": ", ".join(symbols), "run": run_id}
    return Notice("start", f"{mode} session started", facts=facts)


def stopped(mode: Mode, reason: str, mark: Mark | None) -> Notice:
    """Return the notice of a session that ends on purpose."""
    facts = {} if mark is None else {"equity": f"{mark.equity:.2f}"}
    return Notice("stop", f"{mode} session stopped: {reason}", facts=facts)


def failed(mode: Mode, reason: str) -> Notice:
    """Return the notice of a session that cannot go on; `reason` holds no secret."""
    return Notice("error", f"{mode} session failed", reason, NoticeSeverity.CRITICAL)


def fill_title(fill: FillBooked) -> str:
    """Return one line about a fill: what, how much, at which price, why."""
    why = "" if fill.exit_reason is ExitReason.NONE else f" ({fill.exit_reason.name.lower()})"
    what = fill.kind.value if fill.kind is not OrderKind.EXIT else "exit"
    return (
        f"{what} {fill.action} {_short(fill.quantity)} {fill.symbol} at {_short(fill.price)}{why}, "
        f"{fill.strategy}"
    )


def _short(value: Decimal) -> str:
    return f"{_DIGITS.plus(value).normalize():f}"


def shares_title(event: DividendPaid | SharesSplit) -> str:
    """Return one line about a dividend or a split: what, for how many shares, in which slot."""
    if isinstance(event, DividendPaid):
        verb = "received" if event.amount > 0 else "paid"
        return (
            f"dividend {verb}: {abs(event.amount):f} on {abs(event.quantity):f} {event.symbol}, "
            f"{event.strategy}"
        )
    what = f"{abs(event.quantity):f} shares are held" if event.quantity else "an order rests"
    ratio = event.ratio.normalize()
    return f"{event.symbol} split, {ratio:f} for 1: {what} now, {event.strategy}"


def notices_of(events: Sequence[Event], mode: Mode) -> list[Notice]:
    """Return the notices that the events of one commit cause."""
    found: list[Notice] = [*_conditions(events)]
    for event in events:
        if isinstance(event, FillBooked):
            found.append(Notice("fill", fill_title(event), facts={"fee": f"{event.fee_quote:f}"}))
        elif isinstance(event, DividendPaid | SharesSplit):
            kind = "dividend" if isinstance(event, DividendPaid) else "split"
            found.append(Notice(kind, shares_title(event)))
        elif isinstance(event, VerdictGiven) and not event.approved and is_news(event):
            key = f"refusal:{event.strategy}:{event.symbol}:{event.rule.name}"
            found.append(Notice(
                "refusal", f"{event.strategy} may not enter {event.symbol}", event.reason,
                NoticeSeverity.INFO, key,
            ))  # fmt: skip
        elif isinstance(event, ProposalMade) and mode is Mode.DRY_RUN:
            key = f"proposal:{event.strategy}:{event.symbol}:{event.side.name}"
            found.append(Notice(
                "proposal", f"{event.strategy} would {event.kind} {event.symbol}", event.reason,
                NoticeSeverity.INFO, key,
            ))  # fmt: skip
        elif isinstance(event, TradingStateChanged):
            kind = "halt" if event.state is not TradingState.ACTIVE else "resume"
            title = f"account is {event.state.name.lower()}: {event.reason}"
            found.append(Notice(
                kind, title, "", _SEVERITY[event.state], facts={"equity": f"{event.equity:.2f}"}
            ))  # fmt: skip
    return found


def is_news(verdict: VerdictGiven) -> bool:
    """Return whether a refusal is worth telling by itself.

    What bars a symbol or a tier for as long as it lasts is told when it changes, not at each entry.
    """
    return verdict.rule not in _STANDING


def condition_texts(events: Iterable[Event]) -> list[tuple[ConditionChanged, str]]:
    """Return a line for each change of conditions, with the change it tells.

    Breakers that open or close for the same reason at one time are one line, told with the first.
    """
    changes = [event for event in events if isinstance(event, ConditionChanged)]
    same: dict[tuple[object, ...], list[ConditionChanged]] = {}
    for number, event in enumerate(changes):
        alone = None if event.condition == "data_breaker" else number
        same.setdefault((event.ts, event.state, event.detail, alone), []).append(event)
    return [(group[0], _condition_text(group)) for group in same.values()]


def _condition_text(group: Sequence[ConditionChanged]) -> str:
    event = group[0]
    match event.condition:
        case "regime":
            return f"the market is in regime {event.state} ({event.subject}), {event.detail}"
        case "universe":
            return _membership_text(event)
        case "data_breaker":
            names = [one.subject for one in group]
            rest = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
            bars = " (no entries)" if event.state == "open" else ""
            shown = ", ".join(names[:_NAMES_MAX])
            return f"data breaker {event.state}{bars} for {shown}{rest}: {event.detail}"
        case "mode":
            strategy, _, symbol = event.subject.partition(" ")
            return f"{strategy} is in mode {event.state} on {symbol}: {event.detail}"
        case _:
            return f"a bar of {event.subject} was not believed: {event.detail}"


def _membership_text(event: ConditionChanged) -> str:
    if event.state == "left":
        return f"{event.subject} left the universe, {event.detail}"
    if event.detail == "joined":
        return f"{event.subject} joined tier {event.state}"
    return f"{event.subject} is in tier {event.state}, {event.detail}"


def _conditions(events: Sequence[Event]) -> Iterator[Notice]:
    """Yield a notice for each change of data or regime, and one for all changes of the universe."""
    moved = []
    for event, text in condition_texts(events):
        if event.condition in {"bad_tick", "data_breaker"}:
            key = f"{event.condition}:{event.subject}:{event.state}"
            yield Notice(event.condition, text, "", NoticeSeverity.WARNING, key)
        elif event.condition == "regime":
            severe = NoticeSeverity.WARNING if event.state == "crash" else NoticeSeverity.INFO
            yield Notice("regime", text, "", severe, f"regime:{event.state}")
        elif event.condition == "universe":
            moved.append(text)
    if moved:
        title = f"the universe changed: {len(moved)} symbol{'s' * (len(moved) > 1)}"
        yield Notice("universe", title, "\n".join(moved[:_LINES_MAX]))


def daily_summary(day: int, mark: Mark, anchor: float, open_positions: int) -> Notice:
    """Return the summary of the UTC day that has just ended; `anchor` is its starting equity."""
    from datetime import UTC, datetime

    date = datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date().isoformat()
    change = 100.0 * (mark.equity - anchor) / anchor if anchor > 0.0 else 0.0
    facts = {
        "equity": f"{mark.equity:.2f}", "change": f"{change:+.2f} %",
        "drawdown": f"{mark.drawdown_pct:.2f} %", "open positions": str(open_positions),
    }  # fmt: skip
    return Notice("summary", f"daily summary {date}", facts=facts)
