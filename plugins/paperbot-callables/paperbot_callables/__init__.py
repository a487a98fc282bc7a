"""The strategy `callables.call`: a plain function of a context that returns a side or None."""

from __future__ import annotations

from paperbot_callables.call import Call, CallOptions
from paperbot_callables.context import Context
from paperbot_core.api import Component, Strategy, hookimpl

__all__ = ["Context", "register_strategies"]


@hookimpl
def register_strategies() -> list[Component[Strategy]]:
    """Announce the strategy."""
    return [
        Component(
            name="callables.call",
            config=CallOptions,
            build=Call,
            summary="runs `target: module:function`, a callable (context) -> side or None",
        )
    ]
