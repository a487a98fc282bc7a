"""What every operator does, once for a bar and once for a column; the two agree to the bit.

Numbers are float64 and NaN where unknown; a result that is not finite becomes NaN. Conditions
are int8: 1 true, 0 false, -1 unknown. Knows neither names nor units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paperbot_core.features.function import FALSE, TRUE, UNKNOWN

Column = NDArray[Any] | float

_NAN = math.nan


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the language: `bar` takes Python numbers, `column` arrays or constants."""

    name: str
    bar: Callable[..., float]
    column: Callable[..., NDArray[Any]]


def _finite(value: float) -> float:
    return value if value - value == 0.0 else _NAN


def _add(left: float, right: float) -> float:
    value = left + right
    return value if value - value == 0.0 else _NAN


def _subtract(left: float, right: float) -> float:
    value = left - right
    return value if value - value == 0.0 else _NAN


def _multiply(left: float, right: float) -> float:
    value = left * right
    return value if value - value == 0.0 else _NAN


def _divide(left: float, right: float) -> float:
    return _finite(left / right) if right != 0.0 else _NAN


def _remainder(left: float, right: float) -> float:
    return left % right if right != 0.0 else _NAN


def _negate(value: float) -> float:
    return -value


def _arithmetic(ufunc: np.ufunc) -> Callable[..., NDArray[Any]]:
    def column(*operands: Column) -> NDArray[Any]:
        # The processor's own flags tell whether anything left the finite range: no extra pass.
        try:
            with np.errstate(over="raise", divide="raise", invalid="ignore", under="ignore"):
                return np.asarray(ufunc(*operands))
        except FloatingPointError:
            with np.errstate(all="ignore"):
                result = np.asarray(ufunc(*operands))
            result[np.isinf(result)] = _NAN
            return result

    return column


def _less(left: float, right: float) -> int:
    return TRUE if left < right else FALSE if left >= right else UNKNOWN


def _less_equal(left: float, right: float) -> int:
    return TRUE if left <= right else FALSE if left > right else UNKNOWN


def _greater(left: float, right: float) -> int:
    return TRUE if left > right else FALSE if left <= right else UNKNOWN


def _greater_equal(left: float, right: float) -> int:
    return TRUE if left >= right else FALSE if left < right else UNKNOWN


def _equal(left: float, right: float) -> int:
    if left == right:
        return TRUE
    return FALSE if left < right or left > right else UNKNOWN


def _not_equal(left: float, right: float) -> int:
    if left == right:
        return FALSE
    return TRUE if left < right or left > right else UNKNOWN


def _comparison(holds: np.ufunc, fails: np.ufunc) -> Callable[..., NDArray[Any]]:
    def column(left: Column, right: Column) -> NDArray[Any]:
        # 2 * holds + fails - 1: neither holds nor fails means that an operand is NaN.
        result: NDArray[Any] = np.asarray(holds(left, right)).view(np.int8)
        result += result
        result += np.asarray(fails(left, right)).view(np.int8)
        result -= 1
        return result

    return column


def _equality(when_equal: int, when_not: int) -> Callable[..., NDArray[Any]]:
    def column(left: Column, right: Column) -> NDArray[Any]:
        equal = np.asarray(np.equal(left, right))
        differs = np.asarray(np.less(left, right)) | np.asarray(np.greater(left, right))
        result = np.full(equal.shape, UNKNOWN, dtype=np.int8)
        result[equal] = when_equal
        result[differs] = when_not
        return result

    return column


def _and(left: int, right: int) -> int:
    return min(left, right)


def _or(left: int, right: int) -> int:
    # In two's complement -1 has every bit set, so an unknown side makes the whole unknown.
    return left | right


def _not(value: int) -> int:
    return UNKNOWN if value < 0 else 1 - value


def _and_column(left: Column, right: Column) -> NDArray[Any]:
    return np.asarray(np.minimum(_int8(left), _int8(right)))


def _or_column(left: Column, right: Column) -> NDArray[Any]:
    return np.asarray(np.bitwise_or(_int8(left), _int8(right)))


def _not_column(value: Column) -> NDArray[Any]:
    condition = _int8(value)
    # 1 -> 0, 0 -> 1, and the sign bit smeared over the byte keeps -1 at -1.
    return np.asarray((condition ^ np.int8(1)) | (condition >> np.int8(7)))


def _int8(value: Column) -> NDArray[Any]:
    return np.asarray(value, dtype=np.int8)


OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("+", _add, _arithmetic(np.add)),
        Operator("-", _subtract, _arithmetic(np.subtract)),
        Operator("*", _multiply, _arithmetic(np.multiply)),
        Operator("/", _divide, _arithmetic(np.divide)),
        Operator("%", _remainder, _arithmetic(np.remainder)),
        Operator("negate", _negate, _arithmetic(np.negative)),
        Operator("<", _less, _comparison(np.less, np.greater_equal)),
        Operator("<=", _less_equal, _comparison(np.less_equal, np.greater)),
        Operator(">", _greater, _comparison(np.greater, np.less_equal)),
        Operator(">=", _greater_equal, _comparison(np.greater_equal, np.less)),
        Operator("==", _equal, _equality(TRUE, FALSE)),
        Operator("!=", _not_equal, _equality(FALSE, TRUE)),
        Operator("and", _and, _and_column),
        Operator("or", _or, _or_column),
        Operator("not", _not, _not_column),
    )
}
