"""Hypothesis generators of well-typed expressions over every function there is, and of candles."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from paperbot_core.config.selection import REGIMES
from paperbot_core.domain.market import HOUR_MS, Candles
from paperbot_core.features.function import PRICE, RATIO, VOLUME, ArgKind, Function, Unit, UnitError
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.units import call_unit

_SERIES: dict[Unit, tuple[str, ...]] = {
    PRICE: ("open", "high", "low", "close", "hl2", "hlc3"),
    VOLUME: ("volume",),
    RATIO: ("hour", "minute", "weekday"),
}
_UNITS = tuple(_SERIES)
#: Squares, for functions that take a root.
_SQUARES: dict[Unit, Unit] = {(2, 0): PRICE, (0, 2): VOLUME}
_NUMBERS = ("0", "0.5", "1", "2", "3.25", "10", "100", "1e-3", "1e200", "-1.5")
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@dataclass(frozen=True)
class _Maker:
    """Draws one expression; the unit of every part is chosen before the part is drawn."""

    draw: st.DrawFn
    functions: Mapping[str, Function]
    frames: tuple[str, ...]
    window_max: int
    _by_unit: dict[Unit, list[tuple[Function, Unit]]] = field(default_factory=dict)
    _conditions: list[Function] = field(default_factory=list)

    def __post_init__(self) -> None:
        for function in self.functions.values():
            if function.result == "condition":
                self._conditions.append(function)
                continue
            series = sum(arg.kind is ArgKind.SERIES for arg in function.args)
            for unit in itertools.chain(_UNITS, _SQUARES) if series else (RATIO,):
                try:
                    result = call_unit(function, [unit] * series)
                except UnitError:
                    continue
                if result is not None:
                    self._by_unit.setdefault(result, []).append((function, unit))

    def pick(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def number(self, unit: Unit, depth: int, frames: tuple[str, ...]) -> str:
        if unit in _SQUARES:
            root = _SQUARES[unit]
            left, right = (self.number(root, depth - 1, frames) for _ in range(2))
            return f"({left} * {right})"
        if depth <= 0:
            return self.draw(st.sampled_from(_SERIES[unit]))
        match self.pick("leaf", "sum", "scale", "lag", "call", "call", "call", "at"):
            case "sum":
                left = self.number(unit, depth - 1, frames)
                right = self.literal_or(unit, depth - 1, frames)
                return f"({left} {self.pick('+', '-', '%')} {right})"
            case "scale":
                return self.scaled(unit, depth, frames)
            case "lag":
                bars = self.draw(st.integers(0, 5))
                return f"{self.number(unit, depth - 1, frames)}[{bars}]"
            case "call":
                return self.call_of(unit, depth, frames)
            case "at" if frames:
                place = self.draw(st.integers(0, len(frames) - 1))
                inner = self.number(unit, depth - 1, frames[place + 1 :])
                return f'at("{frames[place]}", {inner})'
            case _:
                sign = self.pick("", "", "-")
                return f"{sign}{self.number(unit, 0, frames)}"

    def literal_or(self, unit: Unit, depth: int, frames: tuple[str, ...]) -> str:
        if self.draw(st.booleans()):
            return self.draw(st.sampled_from(_NUMBERS))
        return self.number(unit, depth, frames)

    def scaled(self, unit: Unit, depth: int, frames: tuple[str, ...]) -> str:
        if unit == RATIO:
            other = self.draw(st.sampled_from(_UNITS))
            left = self.number(other, depth - 1, frames)
            return f"({left} / {self.number(other, depth - 1, frames)})"
        factor = self.literal_or(RATIO, depth - 1, frames)
        return f"({self.number(unit, depth - 1, frames)} {self.pick('*', '/')} {factor})"

    def call_of(self, unit: Unit, depth: int, frames: tuple[str, ...]) -> str:
        function, inner = self.draw(st.sampled_from(self._by_unit[unit]))
        return self.call(function, inner, depth, frames)

    def call(self, function: Function, unit: Unit, depth: int, frames: tuple[str, ...]) -> str:
        suffix: list[str] = []
        if frames and self.draw(st.integers(0, 4)) == 0:
            place = self.draw(st.integers(0, len(frames) - 1))
            suffix = [f'timeframe="{frames[place]}"']
            frames = frames[place + 1 :]
        values = [self.argument(arg.kind, unit, depth - 1, frames) for arg in function.args]
        return f"{function.name}({', '.join(values + suffix)})"

    def argument(self, kind: ArgKind, unit: Unit, depth: int, frames: tuple[str, ...]) -> str:
        match kind:
            case ArgKind.SERIES:
                return self.number(unit, depth, frames)
            case ArgKind.CONDITION:
                return self.condition(depth, frames)
            case ArgKind.NUMBER:
                return self.draw(st.sampled_from(("0.5", "1", "2", "-1")))
            case _:
                return str(self.draw(st.integers(1, self.window_max)))

    def condition(self, depth: int, frames: tuple[str, ...]) -> str:
        option = self.pick("compare", "compare", "chain", "join", "not", "call", "lag", "regime")
        if option == "regime":
            return f'regime("{self.pick(*REGIMES)}")'
        if depth <= 0 or option in {"compare", "chain"}:
            unit = self.draw(st.sampled_from(_UNITS))
            left = self.number(unit, depth - 1, frames)
            parts = [left]
            for _ in range(2 if option == "chain" else 1):
                parts += [self.pick(*_COMPARISONS), self.literal_or(unit, depth - 1, frames)]
            return " ".join(parts)
        if option == "join":
            op = self.pick("and", "or")
            return f"({self.condition(depth - 1, frames)} {op} {self.condition(depth - 1, frames)})"
        if option == "not":
            return f"not ({self.condition(depth - 1, frames)})"
        if option == "lag":
            return f"({self.condition(depth - 1, frames)})[{self.draw(st.integers(0, 3))}]"
        unit = self.draw(st.sampled_from(_UNITS))
        return self.call(self.draw(st.sampled_from(self._conditions)), unit, depth, frames)


@st.composite
def expressions(
    draw: st.DrawFn,
    kind: str = "any",
    *,
    depth: int = 3,
    frames: tuple[str, ...] = ("4h", "1d"),
    window_max: int = 12,
    functions: Mapping[str, Function] = FUNCTIONS,
) -> str:
    """Draw the text of a well-typed expression.

    Args:
        draw: given by hypothesis.
        kind: `number`, `condition` or `any`.
        depth: levels of nesting, about.
        frames: longer timeframes it may read, ascending, each a multiple of the one before.
        window_max: largest window and lag in bars.
        functions: what it may call.
    """
    maker = _Maker(draw, functions, frames, window_max)
    if kind == "any":
        kind = maker.pick("number", "condition")
    if kind == "condition":
        return maker.condition(depth, frames)
    return maker.number(draw(st.sampled_from(_UNITS)), depth, frames)


@st.composite
def candle_columns(
    draw: st.DrawFn, *, bars_max: int = 120, tf_ms: int = HOUR_MS, gaps: bool = True
) -> Candles:
    """Draw candles of one symbol: trends and flat stretches, gaps, zero and unknown volumes.

    The regime is unknown on all bars, or changes at random and is unknown at first and at times.
    """
    size = draw(st.integers(1, bars_max))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    moves = rng.normal(0, 0.02, size) * (rng.random(size) > draw(st.sampled_from((0.0, 0.3, 0.9))))
    close = 100.0 * np.exp(np.cumsum(moves))
    open_ = np.concatenate([[100.0], close[:-1]])
    spread = np.abs(rng.normal(0, 0.01, size)) * draw(st.sampled_from((0.0, 1.0)))
    volume = np.round(rng.lognormal(3, 1, size), 3)
    volume[rng.random(size) < 0.1] = 0.0
    if draw(st.booleans()):
        volume[rng.random(size) < 0.1] = np.nan
    steps = np.ones(size, dtype=np.int64)
    if gaps:
        holes = rng.random(size) < 0.1
        steps[holes] = rng.integers(2, 40, int(holes.sum()))
    start = draw(st.integers(400_000, 500_000))
    ts = (start + np.cumsum(steps)) * tf_ms
    high = np.maximum(open_, close) * (1 + spread)
    low = np.minimum(open_, close) * (1 - spread)
    regime = rng.integers(1, len(REGIMES) + 1, size).astype(np.float64)
    regime[: draw(st.integers(0, 10))] = np.nan
    regime[rng.random(size) < 0.05] = np.nan
    told = regime if draw(st.booleans()) else None
    return Candles("TEST/USDT", tf_ms, ts, open_, high, low, close, volume, told)
