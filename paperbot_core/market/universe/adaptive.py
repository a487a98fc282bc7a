"""Which mode of an adaptive strategy is chosen for a symbol, bar by bar and over history.

Three measures between 0 and 1, expressions of the strategy language over closed bars of `every`,
are weighed by each mode; the highest score is chosen. Knows nothing of what the modes do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.config.adaptive import Adaptive, family_of, mode_of
from paperbot_core.domain.market import Bar
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.graph import Graph, Node
from paperbot_core.lang.live import Live
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.ready import bars_needed
from paperbot_core.lang.scope import Scope
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.universe.regime import regime_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.lang.compiled import SizeByTier

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

#: The measures by name, for a window of `{n}` bars; `{most}` is five windows.
MEASURES = {
    "trend": (
        "where(sum(abs(change(close, 1)), {n}) > 0, "
        "abs(change(close, {n})) / sum(abs(change(close, 1)), {n}), 0)"
    ),
    "volatility": "realized_vol({n})",
    "liquidity": "sma(close * volume, {n})",
}
#: Measures that say where a value lies between its lowest and highest of the last five windows.
_PLACED = ("volatility", "liquidity")
_WINDOWS = 5
#: No mode, as a number; modes count from 0.
NONE = math.nan


def measure_text(name: str, adaptive: Adaptive) -> str:
    """Return a measure of bars of `every` as an expression of the strategy language.

    Source: trend is the efficiency ratio of Kaufman (1995), "Smarter Trading".
    """
    value = MEASURES[name].format(n=adaptive.window)
    if name not in _PLACED:
        return value
    low, high = (f"{end}({value}, {_WINDOWS * adaptive.window})" for end in ("lowest", "highest"))
    return f"where({high} > {low}, ({value} - {low}) / ({high} - {low}), 0)"


class ModeChooser:
    """The compiled choice of one adaptive strategy, read from bars of one length.

    Attributes:
        family: name of the strategy in its file.
        modes: names of its modes, in the file's order.
        tf_ms: length of the bars that are told.
        measures: the measures that at least one mode weighs.
        warmup: how many of these bars are enough before the first choice.
    """

    def __init__(self, family: str, adaptive: Adaptive, tf_ms: int) -> None:
        """Compile the measures; `tf_ms` (ms) divides `every`."""
        self.family = family
        self.modes = tuple(adaptive.modes)
        self.tf_ms = tf_ms
        weights = [dict(mode.weights) for mode in adaptive.modes.values()]
        self.measures = tuple(name for name in MEASURES if any(w[name] for w in weights))
        self._weights = [tuple(w[name] for name in self.measures) for w in weights]
        low = Lowering(Scope(tf_ms, FUNCTIONS), Graph())
        self.roots: list[Node] = []
        for name in self.measures:
            found = low.expression((), f'at("{adaptive.every}", {measure_text(name, adaptive)})')
            assert found is not None, f"the measure {name} is an expression: {low.problems}"
            self.roots.append(found.root)
        self.warmup = bars_needed(self.roots)

    def scores(self, values: Sequence[Any]) -> list[Any]:
        """Return the score of each mode; `values` are numbers or arrays, in order of `measures`.

        Products are added up in that order, in history as live: equal to the bit.
        """
        return [
            sum((w * value for w, value in zip(weights, values, strict=True)), 0.0)
            for weights in self._weights
        ]

    def choose(self, values: Sequence[float]) -> float:
        """Return the number of the mode with the highest score, the first of equal ones.

        NaN where a measure is unknown.
        """
        if any(math.isnan(value) for value in values):
            return NONE
        found = self.scores(values)
        return float(found.index(max(found)))

    def batch(self, columns: Columns) -> ModeLine:
        """Return the choice at the close of every bar of a history of `tf_ms`."""
        candles = columns.candles
        values = [np.asarray(columns.array(root), np.float64) for root in self.roots]
        codes = np.argmax(np.stack(self.scores(values)), axis=0).astype(np.float64)
        for value in values:
            codes[np.isnan(value)] = NONE
        codes[: columns.ready_row(self.roots)] = NONE
        return ModeLine(self.modes, candles.ts + candles.tf_ms, codes)

    def values_at(self, columns: Columns, row: int) -> list[float]:
        """Return the measures at a row of a history, NaN where unknown."""
        if row < columns.ready_row(self.roots):  # before the first row too
            return [NONE] * len(self.roots)
        return [columns.value(root, row) for root in self.roots]

    def text(self, values: Sequence[float]) -> str:
        """Return the scores of the modes by the measures `values`, or which of these is unknown."""
        unknown = [n for n, v in zip(self.measures, values, strict=True) if math.isnan(v)]
        if unknown:
            return f"{' and '.join(unknown)} not known"
        scores = zip(self.modes, self.scores(values), strict=True)
        return "scores " + ", ".join(f"{mode} {score:.3g}" for mode, score in scores)

    def choice_text(self, values: Sequence[float]) -> str:
        """Return in words which mode is chosen by the measures `values`, and why."""
        name = self.name(self.choose(values))
        measures = zip(self.measures, values, strict=True)
        known = ", ".join(f"{one} {value:.3g}" for one, value in measures)
        if name is None:
            return f"no mode is chosen: {self.text(values)}"
        return f"`{name}` is chosen: {self.text(values)} ({known})"

    def live(self) -> ModeLive:
        """Return the choice bar by bar, from no bar on."""
        return ModeLive(self)

    def name(self, code: float) -> str | None:
        """Return the name of a mode by its number; None for NaN."""
        return None if math.isnan(code) else self.modes[int(code)]


class ModeLive:
    """The choice bar by bar; equal to `ModeChooser.batch` to the bit."""

    def __init__(self, chooser: ModeChooser) -> None:
        """Take what was compiled."""
        self.chooser = chooser
        self._live = Live(chooser.roots, chooser.tf_ms)
        self._ready: int | None = None
        #: Measures and mode after the last bar taken; NaN while unknown.
        self.values = [NONE] * len(chooser.roots)
        self.code = NONE

    def update(self, bar: Bar) -> float:
        """Take one closed bar, in order, and return the mode from its close on.

        Raises:
            DataError: PB2401, the bar starts before the last one ended.
        """
        values = self._live.update(bar)
        if self._ready is None and not any(map(math.isnan, values)):
            # Asked only once it can matter: the answer takes a walk over all nodes.
            self._ready = self._live.ready_row(self.chooser.roots)
        warm = self._ready is not None and self._live.rows > self._ready
        self.values = list(values) if warm else [NONE] * len(values)
        self.code = self.chooser.choose(self.values)
        return self.code

    def text(self) -> str:
        """Return the scores, or what is not known."""
        return self.chooser.text(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class ModeLine:
    """The choice over a history: close times (UTC ms, ascending) and the mode from each on.

    `codes` number `modes` from 0, NaN for none; both arrays of shape (n,).
    """

    modes: tuple[str, ...]
    times: Ints
    codes: Floats

    def is_chosen(self, mode: str, now: Ints) -> NDArray[np.bool_]:
        """Return whether a mode is the one chosen at each decision time, of the shape of `now`."""
        chosen: NDArray[np.bool_] = np.equal(
            regime_at(self.times, self.codes, now), self.modes.index(mode)
        )
        return chosen

    def changes(self) -> list[tuple[int, str | None]]:
        """Return when which mode was chosen, ascending, None for none; before the first: none."""
        codes = np.where(np.isnan(self.codes), -1.0, self.codes).astype(np.int64)
        rows = np.flatnonzero(np.diff(codes, prepend=-1))
        return [
            (int(self.times[row]), None if codes[row] < 0 else self.modes[codes[row]])
            for row in rows.tolist()
        ]


def mode_choosers(
    strategies: Iterable[CompiledStrategy], symbols: Mapping[str, Iterable[str]]
) -> dict[tuple[str, str], ModeChooser]:
    """Return what chooses the mode, by (strategy, symbol), of the adaptive ones among `strategies`.

    Every pair is read from the shortest bars that any of its modes has, so that all modes agree.

    Args:
        strategies: of a run, modes apart.
        symbols: what each of them trades, by its name.
    """
    finest: dict[tuple[str, str], int] = {}
    blocks: dict[str, Adaptive] = {}
    for compiled in strategies:
        if compiled.file.adaptive is None or not mode_of(compiled.file.name):
            continue
        family = family_of(compiled.file.name)
        blocks[family] = compiled.file.adaptive
        for symbol in symbols[compiled.file.name]:
            known = finest.get((family, symbol), compiled.timeframe_ms)
            finest[family, symbol] = min(known, compiled.timeframe_ms)
    made = {
        (family, tf_ms): ModeChooser(family, blocks[family], tf_ms)
        for (family, _), tf_ms in finest.items()
    }
    return {
        (family, symbol): made[family, tf_ms] for (family, symbol), tf_ms in finest.items()
    }


def choice_bars(
    strategies: Iterable[CompiledStrategy], symbols: Mapping[str, Iterable[str]], feed_ms: int
) -> int:
    """Return how many bars of `feed_ms` are enough for the first choice of all adaptive ones.

    The arguments are those of `mode_choosers`; 0 where nothing is chosen.
    """
    choosers = mode_choosers(strategies, symbols).values()
    return max((math.ceil(one.warmup * one.tf_ms / feed_ms) for one in choosers), default=0)


def as_mode(compiled: CompiledStrategy) -> CompiledStrategy:
    """Return a compiled mode with its own size; unchanged for a strategy without modes."""
    adaptive, mode = compiled.file.adaptive, mode_of(compiled.file.name)
    if adaptive is None or not mode:
        return compiled
    factor = adaptive.modes[mode].size_factor
    return replace(
        compiled,
        equity_pct=_scaled(compiled.equity_pct, factor),
        risk_pct=_scaled(compiled.risk_pct, factor),
    )


def _scaled(size: SizeByTier | None, factor: float) -> SizeByTier | None:
    if size is None:
        return None
    if isinstance(size, Mapping):
        return {tier: pct * factor for tier, pct in size.items()}
    return size * factor
