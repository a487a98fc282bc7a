"""What a session knows besides its bars: which data to believe, the regime, the universe.

Kept bar by bar, with the answers that a backtest gets over the whole history.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paperbot_core.config.adaptive import variant_name
from paperbot_core.config.policy import DataLimits
from paperbot_core.config.project import Project
from paperbot_core.config.universe import UniverseFile
from paperbot_core.domain.events import ConditionChanged
from paperbot_core.domain.market import Bar, timeframe_text
from paperbot_core.domain.words import Rule
from paperbot_core.lang.regimes import regime_name
from paperbot_core.market.checks.guards import RefusedBar, StaleGuard, TickGuard
from paperbot_core.market.universe.adaptive import ModeChooser, ModeLive
from paperbot_core.market.universe.membership import MembershipBook
from paperbot_core.market.universe.membership_record import load_record
from paperbot_core.market.universe.regime import RegimeDetector
from paperbot_core.market.universe.selection import Snapshot, refusal_text
from paperbot_core.market.universe.standing import barred_text

#: A symbol and a length of bars in ms.
Key = tuple[str, int]

#: State of the condition `mode` while a strategy has chosen none.
NO_MODE = "none"


@dataclass(frozen=True, slots=True)
class Watch:
    """What the conditions of a session are made from; None is a part that is not there.

    `recorded` are the snapshots of the universe that were recorded so far.
    """

    universe: UniverseFile
    limits: DataLimits | None = None
    detector: RegimeDetector | None = None
    recorded: tuple[Snapshot, ...] = ()


def make_watch(project: Project, record: Path | None = None) -> Watch:
    """Return what a project watches; `record` is the file of its universe, if there is one.

    Raises:
        UserError: the rules of the regime are wrong, or the record cannot be read.
    """
    universe = project.universe
    detector = None
    if universe.regime is not None:
        detector = RegimeDetector(universe.regime, project.universe_places)
    recorded = () if universe.is_static or record is None else load_record(record)
    return Watch(universe, project.policy.data, detector, tuple(recorded))


@dataclass(slots=True)
class _Series:
    """The breaker of the bars of one key."""

    stale: StaleGuard
    is_stale: bool = False


class Conditions:
    """The running conditions of a session; `changes` is for whoever tells of them."""

    def __init__(self, watch: Watch, symbols: Iterable[str]) -> None:
        """Start without any bar; `symbols` are those that may be traded."""
        self.watch = watch
        self.changes: list[ConditionChanged] = []
        self.refused = 0
        #: Number of the regime now, NaN while unknown.
        self.regime = math.nan
        self._live = None if watch.detector is None else watch.detector.live()
        self._book: MembershipBook | None = None
        if not watch.universe.is_static:
            self._book = MembershipBook(watch.universe, symbols, watch.recorded)
        self._ticks: dict[str, TickGuard] = {}
        self._series: dict[Key, _Series] = {}
        self._finest: dict[str, int] = {}
        self._tiers: dict[str, str] = {}
        self._traded: set[Key] = set()
        #: Whether a bar came since `advance` at which somebody decides.
        self._decides = False
        self._modes: dict[Key, list[ModeLive]] = {}
        self._choices: dict[tuple[str, str], ModeLive] = {}
        self._chosen: dict[tuple[str, str], bool] = {}

    @property
    def regime_key(self) -> Key | None:
        """The bars that the regime is read from."""
        detector = self.watch.detector
        return None if detector is None else (detector.symbol, detector.tf_ms)

    def follow(self, keys: Iterable[Key]) -> None:
        """Say which bars strategies trade on."""
        for symbol, tf_ms in keys:
            self._traded.add((symbol, tf_ms))
            self._finest[symbol] = min(tf_ms, self._finest.get(symbol, tf_ms))
            if self.watch.limits is not None:
                continuous = not self.watch.universe.instrument(symbol).sessions
                guard = StaleGuard(self.watch.limits, tf_ms, continuous)
                self._series[symbol, tf_ms] = _Series(guard)

    def choose(self, choosers: Mapping[tuple[str, str], ModeChooser]) -> None:
        """Say which modes there are to choose; `choosers` are by strategy and symbol."""
        for (_, symbol), chooser in sorted(choosers.items()):
            live = chooser.live()
            self._modes.setdefault((symbol, chooser.tf_ms), []).append(live)
            for mode in chooser.modes:
                slot = variant_name(chooser.family, mode), symbol
                self._choices[slot], self._chosen[slot] = live, False

    def is_chosen(self, strategy: str, symbol: str) -> bool:
        """Return whether a strategy may enter a symbol for all that its modes say."""
        return self._chosen.get((strategy, symbol), True)

    def believes(self, bar: Bar) -> bool:
        """Return whether a bar of the feed is to be used; it is in units of the first share."""
        if self.watch.limits is None:
            return True
        guard = self._ticks.setdefault(bar.symbol, TickGuard(self.watch.limits))
        refused = guard.admit(bar)
        if refused is not None:
            self._refuse(bar, refused)
        return refused is None

    def take(self, bar: Bar) -> Bar:
        """Take a closed bar and return it with the regime of now.

        At one close the bar that tells the regime comes first.
        """
        self._decides |= (bar.symbol, bar.tf_ms) in self._traded
        series = self._series.get((bar.symbol, bar.tf_ms))
        if series is not None:
            self._breaker(bar, series, not series.stale.take(bar.close_ts))
        if self._live is not None and (bar.symbol, bar.tf_ms) == self.regime_key:
            self._move(bar.close_ts, self._live.update(bar))
        if self._book is not None and bar.tf_ms == self._finest.get(bar.symbol):
            self._book.take([bar])
        for live in self._modes.get((bar.symbol, bar.tf_ms), ()):
            self._switch(live, bar)
        return bar if self.watch.detector is None else replace(bar, regime=self.regime)

    def advance(self, now: int) -> None:
        """Bring the universe up to the decision time `now`, after its bars were taken.

        A close of the symbol that tells the regime alone is none: a backtest knows of none there.
        """
        if self._book is None or not self._decides:
            return
        self._decides = False
        before = self._book.current
        after = self._book.advance(now)
        if after is not None:
            self._join_and_leave(now, {} if before is None else before.tiers, after)
            self._tiers |= after.tiers

    def learn(self, recorded: Sequence[Snapshot]) -> None:
        """Take what was recorded of the universe since; it counts from the next decision on."""
        if self._book is not None:
            self._book.learn(recorded)

    @property
    def tiers_change(self) -> bool:
        """Whether a symbol may be in another tier than universe.yaml says, or in none."""
        return self._book is not None

    def tier(self, symbol: str) -> str | None:
        """Return the tier of a symbol now; None for one that is not a member."""
        if self._book is None:
            return self.watch.universe.tier_of(symbol)
        return None if self._book.current is None else self._book.current.tiers.get(symbol)

    def last_tier(self, symbol: str) -> str:
        """Return the tier in which a symbol is, or was last: what is held of it counts there."""
        return self._tiers.get(symbol) or self.watch.universe.tier_of(symbol)

    def is_stale(self, key: Key) -> bool:
        """Return whether the data breaker of a series is open."""
        series = self._series.get(key)
        return series is not None and series.is_stale

    def silence(self, now: int) -> None:
        """Open the breakers of series whose bars are missing at `now`; for a market in real time.

        A bar that comes late does not close one: enough of them in a row do.
        """
        for (symbol, tf_ms), series in self._series.items():
            if not series.is_stale and series.stale.is_open(now):
                series.is_stale = True
                why = f"no bar of {timeframe_text(tf_ms)} came"
                self.changes.append(ConditionChanged(now, "data_breaker", symbol, "open", why))

    def present(self, now: int) -> list[ConditionChanged]:
        """Return everything that is not as it was before the first bar."""
        found: list[ConditionChanged] = []
        if self.watch.detector is not None and not math.isnan(self.regime):
            name = regime_name(self.regime) or ""
            symbol = self.watch.detector.symbol
            found.append(ConditionChanged(now, "regime", symbol, name, "at the start"))
        if self._book is not None and self._book.current is not None:
            found += [
                ConditionChanged(now, "universe", symbol, tier, "at the start")
                for symbol, tier in sorted(self._book.current.tiers.items())
            ]
        found += [
            _mode_event(live, symbol, now, "at the start")
            for (symbol, _), lives in sorted(self._modes.items())
            for live in lives if not math.isnan(live.code)
        ]
        found += [
            ConditionChanged(now, "data_breaker", symbol, "open", "at the start")
            for (symbol, _), series in sorted(self._series.items()) if series.is_stale
        ]  # fmt: skip
        return found

    def barred_text(
        self, rule: Rule, strategy: str, symbol: str, wanted: Iterable[str]
    ) -> str:
        """Return in words why a strategy of universe `wanted` may not enter a symbol now."""
        snapshot = None if self._book is None else self._book.current
        refusal = None if snapshot is None else snapshot.refused.get(symbol)
        regime = regime_name(self.regime)
        live = self._choices.get((strategy, symbol))
        choice = "" if live is None else live.chooser.choice_text(live.values)
        return barred_text(rule, self.tier(symbol), wanted, refusal, regime, choice)

    def drain(self) -> list[ConditionChanged]:
        """Return what changed since the last call."""
        found, self.changes = self.changes, []
        return found

    def _refuse(self, bar: Bar, why: RefusedBar) -> None:
        self.refused += 1
        text = (
            f"reached {why.move_pct:.2f} % from the last close {why.last_close:g} with "
            f"{why.volume_ratio:.2f} times the usual volume"
        )
        self.changes.append(
            ConditionChanged(bar.close_ts, "bad_tick", bar.symbol, "refused", text)
        )

    def _breaker(self, bar: Bar, series: _Series, stale: bool) -> None:
        if stale != series.is_stale:
            series.is_stale = stale
            state = "open" if stale else "closed"
            why = "bars were missing" if stale else "enough bars in a row"
            self.changes.append(
                ConditionChanged(bar.close_ts, "data_breaker", bar.symbol, state, why)
            )

    def _move(self, now: int, code: float) -> None:
        before, after = regime_name(self.regime), regime_name(code)
        self.regime = code
        if before != after:
            symbol = self.watch.detector.symbol if self.watch.detector is not None else ""
            was = f"was {before or 'unknown'}"
            self.changes.append(
                ConditionChanged(now, "regime", symbol, after or "unknown", was)
            )

    def _switch(self, live: ModeLive, bar: Bar) -> None:
        chooser, before = live.chooser, live.chooser.name(live.code)
        after = chooser.name(live.update(bar))
        if before == after:
            return
        for mode in chooser.modes:
            self._chosen[variant_name(chooser.family, mode), bar.symbol] = mode == after
        self.changes.append(_mode_event(live, bar.symbol, bar.close_ts, live.text()))

    def _join_and_leave(self, now: int, before: Mapping[str, str], after: Snapshot) -> None:
        for symbol in sorted({*before, *after.tiers}):
            old, new = before.get(symbol), after.tiers.get(symbol)
            if old == new:
                continue
            detail = f"was in {old}" if old else "joined"
            if new is None and symbol in after.refused:
                detail = refusal_text(after.refused[symbol])
            self.changes.append(
                ConditionChanged(now, "universe", symbol, new or "left", detail)
            )


def _mode_event(live: ModeLive, symbol: str, now: int, detail: str) -> ConditionChanged:
    chooser = live.chooser
    state = chooser.name(live.code) or NO_MODE
    return ConditionChanged(now, "mode", f"{chooser.family} {symbol}", state, detail)
