"""The model all configuration is made of, and the types of its values.

Values come from YAML as text and get their type here: numbers as typed by the user, `true` and
`false` as the only booleans, `Decimal` for money.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from paperbot_core.domain.market import timeframe_ms


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys and never shows input in errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """A contradiction inside one file that its types cannot express; `path` says where.

    With `at_key` the last key of the path is wrong, not its value.

    Models that know such contradictions have `problems() -> Iterator[Problem]`.
    """

    code: str
    path: tuple[str | int, ...]
    message: str
    expected: str = ""
    help: str = ""
    at_key: bool = False


Problems = Iterator[Problem]


def _yaml_bool(value: object) -> object:
    """YAML 1.2: only `true` and `false` are booleans, so that `no` and `off` cannot surprise."""
    if isinstance(value, str) and value not in {"true", "false"}:
        raise PydanticCustomError("bool_parsing", "must be true or false")
    return value


def _ascii_number(value: object) -> object:
    """Refuse spellings that only Python takes for numbers: `1_000`, full-width digits."""
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise PydanticCustomError("float_parsing", "must be a number")
    return value


def _timeframe(value: str) -> str:
    try:
        timeframe_ms(value)
    except ValueError as error:
        raise PydanticCustomError("timeframe", "must be a timeframe") from error
    return value


_Number = BeforeValidator(_ascii_number)

Bool = Annotated[bool, BeforeValidator(_yaml_bool)]
Float = Annotated[float, _Number]
Int = Annotated[int, _Number]
Percent = Annotated[float, _Number, Field(gt=0, le=10_000)]
Count = Annotated[int, _Number, Field(ge=0, le=1_000_000_000)]
Amount = Annotated[Decimal, _Number, Field(ge=0, le=10**12, max_digits=30)]
Expression = Annotated[
    # An editor sees a bare `1` as a number; to us it is the text of an expression.
    str, Field(min_length=1, max_length=4096, json_schema_extra={"type": ["string", "number"]})
]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
#: A strategy as a person names it: by its file, or with `@` one of its modes.
StrategyName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}(@[a-z][a-z0-9_]{0,63})?$")
]
Symbol = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}(/[A-Za-z0-9._-]{1,32}(:[A-Za-z0-9._-]{1,48})?)?$",
        description="`BASE/QUOTE`, `BASE/QUOTE:SETTLE` or a ticker",
    ),
]
TimeframeText = Annotated[str, AfterValidator(_timeframe)]
