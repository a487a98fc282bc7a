"""What the files of a project say about each other: names that exist, modes that agree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from paperbot_core.config.adaptive import family_of, variants
from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.selection import REGIMES
from paperbot_core.config.settings import Settings
from paperbot_core.config.source_map import SourceMap
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.universe import UniverseFile
from paperbot_core.diagnostics import Diagnostic, Severity, did_you_mean, nearest

_TICKER = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,31}")
#: Tiers that a policy may limit although a (replaced) universe has none of them.
_USUAL_TIERS = frozenset({"core", "rotational", "event", "unlisted"})

Strategies = Sequence[tuple[StrategyFile, SourceMap]]


def cross_check(
    *,
    settings: tuple[Settings | None, SourceMap],
    policy: tuple[PolicyFile | None, SourceMap],
    universe: tuple[UniverseFile | None, SourceMap],
    strategies: Strategies,
    strategies_complete: bool,
) -> Iterator[Diagnostic]:
    """Yield every mistake between files, of those that could be read.

    `strategies_complete` is False if a strategy file could not be read; a name that is missing then
    may be that file's, so it is not reported.
    """
    yield from _duplicates(strategies)
    if settings[0] and strategies_complete:
        yield from _enabled(settings[0], settings[1], strategies)
    if settings[0] and policy[0]:
        yield from _modes(settings[0], settings[1], policy[0])
    if universe[0] and policy[0]:
        yield from _tiers(universe[0], universe[1], policy[0], policy[1])
    if universe[0]:
        for file, places in strategies:
            yield from _universe_entries(file, places, universe[0])
            yield from _size_tiers(file, places, universe[0])
            yield from _regimes(file, places, universe[0])


def _duplicates(strategies: Strategies) -> Iterator[Diagnostic]:
    first: dict[str, SourceMap] = {}
    for file, places in strategies:
        if file.name in first:
            where = first[file.name].span(("name",))
            message = f"a second strategy called `{file.name}`"
            help_text = f"the first is at {where.file}:{where.line}"
            yield places.diagnostic("PB3002", message, places.span(("name",)), help=help_text)
        first.setdefault(file.name, places)


def _enabled(settings: Settings, places: SourceMap, strategies: Strategies) -> Iterator[Diagnostic]:
    known = sorted(
        {name for file, _ in strategies for one in variants(file) for name in (file.name, one.name)}
    )
    seen: set[str] = set()
    for index, name in enumerate(settings.strategies or ()):
        span = places.span(("strategies", index))
        if name not in known:
            expected = "one of " + ", ".join(f"`{other}`" for other in known) if known else ""
            yield places.diagnostic(
                "PB3005", f"no strategy `{name}` in `strategies.d`", span,
                expected=expected, help=did_you_mean(name, known),
            )  # fmt: skip
        elif name in seen or family_of(name) in seen:
            yield places.diagnostic("PB3002", f"`{name}` is listed twice", span)
        seen.add(name)


def _modes(settings: Settings, places: SourceMap, policy: PolicyFile) -> Iterator[Diagnostic]:
    highest = policy.modes.highest
    if settings.mode.rank > highest.rank:
        yield places.diagnostic(
            "PB4002",
            f"mode {settings.mode} is above what the policy allows",
            places.span(("mode",)),
            expected=f"at most `{highest}` (`modes.highest` of the policy)",
        )


def _tiers(
    universe: UniverseFile, places: SourceMap, policy: PolicyFile, policy_places: SourceMap
) -> Iterator[Diagnostic]:
    limits = policy.risk.max_tier_pct
    for name in universe.tiers:
        if name not in limits:
            yield places.diagnostic(
                "PB4003",
                f"tier `{name}` has no limit in the policy",
                places.key_span(("tiers", name)),
                expected=f"`max_tier_pct.{name}` in the policy",
                help=did_you_mean(name, limits),
            )
    for name in limits:
        if name not in universe.tiers and name not in _USUAL_TIERS:
            yield policy_places.diagnostic(
                "PB3006",
                f"the universe has no tier `{name}`",
                policy_places.key_span(("risk", "max_tier_pct", name)),
                severity=Severity.WARNING,
                help=did_you_mean(name, universe.tiers),
            )


def _universe_entries(
    file: StrategyFile, places: SourceMap, universe: UniverseFile
) -> Iterator[Diagnostic]:
    listed = {symbol for tier in universe.tiers.values() for symbol in tier.symbols}
    known = [*universe.tiers, *sorted(listed | set(universe.instruments))]
    for index, entry in enumerate(file.universe):
        span = places.span(("universe", index))
        if entry in universe.tiers or entry in listed:
            continue
        if _may_be_symbol(entry, universe):
            yield places.diagnostic(
                "PB3007", f"`{entry}` is in no tier of the universe", span,
                severity=Severity.WARNING,
                help=_near_symbol(entry, listed) or "it trades in tier `unlisted`, without a grid",
            )  # fmt: skip
            continue
        tiers = ", ".join(f"`{name}`" for name in universe.tiers)
        yield places.diagnostic(
            "PB3001", f"`{entry}` is neither a tier nor a symbol", span,
            expected=f"a tier ({tiers}) or a symbol such as `BTC/USDT`",
            help=did_you_mean(entry, known),
        )  # fmt: skip


def _may_be_symbol(entry: str, universe: UniverseFile) -> bool:
    return "/" in entry or bool(_TICKER.fullmatch(entry)) or entry in universe.instruments


def _near_symbol(entry: str, listed: set[str]) -> str:
    """Compare what stands before the slash: all pairs of one quote currency look alike."""
    bases = {symbol.partition("/")[0]: symbol for symbol in sorted(listed)}
    near = nearest(entry.partition("/")[0], bases)
    return f"did you mean `{bases[near]}`?" if near else ""


def _size_tiers(
    file: StrategyFile, places: SourceMap, universe: UniverseFile
) -> Iterator[Diagnostic]:
    """Check sizes by tier: each names a tier, and each tier the strategy trades has one."""
    for key in ("equity_pct", "risk_pct"):
        sizes = getattr(file.size, key)
        if not isinstance(sizes, dict):
            continue
        known = [*universe.tiers, "unlisted"]
        unknown = [name for name in sizes if name not in known]
        # An entry of `universe` that is nothing has been told there.
        nothing = {
            entry for entry in file.universe
            if entry not in known and not _may_be_symbol(entry, universe)
        }  # fmt: skip
        for name in unknown:
            if name in nothing:
                continue
            yield places.diagnostic(
                "PB3008", f"the universe has no tier `{name}`",
                places.key_span(("size", key, name)), help=did_you_mean(name, known),
            )  # fmt: skip
        traded = {
            entry if entry in universe.tiers else universe.tier_of(entry)
            for entry in file.universe
            if entry not in nothing
        }
        for name in sorted(traded - set(sizes)):
            if nearest(name, unknown):
                continue
            yield places.diagnostic(
                "PB3008", f"`{key}` has no size for tier `{name}`",
                places.key_span(("size", key)), expected="a size for every tier of `universe`",
            )  # fmt: skip


def _regimes(
    file: StrategyFile, places: SourceMap, universe: UniverseFile
) -> Iterator[Diagnostic]:
    """Find parameters and options that depend on a regime nobody tells.

    `regime(...)` in an expression is found when it is compiled. What an option means is the
    plugin's business, so a number by regime there is a warning.
    """
    if universe.regime is not None:
        return
    for option, value in file.with_.items():
        if isinstance(value, dict) and "default" in value and {*value} <= {"default", *REGIMES}:
            yield places.diagnostic(
                "PB3011", f"nothing tells which regime `{option}` asks for",
                places.key_span(("with", option)), severity=Severity.WARNING,
                help="add `regime: {symbol: BTC/USDT}` to the universe",
            )  # fmt: skip
    for name, param in file.params.items():
        if param.regimes:
            yield places.diagnostic(
                "PB3011", "nothing tells which regime the market is in",
                places.key_span(("params", name, "regimes")),
                help="add `regime: {symbol: BTC/USDT}` to the universe",
            )  # fmt: skip
