"""PB40xx: the policy against itself and against what was asked of it."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB4001",
        "limits that contradict each other",
        "A narrower limit is above the wider one: a position above gross, trades per hour above "
        "trades per day, the daily stop above the drawdown, or the position cap's `min` above its "
        "`max`.",
        "One of the two can never act, so one of the two is not what was meant.",
        "max_position_size_pct: 60\nmax_gross_pct: 50",
        "Lower the narrower limit, or raise the wider one.",
    ),
    Code(
        "PB4002",
        "a mode above what the policy allows",
        "`mode` of paperbot.yaml, or `--mode`, is more powerful than `modes.highest` of the "
        "policy.",
        "The policy has the last word, also about real money.",
        "mode: LIVE with modes: {highest: PAPER}",
        "Lower the mode, or decide in policy.yaml that the higher one is allowed.",
    ),
    Code(
        "PB4003",
        "a tier without a limit",
        "universe.yaml has a tier that `max_tier_pct` of the policy does not name.",
        "Every limit is written down; a tier without one would be capped by nothing of its own.",
        "tiers: {meme: {symbols: [DOGE/USDT]}} without max_tier_pct.meme",
        "Add the tier to `max_tier_pct`.",
    ),
]
