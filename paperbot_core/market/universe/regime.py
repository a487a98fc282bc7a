"""The regime of the market as a whole, bar by bar of the symbol that leads it.

Turns the conditions of `regime` in universe.yaml into one number for each bar, over history and
live, with equal results to the bit. Knows nothing of what is done with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.config.selection import Regime
from paperbot_core.config.source_map import Source, SourceMap
from paperbot_core.diagnostics import UserError
from paperbot_core.domain.market import Bar, Candles, timeframe_ms, timeframe_text
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.graph import Graph, Kind, Node
from paperbot_core.lang.live import Live
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.problem import Problem
from paperbot_core.lang.ready import bars_needed
from paperbot_core.lang.regimes import regime_code
from paperbot_core.lang.scope import Path, Scope

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

#: Which rule counts where several are true, and what holds where none is.
ORDER = ("crash", "trend", "calm")
OTHERWISE = "chop"

_IN_A_CIRCLE = Problem(
    "PB2151", "the rules of the regime cannot ask for the regime", 0, 0,
    help="ask for prices, volumes and times",
)  # fmt: skip


class RegimeDetector:
    """The compiled rules of one `regime` block.

    Attributes:
        symbol: whose bars the rules look at.
        tf_ms: length of these bars.
        warmup: how many bars are enough before the first one with a regime.
    """

    def __init__(self, regime: Regime, places: SourceMap | None = None) -> None:
        """Compile the rules; `places` says where universe.yaml has them, for the diagnostics.

        Raises:
            UserError: PB21xx at the rule, everything that is wrong with any of them.
        """
        self.symbol = regime.symbol
        self.tf_ms = timeframe_ms(regime.timeframe)
        self._root = _compile(regime, self.tf_ms, places or _nowhere())
        self.warmup = bars_needed([self._root])

    def batch(self, candles: Candles) -> tuple[Ints, Floats]:
        """Return the close time and the regime of every bar of `symbol` and `tf_ms`.

        Both of shape (n,): UTC ms, and numbers as in `Bar.regime`, NaN during warm-up and where a
        rule is unknown.

        Raises:
            ValueError: the candles have another timeframe.
            DataError: PB2401, the bars overlap.
        """
        if candles.tf_ms != self.tf_ms:
            wanted, given = timeframe_text(self.tf_ms), timeframe_text(candles.tf_ms)
            raise ValueError(f"the regime is told by bars of {wanted}, not of {given}")
        columns = Columns(candles)
        codes = np.array(columns.array(self._root), np.float64)
        codes[: columns.ready_row([self._root])] = np.nan
        return candles.ts + candles.tf_ms, codes

    def live(self) -> RegimeLive:
        """Return the detector bar by bar, from no bar on."""
        return RegimeLive(self._root, self.tf_ms)


class RegimeLive:
    """The regime bar by bar; equal to `RegimeDetector.batch` to the bit."""

    def __init__(self, root: Node, tf_ms: int) -> None:
        """Take what `RegimeDetector` compiled."""
        self._root = root
        self._live = Live([root], tf_ms)
        self._ready: int | None = None
        #: The regime at the last bar taken, as in `Bar.regime`.
        self.code = float("nan")

    def update(self, bar: Bar) -> float:
        """Take one closed bar, in order, and return the regime from its close on.

        Raises:
            DataError: PB2401, the bar starts before the last one ended.
        """
        [code] = self._live.update(bar)
        if self._ready is None:
            self._ready = self._live.ready_row([self._root])
        warm = self._ready is not None and self._live.rows > self._ready
        self.code = code if warm else float("nan")
        return self.code


def regime_at(close_times: Ints, codes: Floats, now: Ints) -> Floats:
    """Return the regime known at each decision time `now` (UTC ms), of the shape of `now`.

    It is that of the last bar that has closed by then, that very instant included; NaN before the
    first. `close_times` (ascending) and `codes` are those of `RegimeDetector.batch`.
    """
    rows = np.searchsorted(close_times, now, side="right") - 1
    if len(codes) == 0:
        return np.full(np.shape(now), np.nan)
    return np.where(rows >= 0, codes[np.maximum(rows, 0)], np.nan)


def _compile(regime: Regime, tf_ms: int, places: SourceMap) -> Node:
    low = Lowering(Scope(tf_ms, FUNCTIONS, no_regime=_IN_A_CIRCLE), Graph())
    found = {name: _rule(low, name, getattr(regime.rules, name)) for name in ORDER}
    problems = [
        places.diagnostic(
            p.code, p.message, places.span(path, p.start, p.end), expected=p.expected, help=p.help
        )
        for path, p in low.problems
    ]
    if problems:
        raise UserError(problems)
    root = low.graph.constant(regime_code(OTHERWISE))
    for name in reversed(ORDER):
        rule = found[name]
        assert rule is not None, "a rule without a node has a problem"
        args = [rule, low.graph.constant(regime_code(name)), root]
        root = low.graph.call(FUNCTIONS["where"], args, (), None, tf_ms)
    return root


def _rule(low: Lowering, name: str, text: str) -> Node | None:
    path: Path = ("regime", "rules", name)
    found = low.expression(path, text)
    if found is None:
        return None
    if found.root.kind is Kind.CONDITION:
        return found.root
    low.report(
        Problem(
            "PB2130", f"`{name}` is a number, a condition belongs here", 0, len(text),
            help="compare it with something, such as `x > 0`",
        ),
        path,
    )  # fmt: skip
    return None


def _nowhere() -> SourceMap:
    return SourceMap(Source("universe.yaml", ""), None)
