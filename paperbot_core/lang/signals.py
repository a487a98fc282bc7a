"""What a strategy says on each bar, packed for the kernel: over history, and bar by bar.

Both ways agree to the bit. A condition that is unknown, or not warm yet, gives no signal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import Bar
from paperbot_core.features.function import TRUE
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.compiled import CompiledStrategy
from paperbot_core.lang.graph import Node, constant_value
from paperbot_core.lang.live import Live
from paperbot_core.lang.operators import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The first bit of each group of rules; bit k of a group is rule k of the file.
GROUPS: tuple[tuple[str, str, int], ...] = (
    ("entry", "long", 0),
    ("entry", "short", 8),
    ("exit", "long", 16),
    ("exit", "short", 24),
)
DISTANCES = ("per", "stop", "trail")


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """One row for each bar of the strategy's timeframe.

    `bits` is uint32 of shape (n,): bits 0-7 entry.long, 8-15 entry.short, 16-23 exit.long, 24-31
    exit.short, bit k of a group for rule k being true. The others are float64 of shape (n,), or
    one float where every row has the same: `strength` in [0, 1] and the `limit` price belong to
    the first true entry rule, long before short (NaN limit: at market); `per`, `stop` and `trail`
    are distances in price. NaN is unknown or absent.
    """

    bits: NDArray[np.uint32]
    strength: NDArray[np.float64] | float
    per: NDArray[np.float64] | float
    stop: NDArray[np.float64] | float
    trail: NDArray[np.float64] | float
    limit: NDArray[np.float64] | float


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One row of `Signals` in Python numbers."""

    bits: int
    strength: float
    per: float
    stop: float
    trail: float
    limit: float


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry rule: its condition and what it asks for; None is a limit that is not there."""

    when: Node
    strength: Node
    limit: Node | None


def _entries(compiled: CompiledStrategy) -> Iterator[_Entry]:
    for side in ("long", "short"):
        for k, when in enumerate(compiled.conditions("entry", side)):
            strength = compiled.expressions[f"strength.{side}.{k}"].root
            yield _Entry(when, strength, compiled.root(f"limit.{side}.{k}"))


def batch_signals(compiled: CompiledStrategy, columns: Columns) -> Signals:
    """Return the signals over all bars of `columns`, whose timeframe is the strategy's.

    Arrays may belong to the cache of `columns`: do not write into them.
    """
    bits = _bits(compiled, columns)
    bits[: columns.ready_row(compiled.deciding)] = 0
    per, stop, trail = (_floats(compiled.root(name), columns) for name in DISTANCES)
    entries = list(_entries(compiled))
    conditions = [columns.column(entry.when) for entry in entries]
    strength = _of_first(conditions, [_clipped(columns.column(e.strength)) for e in entries])
    limit = _of_first(conditions, [_floats(e.limit, columns) for e in entries])
    return Signals(bits, strength, per, stop, trail, limit)


def _bits(compiled: CompiledStrategy, columns: Columns) -> NDArray[np.uint32]:
    bits = np.zeros(len(columns), dtype=np.uint32)
    for kind, side, first in GROUPS:
        for k, when in enumerate(compiled.conditions(kind, side)):
            true = np.greater(columns.column(when), 0)
            bits |= np.left_shift(true, np.uint32(first + k), dtype=np.uint32)
    return bits


def _floats(node: Node | None, columns: Columns) -> Column:
    return math.nan if node is None else columns.column(node)


def _clipped(strength: Column) -> Column:
    if not isinstance(strength, np.ndarray):
        return _clip(strength)
    if not ((strength < 0.0) | (strength > 1.0)).any():
        return strength
    strength = strength.copy()
    strength[strength < 0.0] = 0.0
    strength[strength > 1.0] = 1.0
    return strength


def _clip(strength: float) -> float:
    # A NaN fails both comparisons and stays what it is.
    return 0.0 if strength < 0.0 else min(strength, 1.0)


def _of_first(conditions: Sequence[Column], values: Sequence[Column]) -> Column:
    """Return the value of the first true rule on each row, of the last rule where none is."""
    if not values:
        return math.nan
    first = values[0]
    if not isinstance(first, np.ndarray) and all(_is_same(first, value) for value in values):
        return first
    chosen = values[-1]
    for rule in range(len(values) - 2, -1, -1):
        chosen = np.where(np.equal(conditions[rule], TRUE), values[rule], chosen)
    return chosen


def _is_same(left: float, right: Column) -> bool:
    if isinstance(right, np.ndarray):
        return False
    return left == right or (math.isnan(left) and math.isnan(right))


class LiveSignals:
    """The signals of one strategy on one symbol, bar by bar."""

    def __init__(self, compiled: CompiledStrategy, live: Live | None = None) -> None:
        """Make the plan; `live` is shared with others if it was made by `share_live`."""
        self.compiled = compiled
        self.live = live or Live(compiled.roots.values(), compiled.timeframe_ms)
        self._deciding = compiled.deciding
        self._ready: int | None = None
        slot = self.live.slot
        self._rules = [
            (slot(when), 1 << (first + k))
            for kind, side, first in GROUPS
            for k, when in enumerate(compiled.conditions(kind, side))
        ]
        self._entries = [
            (slot(e.when), slot(e.strength), -1 if e.limit is None else slot(e.limit))
            for e in _entries(compiled)
        ]
        roots = [compiled.root(name) for name in DISTANCES]
        self._distances = [-1 if root is None else slot(root) for root in roots]

    def update(self, bar: Bar) -> SignalRow:
        """Take one closed bar; bars come in order (see `Live.update`)."""
        self.live.advance(bar)
        return self.row()

    def row(self) -> SignalRow:
        """Return the signals of the last bar taken."""
        values = self.live.values
        bits = 0
        if self.is_ready():
            for slot, mask in self._rules:
                if values[slot] == TRUE:
                    bits |= mask
        strength = limit = math.nan
        for when, strength_slot, limit_slot in self._entries:
            strength = values[strength_slot]
            limit = math.nan if limit_slot < 0 else values[limit_slot]
            if values[when] == TRUE:
                break
        per, stop, trail = self._distances
        return SignalRow(
            bits,
            _clip(strength),
            math.nan if per < 0 else values[per],
            math.nan if stop < 0 else values[stop],
            math.nan if trail < 0 else values[trail],
            limit,
        )

    def value(self, node: Node) -> float:
        """Return the last value of a node of this strategy."""
        return constant_value(node) if node.is_constant else self.live.values[self.live.slot(node)]

    def reason(self, rule: str, factor: float = 1.0) -> str:
        """Return the text of a rule such as `entry.long.0` for the last bar taken.

        Its prices are told as paid at `factor` (see `units.as_paid`).
        """
        return self.compiled.reasons[rule].text(self.value, factor)

    def is_ready(self) -> bool:
        """Tell whether everything that decides was warm at the last bar taken."""
        if self._ready is None:
            self._ready = self.live.ready_row(self._deciding)
        return self._ready is not None and self.live.rows > self._ready


def share_live(compiled: Sequence[CompiledStrategy]) -> tuple[Live, list[LiveSignals]]:
    """Return one running state for strategies of one symbol and timeframe, and their signals.

    Whatever two of them ask for is worked out once a bar: `advance` the state, then read `row()`
    of each.
    """
    roots = [node for one in compiled for node in one.roots.values()]
    live = Live(roots, compiled[0].timeframe_ms)
    return live, [LiveSignals(one, live) for one in compiled]
