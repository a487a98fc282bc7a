"""Which argument of a call is which: positions, names, defaults and the `timeframe` of any call."""

from __future__ import annotations

from dataclasses import dataclass

from paperbot_core.diagnostics import did_you_mean
from paperbot_core.features.function import Arg, Function
from paperbot_core.lang.problem import Problem
from paperbot_core.lang.syntax import Call, Expr, Name


@dataclass(frozen=True, slots=True)
class Bound:
    """The arguments of a call in the function's order, defaults filled in."""

    values: tuple[tuple[Arg, Expr], ...]
    timeframe: Expr | None


def signature(function: Function) -> str:
    """Return how a function is called: `rsi(n, x=close)`."""
    args = [a.name if a.default is None else f"{a.name}={a.default}" for a in function.args]
    return f"`{function.name}({', '.join(args)})`"


def bind(function: Function, call: Call) -> Bound | Problem:
    """Match the arguments of `call` with those of `function`, or say what does not fit."""
    given: dict[str, Expr] = {}
    if len(call.args) > len(function.args):
        extra = call.args[len(function.args)]
        message = f"`{function.name}` takes no argument here"
        return _problem(function, extra.start, extra.end, message)
    for arg, value in zip(function.args, call.args, strict=False):
        given[arg.name] = value
    timeframe: Expr | None = None
    names = [arg.name for arg in function.args]
    for keyword in call.keywords:
        if keyword.name == "timeframe" and timeframe is None:
            timeframe = keyword.value
        elif keyword.name in given or keyword.name == "timeframe":
            message = f"`{keyword.name}` is given twice"
            return _problem(function, keyword.start, keyword.end, message)
        elif keyword.name not in names:
            message = f"`{function.name}` has no argument `{keyword.name}`"
            help_text = did_you_mean(keyword.name, [*names, "timeframe"])
            return _problem(function, keyword.start, keyword.end, message, help_text)
        else:
            given[keyword.name] = keyword.value
    values: list[tuple[Arg, Expr]] = []
    for arg in function.args:
        if arg.name in given:
            values.append((arg, given[arg.name]))
        elif arg.default is not None:
            # A default stands nowhere in the text; its place is the whole call.
            values.append((arg, Name(arg.default, call.start, call.end)))
        else:
            message = f"`{function.name}` needs `{arg.name}`"
            return _problem(function, call.start, call.end, message)
    return Bound(tuple(values), timeframe)


def _problem(function: Function, start: int, end: int, message: str, help: str = "") -> Problem:
    return Problem("PB2122", message, start, end, signature(function), help)
