"""Which candles a run needs, and the one time line they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.config.policy import DataLimits
from paperbot_core.config.project import UNIVERSE_NAME, Project
from paperbot_core.config.universe import UNLISTED
from paperbot_core.diagnostics import Diagnostic, Severity, UserError, user_error
from paperbot_core.domain.market import DAY_MS, Candles, timeframe_ms, timeframe_text
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.align import align
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.checks.guards import RefusedBar
from paperbot_core.market.checks.quality import gap_report
from paperbot_core.market.events.events import CorporateEvents
from paperbot_core.market.resample import resample
from paperbot_core.market.timerange import TimeRange
from paperbot_core.market.universe.standing import Conditions, admitted
from paperbot_core.research.conditions import (
    RegimeLine,
    finest_frames,
    know,
    regime_line,
    with_regime,
)
from paperbot_core.research.shares import (
    Payouts,
    as_traded,
    believed_bars,
    find_shares,
    in_first_shares,
    payouts,
    share_factor,
)
from paperbot_core.trade.layout import shortest_timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.domain.market import Floats

Key = tuple[str, int]

ALL_TIME = TimeRange()
NO_CONDITIONS = Conditions()


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The candles of a run, warm-up included.

    `base` has, by symbol, the bars the kernel steps on; `own` has, by (symbol, ms), the bars of
    each strategy's timeframe (the same object where they coincide). `symbols` lists what each
    strategy trades; `conditions` are what is known besides bars, `refused` the bars that the
    policy's guards did not believe.

    Of shares with splits or dividends, `own` is in units of the first share: `factors` has what a
    price paid was multiplied by at each of its rows, `paid` these rows as they were paid, and
    `payouts` what comes into force at each row of `base`.
    """

    base: Mapping[str, Candles]
    own: Mapping[Key, Candles]
    symbols: Mapping[str, tuple[str, ...]]
    conditions: Conditions = NO_CONDITIONS
    files: tuple[CandleFile, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    refused: tuple[RefusedBar, ...] = ()
    factors: Mapping[Key, Floats] = field(default_factory=dict)
    payouts: Mapping[str, Payouts] = field(default_factory=dict)
    paid: Mapping[Key, Candles] = field(default_factory=dict)

    def factor(self, key: Key, row: int) -> float:
        """Return what prices paid were multiplied by at a row of `own`; 1 without events."""
        return float(self.factors[key][row]) if key in self.factors else 1.0

    def as_paid(self, key: Key) -> Candles:
        """Return the bars of `own` in the prices that were paid."""
        return self.paid.get(key, self.own[key])


@dataclass(frozen=True, slots=True, eq=False)
class TimeLine:
    """Decision times of a run and the rows that close at each (see `kernel.inputs.Inputs`).

    `first` and `stop` bound the steps of the time range inside the whole history. Where `dense`,
    step i closes row `first + i` of everything, and both tables are empty, (0, 0).
    """

    times: NDArray[np.int64]
    base_rows: NDArray[np.int32]
    own_rows: NDArray[np.int32]
    first: int
    stop: int
    dense: bool


def load_history(
    project: Project,
    strategies: Sequence[CompiledStrategy],
    paths: Sequence[Path],
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    detail: int | None = None,
    span: TimeRange = ALL_TIME,
    record: Path | None = None,
) -> History:
    """Read the candles that `strategies` need from `paths`.

    A strategy uses the file of its own timeframe, else the coarsest finer one, resampled.
    `detail` (ms) asks for bars of that length under each of them to decide fills. Holes are told
    where they lie in `span`. `record` is the file in which the universe was recorded.

    Raises:
        UserError: PB6501 nothing for a strategy, PB6502 no file of a usable timeframe.
        DataError: a file is not what it claims to be.
    """
    warnings: list[Diagnostic] = []
    files = find_candles(paths, symbol=symbol, timeframe=timeframe, warnings=warnings)
    by_key: dict[Key, CandleFile] = {(f.symbol, f.tf_ms): f for f in files}
    known = sorted({f.symbol for f in files})
    symbols = {c.file.name: admitted(project, c.file.name, known) for c in strategies}
    faults = [_nothing(name, known) for name, found in symbols.items() if not found]
    reader = _Reader(by_key, project.policy.data, _judged_ms(project, strategies, detail))
    regime = read_regime(project, reader, warnings)
    own: dict[Key, Candles] = {}
    for compiled in strategies:
        for name in symbols[compiled.file.name]:
            try:
                own[name, compiled.timeframe_ms] = reader.get(name, compiled.timeframe_ms)
            except UserError as error:
                faults.extend(error.diagnostics)
    if faults:
        raise UserError(faults)
    finest = finest_frames(own)
    base = {
        name: reader.paid(name, tf if detail is None else min(detail, tf))
        for name, tf in finest.items()
    }
    conditions = know(project, own, regime, record)
    warnings += _unlisted(project, base)
    warnings += project.foreign_quotes(base)
    for file, candles in zip(reader.files_read(), reader.read.values(), strict=True):
        warnings += _gaps(file, candles.slice(*span.rows(candles)))
    return History(
        base, own, symbols, conditions, tuple(reader.files_read()), tuple(warnings),
        tuple(reader.refused), reader.factors(own), reader.payouts(base),
        {key: reader.paid(*key) for key in own if reader.events(key[0]) is not None},
    )  # fmt: skip


def _judged_ms(
    project: Project, strategies: Sequence[CompiledStrategy], detail: int | None
) -> int:
    regime = project.universe.regime
    finest = shortest_timeframe(
        strategies, None if regime is None else timeframe_ms(regime.timeframe)
    )
    return finest if detail is None else min(detail, finest)


def read_regime(
    project: Project, reader: _Reader, warnings: list[Diagnostic]
) -> RegimeLine | None:
    """Tell the reader the regime of the market over time, from the candles that lead it."""
    wanted = project.universe.regime
    if wanted is None:
        return None
    try:
        candles = reader.believed(wanted.symbol, timeframe_ms(wanted.timeframe))
    except UserError:
        warnings.append(
            Diagnostic(
                "PB6508",
                f"the regime is not known: no candles of {wanted.symbol} in {wanted.timeframe} or "
                "finer; what depends on it does not trade",
                severity=Severity.WARNING,
                help=f"add them to --data, or take `regime` out of {UNIVERSE_NAME}",
            )
        )
        return None
    reader.regime = regime_line(project, candles)
    return reader.regime


def _gaps(file: CandleFile, candles: Candles) -> list[Diagnostic]:
    """Say where bars are missing; a market with sessions closes, which is no gap."""
    if "/" not in candles.symbol or not len(candles):
        return []
    warning = gap_report(candles).warning(str(file.path))
    return [] if warning is None else [warning]


class _Reader:
    """Reads each file at most once; what it hands out is believed, and knows the regime."""

    def __init__(
        self, files: Mapping[Key, CandleFile], limits: DataLimits | None, judged_ms: int
    ) -> None:
        """Take the files, and the length of the bars that the guards judge (see `_file`)."""
        self.files = files
        self.limits = limits
        self.judged_ms = judged_ms
        self.regime: RegimeLine | None = None
        self.read: dict[Key, Candles] = {}
        self.made: dict[Key, Candles] = {}
        self._believed: dict[Key, Candles] = {}
        self._events: dict[str, CorporateEvents | None] = {}
        self.refused: list[RefusedBar] = []

    def files_read(self) -> list[CandleFile]:
        """Return the files in the order in which `read` holds their candles."""
        return [self.files[key] for key in self.read]

    def get(self, symbol: str, tf_ms: int) -> Candles:
        if (symbol, tf_ms) not in self.made:
            self.made[symbol, tf_ms] = with_regime(self.believed(symbol, tf_ms), self.regime)
        return self.made[symbol, tf_ms]

    def paid(self, symbol: str, tf_ms: int) -> Candles:
        """Return the same bars in the prices that were paid; the same object without events."""
        bars, events = self.get(symbol, tf_ms), self.events(symbol)
        return bars if events is None else as_traded(self._file(symbol, tf_ms), events, bars)

    def factors(self, own: Mapping[Key, Candles]) -> dict[Key, Floats]:
        """Return what the prices of series with events were multiplied by."""
        return {
            key: share_factor(self._file(*key), events, candles)
            for key, candles in own.items() if (events := self.events(key[0])) is not None
        }  # fmt: skip

    def payouts(self, base: Mapping[str, Candles]) -> dict[str, Payouts]:
        """Return what comes into force at each bar of the symbols with events."""
        return {
            symbol: payouts(self._file(symbol, candles.tf_ms), events, candles)
            for symbol, candles in base.items() if (events := self.events(symbol)) is not None
        }  # fmt: skip

    def events(self, symbol: str) -> CorporateEvents | None:
        """Return the splits and dividends beside the files of a symbol; None where there are none.

        Raises:
            DataError: they cannot be read.
        """
        if symbol not in self._events:
            paths = [file.path for key, file in sorted(self.files.items()) if key[0] == symbol]
            self._events[symbol] = find_shares(paths, symbol)
        return self._events[symbol]

    def believed(self, symbol: str, tf_ms: int) -> Candles:
        """Return the bars that the guards of the policy believe, in units of the first share."""
        return in_first_shares(self._file(symbol, tf_ms), self.events(symbol), tf_ms)

    def _file(self, symbol: str, tf_ms: int) -> Candles:
        """Return the believed bars that those of `tf_ms` are made of, in the prices paid.

        Judged are bars as a session would get them: of the shortest length its account looks at,
        or as they are stored if that is longer, or does not lead there. Without guards too: volumes
        added up in another order differ in their last bits.
        """
        finer = [tf for s, tf in self.files if s == symbol and tf <= tf_ms and tf_ms % tf == 0]
        if not finer:
            have = ", ".join(timeframe_text(tf) for s, tf in sorted(self.files) if s == symbol)
            raise user_error(
                "PB6502",
                f"no candles of {symbol} in {timeframe_text(tf_ms)} or finer, only in {have}",
                help="give a file of that timeframe, or of a shorter one that divides it",
            )
        key = (symbol, max(finer))
        if key not in self.read:
            self.read[key] = read_candles(self.files[key])
        file, judged = self.read[key], self.judged_ms
        leads_there = judged % file.tf_ms == 0 and tf_ms % judged == 0
        # An event may fall into bars of more than a day: sessions take days then.
        whole = judged <= DAY_MS or self.events(symbol) is None
        if not leads_there or not whole:
            judged = file.tf_ms
        if (symbol, judged) not in self._believed:
            bars = resample(file, judged)
            found, refused = believed_bars(bars, self.events(symbol), self.limits)
            self._believed[symbol, judged] = found
            self.refused += refused
        return self._believed[symbol, judged]


def _nothing(strategy: str, known: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        "PB6501",
        f"none of the symbols in the data is in the universe of strategy `{strategy}`",
        expected="a symbol of its `universe`, or one that is in no tier of universe.yaml",
        help="the data has " + ", ".join(known[:20]),
    )


def _unlisted(project: Project, base: Mapping[str, Candles]) -> list[Diagnostic]:
    joins = project.universe.discovery is not None
    tier = "the tier that it joins" if joins else f"tier `{UNLISTED}`"
    return [
        Diagnostic(
            "PB6503",
            f"{symbol} is in no tier of universe.yaml: traded without tick, lot and minimum, "
            f"as a cluster of its own, in {tier}",
            severity=Severity.WARNING,
            help="list it in universe.yaml to give it a tier and its real grid and fees",
        )
        for symbol in base
        if project.universe.tier_of(symbol) == UNLISTED
    ]


def time_line(
    base: Sequence[Candles], own: Sequence[Candles], span: TimeRange
) -> TimeLine:
    """Return the steps of `span` over the union of all closes.

    Raises:
        UserError: PB6504, no bar opens in the time range.
    """
    series = {id(candles): candles for candles in (*base, *own)}
    grid = align(list(series.values()))
    first = 0 if span.start is None else int(grid.times.searchsorted(span.start, side="right"))
    stop = len(grid) if span.end is None else int(grid.times.searchsorted(span.end, side="right"))
    if first >= stop:
        raise user_error(
            "PB6504", f"no bar of the data opens in the time range {span}",
            help="widen --timerange; the data is earlier or later",
        )
    times = grid.times[first:stop]
    if grid.same_times:
        none = np.zeros((0, 0), np.int32)
        return TimeLine(times, none, none, first, stop, dense=True)
    number = {key: k for k, key in enumerate(series)}
    base_rows, own_rows = (
        grid.rows[[number[id(candles)] for candles in group], first:stop] for group in (base, own)
    )
    for rows, candles in zip(own_rows, own, strict=True):
        closed = np.searchsorted(candles.ts + candles.tf_ms, times, side="right")
        rows[:] = np.where(rows >= 0, rows, -closed - 1)
    return TimeLine(times, base_rows, own_rows, first, stop, dense=False)
