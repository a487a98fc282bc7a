"""From a parsed file to a model, or to every diagnostic that pydantic and the model found."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Protocol, TypeVar, Union, get_args, get_origin, runtime_checkable

from pydantic import BaseModel, ValidationError

from paperbot_core.config.base import Problems, StrictModel
from paperbot_core.config.source_map import SourceMap
from paperbot_core.config.yaml_source import Document
from paperbot_core.diagnostics import Diagnostic, did_you_mean, nearest

M = TypeVar("M", bound=StrictModel)
Loc = tuple[str | int, ...]

_SHOWN_MAX = 60
#: What a value should have been, by the first word of pydantic's error type.
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "`true` or `false`",
    "string": "a text",
    "date": "a day such as 2021-05-19",
    "list": "a list such as [a, b]",
    "dict": "keys with values",
    "model": "keys with values",
    "union": "a number, an expression, or keys with numbers",
}
_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
_PATTERNS = {
    "^[a-z][a-z0-9_]": "a name of a-z, 0-9 and _, a letter first, at most 64 long",
    "^[A-Za-z0-9][A-Za-z0-9._-]": "a symbol such as BTC/USDT, BTC/USDT:USDT or AAPL",
    "^[A-Z0-9]": "a currency such as USDT",
    "^(quote|base)": "`quote` or `base`",
    "^[a-z0-9][a-z0-9_.-]": "a venue such as binance: a-z, 0-9, `-`, `_` and `.`",
    "^([01][0-9]|2[0-3]):": "a time of day, UTC, such as 02:15",
    "^[0-9]{4}-": "a day such as 2024-01-31",
}


@runtime_checkable
class _KnowsContradictions(Protocol):
    def problems(self) -> Problems: ...


def read_model(model: type[M], document: Document) -> tuple[M | None, list[Diagnostic]]:
    """Return the model, or None and all diagnostics (PB2001 to PB2008 and the model's own)."""
    places = document.places
    if not isinstance(document.data, dict):
        span = places.span(())
        return None, [places.diagnostic("PB2003", "the file must be keys with values", span)]
    try:
        value = model.model_validate(document.data)
    except ValidationError as error:
        return None, _diagnose(model, error, places)
    return value, list(_contradictions(value, places))


def _contradictions(value: StrictModel, places: SourceMap) -> Iterator[Diagnostic]:
    if isinstance(value, _KnowsContradictions):
        for problem in value.problems():
            yield places.diagnostic(
                problem.code,
                problem.message,
                (places.key_span if problem.at_key else places.span)(problem.path),
                expected=problem.expected,
                help=problem.help,
            )


def _diagnose(
    model: type[StrictModel], error: ValidationError, places: SourceMap
) -> list[Diagnostic]:
    errors = error.errors(include_url=False)
    unknown = {e["loc"] for e in errors if e["type"] == "extra_forbidden"}
    missing = {e["loc"] for e in errors if e["type"] == "missing"}
    found: dict[tuple[object, ...], Diagnostic] = {}
    for entry in errors:
        loc: Loc = entry["loc"]
        if entry["type"] == "missing" and _is_misspelt(loc, unknown):
            continue
        diagnostic = _one(model, loc, entry, places, missing)
        # One mistake, one message: branches of a union may complain about the same value.
        place = loc if entry["type"] == "missing" else ()
        found.setdefault((diagnostic.span, place), diagnostic)
    return list(found.values())


def _is_misspelt(missing: Loc, unknown: Iterable[Loc]) -> bool:
    """Say whether an unknown key beside it is this missing key with a typing error."""
    beside = [str(loc[-1]) for loc in unknown if loc[:-1] == missing[:-1]]
    return nearest(str(missing[-1]), beside) is not None


def _one(
    model: type[StrictModel],
    loc: Loc,
    entry: Mapping[str, Any],
    places: SourceMap,
    missing: set[Loc],
) -> Diagnostic:
    kind, name = entry["type"], str(loc[-1]) if loc else ""
    if kind == "missing":
        parent = f" in `{_dotted(loc[:-1], places)}`" if loc[:-1] else ""
        return places.diagnostic(
            "PB2002",
            f"missing key `{name}`{parent}",
            places.key_span(loc[:-1]),
            expected=_described(model, loc),
        )
    if kind == "extra_forbidden":
        return _unknown_key(model, loc, places, missing)
    if name == "[key]":
        span, shown = places.key_span(loc[:-1]), str(loc[-2])
    else:
        span, shown = places.span(loc), _shown(entry.get("input"))
    code, message, expected, help_text = _value_error(kind, shown, entry, name)
    if kind == "model_type" and (keys := sorted(_keys_at(model, loc))):
        expected += ": " + ", ".join(f"`{key}`" for key in keys)
    return places.diagnostic(code, message, span, expected=expected, help=help_text)


def _unknown_key(
    model: type[StrictModel], loc: Loc, places: SourceMap, missing: set[Loc]
) -> Diagnostic:
    name, known = str(loc[-1]), sorted(_keys_at(model, loc[:-1]))
    parent = _dotted(loc[:-1], places)
    # A key that is still missing is the likelier target of a typing error.
    wanted = [str(other[-1]) for other in missing if other[:-1] == loc[:-1]]
    return places.diagnostic(
        "PB2001",
        f"unknown key `{name}`" + (f" in `{parent}`" if parent else ""),
        places.key_span(loc),
        label=f"not a key of `{parent}`" if parent else "not a key of this file",
        expected=("one of " if len(known) > 1 else "") + ", ".join(f"`{key}`" for key in known),
        help=did_you_mean(name, wanted) or did_you_mean(name, known),
    )


def _value_error(
    kind: str, shown: str, entry: Mapping[str, Any], name: str
) -> tuple[str, str, str, str]:
    """Return code, message, expected and help for a value of the wrong kind or size."""
    ctx = entry.get("ctx", {})
    if kind == "string_pattern_mismatch":
        pattern = str(ctx.get("pattern", ""))
        text = next((t for start, t in _PATTERNS.items() if pattern.startswith(start)), pattern)
        return "PB2006", f"{shown} is not written as it must be", text, ""
    if kind in ("literal_error", "enum"):
        text = str(ctx.get("expected", "")).replace("'", "`")
        words = [word.strip("` ") for part in text.split(",") for word in part.split(" or ")]
        return "PB2007", f"{shown} is not known here", text, did_you_mean(shown.strip("`"), words)
    if kind == "timeframe":
        return "PB2008", f"{shown} is not a timeframe", "1m, 5m, 15m, 1h, 4h, 1d or alike", ""
    if kind in ("too_short", "too_long", "string_too_short", "string_too_long"):
        return (
            "PB2005",
            f"`{name}` is {kind.removeprefix('string_').replace('_', ' ')}",
            _length(ctx),
            "",
        )
    bounds = [f"{word} {ctx[key]}" for key, word in _BOUNDS.items() if key in ctx]
    if bounds:
        return "PB2004", f"{shown} is out of range", f"a number {' and '.join(bounds)}", ""
    is_digits = kind.startswith("decimal_") and not kind.endswith(("parsing", "type"))
    if kind in ("finite_number", "int_parsing_size") or is_digits:
        return "PB2004", f"{shown} is not a number that can be used", "a finite decimal number", ""
    expected = _KINDS.get(kind.partition("_")[0], "another kind of value")
    if entry.get("input") is None:
        return "PB2003", f"`{name}` has no value", expected, "give it a value, or remove the key"
    return "PB2003", f"{shown} is not {expected.split(' such as')[0]}", expected, ""


def _length(ctx: Mapping[str, Any]) -> str:
    if "min_length" in ctx:
        return f"at least {ctx['min_length']} long"
    return f"at most {ctx['max_length']} long" if "max_length" in ctx else ""


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a block of keys"
    if isinstance(value, list):
        return "a list"
    text = str(value.value if isinstance(value, Enum) else value)
    return f"`{text[:_SHOWN_MAX]}...`" if len(text) > _SHOWN_MAX else f"`{text}`"


def _dotted(loc: Loc, places: SourceMap) -> str:
    """Return the key path as the user would write it: only what is in the file, without indices."""
    path: list[str | int] = []
    for segment in loc:
        if places.has([*path, segment]):
            path.append(segment)
    return ".".join(str(segment) for segment in path if isinstance(segment, str))


def _described(model: type[StrictModel], loc: Loc) -> str:
    for owner in _models_at(model, loc[:-1]):
        for name, info in owner.model_fields.items():
            if loc[-1] in (name, info.alias):
                return info.description if info.description else _doc(info.annotation)
    return ""


def _doc(annotation: Any) -> str:
    doc = getattr(annotation, "__doc__", None)
    is_ours = isinstance(annotation, type) and issubclass(annotation, StrictModel)
    return (doc[0].lower() + doc.splitlines()[0][1:]).rstrip(".") if doc and is_ours else ""


def _keys_at(model: type[StrictModel], loc: Loc) -> set[str]:
    owners = _models_at(model, loc)
    return {info.alias or name for owner in owners for name, info in owner.model_fields.items()}


def _models_at(model: type[StrictModel], loc: Loc) -> list[type[BaseModel]]:
    """Return the models a place in a file may be read as; union tags in `loc` are walked over."""
    annotations: list[Any] = [model]
    for segment in loc:
        inner = [found for one in annotations for found in _inside(one, segment)]
        annotations = inner or annotations
    return [
        one for one in _flat(annotations) if isinstance(one, type) and issubclass(one, BaseModel)
    ]


def _flat(annotations: Iterable[Any]) -> Iterator[Any]:
    """Unwrap Annotated and unions."""
    for annotation in annotations:
        origin = get_origin(annotation)
        if origin is Annotated:
            yield from _flat(get_args(annotation)[:1])
        elif origin is Union or origin is types.UnionType:
            yield from _flat(get_args(annotation))
        else:
            yield annotation


def _inside(annotation: Any, segment: str | int) -> Iterator[Any]:
    """Return what a key or index of a value of this type may be."""
    for one in _flat([annotation]):
        origin = get_origin(one)
        if origin is dict:
            yield get_args(one)[1]
        elif origin is list and isinstance(segment, int):
            yield get_args(one)[0]
        elif isinstance(one, type) and issubclass(one, BaseModel):
            for name, info in one.model_fields.items():
                if segment in (name, info.alias):
                    yield info.annotation
