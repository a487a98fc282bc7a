"""How the table is written: arguments, unit rules, and the wrapping that all functions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.features.arrays import Floats, cleaned, floats, readonly
from paperbot_core.features.function import (
    PRICE,
    RATIO,
    VOLUME,
    Arg,
    ArgKind,
    Function,
    Node,
    Unit,
    UnitError,
    UnitRule,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

X = Arg("x", ArgKind.SERIES)
X_CLOSE = Arg("x", ArgKind.SERIES, "close")
A = Arg("a", ArgKind.SERIES)
B = Arg("b", ArgKind.SERIES)
N = Arg("n", ArgKind.WINDOW)
K_BARS = Arg("k", ArgKind.LAG)
K = Arg("k", ArgKind.NUMBER)


@dataclass(frozen=True, slots=True)
class Text:
    """The documentation of one function."""

    formula: str
    units: str
    warmup: str
    source: str


def unit_name(unit: Unit) -> str:
    """Return a unit in words: `price`, `price^2 * volume`, `ratio`."""
    names = [
        name if power == 1 else f"{name}^{power}"
        for name, power in zip(("price", "volume"), unit, strict=True)
        if power
    ]
    return " * ".join(names) or "ratio"


def same(units: Sequence[Unit | None]) -> Unit | None:
    """Unit rule: all arguments have one unit, and so has the result.

    Raises:
        UnitError: two arguments differ.
    """
    known = [unit for unit in units if unit is not None]
    for unit in known[1:]:
        if unit != known[0]:
            raise UnitError(f"{unit_name(known[0])} and {unit_name(unit)} do not go together")
    return known[0] if known else None


def comparable(units: Sequence[Unit | None]) -> Unit:
    """Unit rule: all arguments have one unit, the result is a plain number."""
    same(units)
    return RATIO


def always(unit: Unit) -> UnitRule:
    """Return the unit rule of a result whose unit does not depend on the arguments."""
    return lambda _units: unit


PRICE_RULE = always(PRICE)
RATIO_RULE = always(RATIO)
VOLUME_RULE = always(VOLUME)


def root(units: Sequence[Unit | None]) -> Unit | None:
    """Unit rule of a square root.

    Raises:
        UnitError: an odd power, which has no unit of its own.
    """
    unit = units[0]
    if unit is None:
        return None
    if unit[0] % 2 or unit[1] % 2:
        raise UnitError(f"the square root of {unit_name(unit)} has no unit")
    return (unit[0] // 2, unit[1] // 2)


def number(
    name: str,
    args: tuple[Arg, ...],
    batch: Callable[..., Floats],
    start: Callable[..., Node],
    *,
    inputs: tuple[str, ...] = (),
    unit: UnitRule = same,
    warmup: Callable[..., int] = lambda *_: 0,
    text: Text,
) -> Function:
    """Return a function that gives numbers.

    `batch` takes the columns, then the constants, one by one, and returns a column of its own
    that may hold infinities; `start` and `warmup` take the constants. Windows and lags are ints.
    """
    kinds = _column_kinds(args, inputs)
    constants = _constants(args)

    def run(columns: Sequence[NDArray[Any]], values: Sequence[float]) -> NDArray[Any]:
        taken = [_column(c, kind) for c, kind in zip(columns, kinds, strict=True)]
        with np.errstate(all="ignore"):
            return cleaned(batch(*taken, *constants(values)))

    return Function(
        name=name,
        args=args,
        inputs=inputs,
        result="number",
        unit=unit,
        warmup=lambda values: warmup(*constants(values)),
        batch=run,
        start=lambda values: start(*constants(values)),
        formula=text.formula,
        units_text=text.units,
        warmup_text=text.warmup,
        source=text.source,
    )


def condition(
    name: str,
    args: tuple[Arg, ...],
    batch: Callable[..., NDArray[np.int8]],
    start: Callable[[], Node],
    *,
    warmup: int = 0,
    text: Text,
) -> Function:
    """Return a function of columns only that gives a condition."""
    kinds = _column_kinds(args, ())

    def run(columns: Sequence[NDArray[Any]], _values: Sequence[float]) -> NDArray[Any]:
        return batch(*(_column(c, kind) for c, kind in zip(columns, kinds, strict=True)))

    return Function(
        name=name,
        args=args,
        inputs=(),
        result="condition",
        unit=comparable,
        warmup=lambda _values: warmup,
        batch=run,
        start=lambda _values: start(),
        formula=text.formula,
        units_text=text.units,
        warmup_text=text.warmup,
        source=text.source,
    )


def _column_kinds(args: tuple[Arg, ...], inputs: tuple[str, ...]) -> list[ArgKind]:
    kinds: list[ArgKind] = [a.kind for a in args if a.kind in (ArgKind.SERIES, ArgKind.CONDITION)]
    return kinds + [ArgKind.SERIES] * len(inputs)


def _column(column: NDArray[Any], kind: ArgKind) -> NDArray[Any]:
    if kind is ArgKind.SERIES:
        return floats(column)
    return readonly(np.asarray(column, dtype=np.int8))


def _constants(args: tuple[Arg, ...]) -> Callable[[Sequence[float]], list[float]]:
    """Return what makes ints of windows and lags, which may come as floats from params."""
    kinds = [a.kind for a in args if a.kind not in (ArgKind.SERIES, ArgKind.CONDITION)]

    def typed(values: Sequence[float]) -> list[float]:
        return [
            float(v) if kind is ArgKind.NUMBER else int(v)
            for v, kind in zip(values, kinds, strict=True)
        ]

    return typed
