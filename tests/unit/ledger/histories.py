"""Coherent histories for journal tests: bars, verdicts, orders and fills that fit each other."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from paperbot_core.domain.events import (
    Action,
    AnchorMoved,
    DividendPaid,
    EquityMarked,
    Event,
    FillBooked,
    Liquidity,
    OrderKind,
    OrderPlaced,
    OrderReleased,
    ProposalMade,
    RunStarted,
    RunStopped,
    SharesSplit,
    SignalRaised,
    TradingStateChanged,
    VerdictGiven,
    VerdictRow,
    client_id,
)
from paperbot_core.domain.market import HOUR_MS, Bar
from paperbot_core.domain.words import ExitReason, Mode, Rule, Side, TradingState
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.records import Checkpoint

ACCOUNT = "paper-sandbox"
SYMBOLS = ("BTC/USDT", "ETH/USDT")


@dataclass
class Step:
    """One commit."""

    ts: int
    bars: list[Bar] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def run_started(ts: int = 0, run_id: str = "run-1") -> RunStarted:
    return RunStarted(
        ts, run_id, Mode.PAPER, ("sma_cross",), 7, "ab" * 32, (("policy.yaml", "version: 1\n"),),
        (("sandbox", "0.1.0"),), (("pid", "1"), ("python", "3.11")),
    )  # fmt: skip


def a_bar(symbol: str = SYMBOLS[0], ts: int = 0, close: float = 100.5) -> Bar:
    return Bar(symbol, ts, HOUR_MS, 100.0, 101.0, 99.0, close, float("nan"))


def a_fill(
    ts: int = HOUR_MS, *, opens: bool = True, side: Side = Side.LONG, quantity: str = "0.5",
    price: str = "100", flat: bool = False, fill_id: str = "f1", fee: str = "0.05",
    fee_asset: str = "quote", fee_quote: str | None = None, symbol: str = SYMBOLS[0],
    order: str = "c1",
) -> FillBooked:  # fmt: skip
    buys = opens == (side is Side.LONG)
    return FillBooked(
        ts=ts, fill_id=fill_id, client_id=order, strategy="sma_cross", symbol=symbol, side=side,
        kind=OrderKind.ENTRY if opens else OrderKind.EXIT,
        action=Action.BUY if buys else Action.SELL,
        quantity=Decimal(quantity), price=Decimal(price), reference_price=Decimal(price),
        fee=Decimal(fee), fee_asset=fee_asset, fee_quote=Decimal(fee_quote or fee),
        liquidity=Liquidity.TAKER, exit_reason=ExitReason.NONE if opens else ExitReason.STOP,
        bar_ts=ts - HOUR_MS, leg=0, flat=flat, r_multiple=-1.0 if flat else None,
        bars_held=3 if flat else None,
    )  # fmt: skip


def an_order(
    ts: int = 0, order: str = "c1", *, quantity: str = "0.5", symbol: str = SYMBOLS[0]
) -> OrderPlaced:
    return OrderPlaced(
        ts, order, "sma_cross", symbol, Side.LONG, OrderKind.ENTRY, Action.BUY, Decimal(quantity),
        Decimal("100.5"), ExitReason.NONE, "fast above slow",
    )  # fmt: skip


class _Market:
    """Makes steps from a seed; keeps what is open so that every fill fits."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._open: dict[str, tuple[Side, Decimal]] = {}
        self._fills = 0

    def step(self, ts: int) -> Step:
        step = Step(ts)
        for symbol in SYMBOLS:
            price = Decimal(self._rng.randint(1, 10**9)) / 10**4
            step.bars.append(
                Bar(symbol, ts - HOUR_MS, HOUR_MS, float(price), float(price) * 1.01,
                    float(price) * 0.99, float(price), self._rng.choice([float("nan"), 0.0, 12.5]))
            )  # fmt: skip
            if symbol in self._open:
                self._close(step, symbol, price)
            elif self._rng.random() < 0.5:
                self._enter(step, symbol, price)
        equity = Decimal(self._rng.randint(10**6, 10**8)) / 100
        step.events.append(EquityMarked(ts, equity, equity, Decimal(0), self._rng.random()))
        if self._rng.random() < 0.1:
            step.events.append(AnchorMoved(ts, ts, equity, "midnight"))
            step.events.append(
                TradingStateChanged(ts, TradingState.REDUCING, Rule.DAILY_STOP_LOSS_PCT, "", equity)
            )
        return step

    def _enter(self, step: Step, symbol: str, price: Decimal) -> None:
        side = self._rng.choice(list(Side))
        quantity = Decimal(self._rng.randint(1, 10**7)) / 10**5
        order = client_id(ACCOUNT, "sma_cross", symbol, step.ts, "entry")
        action = Action.BUY if side is Side.LONG else Action.SELL
        approved = self._rng.random() < 0.8
        rule = Rule.NONE if approved else Rule.MAX_GROSS_PCT
        row = VerdictRow(Rule.MAX_GROSS_PCT, 50.0, float("nan"), float(quantity), float(quantity))
        allowed = quantity if approved else Decimal(0)
        kind = OrderKind.ENTRY
        step.events += [
            SignalRaised(step.ts, "sma_cross", symbol, side, kind, 0.5, "crossed ↑"),
            ProposalMade(step.ts, order, "sma_cross", symbol, side, kind, 2.5, quantity, price,
                         0.5, "crossed"),
            VerdictGiven(step.ts, order, "sma_cross", symbol, approved, rule, quantity, allowed,
                         "", (row,)),
        ]  # fmt: skip
        if not approved:
            return
        step.events.append(
            OrderPlaced(step.ts, order, "sma_cross", symbol, side, kind, action, quantity, price,
                        ExitReason.NONE, "")
        )  # fmt: skip
        if self._rng.random() < 0.2:
            step.events.append(OrderReleased(step.ts, order, Rule.COLLAR_MISSED, quantity))
            return
        self._book(step, symbol, side, True, quantity, price, order, False)
        self._open[symbol] = (side, quantity)

    def _settle(self, step: Step, symbol: str) -> None:
        """Pay for what is held, then exchange it, three for two."""
        side, held = self._open[symbol]
        bar_ts, signed = step.ts - HOUR_MS, int(side) * held
        ratio = Decimal("1.5")
        self._open[symbol] = (side, held * ratio)
        step.events += [
            DividendPaid(step.ts, "sma_cross", symbol, bar_ts, Decimal("0.3"), signed,
                         signed * Decimal("0.3")),
            SharesSplit(step.ts, "sma_cross", symbol, bar_ts, ratio, signed * ratio,
                        Decimal(0), None),
        ]  # fmt: skip

    def _close(self, step: Step, symbol: str, price: Decimal) -> None:
        if self._rng.random() < 0.2:
            self._settle(step, symbol)
        side, held = self._open.pop(symbol)
        part = (held / 2).quantize(Decimal("0.00001"))
        order = client_id(ACCOUNT, "sma_cross", symbol, step.ts, "exit")
        if self._rng.random() < 0.4 and 0 < part < held:
            self._book(step, symbol, side, False, part, price, order, False)
            self._open[symbol] = (side, held - part)
        else:
            self._book(step, symbol, side, False, held, price, order, True)

    def _book(
        self, step: Step, symbol: str, side: Side, opens: bool, quantity: Decimal, price: Decimal,
        order: str, flat: bool,
    ) -> None:  # fmt: skip
        self._fills += 1
        step.events.append(
            a_fill(step.ts, opens=opens, side=side, quantity=str(quantity), price=str(price),
                   flat=flat, fill_id=f"f{self._fills}", symbol=symbol, order=order)
        )  # fmt: skip


def make_steps(seed: int, count: int) -> list[Step]:
    """Return `count` commits whose events fit each other; the same seed gives the same ones."""
    market = _Market(seed)
    return [market.step((n + 1) * HOUR_MS) for n in range(count)]


def write(path: Path, steps: list[Step], run_id: str = "run-1", clock_start: int = 1_000) -> None:
    """Write steps as one session: started, each step a commit, stopped."""
    ticks = iter(range(clock_start, clock_start + 10**9))
    with Journal.open(path, account=ACCOUNT, run_id=run_id, clock=lambda: next(ticks)) as journal:
        journal.commit([run_started(steps[0].ts, run_id)])
        for step in steps:
            state = Checkpoint("kernel", f'{{"ts":{step.ts}}}')
            journal.commit(step.events, bars=step.bars, checkpoint=state)
        journal.commit([RunStopped(steps[-1].ts, "end of data")])
