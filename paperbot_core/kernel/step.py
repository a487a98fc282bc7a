"""One closed bar, all the way: match, mark, propose, authorise. Every mode runs these lines."""

from __future__ import annotations

from paperbot_core.features.compiling import lean
from paperbot_core.kernel.authorise import Review, Witness, authorise
from paperbot_core.kernel.mark import mark
from paperbot_core.kernel.match import match
from paperbot_core.kernel.propose import propose, rearm
from paperbot_core.kernel.records import Account, Limits, Table


@lean
def decide(
    now: int, a: Account, p: Limits, markets: Table, specs: Table, slots: Table, boxes: Table,
    clusters: Table, tiers: Table, active: Table, count: int, queue: Table, facts: Table,
    legs: Table, refused: Table, shrunk: Table, review: Review, witness: Witness,
) -> None:
    """Value the account at `now`, ask the active slots, and put their wishes to the policy."""
    mark(now, a, p, markets, specs, slots)
    asked = propose(now, a, markets, specs, slots, boxes, tiers, active, count, queue, legs,
                    refused)
    if asked > 0:
        authorise(now, a, p, markets, specs, slots, clusters, tiers, queue, asked, facts, refused,
                  shrunk, review, witness)
    for k in range(count):
        s = active[k]
        rearm(markets[specs[s].market], specs[s], slots[s])


@lean
def step(
    now: int, a: Account, p: Limits, markets: Table, specs: Table, slots: Table, boxes: Table,
    clusters: Table, tiers: Table, active: Table, count: int, queue: Table, facts: Table,
    legs: Table, trades: Table, refused: Table, shrunk: Table, review: Review, witness: Witness,
) -> None:
    """Run one decision time `now` (ms): the markets hold its bars, the boxes its signals.

    `active` lists the `count` slots that `idle` did not excuse, ascending. The exchange's part
    (`match`) comes first: it fills what was decided at earlier closes.
    """
    match(now, a, markets, specs, slots, boxes, active, count, queue, legs, trades, refused)
    decide(now, a, p, markets, specs, slots, boxes, clusters, tiers, active, count, queue, facts,
           legs, refused, shrunk, review, witness)
