"""Finds the user's function and turns its answers into signals."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field

from paperbot_callables.context import Context, context_of
from paperbot_core.api import Action, Diagnostic, MarketView, Side, Signal, StrictModel, UserError

Number = Annotated[float | str, Field(union_mode="left_to_right")]

_SIDES = {"long": Side.LONG, "buy": Side.LONG, "short": Side.SHORT, "sell": Side.SHORT}


class CallOptions(StrictModel):
    """The options under `with:` of a strategy file that `uses: callables.call`."""

    target: str = Field(
        pattern=r"^[^:]+(\.py)?:[A-Za-z_][A-Za-z0-9_]*$",
        max_length=500,
        description="`module:function`, or `path/to/file.py:function` from the working directory",
    )
    bars: int = Field(default=200, ge=1, le=100_000, description="closed bars in the context")
    args: dict[str, Number] = Field(
        default_factory=dict, max_length=100, description="keyword arguments for the function"
    )
    shorts: bool = Field(
        default=True, description="false: a short answer closes a long position, no more"
    )
    none_exits: bool = Field(
        default=False, description="None closes the position instead of leaving it alone"
    )


class Call:
    """The strategy: a side enters in that direction and closes the opposite one."""

    def __init__(self, options: CallOptions) -> None:
        """Import the function.

        Raises:
            UserError: PB5051 if it cannot be imported, or called with a context and `args`.
        """
        self._options = options
        self._function = _load(options.target)
        try:
            inspect.signature(self._function).bind(None, **options.args)
        except (TypeError, ValueError) as error:
            text = f"`{options.target}` cannot be called with a context and `args`: {error}"
            raise UserError(Diagnostic("PB5051", text)) from error

    def signals(self, view: MarketView) -> list[Signal]:
        """Ask the function about the latest closed bar.

        Raises:
            ValueError: it returned something that is no side.
        """
        answer = self._function(context_of(view, self._options.bars), **self._options.args)
        if answer is None:
            exits = list(Side) if self._options.none_exits else []
            return [self._signal(view, side, Action.EXIT) for side in exits]
        side = _side(answer)
        out = self._signal(view, Side(-int(side)), Action.EXIT)
        if side is Side.SHORT and not self._options.shorts:
            return [out]
        return [self._signal(view, side, Action.ENTER), out]

    def _signal(self, view: MarketView, side: Side, action: Action) -> Signal:
        name = self._options.target.rpartition(":")[2]
        reason = f"{name} says {side.name.lower() if action is Action.ENTER else 'out'}"
        return Signal(view.ts, view.symbol, view.strategy, side, reason=reason, action=action)


def _side(answer: Any) -> Side:
    if isinstance(answer, Side):
        return answer
    if isinstance(answer, str) and answer.lower() in _SIDES:
        return _SIDES[answer.lower()]
    raise ValueError(f"the function returned {answer!r}: expected long, short, buy, sell or None")


def _load(target: str) -> Callable[..., Any]:
    place, _, name = target.rpartition(":")
    try:
        module = (
            _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        )
        function = getattr(module, name)
    except Exception as error:  # the user's own code runs here and may raise anything
        text = f"`{target}` cannot be imported: {type(error).__name__}: {error}"
        raise UserError(Diagnostic("PB5051", text)) from error
    if not callable(function):
        raise UserError(Diagnostic("PB5051", f"`{target}` is not a function"))
    loaded: Callable[..., Any] = function
    return loaded


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"paperbot_callables_user_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles of the user's module look it up here.
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


__all__ = ["Call", "CallOptions", "Context"]
