"""The `adaptive` block of a strategy: several modes of one set of rules, of which one may enter.

Each mode becomes a strategy of its own, called `NAME@MODE`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from paperbot_core.config.base import Float, Int, Name, Problem, StrictModel, TimeframeText
from paperbot_core.diagnostics import did_you_mean
from paperbot_core.domain.market import timeframe_ms

if TYPE_CHECKING:
    from paperbot_core.config.strategy import Param, StrategyFile

#: Between the name of a strategy and that of its mode.
SIGN = "@"

Weight = Annotated[Float, Field(ge=-1_000, le=1_000)]


class Weights(StrictModel):
    """How much each measure (0 to 1) counts for a mode; below 0 it counts against it."""

    trend: Weight = Field(default=0.0, description="how straight prices went, up or down")
    volatility: Weight = Field(default=0.0, description="how lively prices are, for this symbol")
    liquidity: Weight = Field(default=0.0, description="how much is traded, for this symbol")


class AdaptiveMode(StrictModel):
    """One mode: what speaks for it, and what it does differently from the rest of the file."""

    weights: Weights = Field(default_factory=Weights, description="what speaks for this mode")
    timeframe: TimeframeText | None = Field(
        default=None, description="length of its bars; default: the strategy's"
    )
    params: dict[Name, Float] = Field(
        default_factory=dict, max_length=64, description="other defaults of parameters"
    )
    size_factor: Float = Field(
        default=1.0, gt=0, le=1, description="the strategy's size is multiplied by it"
    )


class Adaptive(StrictModel):
    """Modes of one strategy, and when which of them is chosen for a symbol."""

    every: TimeframeText = Field(description="bars at whose close a symbol's mode is chosen")
    window: Int = Field(default=20, ge=2, le=1_000, description="bars of `every` to look back")
    modes: dict[Name, AdaptiveMode] = Field(
        min_length=2, max_length=8, description="modes by name; of equal scores the first wins"
    )


def variant_name(family: str, mode: str) -> str:
    """Return the name of a strategy that is one mode of the strategy `family`."""
    return f"{family}{SIGN}{mode}"


def family_of(name: str) -> str:
    """Return the name in the file of the strategy that a name belongs to."""
    return name.partition(SIGN)[0]


def mode_of(name: str) -> str:
    """Return which mode a strategy is by its name; empty for one without modes."""
    return name.partition(SIGN)[2]


def variants(file: StrategyFile) -> tuple[StrategyFile, ...]:
    """Return the strategies that one file makes: itself, or one a mode in the file's order.

    A variant keeps the `adaptive` block; timeframe and defaults of parameters are its own.
    """
    if file.adaptive is None:
        return (file,)
    return tuple(_variant(file, name, mode) for name, mode in file.adaptive.modes.items())


def _variant(file: StrategyFile, name: str, mode: AdaptiveMode) -> StrategyFile:
    params = {
        key: param.model_copy(update={"default": mode.params.get(key, param.default)})
        for key, param in file.params.items()
    }
    update = {
        "name": variant_name(file.name, name),
        "timeframe": mode.timeframe or file.timeframe,
        "params": params,
    }
    return file.model_copy(update=update)


def spread_sets(
    files: Mapping[str, StrategyFile], sets: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Return parameter values by strategy from values by the names a user may say.

    What is said of `NAME` goes to all modes that have no value of their own for the parameter;
    what is said of `NAME@MODE` wins.

    Args:
        files: the strategies of a run by name, modes apart.
        sets: values by `NAME` or `NAME@MODE`.
    """
    found: dict[str, dict[str, float]] = {}
    for name, file in files.items():
        own = _own_params(file)
        family = sets.get(family_of(name), {}) if mode_of(name) else {}
        shared = {key: value for key, value in family.items() if key not in own}
        if both := {**shared, **sets.get(name, {})}:
            found[name] = both
    return found


def known_params(files: Mapping[str, StrategyFile]) -> dict[str, list[str]]:
    """Return the parameters that may be set, by every name a user may say them of.

    A strategy with modes comes by its own name first, with the parameters that at least one of
    the modes leaves as they are.
    """
    found: dict[str, list[str]] = {}
    for name, file in files.items():
        family = found.setdefault(family_of(name), []) if mode_of(name) else []
        family += [key for key in file.params if key not in {*_own_params(file), *family}]
    return found | {name: list(file.params) for name, file in files.items()}


def _own_params(file: StrategyFile) -> Mapping[str, float]:
    """Return the values that the mode of a variant gives to parameters."""
    mode = mode_of(file.name)
    return file.adaptive.modes[mode].params if file.adaptive is not None and mode else {}


def adaptive_problems(
    adaptive: Adaptive, timeframe: str, params: Mapping[str, Param]
) -> Iterator[Problem]:
    """Find modes that fit neither `every` nor the file's parameters (PB2170 to PB2173).

    Args:
        adaptive: the block.
        timeframe: of the strategy.
        params: of the strategy.
    """
    every = timeframe_ms(adaptive.every)
    told = False
    for name, mode in adaptive.modes.items():
        path = ("adaptive", "modes", name)
        own = mode.timeframe or timeframe
        if every % timeframe_ms(own) and (mode.timeframe or not told):
            told = told or mode.timeframe is None
            yield Problem(
                "PB2170",
                (*path, "timeframe") if mode.timeframe else ("adaptive", "every"),
                f"`{adaptive.every}` bars cannot be made of `{own}` bars",
                "a timeframe of which `every` is a multiple",
                "choose a longer `every`: each mode has to see the close at which it is chosen",
            )
        yield from _param_problems(path, mode, params)
    if not any(
        weight for mode in adaptive.modes.values() for _, weight in mode.weights
    ):
        yield Problem(
            "PB2173", ("adaptive", "modes"), "no mode has a weight: the first is always chosen",
            "`weights` of at least one mode",
        )  # fmt: skip


def _param_problems(
    path: tuple[str, ...], mode: AdaptiveMode, params: Mapping[str, Param]
) -> Iterator[Problem]:
    for key, value in mode.params.items():
        place = (*path, "params", key)
        if key not in params:
            expected = ", ".join(f"`{known}`" for known in params) or "a strategy with `params`"
            yield Problem(
                "PB2171", place, f"there is no parameter `{key}`", expected,
                did_you_mean(key, params), at_key=True,
            )  # fmt: skip
        elif not params[key].min <= value <= params[key].max:
            low, high = params[key].min, params[key].max
            yield Problem(
                "PB2172", place, f"`{key}` ({value:g}) is outside {low:g}..{high:g}",
                f"{low:g} to {high:g}",
            )  # fmt: skip
