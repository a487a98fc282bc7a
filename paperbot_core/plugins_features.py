"""Makes features of plugins functions of the language, after trying them on made-up data.

What it returns and raises is checked at every call; `plugins_trial` tries it before it is accepted,
at its first use and not when plugins load: what nobody uses costs nothing.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paperbot_core.api.protocols import ArgKind as PluginArgKind
from paperbot_core.api.protocols import BatchFeature, Feature, RecurrenceFeature
from paperbot_core.diagnostics import Diagnostic, PluginError
from paperbot_core.diagnostics.redact import describe_error
from paperbot_core.features.function import WINDOW_MAX, Arg, ArgKind, Function, Unit

Floats = NDArray[np.float64]

INPUTS = ("open", "high", "low", "close", "volume", "hl2", "hlc3", "ts")


class FeatureGuard:
    """Calls one feature; whatever goes wrong becomes a PluginError that names the distribution."""

    def __init__(self, name: str, feature: Feature, distribution: str) -> None:
        """Guard `feature`, announced as `name`."""
        self.name = name
        self.feature = feature
        self.distribution = distribution

    def error(self, code: str, text: str) -> PluginError:
        """Return the error to raise."""
        return PluginError(
            Diagnostic(code, f"feature `{self.name}` of `{self.distribution}` {text}")
        )

    def call(self, what: str, function: Callable[..., Any], *args: Any) -> Any:
        """Call into the plugin.

        Raises:
            PluginError: PB5023 if it raises anything.
        """
        try:
            return function(*args)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self.error("PB5023", f"raised in `{what}`: {describe_error(error)}") from error

    def count(self, what: str, params: Sequence[float]) -> int:
        """Return `warmup` or `window`, checked.

        Raises:
            PluginError: PB5024 if it is not an integer from 0 to the longest window.
        """
        value = self.call(what, getattr(self.feature, what), params)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= WINDOW_MAX:
            raise self.error("PB5024", f"gives the {what} {value!r}, not an integer from 0 up")
        return value


class RecurrenceNode:
    """A recurrence on one series of bars."""

    def __init__(self, guard: FeatureGuard, params: Sequence[float]) -> None:
        """Start with a fresh state."""
        assert isinstance(guard.feature, RecurrenceFeature)
        self._guard = guard
        self._update = guard.feature.update
        self._state = guard.call("init", guard.feature.init, tuple(params))

    def update(self, *values: float) -> float:
        """Take one bar, return its value; infinities become NaN."""
        value = self._guard.call("update", self._update, self._state, values)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._guard.error(
                "PB5022", f"returned {type(value).__name__} instead of a number"
            )
        return float(value) if math.isfinite(value) else math.nan

    def state(self) -> list[Any]:
        """Return a copy of the state, fit for JSON."""
        try:
            return [json.loads(json.dumps(self._state))]
        except (TypeError, ValueError) as error:
            raise self._guard.error("PB5025", "has a state that is not JSON") from error

    def restore(self, state: Sequence[Any]) -> None:
        """Go on where `state()` was taken."""
        self._state = json.loads(json.dumps(state[0]))


class WindowNode:
    """A batch feature run on the last bars of one series, anew at each bar."""

    def __init__(self, guard: FeatureGuard, params: Sequence[float]) -> None:
        """Start with no bars."""
        self._guard = guard
        self._params = tuple(params)
        self._warmup = guard.count("warmup", self._params)
        self._rows: deque[tuple[float, ...]] = deque(maxlen=guard.count("window", self._params))

    def update(self, *values: float) -> float:
        """Take one bar, return its value, NaN while there are too few."""
        self._rows.append(tuple(float(value) for value in values))
        if len(self._rows) <= self._warmup:
            return math.nan
        columns = [np.array(column, dtype=np.float64) for column in zip(*self._rows, strict=True)]
        return float(run_batch(self._guard, columns, self._params)[-1])

    def state(self) -> list[Any]:
        """Return the remembered bars."""
        return [list(row) for row in self._rows]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on where `state()` was taken."""
        self._rows.clear()
        self._rows.extend(tuple(row) for row in state)


def run_batch(guard: FeatureGuard, columns: Sequence[Floats], params: Sequence[float]) -> Floats:
    """Run `batch` on copies of the columns and check what comes back; infinities become NaN.

    Raises:
        PluginError: PB5022 for another type or length, PB5023 if it raises.
    """
    assert isinstance(guard.feature, BatchFeature)
    copies = [np.array(column, dtype=np.float64) for column in columns]
    with np.errstate(all="ignore"):
        values: object = guard.call("batch", guard.feature.batch, copies, tuple(params))
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.ndim != 1:
        raise guard.error("PB5022", f"returned {_type_text(values)} instead of a float64 array")
    if len(values) != len(copies[0]):
        raise guard.error("PB5022", f"returned {len(values)} values for {len(copies[0])} bars")
    return np.where(np.isfinite(values), values, np.nan)


def _type_text(values: object) -> str:
    if isinstance(values, np.ndarray):
        return f"a {values.ndim}-dimensional array of {values.dtype}"
    return type(values).__name__


def recurrence_batch(
    guard: FeatureGuard, columns: Sequence[Any], params: Sequence[float]
) -> Floats:
    """Return the recurrence over whole columns, from the same lines as bar by bar."""
    node = RecurrenceNode(guard, params)
    rows = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    return np.array([node.update(*row) for row in rows], dtype=np.float64)


def windowed_batch(guard: FeatureGuard, columns: Sequence[Any], params: Sequence[float]) -> Floats:
    """Return a batch feature over whole columns, equal to the bit to running it bar by bar."""
    assert isinstance(guard.feature, BatchFeature)
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    size = len(arrays[0])
    warmup = guard.count("warmup", params)
    if guard.feature.exact and size:
        values = run_batch(guard, arrays, params)
        values[:warmup] = np.nan
        return values
    window = guard.count("window", params)
    values = np.full(size, np.nan)
    for row in range(warmup, size):
        part = [array[max(0, row + 1 - window) : row + 1] for array in arrays]
        values[row] = run_batch(guard, part, params)[-1]
    return values


def to_function(guard: FeatureGuard, summary: str) -> Function:
    """Return the feature as a function of the language, not yet tried.

    Raises:
        PluginError: PB5024 for a declaration that makes no sense, PB5023 if reading it raises.
    """
    feature = guard.feature
    args = guard.call("args", lambda: tuple(feature.args))
    inputs = guard.call("inputs", lambda: tuple(feature.inputs))
    unit = guard.call("unit", lambda: feature.unit)
    if mistake := _declaration_mistake(args, inputs, unit):
        raise guard.error("PB5024", mistake)
    recurrence = isinstance(feature, RecurrenceFeature)
    if not recurrence and not isinstance(feature, BatchFeature):
        raise guard.error(
            "PB5024", "has neither `init` and `update` nor `batch`, `window`, `exact`"
        )
    batch = recurrence_batch if recurrence else windowed_batch
    node = RecurrenceNode if recurrence else WindowNode
    return Function(
        name=guard.name,
        args=tuple(Arg(arg.name, ArgKind(arg.kind.value), arg.default) for arg in args),
        inputs=inputs,
        result="number",
        unit=lambda units: _unit(unit, units),
        warmup=lambda params: guard.count("warmup", params),
        batch=lambda columns, params: batch(guard, columns, params),
        start=lambda params: node(guard, params),
        formula=summary,
        units_text="as the first argument" if unit is None else f"price^{unit[0]} volume^{unit[1]}",
        warmup_text="as the plugin declares",
        source=guard.distribution,
    )


def _unit(unit: Unit | None, units: Sequence[Unit | None]) -> Unit | None:
    return unit if unit is not None else units[0]


def _declaration_mistake(args: Sequence[Any], inputs: Sequence[Any], unit: Any) -> str:
    names = [getattr(arg, "name", None) for arg in args]
    kinds = [getattr(arg, "kind", None) for arg in args]
    if not all(isinstance(kind, PluginArgKind) for kind in kinds) or len(set(names)) != len(names):
        return "declares `args` that are not FeatureArg with different names"
    if any(arg.default is not None and arg.kind is not PluginArgKind.SERIES for arg in args):
        return "gives a default to a constant argument; only a SERIES can have one"
    optional = [arg.default is not None for arg in args]
    if optional != sorted(optional):
        return "has a required argument after one with a default"
    if unknown := [name for name in inputs if name not in INPUTS]:
        return f"reads the unknown series {unknown[0]!r}; known are {', '.join(INPUTS)}"
    if not inputs and PluginArgKind.SERIES not in kinds:
        return "reads nothing: it has no SERIES argument and no `inputs`"
    if unit is None:
        return (
            ""
            if PluginArgKind.SERIES in kinds
            else "has no unit and no SERIES argument to take it from"
        )
    fits = isinstance(unit, tuple) and len(unit) == 2 and all(type(part) is int for part in unit)
    return "" if fits else f"declares the unit {unit!r} instead of two exponents"


class FunctionTable(Mapping[str, Function]):
    """The functions of the language and those of plugins, which are tried when first looked up."""

    def __init__(
        self, base: Mapping[str, Function], plugin: Mapping[str, Callable[[], Function]]
    ) -> None:
        """Join `base` and the makers in `plugin`; a maker raises PluginError to refuse."""
        self._base = base
        self._makers = plugin
        self._made: dict[str, Function] = {}

    def __getitem__(self, name: str) -> Function:
        if name in self._base:
            return self._base[name]
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._base or name in self._makers

    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from (name for name in self._makers if name not in self._base)

    def __len__(self) -> int:
        return len(set(self._base) | set(self._makers))
