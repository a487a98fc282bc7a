"""Value the account at the closes of this step and latch the daily stop and the drawdown halt."""

from __future__ import annotations

from paperbot_core.features.compiling import inlined
from paperbot_core.kernel.records import Account, Limits, Table
from paperbot_core.kernel.words import DAY_MS, HALT_DRAWDOWN


@inlined
def value(a: Account, markets: Table, specs: Table, slots: Table) -> None:
    """Set `equity` (cash plus positions and dust at the last closes) and `gross`."""
    equity = a.cash
    gross = 0.0
    for s in range(len(slots)):
        qty = slots[s].qty
        if qty != 0.0:
            worth = qty * markets[specs[s].market].last
            equity += worth
            gross += abs(worth)
    if a.dusty:
        for j in range(len(markets)):
            if markets[j].dust != 0.0:
                equity += markets[j].dust * markets[j].last
    a.equity = equity
    a.gross = gross


@inlined
def judge_day(now: int, a: Account, p: Limits) -> None:
    """Compare with the day's anchor, then move the anchor if this mark begins a new day.

    A close on 00:00 UTC is still judged against the old anchor. A trip lasts until the first
    00:00 UTC after it. One trip an anchor: the midnight that ends a trip is not a second one for
    the same loss, but bars of a day, which close on nothing else, are judged at every close.
    """
    day = now // DAY_MS
    midnight = now % DAY_MS == 0
    if (day == a.anchor_day or midnight) and a.trip_day != a.anchor_day:
        lost = a.anchor - a.equity
        if not lost < p.daily_stop * a.anchor:
            a.reduce_until = (day + 1) * DAY_MS
            a.trip_day = a.anchor_day
            a.trips += 1
    if day != a.anchor_day:
        a.anchor = a.equity
        a.anchor_day = day


@inlined
def mark(now: int, a: Account, p: Limits, markets: Table, specs: Table, slots: Table) -> None:
    """Value, latch, and keep the running sums of exposure; `now` is the decision time."""
    value(a, markets, specs, slots)
    judge_day(now, a, p)
    if a.equity > a.peak:
        a.peak = a.equity
    if a.halt == 0 and not (a.peak - a.equity) < p.max_drawdown * a.peak:
        a.halt = HALT_DRAWDOWN
        a.halted_ts = now
    if a.equity > 0.0:
        a.exposure_sum += a.gross / a.equity
    a.marks += 1
