"""`policy.yaml`: the hard limits. Every key is required; there is no default and no bypass."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from paperbot_core.config.base import (
    Amount,
    Count,
    Float,
    Name,
    Percent,
    Problem,
    Problems,
    StrictModel,
)
from paperbot_core.domain.words import Mode, Rule


def _version(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdigit() and value.isascii() else value


class Modes(StrictModel):
    """Which modes this policy is willing to run in."""

    highest: Mode = Field(description="the most powerful mode allowed: DRY_RUN, PAPER or LIVE")


class EntryLimits(StrictModel):
    """The collar of entries."""

    max_slippage_pct: Percent = Field(
        description="worst price of an entry, in percent against us from the decision close"
    )


class PositionCap(StrictModel):
    """Bounds of one position's notional in quote currency."""

    equity_multiple: Float = Field(gt=0, le=10_000, description="times equity; shrinks")
    min: Amount = Field(
        description="quote currency; an entry that leaves a smaller position is refused"
    )
    max: Amount = Field(gt=0, description="quote currency; shrinks")


class RiskLimits(StrictModel):
    """The limits on the account; percentages are of equity at the decision close."""

    daily_stop_loss_pct: Percent = Field(
        description="loss since 00:00 UTC, in percent of the equity then; only exits until midnight"
    )
    max_drawdown_pct: Percent = Field(
        description="fall from the equity peak, in percent of it; only exits until `resume`"
    )
    max_position_size_pct: Percent = Field(
        description="one instrument, over all strategies; shrinks"
    )
    max_gross_pct: Percent = Field(description="sum of the absolute notionals; shrinks")
    max_net_pct: Percent = Field(description="absolute value of longs less shorts; shrinks")
    max_cluster_pct: Percent = Field(description="one cluster of instruments; shrinks")
    max_tier_pct: dict[Name, Percent] = Field(description="one tier of the universe; shrinks")
    position_cap: PositionCap = Field(description="bounds of one position in quote currency")
    max_open_positions: Count = Field(description="open slots; refuses")
    max_trades_per_day: Count = Field(description="entries and adds per UTC day; refuses")
    max_trades_per_hour: Count = Field(description="entries and adds per UTC clock hour; refuses")
    cooldown_after_loss_min: Count = Field(
        description="minutes without entries in an instrument after a losing trade there; refuses"
    )


class DataLimits(StrictModel):
    """When market data is not believed: bad ticks and stale markets."""

    max_move_pct: Percent = Field(
        description="a bar that reaches further from the last close, without volume to confirm it,"
        " is refused"
    )
    min_volume_ratio: Annotated[Float, Field(gt=0, le=10_000)] = Field(
        description="volume that confirms a move, as a multiple of the mean of the 20 bars before"
    )
    max_stale_bars: Count = Field(
        gt=0, description="bars missed in a row from which a symbol takes no entries"
    )
    recovery_bars: Count = Field(
        gt=0, description="bars in a row after which a stale symbol takes entries again"
    )


#: Where the limit of each rule stands in policy.yaml.
RULE_KEYS: dict[Rule, tuple[str, ...]] = {
    Rule.MAX_DRAWDOWN_PCT: ("risk", "max_drawdown_pct"),
    Rule.DAILY_STOP_LOSS_PCT: ("risk", "daily_stop_loss_pct"),
    Rule.MAX_STALE_BARS: ("data", "max_stale_bars"),
    Rule.MAX_OPEN_POSITIONS: ("risk", "max_open_positions"),
    Rule.MAX_TRADES_PER_DAY: ("risk", "max_trades_per_day"),
    Rule.MAX_TRADES_PER_HOUR: ("risk", "max_trades_per_hour"),
    Rule.COOLDOWN_AFTER_LOSS_MIN: ("risk", "cooldown_after_loss_min"),
    Rule.MAX_POSITION_SIZE_PCT: ("risk", "max_position_size_pct"),
    Rule.POSITION_CAP: ("risk", "position_cap"),
    Rule.MAX_GROSS_PCT: ("risk", "max_gross_pct"),
    Rule.MAX_NET_PCT: ("risk", "max_net_pct"),
    Rule.MAX_CLUSTER_PCT: ("risk", "max_cluster_pct"),
    Rule.MAX_TIER_PCT: ("risk", "max_tier_pct"),
    Rule.COLLAR_MISSED: ("entry", "max_slippage_pct"),
}


class PolicyFile(StrictModel):
    """Hard limits that no strategy, plugin or flag can loosen."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(
        description="version of this file's format: 1"
    )
    modes: Modes
    entry: EntryLimits
    risk: RiskLimits
    data: DataLimits | None = Field(
        default=None, description="guards against bad market data; a policy without them has none"
    )

    @property
    def digest(self) -> str:
        """SHA-256 of the limits (not of comments or layout), stored with every run."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def problems(self) -> Problems:
        """Find limits that contradict each other (PB4001)."""
        risk, cap = self.risk, self.risk.position_cap
        pairs: list[tuple[tuple[str, ...], Decimal | float, tuple[str, ...], Decimal | float]] = [
            (("max_position_size_pct",), risk.max_position_size_pct,
             ("max_gross_pct",), risk.max_gross_pct),
            (("max_trades_per_hour",), risk.max_trades_per_hour,
             ("max_trades_per_day",), risk.max_trades_per_day),
            (("daily_stop_loss_pct",), risk.daily_stop_loss_pct,
             ("max_drawdown_pct",), risk.max_drawdown_pct),
            (("position_cap", "min"), cap.min, ("position_cap", "max"), cap.max),
        ]  # fmt: skip
        for low_path, low, high_path, high in pairs:
            if low > high:
                low_name, high_name = ".".join(low_path), ".".join(high_path)
                yield Problem(
                    "PB4001",
                    ("risk", *low_path),
                    f"`{low_name}` ({low:g}) is above `{high_name}` ({high:g})",
                    expected=f"at most `{high_name}`",
                )
