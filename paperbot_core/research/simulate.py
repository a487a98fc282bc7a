"""From compiled strategies and candles in memory to what the kernel wrote. No files, no clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.config.adaptive import family_of, mode_of
from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.universe import UniverseFile
from paperbot_core.domain.market import Instrument
from paperbot_core.kernel.desk import Desk, Fills, build_desk
from paperbot_core.kernel.drive import SIGNAL_COLUMNS
from paperbot_core.kernel.inputs import Inputs, Outputs
from paperbot_core.kernel.plain import PlainKernel, run_plain
from paperbot_core.kernel.plan import policy_limits, strategy_plan, tier_limits
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.operators import Column
from paperbot_core.lang.strategy import CompiledStrategy, Signals
from paperbot_core.market.checks.guards import stale_rows
from paperbot_core.market.timerange import TimeRange
from paperbot_core.market.universe.adaptive import ModeLine, mode_choosers
from paperbot_core.market.universe.regime import regime_at
from paperbot_core.market.universe.standing import (
    Eligibility,
    Standings,
    condition_codes,
    standings,
    tier_line,
    with_chosen,
)
from paperbot_core.plugins_guard import SafeRiskCheck
from paperbot_core.plugins_review import RiskReview
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.history import History, Key, TimeLine, time_line
from paperbot_core.research.shares import Payouts

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Beyond so many bar-slots, starting numba costs less than plain Python does.
COMPILE_ABOVE = 150_000

#: The columns of candles that the kernel reads, in its order.
PRICES = ("open", "high", "low", "close", "volume")

#: Columns kept for the next parameter set of a sweep, all symbols together; at least `COLUMNS_MIN`
#: for each symbol, so that the rules of one strategy share what they compute.
COLUMNS_BYTES = 128 << 20
COLUMNS_MIN = 24


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that decides a result, besides strategies and candles."""

    policy: PolicyFile
    universe: UniverseFile
    instruments: Mapping[str, Instrument]
    cash: float
    fills: Fills = field(default_factory=Fills)
    span: TimeRange = field(default_factory=TimeRange)
    checks: tuple[SafeRiskCheck, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """One finished run: where it started, what it read and what the kernel wrote.

    `review` is what the risk checks did, None in a run without any.
    """

    desk: Desk
    inputs: Inputs
    outputs: Outputs
    start_ts: int
    review: RiskReview | None = None


def with_fee(instrument: Instrument, fee_bps: Decimal | None) -> Instrument:
    """Return the instrument with maker and taker fee replaced; unchanged for None."""
    if fee_bps is None:
        return instrument
    return replace(instrument, maker_bps=fee_bps, taker_bps=fee_bps)


class Stage:
    """The candles of a run laid out for the kernel; shared by every parameter set of a sweep."""

    def __init__(
        self, history: History, strategies: Sequence[CompiledStrategy], span: TimeRange
    ) -> None:
        self.history = history
        self.symbols = sorted(history.base)
        self.keys: list[Key] = [
            (symbol, c.timeframe_ms)
            for c in strategies
            for symbol in sorted(history.symbols[c.file.name])
        ]
        self.base = [history.base[s] for s in self.symbols]
        own = [history.own[key] for key in self.keys]
        self.line: TimeLine = time_line(self.base, own, span)
        self.bars = self._bars()
        self.splits, self.dividends = self._payouts()
        share = COLUMNS_BYTES // max(len(history.own), 1)
        self.columns: dict[Key, Columns] = {
            key: Columns(c, max(share, COLUMNS_MIN * c.close.nbytes))
            for key, c in history.own.items()
        }
        self._codes: dict[Key, NDArray[np.int64]] = {}
        self._mode_codes: dict[tuple[str, str], NDArray[np.int64]] = {}
        self._tiers: NDArray[np.int8] | None = None
        self.choosers = mode_choosers(strategies, history.symbols)
        self.modes: dict[tuple[str, str], ModeLine] = {
            (family, symbol): chooser.batch(self.columns[symbol, chooser.tf_ms])
            for (family, symbol), chooser in self.choosers.items()
        }

    def _bars(self) -> tuple[NDArray[np.float64], ...]:
        """Return five tables, each with a row a symbol.

        They are parts of one block, which is big enough to stay outside of the heap: five smaller
        ones are taken from it and given back run after run, and their pages cost more than filling.
        """
        if len(self.base) == 1:
            return tuple(self._rows([getattr(self.base[0], name)]) for name in PRICES)
        block = self._rows([getattr(c, name) for name in PRICES for c in self.base])
        return tuple(block.reshape(len(PRICES), len(self.base), -1))

    def _payouts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return splits and dividends by symbol and row, laid out as the bars; empty if none."""
        known = self.history.payouts
        if not known:
            return np.zeros((0, 0)), np.zeros((0, 0))
        none = {s: Payouts(np.ones(len(c)), np.zeros(len(c))) for s, c in self.history.base.items()}
        found = [known.get(symbol, none[symbol]) for symbol in self.symbols]
        return (
            self._rows([one.splits for one in found], 1.0),
            self._rows([one.dividends for one in found]),
        )

    def _rows(self, arrays: Sequence[NDArray[Any]], fill: float = 0.0) -> NDArray[Any]:
        """Return arrays of the same kind as one table, cut to the steps where that is possible."""
        if self.line.dense:
            arrays = [a[self.line.first : self.line.stop] for a in arrays]
        width = max((len(a) for a in arrays), default=0)
        if len(arrays) == 1:
            return arrays[0].reshape(1, width)
        # Not np.full: touching every page twice is half the time of this function.
        table = np.empty((len(arrays), width), arrays[0].dtype if arrays else np.float64)
        for row, a in zip(table, arrays, strict=True):
            row[: len(a)] = a
            row[len(a) :] = fill
        return table

    def inputs(
        self, signals: Sequence[Signals], allowed: Sequence[Standings], desk: Desk,
    ) -> Inputs:  # fmt: skip
        """Return the kernel's inputs for one set of signals and standings, in slot order."""
        values: list[NDArray[np.float64]] = []
        numbers: dict[int, int] = {}
        columns = np.full((len(signals), SIGNAL_COLUMNS), -1, np.int64)
        constants = np.full((len(signals), SIGNAL_COLUMNS), np.nan)
        for s, (signal, one) in enumerate(zip(signals, allowed, strict=True)):
            prices = self._paid(s, (signal.per, signal.stop, signal.trail, signal.limit))
            asked = (signal.strength, *prices, one.size, one.barred)
            for k, value in enumerate(asked):
                if not isinstance(value, np.ndarray):
                    constants[s, k] = value
                    continue
                if id(value) not in numbers:
                    numbers[id(value)] = len(values)
                    values.append(value)
                columns[s, k] = numbers[id(value)]
        line = self.line
        bits = self._rows([s.bits for s in signals])
        return Inputs(
            times=line.times, bars=self.bars,
            bar_rows=line.base_rows, slot_rows=line.own_rows,
            bits=bits, columns=columns, constants=constants,
            values=self._rows(values) if values else np.zeros((0, bits.shape[1])),
            tiers=self._tier_steps(desk), splits=self.splits, dividends=self.dividends,
        )

    def _paid(self, slot: int, prices: Sequence[Column]) -> list[Column]:
        """Return what rules say of the first share in the prices of the day, for one slot."""
        factor = self.history.factors.get(self.keys[slot])
        if factor is None:
            return list(prices)
        return [
            price if isinstance(price, float) and math.isnan(price) else price / factor
            for price in prices
        ]

    def standings(
        self, strategies: Sequence[CompiledStrategy], setup: Setup, desk: Desk
    ) -> list[Standings]:
        """Return what each slot may do at each bar of its own, in slot order."""
        found = []
        for c in strategies:
            plan = strategy_plan(c, setup.policy)
            for symbol in sorted(self.history.symbols[c.file.name]):
                rules = Eligibility(
                    setup.universe, frozenset(c.file.universe), symbol, plan.size_in
                )
                codes = self._code((symbol, c.timeframe_ms), setup, desk)
                if (family_of(c.file.name), symbol) in self.modes:
                    codes = self._mode_code(c, symbol, codes)
                found.append(standings(rules, codes, desk.tier_names))
        return found

    def _code(self, key: Key, setup: Setup, desk: Desk) -> NDArray[np.int64]:
        """Return the conditions at each bar of one series, by `condition_codes`; kept."""
        if key not in self._codes:
            own, known = self.history.own[key], self.history.conditions
            tier = setup.universe.tier_of(key[0])
            if known.membership is None and known.regime is None and setup.policy.data is None:
                # Nothing changes: one row stands for all of them.
                own = own.slice(0, 1)
            closes = own.ts + own.tf_ms
            stale = np.zeros(len(own), np.bool_)
            if setup.policy.data is not None:
                stale = stale_rows(
                    own.ts, own.tf_ms, setup.policy.data, not setup.instruments[key[0]].sessions
                )
            self._codes[key] = condition_codes(
                tier_line(known.membership, key[0], tier, closes, desk.tier_names),
                np.full(len(own), np.nan) if known.regime is None
                else regime_at(*known.regime, closes), stale, np.ones(len(own), np.bool_),
            )  # fmt: skip
        return self._codes[key]

    def _mode_code(
        self, compiled: CompiledStrategy, symbol: str, codes: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the conditions at each bar of one mode on a symbol, from those of its series."""
        name = compiled.file.name
        if (name, symbol) not in self._mode_codes:
            own = self.history.own[symbol, compiled.timeframe_ms]
            line = self.modes[family_of(name), symbol]
            chosen = line.is_chosen(mode_of(name), own.ts + own.tf_ms)
            self._mode_codes[name, symbol] = with_chosen(codes, chosen)
        return self._mode_codes[name, symbol]

    def _tier_steps(self, desk: Desk) -> NDArray[np.int8]:
        """Return the tier of each instrument at each step; empty where none ever changes. Kept.

        One that left the universe stays in its last tier: what is held of it still counts there.
        """
        membership = self.history.conditions.membership
        if membership is None:
            return np.zeros((0, 0), np.int8)
        if self._tiers is not None:
            return self._tiers
        table = np.empty((len(self.symbols), len(self.line.times)), np.int8)
        for row, facts in zip(table, desk.instruments, strict=True):
            line = tier_line(
                membership, facts.symbol, facts.tier, self.line.times, desk.tier_names
            )
            last = np.maximum.accumulate(np.where(line >= 0, np.arange(len(line)), -1))
            row[:] = np.where(last >= 0, line[last], desk.tier_names.index(facts.tier))
        self._tiers = table
        return table

    def desk(self, strategies: Sequence[CompiledStrategy], setup: Setup) -> Desk:
        """Return the first contents of the kernel's records."""
        return build_desk(
            limits=policy_limits(setup.policy),
            tier_limits=tier_limits(setup.policy),
            instruments=[setup.instruments[s] for s in self.symbols],
            timeframes={s: c.tf_ms for s, c in zip(self.symbols, self.base, strict=True)},
            plans=[strategy_plan(c, setup.policy) for c in strategies],
            symbols=self.history.symbols, cash=setup.cash, fills=setup.fills,
            tier_holds=setup.universe.tier_holds,
        )


def reviewer(
    stage: Stage,
    strategies: Sequence[CompiledStrategy],
    setup: Setup,
    source: SignalSource,
) -> Callable[[PlainKernel], RiskReview]:
    """Return what makes the review of a kernel; `source` gave the signals of the strategies."""
    symbols = stage.history.symbols
    slots = [(c, symbol) for c in strategies for symbol in sorted(symbols[c.file.name])]
    first = stage.line.first if stage.line.dense else 0

    def reason_of(slot: int, rule: str, row: int) -> str:
        compiled, symbol = slots[slot]
        key = (symbol, compiled.timeframe_ms)
        factor = stage.history.factor(key, first + row)
        return source.reason(compiled, stage.columns[key], rule, first + row, factor)

    return lambda kernel: RiskReview(kernel, setup.checks, setup.policy, reason_of)


def kernel_inputs(
    stage: Stage, strategies: Sequence[CompiledStrategy], setup: Setup, source: SignalSource
) -> tuple[Desk, Inputs]:
    """Return the first records of a run and everything that it reads."""
    desk = stage.desk(strategies, setup)
    signals = [
        source.batch(c, stage.columns[symbol, c.timeframe_ms])
        for c in strategies
        for symbol in sorted(stage.history.symbols[c.file.name])
    ]
    return desk, stage.inputs(signals, stage.standings(strategies, setup, desk), desk)


def simulate(
    stage: Stage,
    strategies: Sequence[CompiledStrategy],
    setup: Setup,
    *,
    driver: str = "auto",
    source: SignalSource | None = None,
) -> Simulation:
    """Run strategies over candles; see `lay_out`, which does all but the last step."""
    return lay_out(stage, strategies, setup, driver=driver, source=source)()


def lay_out(
    stage: Stage,
    strategies: Sequence[CompiledStrategy],
    setup: Setup,
    *,
    driver: str = "auto",
    source: SignalSource | None = None,
    whole_curve: bool = True,
) -> Callable[[], Simulation]:
    """Work out the signals of a run and return what runs the kernel over them.

    What is returned touches nothing that it shares, and lets other threads work where it is
    compiled.

    Args:
        stage: the candles of `strategies`, laid out.
        strategies: in their order of service.
        setup: policy, instruments, cash, risk checks.
        driver: `plain`, `compiled`, or `auto`: compiled for big jobs. Risk checks of plugins are
            Python, so a run with any is plain.
        source: where signals come from; needed where a strategy `uses` a plugin.
        whole_curve: keep cash and gross by step, not equity alone.
    """
    source = source or SignalSource()
    steps = len(stage.line.times) * len(stage.keys)
    big = driver == "compiled" or (driver == "auto" and steps > COMPILE_ABOVE)
    if compiled := big and not setup.checks:
        # Imported here, first: small jobs do without numba, big ones compile their features too.
        from paperbot_core.kernel.compiled import start_numba

        start_numba()
    desk, inputs = kernel_inputs(stage, strategies, setup, source)
    start = int(inputs.times[0]) - min(c.tf_ms for c in stage.base)

    def run() -> Simulation:
        if compiled:
            from paperbot_core.kernel.compiled import run_compiled

            outputs = run_compiled(desk, inputs, whole_curve=whole_curve)
            return Simulation(desk, inputs, outputs, start)
        if not setup.checks:
            return Simulation(desk, inputs, run_plain(desk, inputs), start)
        make_review = reviewer(stage, strategies, setup, source)
        reviews: list[RiskReview] = []

        def make(kernel: PlainKernel) -> RiskReview:
            reviews.append(make_review(kernel))
            return reviews[0]

        outputs = run_plain(desk, inputs, make_review=make)
        return Simulation(desk, inputs, outputs, start, reviews[0])

    return run
