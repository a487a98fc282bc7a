"""The shape of one `strategies.d/*.yaml`; expressions stay text here, `lang` gives them meaning."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from paperbot_core.config.adaptive import Adaptive, adaptive_problems
from paperbot_core.config.base import (
    Expression,
    Float,
    Int,
    Name,
    Percent,
    Problem,
    Problems,
    StrictModel,
    TimeframeText,
)
from paperbot_core.config.selection import RegimeName


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _as_rule(value: object) -> object:
    """Read a bare expression as a rule that has nothing but its condition."""
    return {"when": value} if isinstance(value, str) else value


def _amount_kind(value: object) -> str:
    """Say which of the three ways to write a size this is; the tags never show up in messages."""
    if isinstance(value, dict):
        return "<tiers>"
    try:
        float(value)  # type: ignore[arg-type]  # what cannot be a number is an expression
    except (TypeError, ValueError):
        return "<expression>"
    return "<number>"


SizePercent = Annotated[
    Annotated[Percent, Tag("<number>")]
    | Annotated[Expression, Tag("<expression>")]
    | Annotated[dict[Name, Percent], Tag("<tiers>")],
    Discriminator(_amount_kind),
]


class Param(StrictModel):
    """A number a sweep may vary; used as a plain name in every expression and number field."""

    default: Float = Field(description="the value used unless a sweep or `--set` gives another")
    min: Float = Field(description="smallest value allowed")
    max: Float = Field(description="largest value allowed")
    step: Float = Field(default=1.0, gt=0, description="step of a sweep over min..max")
    regimes: dict[RegimeName, Float] = Field(
        default_factory=dict, description="other values by regime of the market"
    )


class EntryRule(StrictModel):
    """When to enter, how sure we are (0..1), what to tell the user, and at which limit price."""

    when: Expression = Field(description="condition to enter")
    strength: Expression = Field(default="1", description="how sure, 0 to 1; orders the entries")
    reason: str = Field(default="", max_length=500, description="text; {expression} is filled in")
    limit: Expression | None = Field(
        default=None, description="price of a resting limit entry; default: at market, collared"
    )
    limit_bars: Int = Field(default=1, ge=1, le=100_000, description="bars a limit entry rests")


class ExitRule(StrictModel):
    """When to leave; gates on the own position: R so far and bars held."""

    when: Expression = Field(description="condition to leave")
    reason: str = Field(default="", max_length=500, description="text; {expression} is filled in")
    min_r: Float | None = Field(default=None, description="only when at least so many R in front")
    max_r: Float | None = Field(default=None, description="only when at most so many R in front")
    min_bars: Annotated[Int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="only after so many bars"
    )


EntryRules = Annotated[
    list[Annotated[EntryRule, BeforeValidator(_as_rule)]],
    BeforeValidator(_as_list),
    Field(min_length=1, max_length=8),
]
ExitRules = Annotated[
    list[Annotated[ExitRule, BeforeValidator(_as_rule)]],
    BeforeValidator(_as_list),
    Field(min_length=1, max_length=8),
]


class Entry(StrictModel):
    """Entries by side; one rule or a list, the first true one counts."""

    long: EntryRules | None = Field(default=None, description="rules to buy")
    short: EntryRules | None = Field(default=None, description="rules to sell short")


class Exit(StrictModel):
    """Exits by side; one rule or a list, the first true one counts."""

    long: ExitRules | None = Field(default=None, description="rules to sell a long")
    short: ExitRules | None = Field(default=None, description="rules to cover a short")


class Size(StrictModel):
    """How much: a percentage of equity, or the percentage of equity lost at distance `per`.

    Both are a number, a parameter's name (or an expression of parameters), or a number for each
    tier of the universe: `{core: 5, rotational: 3, event: 1}`.
    """

    equity_pct: SizePercent | None = Field(default=None, description="percent of equity to hold")
    risk_pct: SizePercent | None = Field(
        default=None, description="percent of equity to lose if the price moves by `per`"
    )
    per: Expression | None = Field(default=None, description="distance; default: protect.stop")


class Trail(StrictModel):
    """A stop that follows the best price once the trade is `after_r` R in front."""

    after_r: Float = Field(default=0.0, ge=0, description="R in front from which it follows")
    distance: Expression = Field(description="distance from the best price")


class Rung(StrictModel):
    """One step of the ladder: at so many R, sell that fraction of the quantity entered."""

    at_r: Float = Field(gt=0, description="R in front of the first entry price")
    fraction: Float = Field(gt=0, le=1, description="part of the quantity entered by then")


class Protect(StrictModel):
    """What guards an open position."""

    stop: Expression | None = Field(default=None, description="distance from the entry fill")
    trail: Trail | None = Field(default=None, description="a stop that follows the price")
    breakeven_after_r: Annotated[Float, Field(gt=0)] | None = Field(
        default=None, description="R in front from which the stop is at the first entry price"
    )
    take_profit: list[Rung] = Field(
        default_factory=list, max_length=8, description="the ladder of targets, ascending"
    )
    max_bars: Annotated[Int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="bars after which the position is closed"
    )
    cooldown_bars: Int = Field(
        default=0, ge=0, le=1_000_000, description="bars without entries after any exit"
    )


class Add(StrictModel):
    """One pyramid level: at so many R, add that fraction of the first fill."""

    at_r: Float = Field(gt=0, description="R in front of the first entry price")
    add: Float = Field(gt=0, le=10, description="part of the first fill to add")


class StrategyFile(StrictModel):
    """One strategy: either rules in the expression language, or `uses:` a plugin."""

    name: Name = Field(description="name on the command line and in reports")
    description: str = Field(default="", max_length=2000, description="one or two sentences")
    timeframe: TimeframeText = Field(description="length of a bar: 1m, 15m, 1h, 4h, 1d")
    universe: list[str] = Field(
        min_length=1, max_length=10_000, description="tiers of universe.yaml, or symbols"
    )
    params: dict[Name, Param] = Field(
        default_factory=dict, max_length=64, description="numbers that a sweep may vary"
    )
    features: dict[Name, Expression] = Field(
        default_factory=dict, max_length=256, description="named expressions"
    )
    entry: Entry | None = Field(default=None, description="when to enter, by side")
    exit: Exit | None = Field(default=None, description="when to leave, by side")
    size: Size = Field(description="how much to buy or sell")
    protect: Protect = Field(default_factory=Protect, description="stops, targets, time limits")
    pyramid: list[Add] = Field(
        default_factory=list, max_length=8, description="adds to a winning position, ascending"
    )
    max_slippage_pct: Percent | None = Field(
        default=None, description="a tighter collar than the policy's"
    )
    uses: str | None = Field(
        default=None, max_length=200, description="plugin strategy, e.g. `my_plugin.my_strategy`"
    )
    with_: dict[str, Any] = Field(
        default_factory=dict, alias="with", description="options of the plugin strategy"
    )
    adaptive: Adaptive | None = Field(
        default=None, description="modes of this strategy, and when which of them may enter"
    )

    def problems(self) -> Problems:
        """Find parameters whose bounds contradict each other (PB2011), and modes that do not fit.

        Modes: PB2170 to PB2173.
        """
        if self.adaptive is not None:
            yield from adaptive_problems(self.adaptive, self.timeframe, self.params)
        for name, param in self.params.items():
            path = ("params", name)
            if param.min > param.max:
                message = f"`min` ({param.min:g}) is above `max` ({param.max:g})"
                yield Problem("PB2011", (*path, "min"), message, expected="at most `max`")
            elif not param.min <= param.default <= param.max:
                message = f"`default` ({param.default:g}) is outside {param.min:g}..{param.max:g}"
                yield Problem("PB2011", (*path, "default"), message)
            for regime, value in param.regimes.items():
                if not param.min <= value <= param.max:
                    message = f"`{regime}` ({value:g}) is outside {param.min:g}..{param.max:g}"
                    yield Problem("PB2011", (*path, "regimes", regime), message)
