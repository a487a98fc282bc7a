"""Run a simulation again, one step at a time, and keep what the kernel saw at chosen moments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from paperbot_core.kernel import records as rec
from paperbot_core.kernel.desk import Desk
from paperbot_core.kernel.inputs import Inputs
from paperbot_core.kernel.plain import PlainKernel, PlainRun
from paperbot_core.plugins_review import RiskReview

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """One proposal and the policy's answer: copies of the records as they were.

    `wished` is the quantity asked for, `rule` the one that refused (0: granted), `order` the slot
    with its order fields, `facts` a FACT row for each rule, `check` what a risk check said.
    """

    slot: int
    now: int
    wished: float
    rule: int
    order: Row
    account: Row
    facts: tuple[Row, ...]
    check: str


@dataclass(frozen=True, slots=True)
class Tape:
    """One leg with the decision time of the step that wrote it."""

    now: int
    leg: Row


@dataclass(frozen=True, slots=True)
class Moment:
    """The records around one watched step: slots before it, everything after it."""

    now: int
    before: tuple[Row, ...]
    after: tuple[Row, ...]
    boxes: tuple[Row, ...]
    markets: tuple[Row, ...]
    account: Row


@dataclass(slots=True)
class Rerun:
    """A finished second run: all legs and trades, and the watched moments by step number."""

    legs: list[Tape] = field(default_factory=list)
    trades: list[Row] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    moments: dict[int, Moment] = field(default_factory=dict)


def rerun(
    desk: Desk, inputs: Inputs, watched: Collection[int],
    make_review: Callable[[PlainKernel], RiskReview] | None = None,
    after_step: Callable[[int, PlainKernel], None] | None = None,
) -> Rerun:  # fmt: skip
    """Run `inputs` in the plain kernel and watch the steps with the given numbers.

    The results are those of every other driver: the loop is the same, returning after each step.
    `make_review` gives the risk checks of plugins, if the run has any; `after_step` sees the
    number and the records of each step, and may change them as a person may between two.
    """
    found = Rerun()
    watched = frozenset(watched)
    now = 0

    def witness(s: int, wished: float, rule: int) -> None:
        if step in watched:
            found.judged.append(_judged(k, now, s, wished, rule, reasons))

    k = PlainKernel(desk, witness=witness)
    reasons: Mapping[int, str] = {}
    if make_review is not None:
        k.review = review = make_review(k)
        reasons = review.reasons
    run, step = PlainRun(k, inputs), 0
    times: list[int] = inputs.times.tolist()
    while step < run.steps:
        now = times[step]
        before = _rows(rec.SLOT, k.slots) if step in watched else ()
        ahead = run.advance(step, one=True)
        found.legs += [Tape(now, rec.as_row(rec.LEG, x)) for x in k.legs[: k.account.legs]]
        found.trades += [rec.as_row(rec.TRADE, x) for x in k.trades[: k.account.trades]]
        k.account.legs = k.account.trades = 0
        if step in watched:
            found.moments[step] = Moment(
                now, before, _rows(rec.SLOT, k.slots), _rows(rec.BOX, k.boxes),
                _rows(rec.MARKET, k.markets), rec.as_row(rec.ACCOUNT, k.account),
            )  # fmt: skip
        if after_step is not None:
            after_step(step, k)
        step = ahead
    return found


def _rows(fields: rec.Fields, records: list[Any]) -> tuple[Row, ...]:
    return tuple(rec.as_row(fields, record) for record in records)


def _judged(
    k: PlainKernel, now: int, s: int, wished: float, rule: int, reasons: Mapping[int, str]
) -> Judged:
    return Judged(
        s, now, wished, rule, rec.as_row(rec.SLOT, k.slots[s]), rec.as_row(rec.ACCOUNT, k.account),
        _rows(rec.FACT, k.facts), reasons.get(s, ""),
    )  # fmt: skip
