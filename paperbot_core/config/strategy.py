"""The shape of one `strategies.d/*.yaml`; expressions stay text here, `lang` gives them meaning."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from paperbot_core.config.base import Expression, StrictModel

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


class Param(StrictModel):
    """A number a sweep may vary; used as a plain name in every expression and number field."""

    default: float
    min: float
    max: float
    step: float = Field(default=1.0, gt=0)


class EntryRule(StrictModel):
    """When to enter, how sure we are (0..1), what to tell the user, and at which limit price."""

    when: Expression
    strength: Expression = "1"
    reason: str = Field(default="", max_length=500, description="text; {expression} is filled in")
    limit: Expression | None = None
    limit_bars: int = Field(default=1, ge=1, le=100_000, description="bars a limit entry rests")


class ExitRule(StrictModel):
    """When to leave; gates on the own position: R so far and bars held."""

    when: Expression
    reason: str = Field(default="", max_length=500)
    min_r: float | None = None
    max_r: float | None = None
    min_bars: int | None = Field(default=None, ge=0, le=1_000_000)


EntryRules = Annotated[list[EntryRule], BeforeValidator(_as_list), Field(min_length=1, max_length=8)]
ExitRules = Annotated[list[ExitRule], BeforeValidator(_as_list), Field(min_length=1, max_length=8)]


class Entry(StrictModel):
    """Entries by side; one rule or a list, the first true one counts."""

    long: EntryRules | None = None
    short: EntryRules | None = None


class Exit(StrictModel):
    """Exits by side; one rule or a list, the first true one counts."""

    long: ExitRules | None = None
    short: ExitRules | None = None


class Size(StrictModel):
    """How much: a percentage of equity, or the percentage of equity lost at distance `per`."""

    equity_pct: Annotated[float, Field(gt=0, le=10_000)] | Expression | None = None
    risk_pct: Annotated[float, Field(gt=0, le=10_000)] | Expression | None = None
    per: Expression | None = Field(default=None, description="distance; default: protect.stop")


class Trail(StrictModel):
    """A stop that follows the best price once the trade is `after_r` R in front."""

    after_r: float = Field(default=0.0, ge=0)
    distance: Expression


class Rung(StrictModel):
    """One step of the take-profit ladder: at so many R, sell that fraction of the quantity entered."""

    at_r: float = Field(gt=0)
    fraction: float = Field(gt=0, le=1)


class Protect(StrictModel):
    """What guards an open position."""

    stop: Expression | None = Field(default=None, description="distance from the entry fill")
    trail: Trail | None = None
    breakeven_after_r: float | None = Field(default=None, gt=0)
    take_profit: list[Rung] = Field(default_factory=list, max_length=8)
    max_bars: int | None = Field(default=None, ge=1, le=1_000_000)
    cooldown_bars: int = Field(default=0, ge=0, le=1_000_000)


class Add(StrictModel):
    """One pyramid level: at so many R, add that fraction of the first fill."""

    at_r: float = Field(gt=0)
    add: float = Field(gt=0, le=10)


class StrategyFile(StrictModel):
    """One strategy: either rules in the expression language, or `uses:` a plugin."""

    name: Name
    description: str = Field(default="", max_length=2000)
    timeframe: str
    universe: list[str] = Field(min_length=1, max_length=10_000)
    params: dict[Name, Param] = Field(default_factory=dict)
    features: dict[Name, Expression] = Field(default_factory=dict)
    entry: Entry | None = None
    exit: Exit | None = None
    size: Size
    protect: Protect = Field(default_factory=Protect)
    pyramid: list[Add] = Field(default_factory=list, max_length=8)
    max_slippage_pct: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        default=None, description="a tighter collar than the policy's"
    )
    uses: str | None = Field(default=None, description="plugin strategy, e.g. `my_plugin.my_strategy`")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
