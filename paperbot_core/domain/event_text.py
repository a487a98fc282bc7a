"""Events as canonical JSON and back: one text for one event, nothing lost on the way.

Keys are sorted, no spaces, UTF-8. Decimal is text in plain notation; an enum is its name
(IntEnum) or value (StrEnum); a float that is not finite is the text `nan`, `inf` or `-inf`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable
from decimal import Decimal
from enum import Enum, IntEnum
from functools import cache
from typing import Any

from paperbot_core.domain.events import EVENT_TYPES, Event

_MAX_ADJUSTED = 40
_MAX_PLACES = 100

_Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]


def decimal_text(value: Decimal) -> str:
    """Return `value` in plain notation, every digit kept: `Decimal("1E+2")` is `100`.

    Raises:
        ValueError: not finite, or outside what money can be (10^40, 100 decimal places).
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not an amount")
    exponent = value.as_tuple().exponent
    if value.adjusted() > _MAX_ADJUSTED or not -_MAX_PLACES <= int(exponent) <= _MAX_ADJUSTED:
        raise ValueError(f"{value} is out of range for an amount")
    return format(value, "f")


def _parse_decimal(text: Any) -> Decimal:
    if not isinstance(text, str):
        raise TypeError(f"an amount must be text, not {type(text).__name__}")
    value = Decimal(text)
    if decimal_text(value) != text:
        raise ValueError(f"`{text}` is not the canonical text of an amount")
    return value


def _render_float(value: float) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else repr(number)


def _parse_float(raw: Any) -> float:
    if isinstance(raw, str) and raw not in {"nan", "inf", "-inf"}:
        raise ValueError(f"`{raw}` is not a number")
    if isinstance(raw, bool):
        raise TypeError("a number is expected, not a truth value")
    return float(raw)


def _exactly(kind: type) -> _Codec:
    def same(value: Any) -> Any:
        # IntEnum members and numpy integers are not plain ints: they must not slip into the text.
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return same, same


def _enum(kind: type[Enum]) -> _Codec:
    if issubclass(kind, IntEnum):
        return (lambda v: kind(v).name), (lambda raw: kind[raw])
    return (lambda v: kind(v).value), kind


def _tuple_of(codecs: tuple[_Codec, ...], many: bool) -> _Codec:
    def over(values: Any, which: int) -> list[Any]:
        if many:
            return [codecs[0][which](v) for v in values]
        return [c[which](v) for c, v in zip(codecs, values, strict=True)]

    return (lambda v: over(v, 0)), (lambda raw: tuple(over(raw, 1)))


def _optional(inner: _Codec) -> _Codec:
    return (
        lambda v: None if v is None else inner[0](v),
        lambda raw: None if raw is None else inner[1](raw),
    )


@cache
def _codec(hint: Any) -> _Codec:
    if hint is Decimal:
        return decimal_text, _parse_decimal
    if hint is float:
        return _render_float, _parse_float
    if hint in {int, str, bool}:
        return _exactly(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        many = len(args) == 2 and args[1] is Ellipsis
        return _tuple_of(tuple(_codec(a) for a in (args[:1] if many else args)), many)
    if origin in {types.UnionType, typing.Union} and len(args) == 2 and args[1] is types.NoneType:
        return _optional(_codec(args[0]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    if dataclasses.is_dataclass(hint):
        return _record(hint)
    raise TypeError(f"no text form for {hint}")


def _fields(kind: Any) -> dict[str, _Codec]:
    hints = typing.get_type_hints(kind)
    return {field.name: _codec(hints[field.name]) for field in dataclasses.fields(kind)}


def _record(kind: Any) -> _Codec:
    """Return the codec of a nested record: a list of its values in field order."""
    codecs = tuple(_fields(kind).values())
    names = tuple(field.name for field in dataclasses.fields(kind))
    render, parse = _tuple_of(codecs, many=False)
    return (
        lambda v: render([getattr(v, name) for name in names]),
        lambda raw: kind(*parse(raw)),
    )


@cache
def _event_fields(kind: str) -> dict[str, _Codec]:
    fields = _fields(EVENT_TYPES[kind])
    del fields["ts"]
    return fields


_dump = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def render_event(event: Event) -> str:
    """Return the body of an event as canonical JSON; its kind and `ts` are stored beside it.

    Raises:
        ValueError, TypeError: a field holds what its annotation does not allow.
    """
    fields = _event_fields(type(event).__name__)
    return _dump({name: codec[0](getattr(event, name)) for name, codec in fields.items()})


def parse_event(kind: str, ts: int, body: str) -> Event:
    """Return the event that `render_event` wrote.

    Raises:
        ValueError, TypeError, KeyError: unknown kind, other keys, or a value that is not canonical.
    """
    if kind not in EVENT_TYPES:
        raise KeyError(f"unknown kind of event `{kind}`")
    fields = _event_fields(kind)
    raw = json.loads(body)
    if not isinstance(raw, dict) or raw.keys() != fields.keys():
        raise ValueError(f"the body of a {kind} has other keys than expected")
    values: dict[str, Any] = {name: codec[1](raw[name]) for name, codec in fields.items()}
    make: Callable[..., Event] = EVENT_TYPES[kind]
    return make(ts=ts, **values)
