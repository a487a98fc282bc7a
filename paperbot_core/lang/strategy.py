"""From a strategy's file to something that runs; the front door of this package."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from paperbot_core.config.strategy import StrategyFile
from paperbot_core.diagnostics import Diagnostic, Severity, Span, UserError, did_you_mean
from paperbot_core.domain.market import timeframe_ms
from paperbot_core.features.function import Function
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.compiled import CompiledStrategy, Reason, SizeByTier
from paperbot_core.lang.graph import Graph, Kind, Node
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.problem import Problem
from paperbot_core.lang.ready import bars_needed
from paperbot_core.lang.reasons import split_reason
from paperbot_core.lang.regimes import varies_by_regime
from paperbot_core.lang.rules import findings
from paperbot_core.lang.scope import Expression, Path, Scope
from paperbot_core.lang.signals import LiveSignals, SignalRow, Signals, batch_signals, share_live
from paperbot_core.lang.units import PRICE, RATIO, Unit, unit_text

__all__ = [
    "CompiledStrategy",
    "LiveSignals",
    "PlaceMap",
    "SignalRow",
    "Signals",
    "batch_signals",
    "compile_strategy",
    "share_live",
]

PERCENT_MAX = 10_000.0

NO_REGIME = Problem(
    "PB3011", "nothing tells which regime the market is in", 0, 0,
    help="add `regime: {symbol: BTC/USDT}` to the universe",
)  # fmt: skip


class PlaceMap(Protocol):
    """Where the values of a file stand."""

    def span(self, path: Path, start: int = 0, end: int = 0) -> Span:
        """Return the place of the value at `path`, or of `[start, end)` inside its text."""


def compile_strategy(
    file: StrategyFile,
    *,
    places: PlaceMap,
    params: Mapping[str, float] | None = None,
    functions: Mapping[str, Function] = FUNCTIONS,
    graph: Graph | None = None,
    has_regime: bool = True,
) -> CompiledStrategy:
    """Check and compile one strategy.

    Args:
        file: the strategy as read.
        places: where its values stand, for the diagnostics.
        params: values instead of the defaults; each must lie in its `min..max`.
        functions: what expressions may call: the built-in ones, and plugins' as `plugin.name`.
        graph: share nodes with what is already in it; by default a graph of its own.
        has_regime: whether anything tells the market's regime; `regime(...)` is PB3011 if not.

    Raises:
        UserError: PB21xx and PB3011, everything that is wrong, all at once.
    """
    shared = Graph() if graph is None else graph
    no_regime = None if has_regime else NO_REGIME
    return _Compiler(file, places, params or {}, functions, shared, no_regime).run()


class _Compiler:
    """Compiles one file; every complaint goes through `report`."""

    def __init__(
        self,
        file: StrategyFile,
        places: PlaceMap,
        given: Mapping[str, float],
        functions: Mapping[str, Function],
        graph: Graph,
        no_regime: Problem | None,
    ) -> None:
        self._file = file
        self._places = places
        self._found: list[Diagnostic] = []
        self._functions = functions
        self._params = self._resolve(given)
        scope = Scope(
            timeframe_ms(file.timeframe),
            functions,
            self._params,
            file.features,
            {name: param.regimes for name, param in file.params.items() if param.regimes},
            no_regime,
        )
        self._low = Lowering(scope, graph)
        self._expressions: dict[str, Expression] = {}
        self._reasons: dict[str, Reason] = {}

    def run(self) -> CompiledStrategy:
        """Compile everything, then either raise or return."""
        file = self._file
        for path, problem, severity in findings(file, self._functions):
            self._report(path, problem, severity)
        for name in file.features:
            self._add(f"feature.{name}", self._low.feature(name))
        self._entries()
        self._exits()
        self._distance("stop", ("protect", "stop"), file.protect.stop)
        if file.protect.trail is not None:
            self._distance("trail", ("protect", "trail", "distance"), file.protect.trail.distance)
        self._distance("per", ("size", "per"), file.size.per)
        if file.size.risk_pct is not None and file.size.per is None:
            self._add("per", self._expressions.get("stop"))
        equity_pct = self._size("equity_pct", file.size.equity_pct)
        risk_pct = self._size("risk_pct", file.size.risk_pct)
        for path, problem in self._low.problems:
            self._report(path, problem)
        errors = [d for d in self._found if d.severity is Severity.ERROR]
        if errors:
            raise UserError(self._found)
        compiled = CompiledStrategy(
            file,
            self._params,
            self._low.scope.timeframe,
            self._low.graph,
            self._expressions,
            self._reasons,
            equity_pct,
            risk_pct,
            0,
            tuple(self._found),
        )
        return _with_warmup(compiled)

    def _report(self, path: Path, problem: Problem, severity: Severity = Severity.ERROR) -> None:
        span = self._places.span(path, problem.start, problem.end)
        self._found.append(
            Diagnostic(
                problem.code,
                problem.message,
                span,
                severity,
                expected=problem.expected,
                help=problem.help,
            )
        )

    def _resolve(self, given: Mapping[str, float]) -> dict[str, float]:
        known = self._file.params
        for name, value in given.items():
            if name not in known:
                self._report(
                    ("params",),
                    Problem(
                        "PB2155",
                        f"there is no parameter `{name}`",
                        0,
                        0,
                        ", ".join(f"`{n}`" for n in known) or "a strategy with `params`",
                        did_you_mean(name, known),
                    ),
                )
            elif not known[name].min <= value <= known[name].max:
                low, high = known[name].min, known[name].max
                self._report(
                    ("params", name),
                    Problem(
                        "PB2154", f"`{name}` cannot be {value:g}", 0, 0, f"{low:g} to {high:g}"
                    ),
                )
        return {name: float(given.get(name, param.default)) for name, param in known.items()}

    def _add(self, name: str, expression: Expression | None) -> None:
        if expression is not None:
            self._expressions[name] = expression

    def _entries(self) -> None:
        entry = self._file.entry
        for side, rules in (("long", entry.long), ("short", entry.short)) if entry else ():
            for k, rule in enumerate(rules or ()):
                path: Path = ("entry", side, k)
                self._condition(f"entry.{side}.{k}", (*path, "when"), rule.when)
                self._number(f"strength.{side}.{k}", (*path, "strength"), rule.strength, RATIO)
                if rule.limit is not None:
                    self._distance(f"limit.{side}.{k}", (*path, "limit"), rule.limit)
                self._reason(f"entry.{side}.{k}", (*path, "reason"), rule.reason, rule.when)

    def _exits(self) -> None:
        block = self._file.exit
        for side, rules in (("long", block.long), ("short", block.short)) if block else ():
            for k, rule in enumerate(rules or ()):
                path: Path = ("exit", side, k)
                self._condition(f"exit.{side}.{k}", (*path, "when"), rule.when)
                self._reason(f"exit.{side}.{k}", (*path, "reason"), rule.reason, rule.when)

    def _condition(self, name: str, path: Path, text: str) -> None:
        found = self._low.expression(path, text)
        if found is not None and found.root.kind is not Kind.CONDITION:
            self._low.report(
                Problem(
                    "PB2130",
                    f"`{path[-1]}` is a number, a condition belongs here",
                    0,
                    len(text),
                    help="compare it with something, such as `x > 0`",
                ),
                path,
            )
        self._add(name, found)

    def _distance(self, name: str, path: Path, text: str | None) -> None:
        """Compile a price or a distance between prices, which is above 0."""
        if text is not None:
            self._number(name, path, text, PRICE, above=0.0)

    def _number(
        self, name: str, path: Path, text: str, unit: Unit, above: float = -math.inf
    ) -> None:
        found = self._low.expression(path, text)
        if found is None:
            return
        node, key = found.root, path[-1]
        problem = None
        if node.kind is not Kind.NUMBER:
            problem = Problem(
                "PB2131",
                f"`{key}` is a condition, a number belongs here",
                0,
                len(text),
                help="turn it into a number with `where(condition, 1, 0)`",
            )
        elif node.unit not in (None, unit):
            problem = Problem(
                "PB2134",
                f"`{key}` is measured in {unit_text(node.unit)}",
                0,
                len(text),
                f"{unit_text(unit)}, as in `{_EXAMPLES[unit]}`",
            )
        elif node.is_constant and node.params[0] <= above:
            problem = Problem(
                "PB2136", f"`{key}` cannot be {node.params[0]:g}", 0, len(text), f"above {above:g}"
            )
        if problem is not None:
            self._low.report(problem, path)
        self._add(name, found)

    def _reason(self, name: str, path: Path, text: str, when: str) -> None:
        if not text:
            self._reasons[name] = Reason((" ".join(when.split()),))
            return
        pieces = split_reason(text)
        if isinstance(pieces, Problem):
            self._low.report(pieces, path)
            return
        made: list[str | Node] = []
        for piece in pieces:
            if isinstance(piece, str):
                made.append(piece)
                continue
            found = self._low.expression(path, piece.text, shift=piece.start)
            if found is not None:
                self._add(f"reason.{name}.{sum(not isinstance(p, str) for p in made)}", found)
                made.append(found.root)
        self._reasons[name] = Reason(tuple(made))

    def _size(self, key: str, value: float | str | Mapping[str, float] | None) -> SizeByTier | None:
        if not isinstance(value, str):
            return value
        path: Path = ("size", key)
        found = self._low.expression(path, value)
        if found is None:
            return None
        node = found.root
        if not node.is_constant or node.kind is not Kind.NUMBER:
            self._low.report(
                Problem(
                    "PB2137",
                    f"`{key}` must not change from bar to bar",
                    0,
                    len(value),
                    "a number, a parameter, or arithmetic with them",
                    varies_by_regime(found.syntax, self._low.scope.regimes),
                ),
                path,
            )
            return None
        if not 0.0 < node.params[0] <= PERCENT_MAX:
            self._low.report(
                Problem(
                    "PB2137",
                    f"`{key}` cannot be {node.params[0]:g}",
                    0,
                    len(value),
                    f"above 0, at most {PERCENT_MAX:g} percent",
                ),
                path,
            )
        return node.params[0]


_EXAMPLES: dict[Unit, str] = {PRICE: "2 * atr(14)", RATIO: "clip(rsi(14) / 100, 0, 1)"}


def _with_warmup(compiled: CompiledStrategy) -> CompiledStrategy:
    return replace(compiled, warmup=bars_needed(compiled.deciding))
