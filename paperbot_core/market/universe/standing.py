"""What one strategy may do with one symbol at a close: how large it enters, or what bars it.

The same question is asked over histories and bar by bar, and answered by one function: which tier
the symbol is in now, which regime the market is in, whether its data is stale, whether an adaptive
strategy has chosen this mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.config.project import Project
from paperbot_core.config.universe import UNLISTED, UniverseFile
from paperbot_core.domain.words import Rule
from paperbot_core.lang.regimes import regime_name
from paperbot_core.market.universe.selection import Refusal, candidates, refusal_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.market.universe.membership import Membership

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


def admitted(
    project: Project, strategy: str, symbols: Iterable[str], *, unlisted: bool = True
) -> tuple[str, ...]:
    """Return those of `symbols` that a strategy may ever trade, ascending.

    They are those of its universe. Symbols in no tier belong to it where they could join by
    discovery, or, in a universe that never changes and with `unlisted`, wherever they are offered.
    """
    universe = project.universe
    wanted = set(project.symbols_of(strategy))
    offered = set(symbols)
    found = offered & wanted
    strangers = {s for s in offered - found if universe.tier_of(s) == UNLISTED}
    if universe.is_static:
        found |= strangers if unlisted else set()
    elif universe.discovery and set(universe.discovery.tiers) & set(
        project.strategy(strategy).file.universe
    ):
        found |= set(candidates(universe, strangers))
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Standing:
    """Fraction of equity to hold or to risk, and the rule that bars entries (NONE: none does)."""

    size: float
    barred: Rule = Rule.NONE


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The rules of one strategy on one symbol; `size_in` gives its size by tier.

    `wanted` is the strategy's `universe`: names of tiers, and symbols.
    """

    universe: UniverseFile
    wanted: frozenset[str]
    symbol: str
    size_in: Callable[[str], float]

    def judge(
        self, tier: str | None, regime: float, *, stale: bool = False, chosen: bool = True
    ) -> Standing:
        """Return the standing of a moment.

        Args:
            tier: of the symbol now; None for one that is not a member of the universe.
            regime: number of the regime, NaN while unknown: what depends on it is barred then.
            stale: whether its data breaker is open.
            chosen: whether an adaptive strategy is in the mode that asks.
        """
        if tier is None:
            return Standing(np.nan, Rule.MAX_STALE_BARS if stale else Rule.NOT_IN_UNIVERSE)
        factor = self._factor(tier, regime)
        size = self.size_in(tier) * factor
        if stale:
            return Standing(size, Rule.MAX_STALE_BARS)
        if tier not in self.wanted and self.symbol not in self.wanted and self._is_listed(tier):
            return Standing(size, Rule.NOT_IN_UNIVERSE)
        if not factor > 0.0:
            return Standing(size, Rule.REGIME)
        return Standing(size, Rule.NONE if chosen else Rule.MODE_NOT_CHOSEN)

    def _is_listed(self, tier: str) -> bool:
        """Return whether it is a tier of the file: symbols in none trade wherever they are told."""
        return tier in self.universe.tiers

    def _factor(self, tier: str, regime: float) -> float:
        """Return what the regime leaves of a size; 0 where it allows no entry."""
        rules = self.universe.regime
        if rules is None:
            return 1.0
        name = regime_name(regime)
        found = self.universe.tiers.get(tier)
        allowed = found.regimes if found is not None else None
        if allowed is not None and name not in allowed:
            return 0.0
        if not rules.size_factor:
            return 1.0
        return 0.0 if name is None else rules.size_factor.get(name, 1.0)


def barred_text(
    rule: Rule, tier: str | None, wanted: Iterable[str], refusal: Refusal | None,
    regime: str | None, choice: str = "",
) -> str:  # fmt: skip
    """Return in words why a slot may not enter at all; empty for rules that look at the account.

    Args:
        rule: that bars.
        tier: of the symbol then, None for no member.
        wanted: the strategy's `universe`.
        refusal: what kept the symbol out of the universe, if it was judged.
        regime: its name, None while it is not known.
        choice: which mode an adaptive strategy has chosen, in words.
    """
    match rule:
        case Rule.NOT_IN_UNIVERSE if refusal is not None:
            return refusal_text(refusal)
        case Rule.NOT_IN_UNIVERSE if tier is not None:
            return f"in tier `{tier}`, and the strategy trades {', '.join(wanted)}"
        case Rule.NOT_IN_UNIVERSE:
            return "not a member of the universe at that time"
        case Rule.REGIME:
            return f"the regime is {regime or 'not known'}, which allows no entry in tier `{tier}`"
        case Rule.MAX_STALE_BARS:
            return "bars of this symbol were missing; too few have come since"
        case Rule.MODE_NOT_CHOSEN:
            return choice or "the strategy has chosen another of its modes"
        case _:
            return ""


@dataclass(frozen=True, slots=True, eq=False)
class Standings:
    """Sizes and barring rules over the rows of a history: arrays (n,), or one number for all."""

    size: Floats | float
    barred: Floats | float


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """What a history knows besides its bars.

    `regime` holds close times and numbers of the regime from then on; None where there is no
    `regime` in the universe. `membership` is None where it never changes.
    """

    membership: Membership | None = None
    regime: tuple[Ints, Floats] | None = None


def tier_line(
    membership: Membership | None, symbol: str, first: str, times: Ints, names: Sequence[str]
) -> NDArray[np.int64]:
    """Return the number in `names` of the tier of a symbol at each time; -1 where it is no member.

    Args:
        membership: None for a universe that never changes.
        symbol: whose.
        first: its tier where membership never changes.
        times: decision times, ascending, UTC ms.
        names: of tiers.
    """
    if membership is None:
        return np.full(len(times), names.index(first), np.int64)
    line = np.full(len(times), -1, np.int64)
    for ts, tier in membership.changes(symbol):
        line[int(times.searchsorted(ts)) :] = -1 if tier is None else names.index(tier)
    return line


#: Codes of a combination of conditions: tier, regime (0 unknown), stale, chosen.
_A_TIER, _A_REGIME = 32, 4


def condition_codes(
    tiers: NDArray[np.int64], regimes: Floats, stale: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return one number a row (n,) for the conditions that `Eligibility.judge` is asked about.

    Args:
        tiers: numbers of tiers, -1 for no member.
        regimes: numbers of regimes, NaN while unknown.
        stale: whether the data breaker is open.
        chosen: whether the mode of the slot is the one chosen.
    """
    known = np.nan_to_num(regimes).astype(np.int64)
    return (tiers + 1) * _A_TIER + known * _A_REGIME + stale * 2 + chosen


def with_chosen(
    codes: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return codes of `condition_codes` with another answer to which mode is chosen.

    Args:
        codes: one a row (n,), or one for all rows (1,).
        chosen: whether the mode of the slot is the one chosen (n,).
    """
    return (codes & ~1) | chosen


def standings(rules: Eligibility, codes: NDArray[np.int64], names: Sequence[str]) -> Standings:
    """Return the standing at every row: `judge` is asked once for each combination that occurs."""
    found: dict[int, Standing] = {}
    for code in np.flatnonzero(np.bincount(codes)).tolist():
        number, rest = code // _A_TIER - 1, code % _A_TIER
        regime = float(rest // _A_REGIME) if rest >= _A_REGIME else np.nan
        tier = None if number < 0 else names[number]
        found[code] = rules.judge(tier, regime, stale=bool(rest & 2), chosen=bool(rest & 1))
    if len(found) == 1:
        (only,) = found.values()
        return Standings(only.size, float(only.barred))
    sizes, barred = np.zeros(max(found, default=0) + 1), np.zeros(max(found, default=0) + 1)
    for code, standing in found.items():
        sizes[code], barred[code] = standing.size, standing.barred
    return Standings(sizes[codes], barred[codes])
