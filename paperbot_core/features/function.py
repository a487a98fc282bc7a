"""What a function of the strategy language is: its arguments, unit, warm-up and two ways to run.

Conditions are int8: 1 true, 0 false, -1 unknown. Numbers are float64: NaN where there is no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

#: Exponents of (price, volume); `(0, 0)` is a plain ratio or count.
Unit = tuple[int, int]
RATIO: Unit = (0, 0)
PRICE: Unit = (1, 0)
VOLUME: Unit = (0, 1)

TRUE = 1
FALSE = 0
UNKNOWN = -1

#: The longest window or lag, in bars.
WINDOW_MAX = 100_000


class UnitError(ValueError):
    """The units of the series arguments do not go together; the text says which."""


class ArgKind(StrEnum):
    """What an argument may be: two kinds of columns, three kinds of constants."""

    SERIES = "series"
    CONDITION = "condition"
    WINDOW = "window"  # int, 1 to WINDOW_MAX bars, the current one included
    LAG = "lag"  # int, 1 to WINDOW_MAX bars ago
    NUMBER = "number"  # any finite number


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument; `default` is the name of a series, or None where the argument is required."""

    name: str
    kind: ArgKind
    default: str | None = None


class Node(Protocol):
    """The running state of one function on one series of bars."""

    def update(self, *values: float) -> float:
        """Take one bar: the SERIES and CONDITION arguments in order, then the hidden inputs.

        Returns:
            The value of this bar: NaN (or -1, for a condition) while there is none.
        """

    def state(self) -> list[Any]:
        """Return all that `update` remembers: nested lists that strict JSON can hold."""

    def restore(self, state: Sequence[Any]) -> None:
        """Go on exactly where `state()` was taken; the node must have the same parameters."""


#: Columns (series arguments, then inputs; equal lengths), constants -> one column as long.
Batch = Callable[[Sequence[NDArray[Any]], Sequence[float]], NDArray[Any]]
Start = Callable[[Sequence[float]], Node]
UnitRule = Callable[[Sequence[Unit | None]], Unit | None]
Warmup = Callable[[Sequence[float]], int]


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the language.

    `inputs` are hidden series it reads after its series arguments, such as `high low close` for
    `atr`; `ts` among them is the open time in ms as float64. `unit` maps the units of the SERIES
    arguments (None is a literal, which adapts) to the unit of the result, None if that adapts
    too, and raises UnitError. `warmup` counts the bars before the first value, given warm inputs:
    `sma(n)` gives n - 1. `batch` and `start` agree to the bit; neither changes its arguments.
    """

    name: str
    args: tuple[Arg, ...]
    inputs: tuple[str, ...]
    result: Literal["number", "condition"]
    unit: UnitRule
    warmup: Warmup
    batch: Batch
    start: Start
    formula: str
    units_text: str
    warmup_text: str
    source: str

    @property
    def columns(self) -> tuple[Arg, ...]:
        """Return the arguments that are columns (SERIES, CONDITION), in order."""
        return tuple(a for a in self.args if a.kind in (ArgKind.SERIES, ArgKind.CONDITION))

    @property
    def constants(self) -> tuple[Arg, ...]:
        """Return the arguments that are constants (WINDOW, LAG, NUMBER), in order."""
        return tuple(a for a in self.args if a.kind not in (ArgKind.SERIES, ArgKind.CONDITION))
