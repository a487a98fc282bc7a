"""What strategies of plugins say on each bar, in the kernel's form: over history, and bar by bar.

Both ways agree to the bit: the plugin is asked about the same bars, in the same order, with views
that hold the same history. Each strategy and symbol has a plugin object of its own. A plugin that
fails on a bar gives no signal there; the failure is counted and named, and nothing stops.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from paperbot_core.api.facts import Action, Signal
from paperbot_core.api.view import MarketView
from paperbot_core.diagnostics import Diagnostic, Severity
from paperbot_core.domain.market import Candles
from paperbot_core.domain.words import Side
from paperbot_core.features.function import UNKNOWN, WINDOW_MAX
from paperbot_core.lang.graph import Kind, Node
from paperbot_core.lang.signals import GROUPS, LiveSignals, SignalRow, Signals, batch_signals
from paperbot_core.plugins_guard import Deadline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.config.strategy import StrategyFile
    from paperbot_core.domain.market import Bar
    from paperbot_core.lang.columns import Columns
    from paperbot_core.lang.compiled import CompiledStrategy
    from paperbot_core.plugins import Plugins
    from paperbot_core.plugins_guard import SafeStrategy

Floats = Any  # NDArray[np.float64], written out where it is returned

#: The most closed bars a view holds: as many as the longest window of the language.
HISTORY_BARS = WINDOW_MAX

#: What a plugin says, as the first rule of a group: (action, side) -> (bit, name of the rule).
_RULES: dict[tuple[Action, Side], tuple[int, str]] = {
    (Action.ENTER if kind == "entry" else Action.EXIT, Side.LONG if side == "long" else Side.SHORT):
    (1 << first, f"{kind}.{side}.0")
    for kind, side, first in GROUPS
}  # fmt: skip


class BarSignals(Protocol):
    """The signals of one strategy on one symbol, bar by bar, wherever they come from."""

    compiled: CompiledStrategy

    def update(self, bar: Bar) -> SignalRow:
        """Take one closed bar, in order, and return its signals."""

    def row(self) -> SignalRow:
        """Return the signals of the last bar taken."""

    def value(self, node: Node) -> float:
        """Return the last value of a node of the strategy."""

    def reason(self, rule: str, factor: float = 1.0) -> str:
        """Return the text of a rule such as `entry.long.0` for the last bar taken.

        Its prices are told as paid at `factor` (see `lang.units.as_paid`).
        """


class Faults:
    """On how many bars the plugin of each strategy failed, and what it did first."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, Diagnostic] = {}

    def __len__(self) -> int:
        return sum(self._counts.values())

    def note(self, strategy: str, problem: Diagnostic) -> None:
        """Count one failure."""
        self._counts[strategy] = self._counts.get(strategy, 0) + 1
        self._first.setdefault(strategy, problem)

    def warnings(self) -> list[Diagnostic]:
        """Return one PB5101 for each strategy whose plugin failed."""
        return [
            Diagnostic(
                "PB5101",
                f"strategy `{name}` had no signal on {count} bar{'s' * (count > 1)}"
                f" where its plugin failed, first: {self._first[name].message}",
                severity=Severity.WARNING,
                help=f"see `paperbot explain {self._first[name].code}`",
            )
            for name, count in sorted(self._counts.items())
        ]


def plugin_options(file: StrategyFile, params: Mapping[str, float]) -> dict[str, Any]:
    """Return what stands under `with:`; a value that is the name of a parameter is its value."""

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: resolved(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [resolved(inner) for inner in value]
        return params.get(value, value) if isinstance(value, str) else value

    return {key: resolved(value) for key, value in file.with_.items()}


class SignalSource:
    """Where the signals of a run come from: rules in YAML, or the plugin a strategy file `uses`."""

    def __init__(self, plugins: Plugins | None = None, *, patient: bool = True) -> None:
        """Take the loaded plugins; None will do for a run in which no strategy `uses` one.

        Without `patient` a plugin that does not come back is left behind, as in a session.
        """
        self._plugins = plugins
        self._patient = patient
        self._said: dict[tuple[str, str], dict[int, tuple[Signal, ...]]] = {}
        self.faults = Faults()

    def batch(self, compiled: CompiledStrategy, columns: Columns) -> Signals:
        """Return the signals over all bars of `columns`, whose timeframe is the strategy's.

        Arrays may belong to the cache of `columns`: do not write into them.

        Raises:
            UserError, PluginError: the plugin of the strategy cannot be built.
        """
        rules = batch_signals(compiled, columns)
        if compiled.file.uses is None:
            return rules
        plugin = self._build(compiled)
        said: dict[int, tuple[Signal, ...]] = {}
        candles, features = columns.candles, feature_columns(compiled, columns)
        for row in range(columns.ready_row(compiled.deciding), len(candles)):
            view = _history_view(compiled, candles, features, row)
            if found := _ask(plugin, compiled, view, self.faults):
                said[row] = found
        self._said[compiled.file.name, candles.symbol] = said
        return _packed(compiled, rules, said)

    def live(self, compiled: CompiledStrategy) -> BarSignals:
        """Return the signals of one symbol bar by bar, from no bar on.

        Raises:
            UserError, PluginError: the plugin of the strategy cannot be built.
        """
        if compiled.file.uses is None:
            return LiveSignals(compiled)
        return PluginSignals(compiled, self._build(compiled), self.faults)

    def reason(
        self, compiled: CompiledStrategy, columns: Columns, rule: str, row: int,
        factor: float = 1.0,
    ) -> str:  # fmt: skip
        """Return the text of a rule at a row of `columns`, for which `batch` was called.

        Its prices are told as paid at `factor` (see `lang.units.as_paid`).
        """
        if compiled.file.uses is None:
            return compiled.reasons[rule].text(lambda node: columns.value(node, row), factor)
        said = self.said(compiled, columns, rule, row)
        return "" if said is None else said.reason

    def said(
        self, compiled: CompiledStrategy, columns: Columns, rule: str, row: int
    ) -> Signal | None:
        """Return what the plugin said as a rule such as `entry.long.0`, None if nothing.

        For a strategy that `uses` a plugin and for which `batch` was called.
        """
        signals = self._said[compiled.file.name, columns.candles.symbol].get(row, ())
        return _said(signals, rule)

    def _build(self, compiled: CompiledStrategy) -> SafeStrategy:
        name = compiled.file.uses
        assert name is not None
        assert self._plugins is not None, "the run has no plugins"
        made = self._plugins.strategy(name, plugin_options(compiled.file, compiled.params))
        return made if self._patient else replace(made, deadline=Deadline())


class PluginSignals:
    """The signals of a plugin's strategy on one symbol, bar by bar."""

    def __init__(self, compiled: CompiledStrategy, plugin: SafeStrategy, faults: Faults) -> None:
        """Start without any bar; `plugin` is asked about this symbol only."""
        self.compiled = compiled
        self.signals: tuple[Signal, ...] = ()
        self._plugin = plugin
        self._faults = faults
        self._rules = LiveSignals(compiled)
        self._nodes = _feature_nodes(compiled)
        self._tape = _Tape(tuple(self._nodes))

    def update(self, bar: Bar) -> SignalRow:
        """Take one closed bar; bars come in order (see `Live.update`)."""
        self._rules.update(bar)
        self._tape.append(bar, [_known(n, self.value(n)) for n in self._nodes.values()])
        self.signals = ()
        if self._rules.is_ready():
            view = self._tape.view(self.compiled.file.name)
            self.signals = _ask(self._plugin, self.compiled, view, self._faults)
        return self.row()

    def row(self) -> SignalRow:
        """Return the signals of the last bar taken."""
        rules = self._rules.row()
        wish = _wish(self.signals)
        stop = rules.stop if math.isnan(wish.stop) else wish.stop
        per = stop if _per_is_stop(self.compiled) else rules.per
        return SignalRow(wish.bits, wish.strength, per, stop, rules.trail, rules.limit)

    def value(self, node: Node) -> float:
        """Return the last value of a node of this strategy."""
        return self._rules.value(node)

    def reason(self, rule: str, factor: float = 1.0) -> str:
        """Return the plugin's text for a rule such as `entry.long.0`; empty if it gave none.

        It is in the plugin's own words: `factor` changes nothing in it.
        """
        said = _said(self.signals, rule)
        return "" if said is None else said.reason


class _Tape:
    """The last bars of one symbol and the named features at each, in arrays that grow."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._size = 0
        self._ts = np.empty(256, np.int64)
        self._rows = np.empty((6 + len(names), 256))
        self._bar: Bar | None = None

    def append(self, bar: Bar, features: Sequence[float]) -> None:
        if self._size == len(self._ts):
            self._make_room()
        self._ts[self._size] = bar.ts
        self._rows[:, self._size] = (
            bar.open, bar.high, bar.low, bar.close, bar.volume, bar.regime, *features,
        )  # fmt: skip
        self._size += 1
        self._bar = bar

    def _make_room(self) -> None:
        # New arrays, not a shift in place: a view made earlier keeps what it showed.
        kept = min(self._size, HISTORY_BARS)
        part = slice(self._size - kept, self._size)
        ts, rows = np.empty(2 * kept, np.int64), np.empty((len(self._rows), 2 * kept))
        ts[:kept], rows[:, :kept] = self._ts[part], self._rows[:, part]
        self._ts, self._rows, self._size = ts, rows, kept

    def view(self, strategy: str) -> MarketView:
        assert self._bar is not None
        part = slice(max(0, self._size - HISTORY_BARS), self._size)
        columns = [row[part] for row in self._rows]
        candles = Candles(self._bar.symbol, self._bar.tf_ms, self._ts[part], *columns[:6])
        features = dict(zip(self._names, columns[6:], strict=True))
        return MarketView(candles, len(candles) - 1, features=features, strategy=strategy)


@dataclass(frozen=True, slots=True)
class _Wish:
    """The signals of one bar: bits, strength of the entry, its own stop distance; NaN is none."""

    bits: int = 0
    strength: float = math.nan
    stop: float = math.nan


def _wish(signals: Sequence[Signal]) -> _Wish:
    """Pack signals; strength and stop are those of the first entry, long before short."""
    bits = 0
    for signal in signals:
        bits |= _RULES[signal.action, signal.side][0]
    entries = [signal for signal in signals if signal.action is Action.ENTER]
    if not entries:
        return _Wish(bits)
    first = next((signal for signal in entries if signal.side is Side.LONG), entries[0])
    stop = math.nan if first.stop_distance is None else first.stop_distance
    return _Wish(bits, first.strength, stop)


def _said(signals: Sequence[Signal], rule: str) -> Signal | None:
    return next((s for s in signals if _RULES[s.action, s.side][1] == rule), None)


def _ask(
    plugin: SafeStrategy, compiled: CompiledStrategy, view: MarketView, faults: Faults
) -> tuple[Signal, ...]:
    """Return the signals of the latest bar of `view`; none, and a fault, if the plugin failed."""
    answer = plugin.ask(view)
    problem = answer.problem
    has_stop = any(signal.stop_distance is not None for signal in answer.signals)
    if has_stop and compiled.root("stop") is None:
        # Sizes, targets and R of a file without `protect.stop` know no stop: dropping the one
        # that the plugin asks for in silence would leave the position without it.
        text = f"strategy `{plugin.name}` of `{plugin.distribution}` gives a stop_distance"
        problem = Diagnostic(
            "PB5102", f"{text}, and the file has no `protect.stop`", severity=Severity.WARNING
        )
    if problem is None:
        return answer.signals
    faults.note(compiled.file.name, problem)
    return ()


def _per_is_stop(compiled: CompiledStrategy) -> bool:
    """Tell whether the size goes by the stop, and so follows the plugin's own stop too."""
    size = compiled.file.size
    return size.risk_pct is not None and size.per is None


def _feature_nodes(compiled: CompiledStrategy) -> dict[str, Node]:
    return {name: compiled.expressions[f"feature.{name}"].root for name in compiled.file.features}


def _known(node: Node, value: float) -> float:
    """Return the value as a plugin sees it: a condition is 1, 0, or NaN while unknown."""
    unknown = node.kind is Kind.CONDITION and value == UNKNOWN
    return math.nan if unknown else float(value)


def feature_columns(
    compiled: CompiledStrategy, columns: Columns
) -> dict[str, NDArray[np.float64]]:
    """Return the named features of a strategy over all bars, NaN where unknown."""
    found: dict[str, NDArray[np.float64]] = {}
    for name, node in _feature_nodes(compiled).items():
        values = np.asarray(columns.array(node), dtype=np.float64)
        if node.kind is Kind.CONDITION:
            values = np.where(values == UNKNOWN, np.nan, values)
        found[name] = values
    return found


def _history_view(
    compiled: CompiledStrategy, candles: Candles, features: Mapping[str, Floats], row: int
) -> MarketView:
    """Return the view at `row`; later bars are not even in the arrays it is made from."""
    start, stop = max(0, row + 1 - HISTORY_BARS), row + 1
    part = {name: values[start:stop] for name, values in features.items()}
    return MarketView(
        candles.slice(start, stop), row - start, features=part, strategy=compiled.file.name
    )


def _packed(
    compiled: CompiledStrategy, rules: Signals, said: Mapping[int, Sequence[Signal]]
) -> Signals:
    """Return the signals of the file with those that the plugin gave, by row."""
    size = len(rules.bits)
    bits = np.zeros(size, np.uint32)
    strength = np.full(size, np.nan)
    stop = np.array(np.broadcast_to(rules.stop, size), np.float64)
    for row, signals in said.items():
        wish = _wish(signals)
        bits[row], strength[row] = wish.bits, wish.strength
        if not math.isnan(wish.stop):
            stop[row] = wish.stop
    per = stop if _per_is_stop(compiled) else rules.per
    return Signals(bits, strength, per, stop, rules.trail, rules.limit)
