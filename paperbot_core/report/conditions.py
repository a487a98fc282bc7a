"""What a run knew besides its bars: regimes and members over time, and what they barred.

A run that has no regime, no changing universe and no guards has none of it, and nothing is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.domain.words import Rule
from paperbot_core.report.wording import moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.report.run import SavedRun

    Ints = NDArray[np.int64]

#: Rules that look at the market or at the universe, not at the account: they bar all entries of a
#: symbol for a time, and so count every signal in it.
STANDING_RULES = frozenset(
    rule.name
    for rule in (Rule.MAX_STALE_BARS, Rule.NOT_IN_UNIVERSE, Rule.REGIME, Rule.MODE_NOT_CHOSEN)
)
UNKNOWN = "unknown"
#: From quiet to wild, as the page of regimes has them.
REGIMES = ("calm", "trend", "chop", "crash", UNKNOWN)


@dataclass(frozen=True, slots=True)
class Span:
    """A regime from `start` until `end` (UTC ms)."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class RegimeShare:
    """One regime: its part of the time in percent, and the trades that were opened in it.

    `pnl` is in quote currency, net of fees.
    """

    name: str
    time_pct: float
    trades: int
    pnl: float


@dataclass(frozen=True, slots=True, eq=False)
class TierLine:
    """How many members a tier had: `counts` (n,) from each of `times` (n,) (UTC ms) on."""

    tier: str
    times: Ints
    counts: Ints

    def at(self, now: Ints) -> Ints:
        """Return the number of members at each of `now`, 0 before the first change."""
        rows = self.times.searchsorted(now, side="right") - 1
        return np.where(rows >= 0, self.counts[np.maximum(rows, 0)], 0)

    def within(self, start: int, end: int) -> tuple[int, int]:
        """Return the least and the most members in [start, end)."""
        inside = self.counts[(self.times > start) & (self.times < end)]
        seen = [*self.at(np.array([start])).tolist(), *inside.tolist()]
        return min(seen), max(seen)


def members_range(run: SavedRun) -> list[tuple[str, int, int]]:
    """Return (tier, least, most) members of each tier from the first choice of the run on."""
    lines, span = tier_lines(run), run_span(run)
    if not lines or span is None:
        return []
    # Nobody is a member before the first choice, which comes with the first bar.
    start, end = max(span[0], int(lines[0].times[0])), span[1]
    return [(line.tier, *line.within(start, end)) for line in lines]


def run_span(run: SavedRun) -> tuple[int, int] | None:
    """Return the start and the end of a run (UTC ms), None where it does not say or had no time."""
    start, end = moment(run.get("start")), moment(run.get("end"))
    return (start, end) if start is not None and end is not None and start < end else None


def regime_spans(run: SavedRun) -> list[Span]:
    """Return the regimes of a run one after the other; empty for runs without."""
    changes: Sequence[Sequence[Any]] = run.get("conditions", {}).get("regimes", [])
    span = run_span(run)
    if not changes or span is None:
        return []
    start, end = span
    found: list[Span] = []
    since, name = start, UNKNOWN
    for ts, regime in [*changes, (end, None)]:
        at = min(max(int(ts), start), end)
        if at > since:
            found.append(Span(since, at, name))
        since, name = at, str(regime or UNKNOWN)
    return found


def regime_shares(run: SavedRun) -> list[RegimeShare]:
    """Return the regimes that a run saw; a trade belongs to that in which it was opened."""
    spans = regime_spans(run)
    if not spans:
        return []
    time: Counter[str] = Counter()
    for span in spans:
        time[span.name] += span.end - span.start
    starts = np.array([span.start for span in spans])
    entries = np.asarray(run.trades["entry_ts"], dtype=np.int64)
    rows = np.maximum(starts.searchsorted(entries, side="right") - 1, 0)
    trades: Counter[str] = Counter()
    pnl: dict[str, float] = {}
    for row, made in zip(rows.tolist(), np.asarray(run.trades["pnl"]).tolist(), strict=True):
        name = spans[row].name
        trades[name] += 1
        pnl[name] = pnl.get(name, 0.0) + made
    whole = sum(time.values())
    names = [*REGIMES, *(name for name in time if name not in REGIMES)]
    return [
        RegimeShare(name, 100.0 * time[name] / whole, trades[name], pnl.get(name, 0.0))
        for name in names
        if time[name]
    ]


def tier_lines(run: SavedRun) -> list[TierLine]:
    """Return the tiers of a changing universe, those that had members first first."""
    known: Mapping[str, Sequence[Sequence[Any]]] = run.get("conditions", {}).get("universe", {})
    steps: dict[str, Counter[int]] = {}
    for changes in known.values():
        before: str | None = None
        for ts, tier in changes:
            for name, step in ((before, -1), (tier, +1)):
                if name is not None:
                    steps.setdefault(str(name), Counter())[int(ts)] += step
            before = tier
    found = []
    for tier, moves in steps.items():
        times = np.array(sorted(moves), dtype=np.int64)
        counts = np.cumsum([moves[ts] for ts in times.tolist()])
        found.append(TierLine(tier, times, counts))
    return sorted(found, key=lambda line: (int(line.times[0]), line.tier))


def barred_entries(run: SavedRun) -> list[tuple[str, int]]:
    """Return how many entries each standing rule barred, most first."""
    return _most_first((rule, n) for rule, n in _refused(run) if rule in STANDING_RULES)


def refused_by_limits(run: SavedRun) -> dict[str, int]:
    """Return how many entries each limit of the policy refused, without the standing rules."""
    return {rule: n for rule, n in _refused(run) if rule not in STANDING_RULES}


def unbelieved_bars(run: SavedRun) -> list[tuple[str, int]]:
    """Return how many bars of each symbol were not believed, most first."""
    found: Mapping[str, int] = run.get("conditions", {}).get("refused_bars", {})
    return _most_first(found.items())


def _refused(run: SavedRun) -> Iterable[tuple[str, int]]:
    found: Mapping[str, int] = run.get("rejections", {})
    return found.items()


def _most_first(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(((name, n) for name, n in counts if n), key=lambda one: (-one[1], one[0]))
