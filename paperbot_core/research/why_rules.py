"""The policy's answer to one proposal in the units of policy.yaml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paperbot_core.config.policy import RULE_KEYS, PolicyFile
from paperbot_core.domain.market import Instrument
from paperbot_core.domain.words import Rule
from paperbot_core.kernel import words as w

ANSWERS = {w.PASSED: "passed", w.SHRUNK: "shrunk", w.REFUSED: "refused"}

_FRACTIONS = {Rule.MAX_DRAWDOWN_PCT, Rule.DAILY_STOP_LOSS_PCT}
_OF_EQUITY = {
    Rule.MAX_POSITION_SIZE_PCT, Rule.MAX_GROSS_PCT, Rule.MAX_NET_PCT, Rule.MAX_CLUSTER_PCT,
    Rule.MAX_TIER_PCT,
}  # fmt: skip
_QUOTE = {Rule.POSITION_CAP, Rule.CASH, Rule.MIN_NOTIONAL}
_COUNTS = {Rule.MAX_OPEN_POSITIONS, Rule.MAX_TRADES_PER_DAY, Rule.MAX_TRADES_PER_HOUR}
_BASE = {Rule.LOT, Rule.RISK_CHECK}


def unit_of(rule: Rule) -> str:
    """Return the unit of a rule's limit: `%`, `quote`, `base`, `count`, `min`, or nothing."""
    if rule in _FRACTIONS or rule in _OF_EQUITY:
        return "%"
    if rule in _QUOTE:
        return "quote"
    if rule in _COUNTS:
        return "count"
    if rule in _BASE:
        return "base"
    return "min" if rule is Rule.COOLDOWN_AFTER_LOSS_MIN else ""


def written_limit(rule: Rule, policy: PolicyFile, instrument: Instrument) -> float | None:
    """Return a percent limit as the policy file says it; None where the rule has none."""
    if rule is Rule.MAX_TIER_PCT:
        return policy.risk.max_tier_pct.get(instrument.tier)
    keys = RULE_KEYS.get(rule)
    if keys is None or unit_of(rule) != "%":
        return None
    value: float = getattr(policy.risk, keys[-1])
    return value


def rule_rows(
    facts: tuple[Mapping[str, Any], ...], equity: float, policy: PolicyFile,
    instrument: Instrument, places: Mapping[Rule, str],
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what each rule that was asked saw, in the order in which the policy looks.

    `limit` and `observed` are in `unit` (percent are of equity at the decision), null where there
    is none; `asked` and `allowed` are quantities of the base, only of rules that can shrink.
    """
    rows = []
    for number, fact in enumerate(facts):
        if fact["answer"] == w.NOT_ASKED:
            continue
        rule = Rule(number)
        sized = rule in _OF_EQUITY or rule in {Rule.POSITION_CAP, Rule.CASH, Rule.RISK_CHECK}
        # A cap that refuses for being too small overwrites limit and observed, not the quantities.
        limit, observed = _in_units(rule, fact, equity)
        written = written_limit(rule, policy, instrument)
        rows.append({
            "rule": rule.name,
            "answer": ANSWERS[fact["answer"]],
            "limit": _finite(limit if written is None else written),
            "observed": _finite(observed),
            "unit": unit_of(rule),
            "asked": fact["asked"] if sized else None,
            "allowed": fact["allowed"] if sized else None,
            "policy": places.get(rule, ""),
        })  # fmt: skip
    return rows


def _in_units(rule: Rule, fact: Mapping[str, Any], equity: float) -> tuple[float, float]:
    limit, observed = fact["limit"], fact["observed"]
    if rule in _FRACTIONS:
        return limit * 100.0, observed * 100.0
    if rule in _OF_EQUITY:
        return limit / equity * 100.0, observed / equity * 100.0
    if unit_of(rule) == "":
        return math.nan, math.nan
    if rule is Rule.COOLDOWN_AFTER_LOSS_MIN and observed > w.NEVER / 120_000:
        return limit, math.nan
    return limit, observed


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
