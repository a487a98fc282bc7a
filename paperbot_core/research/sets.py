"""`--set strategy.param=value`, and for sweeps `start:stop:step` or `a,b,c`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from paperbot_core.config.adaptive import family_of
from paperbot_core.diagnostics import UserError, did_you_mean, user_error

Params = Mapping[str, Mapping[str, float]]

COMBINATIONS_MAX = 1_000_000


def split_set(text: str, known: Mapping[str, Sequence[str]]) -> tuple[str, str, str]:
    """Return (strategy, parameter, value text) of one `--set`.

    `known` lists the parameters of each strategy of the run, see `known_params`; with one strategy
    its name may be left out, and stands for all of its modes then.

    Raises:
        UserError: PB6505.
    """
    name, equals, value = text.partition("=")
    strategy, dot, param = name.strip().rpartition(".")
    if not dot and len({family_of(one) for one in known}) == 1:
        strategy = next(iter(known))
    if not equals or not value.strip() or not param:
        raise _bad(text, "expected strategy.param=value", "for example sma_cross.fast=10")
    if strategy not in known:
        message = f"strategy `{strategy}` is not part of this run"
        raise _bad(text, message, did_you_mean(strategy, known))
    if param not in known[strategy]:
        message = f"strategy `{strategy}` has no parameter `{param}`"
        raise _bad(text, message, did_you_mean(param, known[strategy]))
    return strategy, param, value.strip()


def _bad(text: str, message: str, help_text: str) -> UserError:
    return user_error("PB6505", f"--set {text}: {message}", help=help_text)


def _number(text: str, whole: str) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise _bad(whole, f"`{text.strip()}` is not a number", "") from None
    if not value.is_finite():
        raise _bad(whole, f"`{text.strip()}` is not a finite number", "")
    return value


def parse_values(text: str, whole: str) -> list[float]:
    """Return the values of `start:stop:step` (stop inclusive) or `a,b,c`.

    Raises:
        UserError: PB6505 not a number, PB6506 a range that leads nowhere or has too many values.
    """
    if ":" not in text:
        return [float(_number(part, whole)) for part in text.split(",")]
    parts = text.split(":")
    if len(parts) != 3:
        raise _bad(whole, "a range is start:stop:step", "for example 10:50:10")
    start, stop, step = (_number(part, whole) for part in parts)
    if step == 0 or (stop - start) * step < 0:
        raise user_error("PB6506", f"--set {whole}: the step does not lead from start to stop")
    count = int((stop - start) / step) + 1
    if count > COMBINATIONS_MAX:
        raise user_error("PB6506", f"--set {whole}: {count} values are too many")
    # Decimal steps: 0.8, 1.0, 1.2 and not 1.2000000000000002.
    return [float(start + k * step) for k in range(count)]


def parse_single(
    texts: Sequence[str], known: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Return the parameter values of a backtest by strategy.

    Raises:
        UserError: PB6505, PB6506.
    """
    sets: dict[str, dict[str, float]] = {}
    for text in texts:
        strategy, param, value = split_set(text, known)
        sets.setdefault(strategy, {})[param] = float(_number(value, text))
    return sets


class SweepGrid:
    """The combinations of a sweep: the first parameter given changes slowest."""

    def __init__(self, texts: Sequence[str], known: Mapping[str, Sequence[str]]) -> None:
        """Parse the `--set` options.

        Raises:
            UserError: PB6505 nothing or nonsense to vary, PB6506 too many combinations.
        """
        self.names: list[tuple[str, str]] = []
        self.values: list[list[float]] = []
        for text in texts:
            strategy, param, value = split_set(text, known)
            if (strategy, param) in self.names:
                raise _bad(text, f"`{param}` is varied twice", "")
            self.names.append((strategy, param))
            self.values.append(parse_values(value, text))
        if not self.names:
            raise user_error(
                "PB6505", "a sweep needs at least one `--set strategy.param=start:stop:step`"
            )
        if len(self) > COMBINATIONS_MAX:
            message = f"the grid has {len(self)} combinations, more than 1,000,000"
            raise user_error("PB6506", message)

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.values)

    def __iter__(self) -> Iterator[dict[str, dict[str, float]]]:
        for combination in itertools.product(*self.values):
            sets: dict[str, dict[str, float]] = {}
            for (strategy, param), value in zip(self.names, combination, strict=True):
                sets.setdefault(strategy, {})[param] = value
            yield sets
