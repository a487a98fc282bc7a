"""One indicator as a batch feature of the core."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paperbot_core.api import ArgKind, FeatureArg
from paperbot_pandas_ta.library import library

Floats = NDArray[np.float64]
Length = Callable[..., int]

CLOSE = (FeatureArg("x", ArgKind.SERIES, "close"),)


def window_arg(name: str, trial: float = 5.0) -> FeatureArg:
    """Return an argument that counts bars."""
    return FeatureArg(name, ArgKind.WINDOW, trial=trial)


@dataclass(frozen=True)
class Indicator:
    """A function of the library with what the core must know of it.

    Attributes:
        name: in the strategy language, after `pandas_ta.`.
        title: one line.
        args: as users call it.
        inputs: series beside the SERIES arguments, in the library's order.
        unit: of the result; None is that of `x`.
        warm: bars before the first value, from the constants.
        memory: bars a value is computed from, from the constants.
        exact: more history changes no bit; else every bar is computed from its own window.
        function: name in the library, if it is another one.
        column: which column, if the library returns several.
        keywords: constant name -> the library's keyword, where they differ.
        fixed: more keywords.
    """

    name: str
    title: str
    args: tuple[FeatureArg, ...]
    inputs: tuple[str, ...]
    unit: tuple[int, int] | None
    warm: Length
    memory: Length
    exact: bool = False
    function: str = ""
    column: int | None = None
    keywords: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def warmup(self, params: Sequence[float]) -> int:
        """Return how many bars pass before the first value."""
        return self.warm(*(int(p) for p in params))

    def window(self, params: Sequence[float]) -> int:
        """Return how many bars a value is computed from."""
        return self.memory(*(int(p) for p in params))

    def batch(self, columns: Sequence[Floats], params: Sequence[float]) -> Floats:
        """Return the indicator over `columns`; NaN everywhere if there are too few bars."""
        import pandas as pd

        names = [arg.name for arg in self.args if arg.kind is not ArgKind.SERIES]
        given = {self.keywords.get(n, n): int(p) for n, p in zip(names, params, strict=True)}
        with warnings.catch_warnings():
            # Divisions by zero on flat prices, whose results are unknown anyway; and news for the
            # authors of the library.
            warnings.simplefilter("ignore")
            call = getattr(library(), self.function or self.name)
            result = call(*(pd.Series(column) for column in columns), **given, **self.fixed)
        if result is None:
            return np.full(len(columns[0]), np.nan)
        if self.column is not None:
            result = result.iloc[:, self.column]
        return np.array(result.to_numpy(dtype=np.float64, na_value=np.nan))
