"""Who was in the universe when: snapshots in time, from candles at once or bar by bar.

A snapshot is due at every refresh time (`refresh_times`) and at 00:00 UTC of days on which a symbol
is listed or delisted. It is made at the first decision at or after that time, from the bars that
close by then, and is in force for that decision and those that follow. Where no bar closes between
one due time and the next, nobody decides, and there is no snapshot. The first one is that of the
first decision there is. What was recorded goes before what candles tell, for a week.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.config.universe import day_ms
from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.market.universe.selection import (
    CANDLES,
    STATIC,
    MarketFacts,
    Refusal,
    Snapshot,
    age_days,
    candidates,
    dates_refuse,
    select,
    static_snapshot,
)

if TYPE_CHECKING:
    from paperbot_core.config.universe import UniverseFile
    from paperbot_core.domain.market import Bar, Candles, Floats, Ints

_DEFAULT_REFRESH_HOURS = 24
#: How long a recorded snapshot goes before candles, at least; twice the refresh if that is longer.
#: A record that nobody keeps up must not freeze the universe of later years.
HOLDS_MS = 7 * DAY_MS


class Membership:
    """Snapshots by time; immutable. Of two with the same `ts` the later in the list counts."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        by_time = {snapshot.ts: snapshot for snapshot in snapshots}
        self._times = sorted(by_time)
        self._snapshots = tuple(by_time[ts] for ts in self._times)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """All of them, ascending by time."""
        return self._snapshots

    def at(self, ts: int) -> Snapshot | None:
        """Return the snapshot in force at `ts` (UTC ms), None before the first."""
        place = bisect_right(self._times, ts)
        return self._snapshots[place - 1] if place else None

    def next_after(self, ts: int) -> int | None:
        """Return the time of the first snapshot after `ts` (UTC ms), None after the last."""
        place = bisect_right(self._times, ts)
        return self._times[place] if place < len(self._times) else None

    def tier_at(self, symbol: str, ts: int) -> str | None:
        """Return the tier of a symbol at `ts` (UTC ms), None if it is no member then."""
        snapshot = self.at(ts)
        return None if snapshot is None else snapshot.tiers.get(symbol)

    def changes(self, symbol: str) -> list[tuple[int, str | None]]:
        """Return when a symbol joined, changed tier or left (None): ascending (ts, tier).

        Before the first one it was no member.
        """
        found: list[tuple[int, str | None]] = []
        tier: str | None = None
        for snapshot in self._snapshots:
            now = snapshot.tiers.get(symbol)
            if now != tier:
                found.append((snapshot.ts, now))
                tier = now
        return found


def refresh_times(universe: UniverseFile, first: int, last: int) -> range:
    """Return the times in [first, last] (UTC ms) at which the universe is chosen anew.

    They are the multiples of `refresh_hours` since 1970-01-01 00:00 UTC, of 24 h without discovery.
    """
    step = _refresh_ms(universe)
    return range(-(-first // step) * step, last + 1, step)


def facts_from_bars(
    universe: UniverseFile,
    symbol: str,
    now: int,
    ts: Ints,
    close: Floats,
    volume: Floats,
    tf_ms: int,
    first_ts: int,
) -> MarketFacts:
    """Return what the bars that close by `now` tell of a symbol; later ones are not looked at.

    The volume is the sum of close * volume over the bars that close in (now - 24 h, now], added
    oldest first; 0 if there are none, NaN while the first bar opened less than 24 h ago or if a
    volume is not known. The age counts from `listed` of universe.yaml, else from the first bar.

    Args:
        universe: dates of instruments.
        symbol: whose bars these are.
        now: UTC ms.
        ts: open times, ascending, int64 of shape (n,); all bars of these 24 h that there are.
        close: float64 of shape (n,).
        volume: in base units, float64 of shape (n,).
        tf_ms: length of the bars.
        first_ts: open time of the first bar ever known of the symbol.
    """
    dates = universe.instruments.get(symbol)
    has_bars = first_ts + tf_ms <= now
    start = first_ts if has_bars else None
    if dates is not None and dates.listed:
        start = day_ms(dates.listed)
    traded = start is not None and start <= now and dates_refuse(universe, symbol, now) is None
    traded_quote = math.nan
    if has_bars and now - first_ts >= DAY_MS:
        low, high = (int(np.searchsorted(ts, t - tf_ms, side="right")) for t in (now - DAY_MS, now))
        # accumulate adds strictly from left to right, unlike sum.
        sums = np.add.accumulate(close[low:high] * volume[low:high])
        total = float(sums[-1]) if len(sums) else 0.0
        traded_quote = math.nan if math.isnan(total) else total
    return MarketFacts(
        symbol,
        traded_quote,
        math.nan,
        math.nan,
        math.nan if start is None else age_days(start, now),
        traded,
    )


def from_candles(
    universe: UniverseFile,
    candles: Mapping[str, Candles],
    recorded: Sequence[Snapshot] = (),
    decisions: Iterable[Ints] = (),
) -> Membership:
    """Return who was in the universe over the time of the candles.

    A recorded snapshot goes before the candles as long as it holds (`HOLDS_MS`). A universe that
    never changes (`is_static`) has one snapshot, with the symbols of its tiers.

    Args:
        universe: the rules.
        candles: bars by symbol, of every symbol that could be a member (see `candidates`); of one
            timeframe each. Bars that close after T change nothing up to T.
        recorded: snapshots as they were recorded, in any order.
        decisions: times, ascending, at which somebody decides besides the closes of the candles:
            a longer bar may end where none of the short ones is there.
    """
    record = Membership(in_known_tiers(universe, recorded))
    closes = [c.ts + c.tf_ms for c in candles.values() if len(c)]
    closes += [times for times in decisions if len(times)]
    made: list[Snapshot] = []
    if closes:
        first = min(int(close[0]) for close in closes)
        stop = max(int(close[-1]) for close in closes) + 1
        due = [first, *_due_times(universe, first + 1, stop - 1)]
        for ts, following in zip(due, [*due[1:], stop], strict=True):
            end = min(following, record.next_after(ts) or following)
            decided = any(_closes_in(close, ts, end) for close in closes)
            if decided and _holding(universe, record, ts) is None:
                made.append(_of_candles(universe, candles, ts))
    return Membership([*made, *record.snapshots])


def _holding(universe: UniverseFile, record: Membership, due: int) -> Snapshot | None:
    """Return the recorded snapshot that still holds at a due time; None if candles must tell."""
    found = record.at(due)
    if found is None or due - found.ts > max(HOLDS_MS, 2 * _refresh_ms(universe)):
        return None
    return found


def _of_candles(universe: UniverseFile, candles: Mapping[str, Candles], ts: int) -> Snapshot:
    if universe.is_static:
        return static_snapshot(universe, ts)
    facts = [
        facts_from_bars(
            universe, symbol, ts, c.ts, c.close, c.volume, c.tf_ms, int(c.ts[0]) if len(c) else ts
        )
        for symbol, c in candles.items()
    ]
    return select(universe, ts, facts, candles=True)


def in_known_tiers(universe: UniverseFile, recorded: Sequence[Snapshot]) -> list[Snapshot]:
    """Return snapshots in which only tiers of `universe` have members.

    A tier that was renamed or taken out since the record was made has neither a limit nor a size:
    who was in it is refused, as everything that is not known.
    """
    return [_in_known_tiers(universe, snapshot) for snapshot in recorded]


def _in_known_tiers(universe: UniverseFile, snapshot: Snapshot) -> Snapshot:
    lost = {s: tier for s, tier in snapshot.tiers.items() if tier not in universe.tiers}
    if not lost:
        return snapshot
    reasons = {s: Refusal("tier", "a tier of universe.yaml", tier) for s, tier in lost.items()}
    kept = {s: tier for s, tier in snapshot.tiers.items() if s not in lost}
    return replace(snapshot, tiers=kept, refused={**snapshot.refused, **reasons})


def judge_again(universe: UniverseFile, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot as the rules of `universe` have it, from the facts that it holds.

    A symbol it did not look at stays unknown to it: a tier that lists it since has no facts of it.
    """
    if snapshot.source == STATIC:
        return static_snapshot(universe, snapshot.ts)
    wanted = candidates(universe, snapshot.facts)
    facts = [snapshot.facts[symbol] for symbol in wanted]
    return select(universe, snapshot.ts, facts, candles=snapshot.source == CANDLES)


def static_membership(universe: UniverseFile) -> Membership:
    """Return what universe.yaml alone tells: tiers between the dates of their symbols.

    It is the whole truth where there are neither filters nor discovery.
    """
    return Membership([static_snapshot(universe, ts) for ts in (0, *_date_times(universe))])


class MembershipBook:
    """The same bar by bar, for sessions: to the bit what `from_candles` says of the same bars.

    At each decision time give all bars that close then (`take`, in any order), then call `advance`.
    It keeps the bars of one refresh and 24 h.
    """

    def __init__(
        self,
        universe: UniverseFile,
        symbols: Iterable[str],
        recorded: Sequence[Snapshot] = (),
    ) -> None:
        """Begin without a bar; bars of other symbols than `symbols` are passed over."""
        self.current: Snapshot | None = None
        self._universe = universe
        self.learn(recorded)
        self._bars = {symbol: _Bars() for symbol in symbols}
        self._keep_ms = DAY_MS + _refresh_ms(universe)

    def take(self, bars: Iterable[Bar]) -> None:
        """Take bars; those of a symbol ascend in time and are of one timeframe."""
        for bar in bars:
            if (known := self._bars.get(bar.symbol)) is not None:
                known.add(bar, self._keep_ms)

    def advance(self, now: int) -> Snapshot | None:
        """Return a new snapshot if one is due at the decision time `now` (UTC ms), else None.

        It, or the one before, is `current` and in force for decisions at `now`.
        """
        due = now if self.current is None else _latest_due(self._universe, now)
        recorded = self._record.at(now)
        if recorded is not None and recorded.ts <= due:
            recorded = _holding(self._universe, self._record, due)
        if recorded is not None and (self.current is None or recorded.ts > self.current.ts):
            self.current = recorded
            return recorded
        if recorded is not None or (self.current is not None and due <= self.current.ts):
            return None
        self.current = self._make(due)
        return self.current

    def learn(self, recorded: Sequence[Snapshot]) -> None:
        """Take what was recorded since; it counts from the next decision on."""
        self._record = Membership(in_known_tiers(self._universe, recorded))

    def _make(self, ts: int) -> Snapshot:
        if self._universe.is_static:
            return static_snapshot(self._universe, ts)
        facts = [
            known.facts(self._universe, symbol, ts) for symbol, known in self._bars.items()
        ]
        return select(self._universe, ts, facts, candles=True)


class _Bars:
    """The latest bars of one symbol, and when its first one opened."""

    def __init__(self) -> None:
        self.first_ts: int | None = None
        self.tf_ms = 0
        self.rows: deque[tuple[int, float, float]] = deque()

    def add(self, bar: Bar, keep_ms: int) -> None:
        if self.first_ts is None:
            self.first_ts, self.tf_ms = bar.ts, bar.tf_ms
        self.rows.append((bar.ts, bar.close, bar.volume))
        while self.rows[0][0] <= bar.ts - keep_ms:
            self.rows.popleft()

    def facts(self, universe: UniverseFile, symbol: str, now: int) -> MarketFacts:
        ts = np.array([row[0] for row in self.rows], dtype=np.int64)
        close = np.array([row[1] for row in self.rows], dtype=np.float64)
        volume = np.array([row[2] for row in self.rows], dtype=np.float64)
        first = now if self.first_ts is None else self.first_ts
        return facts_from_bars(
            universe, symbol, now, ts, close, volume, self.tf_ms or DAY_MS, first
        )


def _refresh_ms(universe: UniverseFile) -> int:
    discovery = universe.discovery
    return (discovery.refresh_hours if discovery else _DEFAULT_REFRESH_HOURS) * HOUR_MS


def _date_times(universe: UniverseFile) -> list[int]:
    """Return 00:00 UTC of every day on which something is listed or delisted, ascending."""
    facts = universe.instruments.values()
    return sorted({day_ms(day) for f in facts for day in (f.listed, f.delisted) if day})


def _due_times(universe: UniverseFile, first: int, last: int) -> list[int]:
    if universe.is_static:
        return []
    dates = {ts for ts in _date_times(universe) if first <= ts <= last}
    return sorted(dates.union(refresh_times(universe, first, last)))


def _latest_due(universe: UniverseFile, now: int) -> int:
    if universe.is_static:
        return -1
    step, dates = _refresh_ms(universe), _date_times(universe)
    place = bisect_right(dates, now)
    return max(now // step * step, dates[place - 1] if place else 0)


def _closes_in(close: Ints, start: int, stop: int) -> bool:
    """Return whether a bar closes in [start, stop)."""
    return bool(close.searchsorted(start) < close.searchsorted(stop))
