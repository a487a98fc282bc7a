"""The oracle: one step after the other, by the words of the specification."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

from tests.oracle.account import Account
from tests.oracle.exchange import Exchange
from tests.oracle.policy import Policy, Wish
from tests.oracle.words import LONG, SHORT, Position, Signal, Slot, World, against

ENTRY_SHIFT = {LONG: 0, SHORT: 8}
EXIT_SHIFT = {LONG: 16, SHORT: 24}


@dataclass(frozen=True)
class Outcome:
    """What a run comes to; trades in the order of their ends, columns as in the contract.

    `met` counts in which states splits and dividends found positions and orders.
    """

    trades: list[dict[str, object]]
    fills: list[tuple[int, str, str, int, float, float]]
    equity: list[float]
    rejections: dict[str, int]
    shrunk: dict[str, int]
    halted_at: int | None
    met: dict[str, int]


def run_oracle(world: World) -> Outcome:
    """Simulate a world."""
    account = Account(world)
    exchange, policy = Exchange(account), Policy(account)
    curve = []
    for now in world.times:
        exchange.trade(now)
        for market in world.markets:
            if now in market.bars:
                market.last_close = market.bars[now].close
            market.tier = market.tiers.get(now, market.tier)
        account.mark(now)
        curve.append(account.equity)
        wishes = []
        for slot in world.slots:
            wish = decide(slot, account, now)
            if wish is not None:
                wishes.append(wish)
        for wish in sorted(wishes, key=service):
            policy.ask(wish, now)
    return Outcome(
        account.trades, account.fills, curve,
        {r: n for r, n in account.rejections.items() if n},
        dict(account.shrunk), account.halted_at, dict(account.met),
    )  # fmt: skip


def service(wish: Wish) -> tuple[int, float, str]:
    """Order wishes: strategy, strength descending (unknown last), symbol."""
    strength = -wish.strength if math.isfinite(wish.strength) else math.inf
    return wish.slot.rules.rank, strength, wish.slot.market.symbol


def decide(slot: Slot, account: Account, now: int) -> Wish | None:
    """Decide for one slot at a close: move stops, order exits, return a wish to enter or add."""
    p = slot.position
    signal = slot.signals.get(now)
    if signal is None:
        return None
    number = bisect_left(slot.closes, now)
    if p is None:
        return _entry(slot, signal, account, number)
    _follow(slot, p, signal)
    if p.leaving is None:
        p.leaving = _exit_reason(slot, p, signal, number, now)
    return None if p.leaving else _add(slot, p, signal)


def _exit_reason(slot: Slot, p: Position, signal: Signal, number: int, now: int) -> str | None:
    """Return why to leave at the next open, None to stay; `number` is that of the bar closed."""
    held = number - p.entry_bar + 1
    r = (signal.close - p.entry) * p.side / p.r if slot.rules.has_stop else math.nan
    for k, gate in enumerate(slot.rules.gates[p.side]):
        if not signal.bits >> EXIT_SHIFT[p.side] + k & 1:
            continue
        if gate.min_bars > held:
            continue
        if (gate.min_r == -math.inf or r >= gate.min_r) and (
            gate.max_r == math.inf or r <= gate.max_r
        ):
            return "signal"
    if slot.rules.max_bars and held >= slot.rules.max_bars:
        return "time"
    if p.hold_ms and now - p.entry_ts >= p.hold_ms:
        return "time"
    return None


def _follow(slot: Slot, p: Position, signal: Signal) -> None:
    """Raise the stop by break-even and trail; both act from the next bar."""
    rules, tick = slot.rules, slot.market.tick
    if p.stop is None:
        return
    gain = (p.extreme - p.entry) * p.side
    levels = []
    if rules.breakeven_after_r is not None and gain >= rules.breakeven_after_r * p.r:
        levels.append((p.entry, "breakeven"))
    if rules.trail_after_r is not None:
        p.armed = p.armed or gain >= rules.trail_after_r * p.r
        if p.armed and math.isfinite(signal.trail) and signal.trail > 0.0:
            levels.append((p.extreme - p.side * signal.trail, "trail"))
    for level, why in levels:
        on_tick = against(level, tick, p.side)
        if (on_tick - p.stop) * p.side > 0.0:
            p.stop, p.stop_reason = on_tick, why


def _entry(slot: Slot, signal: Signal, account: Account, number: int) -> Wish | None:
    rules = slot.rules
    if slot.pending is not None:
        if _blocked(slot, signal, slot.pending.side):
            account.void(slot.pending, "SIGNAL_WITHDRAWN")
        return None
    if slot.last_exit_bar is not None and number < slot.last_exit_bar + rules.cooldown_bars:
        return None
    sides = [side for side in (LONG, SHORT) if signal.first(ENTRY_SHIFT[side]) is not None]
    # Both sides at once contradict each other: neither.
    if len(sides) == 1 and not _blocked(slot, signal, sides[0]):
        side = sides[0]
        k = signal.first(ENTRY_SHIFT[side]) or 0
        bars = rules.limit_bars[side][k]
        size = signal.size * account.equity
        qty = size / (signal.per if rules.by_risk else signal.close)
        return Wish(
            slot, side, qty, signal.close, signal.strength,
            signal.stop if rules.has_stop else math.nan, is_add=False, barred=signal.barred,
            limit=signal.limit if bars else None, limit_bars=max(bars, 1),
        )  # fmt: skip
    return None


def _blocked(slot: Slot, signal: Signal, side: int) -> bool:
    """Tell whether an exit condition of that side is true for a slot without a position."""
    gates = slot.rules.gates[side]
    return any(
        signal.bits >> EXIT_SHIFT[side] + k & 1 and not gate.gated for k, gate in enumerate(gates)
    )


def _add(slot: Slot, p: Position, signal: Signal) -> Wish | None:
    """Return the next pyramid level if it is reached; asked for, it is used up."""
    if p.next_add >= len(slot.rules.adds) or slot.pending is not None:
        return None
    at_r, fraction = slot.rules.adds[p.next_add]
    if (signal.close - (p.entry + p.side * at_r * p.r)) * p.side < 0.0:
        return None
    p.next_add += 1
    qty = fraction * p.first_qty
    return Wish(
        slot, p.side, qty, signal.close, p.strength, p.r, is_add=True, barred=signal.barred
    )
