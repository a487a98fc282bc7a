"""How long adaptive strategies were in which mode, and what each mode earned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paperbot_core.config.adaptive import SIGN, family_of, mode_of, variant_name
from paperbot_core.report.groups import Group, group_trades
from paperbot_core.report.wording import moment

if TYPE_CHECKING:
    from paperbot_core.report.run import SavedRun

#: Shown for the time in which no mode was chosen.
NO_MODE = "none"


@dataclass(frozen=True, slots=True)
class ModeShare:
    """One mode of one strategy: its part of the time, all symbols together, and its trades.

    `time_pct` is in percent of the run, None where the run does not say how long it was; `pnl` is
    in quote currency, net of fees.
    """

    strategy: str
    mode: str
    time_pct: float | None
    trades: int
    pnl: float


def mode_shares(run: SavedRun) -> list[ModeShare]:
    """Return the modes of every adaptive strategy of a run, in its order; the time without last.

    A trade belongs to the mode that opened it. Empty for runs without such strategies.
    """
    chosen: Mapping[str, Mapping[str, Any]] = run.get("conditions", {}).get("modes", {})
    names = [str(name) for name in run.get("strategies", []) if SIGN in str(name)]
    groups = {group.label: group for group in group_trades(run, "strategy")}
    start, end = moment(run.get("start")), moment(run.get("end"))
    found = []
    for family in dict.fromkeys(map(family_of, names)):
        times = _times(chosen.get(family, {}).values(), start, end)
        modes = [mode_of(name) for name in names if family_of(name) == family]
        # A run of one mode alone was outside of it while another one was chosen.
        others = [mode for mode in times if mode not in {*modes, NO_MODE}]
        for mode in [*modes, *others, *([NO_MODE] if times.get(NO_MODE) else [])]:
            group = groups.get(variant_name(family, mode), Group(mode, 0, 0, 0.0))
            part = _percent(times.get(mode, 0), sum(times.values()))
            found.append(ModeShare(family, mode, part, group.trades, group.pnl))
    return found


def _times(
    changes: Iterable[Sequence[Any]], start: int | None, end: int | None
) -> dict[str, int]:
    """Return how many ms each mode was chosen within [start, end], symbols added up."""
    found: dict[str, int] = defaultdict(int)
    if start is None or end is None:
        return found
    for line in changes:
        since, now = start, NO_MODE
        for ts, mode in line:
            at = min(max(int(ts), start), end)
            found[now] += at - since
            since, now = at, mode or NO_MODE
        found[now] += end - since
    return {mode: ms for mode, ms in found.items() if ms}


def _percent(part: int, whole: int) -> float | None:
    return 100.0 * part / whole if whole else None
