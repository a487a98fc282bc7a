"""The loop over a history: load the bars and signals of each decision time, then step.

Bars are stored by instrument, signals by slot, each in rows of its own timeframe and all rows of
one kind end to end: row `r` of instrument `j` is `opens[j * bar_width + r]`. Plain runs pass lists,
compiled runs arrays; a one-dimensional index is the same text on both, and free of views on the
latter.
"""

from __future__ import annotations

from paperbot_core.features.compiling import lean
from paperbot_core.kernel.authorise import Review, Witness
from paperbot_core.kernel.mark import mark
from paperbot_core.kernel.propose import idle
from paperbot_core.kernel.records import Account, Box, Limits, Market, Table
from paperbot_core.kernel.step import step

#: Signal columns of a slot, in this order: strength, per, stop, trail, limit, size, barred.
SIGNAL_COLUMNS = 7


@lean
def load_bar(
    m: Market, at: int, now: int, opens: Table, highs: Table, lows: Table, closes: Table,
    volumes: Table,
) -> None:
    """Make the bar at index `at` the current one of `m`."""
    m.present = 1
    m.ts = now - m.tf_ms
    m.open, m.high, m.low = opens[at], highs[at], lows[at]
    m.last, m.volume = closes[at], volumes[at]


@lean
def load_event(m: Market, split: float, dividend: float) -> None:
    """Make a split or dividend, if there is one, the event before the current bar of `m`."""
    m.split, m.dividend = split, dividend
    m.event = 1 if split != 1.0 or dividend != 0.0 else 0
    if m.event:
        m.dust *= split


@lean
def pick(values: Table, width: int, column: int, constant: float, row: int) -> float:
    """Return the value of a signal column at `row`, or its constant where it has no column."""
    if column < 0:
        return constant
    return float(values[column * width + row])


@lean
def load_box(
    box: Box, s: int, row: int, columns: Table, constants: Table, values: Table, width: int
) -> None:
    """Fill in the numbers that go with the signals of slot `s` at its closing bar `row`."""
    at = s * SIGNAL_COLUMNS
    box.strength = pick(values, width, columns[at], constants[at], row)
    box.per = pick(values, width, columns[at + 1], constants[at + 1], row)
    box.stop = pick(values, width, columns[at + 2], constants[at + 2], row)
    box.trail = pick(values, width, columns[at + 3], constants[at + 3], row)
    box.limit = pick(values, width, columns[at + 4], constants[at + 4], row)
    box.size = pick(values, width, columns[at + 5], constants[at + 5], row)
    box.barred = int(pick(values, width, columns[at + 6], constants[at + 6], row))


@lean
def drive(
    first: int, steps: int, quiet: bool, bar_width: int, signal_width: int, times: Table,
    bar_rows: Table, slot_rows: Table, opens: Table, highs: Table, lows: Table, closes: Table,
    volumes: Table, bits: Table,
    columns: Table, constants: Table, values: Table, tier_steps: Table, splits: Table,
    dividends: Table, a: Account, p: Limits, markets: Table, specs: Table, slots: Table,
    boxes: Table, clusters: Table, tiers: Table, active: Table, queue: Table, facts: Table,
    legs: Table, trades: Table, refused: Table, shrunk: Table, equity: Table, cash: Table,
    gross: Table, legs_full: int, trades_full: int, review: Review, witness: Witness,
) -> int:
    """Run the steps `first` .. `steps` - 1 and return the number of the next one.

    Returns early, to be called again, when the tapes are nearly full. `bar_rows` and `slot_rows`
    are empty where every instrument has a bar at every step. `quiet` skips what `idle` excuses;
    the result is the same without it. `cash` and `gross` stay empty where nobody asks for them,
    `tier_steps`, `splits` and `dividends` where nothing of the kind happens.
    """
    dense = len(bar_rows) == 0
    moving = len(tier_steps) > 0
    eventful = len(splits) > 0
    whole_curve = len(cash) > 0
    for i in range(first, steps):
        now = times[i]
        for j in range(len(markets)):
            row = i if dense else bar_rows[j * steps + i]
            if row >= 0:
                at = j * bar_width + row
                load_bar(markets[j], at, now, opens, highs, lows, closes, volumes)
                if eventful:
                    load_event(markets[j], splits[at], dividends[at])
            else:
                markets[j].present = 0
                markets[j].event = 0
            if moving:
                markets[j].tier = tier_steps[j * steps + i]
        count = 0
        for s in range(len(slots)):
            box = boxes[s]
            row = i if dense else slot_rows[s * steps + i]
            box.row = row
            box.bits = bits[s * signal_width + row] if row >= 0 else 0
            if quiet and idle(now, slots[s], box, markets[specs[s].market]):
                continue
            if row >= 0:
                load_box(box, s, row, columns, constants, values, signal_width)
            active[count] = s
            count += 1
        if count == 0:
            mark(now, a, p, markets, specs, slots)
        else:
            step(now, a, p, markets, specs, slots, boxes, clusters, tiers, active, count, queue,
                 facts, legs, trades, refused, shrunk, review, witness)
        equity[i] = a.equity
        if whole_curve:
            cash[i], gross[i] = a.cash, a.gross
        if a.legs >= legs_full or a.trades >= trades_full:
            return i + 1
    return steps
