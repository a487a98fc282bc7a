"""A component: one named thing that a plugin offers, with the options it understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from paperbot_core.config.base import StrictModel

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)


class NoOptions(StrictModel):
    """The options of a component that has none."""


@dataclass(frozen=True, slots=True)
class Component(Generic[T_co]):
    """What a hook announces: nothing is built until somebody asks for it by name.

    Attributes:
        name: what the user writes, e.g. `sandbox`, or `pandas_ta.rsi`. Lower case letters, digits
            and underscores; features, triggers and strategies are `plugin.name`, so that they
            never shadow a word of the language.
        config: the model of the options. Features are built without options, so all options of a
            feature need a default.
        build: takes a validated `config` and returns the component. It must not do I/O.
        summary: one line for `paperbot plugins`.
    """

    name: str
    config: type[StrictModel]
    build: Callable[[Any], T_co]
    summary: str
