"""The plain driver: the kernel as ordinary Python on objects, for sessions, hooks, small jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from paperbot_core.domain.market import Bar
from paperbot_core.features.compiling import lean
from paperbot_core.kernel import records as rec
from paperbot_core.kernel.authorise import Review, Witness
from paperbot_core.kernel.desk import Desk
from paperbot_core.kernel.drive import drive
from paperbot_core.kernel.inputs import Inputs, Outputs
from paperbot_core.kernel.mark import mark
from paperbot_core.kernel.propose import idle
from paperbot_core.kernel.step import decide, step
from paperbot_core.kernel.words import DAY_MS, RULES

#: The most legs one slot can write in one step: an exit, a release, an entry, eight rungs, a stop.
LEGS_A_STEP = 12
#: The most round trips one slot can finish in one step: an exit at the open, then an entry stopped.
TRADES_A_STEP = 2


@lean
def no_review(s: int, qty: float, price: float) -> float:
    """Allow what the policy allows: the review of a run without risk-check plugins."""
    return qty


@lean
def no_witness(s: int, wished: float, rule: int) -> None:
    """Watch nothing: the witness of a run that only counts verdicts."""


class PlainKernel:
    """The records of one run as objects, and the step over them."""

    def __init__(
        self, desk: Desk, *, review: Review = no_review, witness: Witness = no_witness,
        capacity: int = 1,
    ) -> None:
        """Build the records; `capacity` is how many steps of output the tapes hold."""
        count = len(desk.specs)
        self.desk = desk
        self.review, self.witness = review, witness
        self.account: rec.Account = rec.AccountObject(desk.account)
        self.limits: rec.Limits = rec.LimitsObject(desk.limits)
        self.markets: list[Any] = [rec.MarketObject(row) for row in desk.markets]
        self.specs: list[Any] = [rec.SpecObject(row) for row in desk.specs]
        self.slots: list[Any] = [rec.SlotObject() for _ in range(count)]
        self.boxes: list[Any] = [rec.BoxObject() for _ in range(count)]
        self.tiers: list[Any] = [rec.TierObject(row) for row in desk.tiers]
        self.clusters = [0.0] * desk.clusters
        self.active, self.queue = [0] * count, [0] * count
        self.facts: list[Any] = [rec.FactObject() for _ in range(RULES)]
        self.legs: list[Any] = [rec.LegObject() for _ in range(count * LEGS_A_STEP * capacity)]
        rounds = count * TRADES_A_STEP * capacity
        self.trades: list[Any] = [rec.TradeObject() for _ in range(rounds)]
        self.refused, self.shrunk = [0] * RULES, [0] * RULES

    def start_day(self, first_open_ts: int) -> None:
        """Anchor the account to the day of the first bar, unless it already has an anchor."""
        if self.account.anchor_day < 0:
            self.account.anchor_day = first_open_ts // DAY_MS

    def load(self, bars: Sequence[Bar | None]) -> None:
        """Set the bar of each market (None: none closes now)."""
        for m, bar in zip(self.markets, bars, strict=True):
            m.present = m.event = 0
            if bar is not None:
                m.present, m.ts = 1, bar.ts
                m.open, m.high, m.low = bar.open, bar.high, bar.low
                m.last, m.volume = bar.close, bar.volume

    def step(self, now: int, *, simulate: bool = True) -> None:
        """Run one decision time over the loaded bars and boxes; `simulate` runs `match` first."""
        self.account.legs = self.account.trades = 0
        count = 0
        for s, slot in enumerate(self.slots):
            if not idle(now, slot, self.boxes[s], self.markets[self.specs[s].market]):
                self.active[count] = s
                count += 1
        if count == 0:
            mark(now, self.account, self.limits, self.markets, self.specs, self.slots)
        elif simulate:
            step(now, self.account, self.limits, self.markets, self.specs, self.slots, self.boxes,
                 self.clusters, self.tiers, self.active, count, self.queue, self.facts, self.legs,
                 self.trades, self.refused, self.shrunk, self.review, self.witness)
        else:
            decide(now, self.account, self.limits, self.markets, self.specs, self.slots, self.boxes,
                   self.clusters, self.tiers, self.active, count, self.queue, self.facts, self.legs,
                   self.refused, self.shrunk, self.review, self.witness)


class PlainRun:
    """A history in lists, and the kernel that goes through it step by step."""

    def __init__(self, kernel: PlainKernel, inputs: Inputs, *, quiet: bool = True) -> None:
        """Lay out the inputs end to end, as `drive` reads them."""
        self.kernel = kernel
        self.steps = len(inputs.times)
        self.curve = [[0.0] * self.steps for _ in range(3)]
        if self.steps:
            kernel.start_day(int(inputs.times[0]) - min(m.tf_ms for m in kernel.markets))
        k = kernel
        self._arguments: list[Any] = [
            quiet, inputs.bars[0].shape[1], inputs.bits.shape[1],
            *(array.reshape(-1).tolist() for array in inputs.arrays),
            k.account, k.limits, k.markets, k.specs, k.slots, k.boxes, k.clusters, k.tiers,
            k.active, k.queue, k.facts, k.legs, k.trades, k.refused, k.shrunk, *self.curve,
        ]

    def advance(self, first: int, *, one: bool = False) -> int:
        """Run from step `first` until the tapes are full, or only `one` step; return the next step.

        The caller empties the tapes: `legs` and `trades` of the account count what is on them.
        """
        k = self.kernel
        slots = len(k.specs)
        full = (len(k.legs) - slots * LEGS_A_STEP, len(k.trades) - slots * TRADES_A_STEP)
        # A tape that counts as full with nothing on it makes the loop return after each step.
        ends = (0, 0) if one else full
        everything = [first, self.steps, *self._arguments, *ends, k.review, k.witness]
        return int(drive(*everything))


def run_plain(
    desk: Desk, inputs: Inputs, *, quiet: bool = True,
    make_review: Callable[[PlainKernel], Review] | None = None, witness: Witness = no_witness,
) -> Outputs:
    """Run a whole history in plain Python; equal to `run_compiled` to the last bit.

    `make_review` is given the kernel, whose records a review may read, before the first step.
    """
    k = PlainKernel(desk, witness=witness, capacity=64)
    if make_review is not None:
        k.review = make_review(k)
    run = PlainRun(k, inputs, quiet=quiet)
    legs, trades = [], []
    first = 0
    while first < run.steps:
        first = run.advance(first)
        legs += [rec.as_row(rec.LEG, leg) for leg in k.legs[: k.account.legs]]
        trades += [rec.as_row(rec.TRADE, trade) for trade in k.trades[: k.account.trades]]
        k.account.legs = k.account.trades = 0
    equity, cash, gross = (np.array(column, np.float64) for column in run.curve)
    return Outputs(
        equity=equity, cash=cash, gross=gross, legs=rec.array(rec.LEG, legs),
        trades=rec.array(rec.TRADE, trades), refused=np.array(k.refused, np.int64),
        shrunk=np.array(k.shrunk, np.int64), account=rec.as_row(rec.ACCOUNT, k.account),
        slots=[rec.as_row(rec.SLOT, s) for s in k.slots],
    )
