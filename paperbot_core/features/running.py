"""Runs the recursive functions: a loop over whole columns, or a step for each bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from paperbot_core.features.arrays import Floats, clean, floats, pack, unpack
from paperbot_core.features.compiling import compile_function, is_compiled

#: From this length on, importing numba and loading compiled code costs less than it saves.
COMPILE_FROM = 250_000
#: The same where numba is there anyway, because something else of the process is compiled.
LOAD_FROM = 20_000
#: The same where the process has the compiled loop already.
COMPILED_FROM = 1_000

Step = Callable[..., tuple[float, ...]]
Loop = Callable[..., None]


def compiling_pays(loop: Loop, size: int) -> bool:
    """Return whether to run `loop` compiled over a column of this length."""
    if is_compiled(loop):
        return size >= COMPILED_FROM
    return size >= (LOAD_FROM if "numba" in sys.modules else COMPILE_FROM)


def run(loop: Loop, columns: Sequence[Floats], constants: Sequence[float]) -> Floats:
    """Return what `loop` writes for these columns; compiled where that pays, with the same bits."""
    if compiling_pays(loop, len(columns[0])):
        return run_compiled(loop, columns, constants)
    return run_plain(loop, columns, constants)


def run_compiled(loop: Loop, columns: Sequence[Floats], constants: Sequence[float]) -> Floats:
    """Return what the compiled `loop` writes."""
    out = np.empty(len(columns[0]))
    compile_function(loop)(*(floats(column) for column in columns), *constants, out)
    return out


def run_plain(loop: Loop, columns: Sequence[Floats], constants: Sequence[float]) -> Floats:
    """Return what `loop` writes as ordinary Python, over lists: five times faster than arrays."""
    out = [0.0] * len(columns[0])
    loop(*(column.tolist() for column in columns), *constants, out)
    return np.array(out, dtype=np.float64)


class StepNode:
    """A recursive function bar by bar: its step and the state between two bars."""

    __slots__ = ("_constants", "_state", "_step")

    def __init__(self, step: Step, constants: Sequence[float], state: Sequence[float]) -> None:
        self._step = step
        self._constants = tuple(constants)
        self._state = tuple(state)

    def update(self, *values: float) -> float:
        """Take one bar and return its value."""
        out, *state = self._step(*values, *self._constants, *self._state)
        self._state = tuple(state)
        return clean(out)

    def state(self) -> list[Any]:
        """Return the numbers that the next step starts from."""
        return pack(self._state)

    def restore(self, state: Sequence[Any]) -> None:
        """Start the next step from these numbers."""
        self._state = tuple(unpack(state))
