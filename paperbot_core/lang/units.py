"""Units in words and the arithmetic of their exponents; None is a literal, which adapts."""

from __future__ import annotations

from collections.abc import Sequence

from paperbot_core.features.defining import unit_name
from paperbot_core.features.function import PRICE, RATIO, VOLUME, Function, Unit, UnitError

__all__ = [
    "PRICE", "RATIO", "VOLUME", "Unit", "as_paid", "call_unit", "divide", "multiply", "unit_text",
]  # fmt: skip


def unit_text(unit: Unit | None) -> str:
    """Return a unit in words: `price`, `price * volume`, `ratio`, or `literal`."""
    return "literal" if unit is None else unit_name(unit)


def as_paid(value: float, unit: Unit | None, factor: float) -> float:
    """Return a value in units of the first share in the prices and shares of a day.

    `factor` is how many shares of the day one first share is: prices are divided by it, volumes
    multiplied.
    """
    power = 0 if unit is None else unit[0] - unit[1]
    return value / factor if power == 1 else value * factor ** -power


def multiply(left: Unit | None, right: Unit | None) -> Unit | None:
    """Return the unit of a product."""
    if left is None or right is None:
        return left if right is None else right
    return (left[0] + right[0], left[1] + right[1])


def divide(left: Unit | None, right: Unit | None) -> Unit | None:
    """Return the unit of a quotient."""
    if right is None:
        return left
    above = left or RATIO
    return (above[0] - right[0], above[1] - right[1])


def call_unit(function: Function, units: Sequence[Unit | None]) -> Unit | None:
    """Return the unit of a function's result from those of its series arguments.

    Raises:
        UnitError: the units do not go together, or the function takes no such unit.
    """
    if function.name == "log" and units[0] not in (None, RATIO):
        raise UnitError(
            f"the logarithm of a {unit_text(units[0])} has no unit; take that of a ratio"
        )
    return function.unit(units)
