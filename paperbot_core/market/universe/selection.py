"""Who is in the universe, from facts about each symbol at one time: a pure function of both.

Where facts come from (candles, tickers) and for how long an answer holds is for `membership` and
`tickers` to know.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from paperbot_core.config.selection import Filters
from paperbot_core.config.universe import UNLISTED, day_ms
from paperbot_core.domain.market import DAY_MS, quote_of
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from paperbot_core.config.universe import UniverseFile

CANDLES = "candles"
TICKERS = "tickers"
STATIC = "static"

UNKNOWN = "unknown"
#: From here on numbers are written with separators.
_LONG = 1_000
#: `BASE/QUOTE:SETTLE` in characters, at most.
_NAME_LENGTH = 120
_NAME_PARTS = 3
#: Coins of which Binance had UP and DOWN tokens. Only these are taken for the underlying of one:
#: JUP, SYRUP and COUP are coins like any other.
_UP_DOWN = (
    "1INCH AAVE ADA BCH BNB BTC DOT EOS ETH FIL LINK LTC SUSHI SXP TRX UNI XLM XRP XTZ YFI"
)
_LEVERAGED = re.compile(
    rf"(?:{_UP_DOWN.replace(' ', '|')})(?:UP|DOWN)"  # Binance
    r"|[A-Z0-9]{2,}[2-5][LS]"  # Gate, KuCoin, MEXC: BTC3L, ETH5S
    r"|(?:[A-Z0-9]{2,})?(?:BULL|BEAR|HALF|HEDGE)"  # FTX, and Binance in 2020
)


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """What is known of one symbol at one time; NaN is not known.

    Attributes:
        symbol: as in universe.yaml.
        quote_volume: traded in the 24 h before, in quote currency.
        spread_pct: best ask over best bid, percent of their middle.
        depth: quote currency in the book within 1 % of the middle, on the thinner side.
        age_days: since it was listed.
        traded: it was listed and not delisted at that time.
    """

    symbol: str
    quote_volume: float
    spread_pct: float
    depth: float
    age_days: float
    traded: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a symbol is no member.

    Attributes:
        filter: its key in universe.yaml, or `discovery`, `listed`, `delisted`, `max_symbols`, or
            `tier` for one recorded in a tier that universe.yaml no longer has.
        limit: what was asked of the symbol.
        observed: what was found instead.
        known: False if the fact is not known, which refuses too.
    """

    filter: str
    limit: str
    observed: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who is in the universe from `ts` (UTC ms) on.

    `tiers` is symbol -> tier of the members, tiers in the order of universe.yaml, in each the
    listed symbols first and then those that joined, largest volume first. `refused` has all other
    symbols that were looked at, `facts` what they were judged by; both by symbol. `source` is
    `candles`, `tickers` or `static` (the file alone).
    """

    ts: int
    tiers: Mapping[str, str]
    refused: Mapping[str, Refusal]
    facts: Mapping[str, MarketFacts]
    source: str


def select(
    universe: UniverseFile, ts: int, facts: Sequence[MarketFacts], *, candles: bool
) -> Snapshot:
    """Return who is a member at `ts`.

    A symbol that a tier lists is a member if it satisfies the filters; in a tier with
    `always_eligible` only dates and the blacklist count. Any other joins the highest tier of
    `discovery` whose volume it reaches, the largest `max_symbols` of those that satisfy the
    filters; equal volumes are taken by symbol. The order of `facts` does not matter.

    Args:
        universe: tiers, filters, discovery and dates.
        ts: UTC ms.
        facts: one for each symbol that could be a member.
        candles: facts come from candles: spread and depth cannot be known and are not judged.
            Otherwise a fact that is asked for and not known refuses.
    """
    refused: dict[str, Refusal] = {}
    listed: dict[str, str] = {}
    joining: list[tuple[MarketFacts, str]] = []
    ordered = sorted(facts, key=lambda fact: fact.symbol)
    for fact in ordered:
        tier = universe.tier_of(fact.symbol)
        refusal = _dates(universe, ts, fact) or _filters(universe, fact, tier, candles=candles)
        if refusal is None and tier == UNLISTED:
            refusal, tier = _discovered(universe, fact)
        if refusal is not None:
            refused[fact.symbol] = refusal
        elif universe.tier_of(fact.symbol) == UNLISTED:
            joining.append((fact, tier))
        else:
            listed[fact.symbol] = tier
    joining.sort(key=lambda pair: (-pair[0].quote_volume, pair[0].symbol))
    most = universe.discovery.max_symbols if universe.discovery else 0
    for rank, (fact, _tier) in enumerate(joining[most:], most + 1):
        refused[fact.symbol] = Refusal("max_symbols", str(most), f"rank {rank} by volume")
    tiers = _in_order(universe, listed, [(fact.symbol, tier) for fact, tier in joining[:most]])
    return Snapshot(
        ts,
        tiers,
        dict(sorted(refused.items())),
        {fact.symbol: fact for fact in ordered},
        CANDLES if candles else TICKERS,
    )


def static_snapshot(universe: UniverseFile, ts: int) -> Snapshot:
    """Return the membership that the file alone tells: symbols of tiers between their dates.

    Filters and discovery are not judged, so it is the whole truth only where there are none.
    """
    tiers: dict[str, str] = {}
    refused: dict[str, Refusal] = {}
    for name, tier in universe.tiers.items():
        for symbol in tier.symbols:
            if refusal := dates_refuse(universe, symbol, ts):
                refused[symbol] = refusal
            else:
                tiers[symbol] = name
    return Snapshot(ts, tiers, dict(sorted(refused.items())), {}, STATIC)


def candidates(universe: UniverseFile, symbols: Iterable[str]) -> list[str]:
    """Return those of `symbols` that could ever be members, sorted, each once.

    These are the ones that a tier lists and, with `discovery`, those that quote currency,
    blacklist and the rule on leveraged tokens let pass: what a name alone can tell. A text that is
    no name of a market never joins.
    """
    discovers = universe.discovery is not None
    filters = universe.filters or Filters()
    return sorted(
        symbol
        for symbol in set(symbols)
        if universe.tier_of(symbol) != UNLISTED
        or (discovers and is_market_name(symbol) and name_refuses(filters, symbol) is None)
    )


def is_market_name(symbol: str) -> bool:
    """Return whether a text can be the name of a market: short, printable, without empty parts.

    Names come from exchanges and files, and go to terminals, file names and journals.
    """
    parts = symbol.replace(":", "/").split("/")
    sound = symbol.isprintable() and " " not in symbol
    return sound and len(symbol) <= _NAME_LENGTH and len(parts) <= _NAME_PARTS and all(parts)


def is_leveraged(symbol: str) -> bool:
    """Return whether the base currency is, by its name, a token with built-in leverage."""
    return "/" in symbol and _LEVERAGED.fullmatch(symbol.partition("/")[0]) is not None


def name_refuses(filters: Filters, symbol: str) -> Refusal | None:
    """Return which filter the name of a symbol fails, None if it passes."""
    if (pattern := _blacklisted(filters, symbol)) is not None:
        return Refusal("blacklist", f"not `{pattern}`", symbol)
    if filters.quotes is not None and quote_of(symbol) not in filters.quotes:
        return Refusal("quotes", ", ".join(filters.quotes), quote_of(symbol) or "none")
    if not filters.leveraged_tokens and is_leveraged(symbol):
        return Refusal("leveraged_tokens", "false", symbol.partition("/")[0])
    return None


def dates_refuse(universe: UniverseFile, symbol: str, ts: int) -> Refusal | None:
    """Return the refusal by the dates of universe.yaml, None if they let the symbol pass."""
    dates = universe.instruments.get(symbol)
    if dates is None:
        return None
    day = iso_time(ts)[:10]
    if dates.listed and ts < day_ms(dates.listed):
        return Refusal("listed", dates.listed, day)
    if dates.delisted and ts >= day_ms(dates.delisted):
        return Refusal("delisted", dates.delisted, day)
    return None


def refusal_text(why: Refusal) -> str:
    """Return a refusal in words: its filter, what was observed and what is asked for."""
    known, limit = why.known and why.observed != UNKNOWN, why.limit
    seen = why.observed if known else "not known"
    match why.filter:
        case "min_quote_volume" | "discovery" if limit[:1].isdigit():
            asked = "to join" if why.filter == "discovery" else "asked for"
            text = f"24 h volume {seen}, {limit} {asked}"
        case "max_spread_pct":
            text = f"spread {seen}{' %' * known}, {limit} % at most"
        case "min_depth":
            text = f"depth {seen}, {limit} asked for"
        case "min_age_days":
            text = f"age {seen}{' d' * known}, {limit} d asked for"
        case "max_symbols":
            text = f"{seen}, {limit} may join"
        case "quotes":
            text = f"quoted in {seen}, not in {limit}"
        case "blacklist":
            text = limit.removeprefix("not ")
        case "leveraged_tokens":
            text = f"{seen} is one"
        case "delisted" if limit[:1].isdigit():
            text = f"on {limit}"
        case "listed" if limit[:1].isdigit():
            text = f"not before {limit}"
        case "listed":
            text = "no bar yet, and no date" if known else "nothing was known of it"
        case _:
            text = seen
    return f"{why.filter}: {text}"


def number_text(value: float) -> str:
    """Return a number as people read it, `unknown` for NaN."""
    if math.isnan(value):
        return UNKNOWN
    if abs(value) < _LONG:
        return f"{value:.6g}"
    return f"{value:,.2f}".removesuffix(".00")


def _dates(universe: UniverseFile, ts: int, fact: MarketFacts) -> Refusal | None:
    if refusal := dates_refuse(universe, fact.symbol, ts):
        return refusal
    if fact.traded:
        return None
    if math.isnan(fact.age_days):
        return Refusal("listed", "a first bar or a listing", "none yet")
    return Refusal("delisted", "it is traded", "it is not traded any more")


def _filters(
    universe: UniverseFile, fact: MarketFacts, tier: str, *, candles: bool
) -> Refusal | None:
    filters = universe.filters
    if filters is None:
        # Nothing is asked of what a tier lists, but leveraged tokens do not join by themselves.
        return name_refuses(Filters(), fact.symbol) if tier == UNLISTED else None
    if tier != UNLISTED and universe.tiers[tier].always_eligible:
        pattern = _blacklisted(filters, fact.symbol)
        return None if pattern is None else Refusal("blacklist", f"not `{pattern}`", fact.symbol)
    if refusal := name_refuses(filters, fact.symbol):
        return refusal
    return next(_measures(filters, fact, candles=candles), None)


def _measures(filters: Filters, fact: MarketFacts, *, candles: bool) -> Iterator[Refusal]:
    """Yield the refusals by numbers, in the order of the file."""
    checks: list[tuple[str, float | None, float, bool]] = [
        ("min_quote_volume", _float(filters.min_quote_volume), fact.quote_volume, False),
        ("max_spread_pct", filters.max_spread_pct, fact.spread_pct, True),
        ("min_depth", _float(filters.min_depth), fact.depth, False),
        ("min_age_days", filters.min_age_days, fact.age_days, False),
    ]
    for name, limit, observed, is_ceiling in checks:
        if limit is None or (candles and name in {"max_spread_pct", "min_depth"}):
            continue
        if math.isnan(observed):
            yield Refusal(name, number_text(limit), UNKNOWN, known=False)
        elif (observed > limit) if is_ceiling else (observed < limit):
            yield Refusal(name, number_text(limit), number_text(observed))


def _discovered(universe: UniverseFile, fact: MarketFacts) -> tuple[Refusal | None, str]:
    """Return the tier a symbol joins, or why it joins none."""
    if universe.discovery is None:
        return Refusal("discovery", "a tier that lists it", "in no tier"), UNLISTED
    volume, steps = fact.quote_volume, universe.discovery.in_order()
    least = number_text(float(steps[-1][1]))
    if math.isnan(volume):
        return Refusal("discovery", least, UNKNOWN, known=False), UNLISTED
    for name, limit in steps:
        if volume >= float(limit):
            return None, name
    return Refusal("discovery", least, number_text(volume)), UNLISTED


def _in_order(
    universe: UniverseFile, listed: Mapping[str, str], joined: Sequence[tuple[str, str]]
) -> dict[str, str]:
    tiers: dict[str, str] = {}
    for name, tier in universe.tiers.items():
        tiers.update((symbol, name) for symbol in tier.symbols if symbol in listed)
        tiers.update((symbol, name) for symbol, its in joined if its == name)
    return tiers


def _float(value: object) -> float | None:
    return None if value is None else float(str(value))


def _blacklisted(filters: Filters, symbol: str) -> str | None:
    """Return the entry of the blacklist that names the symbol; looked for once."""
    if symbol not in filters.named:
        exact, patterns = _blacklist(tuple(filters.blacklist))
        found = (entry for entry, parts in patterns if _fits(parts, symbol))
        filters.named[symbol] = symbol if symbol in exact else next(found, None)
    return filters.named[symbol]


@lru_cache(maxsize=8)
def _blacklist(
    entries: tuple[str, ...],
) -> tuple[frozenset[str], tuple[tuple[str, tuple[str, ...]], ...]]:
    """Return the plain symbols, and the entries with a `*` with the texts between their stars."""
    exact = frozenset(entry for entry in entries if "*" not in entry)
    return exact, tuple((entry, tuple(entry.split("*"))) for entry in entries if "*" in entry)


def _fits(parts: Sequence[str], symbol: str) -> bool:
    """Return whether the parts follow each other in the symbol, the first and last at its ends.

    Taking each part where it comes first is exact, and unlike a regular expression never slow.
    """
    first, *middle, last = parts
    if not symbol.startswith(first):
        return False
    place = len(first)
    for part in middle:
        found = symbol.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return symbol.endswith(last) and len(symbol) - len(last) >= place


def age_days(start: int, now: int) -> float:
    """Return the days from `start` to `now` (UTC ms), NaN before `start`."""
    return (now - start) / DAY_MS if start <= now else math.nan
