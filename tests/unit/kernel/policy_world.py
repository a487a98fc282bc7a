"""A small stage for the policy: an account, two markets and a few slots, record by record."""

from __future__ import annotations

import math
from typing import Any

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.domain.words import Rule
from paperbot_core.kernel import authorise as policy
from paperbot_core.kernel import records as rec
from paperbot_core.kernel import words as w
from paperbot_core.kernel.plain import no_review

NOON = 20_000 * DAY_MS + 12 * HOUR_MS
#: Limits that nothing reaches.
WIDE: dict[str, Any] = {
    "daily_stop": 1.0, "max_drawdown": 1.0, "max_position": 1e3, "max_gross": 1e3, "max_net": 1e3,
    "max_cluster": 1e3, "cap_multiple": 1e3, "cap_max": 1e12, "max_open": 99, "max_day": 99,
    "max_hour": 99,
}  # fmt: skip
#: An account at noon: 100 of 1,000 lost since the peak, 50 of 950 since midnight.
ACCOUNT: dict[str, Any] = {
    "cash": 900.0, "equity": 900.0, "peak": 1_000.0, "anchor": 950.0, "available": 900.0,
    "count_day": NOON // DAY_MS, "count_hour": NOON // HOUR_MS,
}  # fmt: skip
#: A market that trades at 10, bought with a collar of 1, at a fee of 1 %.
MARKET: dict[str, Any] = {"last": 10.0, "lot_d": 1.0, "tick_d": 1.0, "taker": 0.01, "shortable": 1,
                          "loss_ts": -w.NEVER}  # fmt: skip
WISH: dict[str, Any] = {
    "order_side": 1, "order_qty": 5.0, "order_price": 11.0, "order_cap": 11.0, "order_stop": 2.0,
    "strength": 1.0,
}  # fmt: skip


class Stage:
    """One account, one or two markets, and the slots of a test."""

    def __init__(
        self, *slots: dict[str, Any], account: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None, market: dict[str, Any] | None = None,
        has_stop: int = 1,
    ) -> None:
        self.account: Any = rec.AccountObject(ACCOUNT | (account or {}))
        self.limits: Any = rec.LimitsObject(WIDE | (limits or {}))
        one = MARKET | (market or {})
        self.markets: list[Any] = [
            rec.MarketObject(one | {"cluster": 1, "tier": 0}),
            rec.MarketObject(one | {"last": 20.0, "cluster": 0, "tier": 1}),
        ]
        self.specs: list[Any] = [
            rec.SpecObject({"market": row.get("market", 0), "has_stop": has_stop}) for row in slots
        ]
        self.slots: list[Any] = [
            rec.SlotObject({k: v for k, v in row.items() if k != "market"}) for row in slots
        ]
        self.clusters = [0.0, 0.0]
        self.tiers: list[Any] = [rec.TierObject({"limit": math.inf}) for _ in range(2)]
        self.facts: list[Any] = [rec.FactObject() for _ in range(w.RULES)]
        self.refused, self.shrunk = [0] * w.RULES, [0] * w.RULES
        self.told: list[tuple[int, float, int]] = []

    def survey(self) -> None:
        policy.survey(
            self.account, self.markets, self.specs, self.slots, self.clusters, self.tiers
        )

    def ask(self, *queue: int, now: int = NOON, review: policy.Review = no_review) -> list[Rule]:
        """Put the slots of `queue` to the policy; return the rules that refused them."""
        self.told = []
        policy.authorise(
            now, self.account, self.limits, self.markets, self.specs, self.slots, self.clusters,
            self.tiers, list(queue), len(queue), self.facts, self.refused, self.shrunk, review,
            lambda s, wished, rule: self.told.append((s, wished, rule)),
        )  # fmt: skip
        return [Rule(rule) for _, _, rule in self.told]

    def fact(self, rule: Rule) -> tuple[Any, ...]:
        """Return answer, limit and observed."""
        found = self.facts[rule]
        return found.answer, found.limit, found.observed
