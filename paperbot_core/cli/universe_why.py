"""Why one symbol is in the universe or not, as `paperbot universe show --why` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paperbot_core.config.universe import UniverseFile
    from paperbot_core.market.universe.membership import Membership
    from paperbot_core.market.universe.selection import Refusal, Snapshot

#: Changes of one symbol that are told, and how many of them before the one asked about.
_CHANGES, _BEFORE = 15, 9


def facts_text(row: Mapping[str, Any] | None) -> str:
    """Return facts (see `membership_record.facts_row`) in one line, without what is not known."""
    parts = (
        ("24 h volume ", "quote_volume", ""),
        ("spread ", "spread_pct", " %"),
        ("depth ", "depth", ""),
        ("age ", "age_days", " d"),
    )
    values = ((name, (row or {}).get(key), unit) for name, key, unit in parts)
    return ", ".join(f"{n}{_short(value)}{u}" for n, value, u in values if value is not None)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.4g}"


def explain(
    universe: UniverseFile,
    membership: Membership,
    snapshot: Snapshot,
    symbol: str,
    tickers: AbstractSet[str] | None = None,
) -> dict[str, Any]:
    """Return what is known of one symbol, as JSON knows it; times are UTC ms.

    Args:
        universe: the rules.
        membership: who was in when.
        snapshot: the one in force at the time asked about.
        symbol: asked about.
        tickers: symbols that the exchange has, if that is known.

    Raises:
        UserError: PB3509, nobody knows the symbol.
    """
    from paperbot_core.market.universe.membership_record import facts_row

    _check_known(universe, membership, symbol, tickers or set())
    tier = snapshot.tiers.get(symbol)
    refusal = None if tier else snapshot.refused.get(symbol) or _unseen(universe, snapshot, symbol)
    home = tier or universe.tier_of(symbol)
    rules = universe.tiers.get(home)
    dates = universe.instruments.get(symbol)
    fact = snapshot.facts.get(symbol)
    return {
        "symbol": symbol,
        "member": tier is not None,
        "tier": tier,
        "listed_in": home if rules and symbol in rules.symbols else None,
        "filter": refusal.filter if refusal else None,
        "limit": refusal.limit if refusal else None,
        "observed": refusal.observed if refusal else None,
        "known": refusal.known if refusal else None,
        "listed": dates.listed if dates else None,
        "delisted": dates.delisted if dates else None,
        "always_eligible": rules.always_eligible if rules else False,
        "max_hold_hours": rules.max_hold_hours if rules else None,
        "regimes": rules.regimes if rules else None,
        "facts": None if fact is None else facts_row(fact),
        "changes": [{"ts": ts, "tier": name} for ts, name in membership.changes(symbol)],
    }


def why_lines(found: dict[str, Any], ts: int) -> list[str]:
    """Return the answer of `explain` about the time `ts` for people."""
    from paperbot_core.market.timerange import minute_text
    from paperbot_core.market.universe.selection import Refusal, refusal_text

    symbol, tier = found["symbol"], found["tier"]
    answer = f"member of tier {tier}" if tier else "no member"
    lines = [f"{symbol} at {minute_text(ts)} UTC: {answer}"]
    if not tier:
        why = Refusal(found["filter"], found["limit"], found["observed"], found["known"])
        lines.append(f"  refused by {refusal_text(why)}")
    if found["listed_in"]:
        always = ", whatever the filters say" if found["always_eligible"] else ""
        lines.append(f"  universe.yaml lists it in tier {found['listed_in']}{always}")
    if text := facts_text(found["facts"]):
        lines.append(f"  {text}")
    days = [f"{word} {found[word]}" for word in ("listed", "delisted") if found[word]]
    if days:
        lines.append(f"  {', '.join(days)}")
    if found["max_hold_hours"]:
        lines.append(f"  a position is closed after {found['max_hold_hours']} h")
    if found["regimes"] is not None:
        lines.append(f"  it may enter in these regimes: {', '.join(found['regimes'])}")
    return [*lines, *_history(found["changes"], ts)]


def _history(changes: list[dict[str, Any]], ts: int) -> list[str]:
    """Return the changes around a time, the one in force then marked."""
    from paperbot_core.market.timerange import minute_text

    if not changes:
        return ["  it never was a member"]
    now = sum(change["ts"] <= ts for change in changes) - 1
    first = max(0, min(now - _BEFORE, len(changes) - _CHANGES))
    shown = list(enumerate(changes))[first : first + _CHANGES]
    lines = ["  history:"]
    if first:
        lines.append(f"    {first} earlier (--json lists all)")
    for number, change in shown:
        when = minute_text(change["ts"]) if change["ts"] else "from the start"
        sign = ">" if number == now else " "
        lines.append(f"  {sign} {when:<16}  {change['tier'] or 'left'}")
    later = len(changes) - first - len(shown)
    return [*lines, f"    {later} later (--json lists all)"] if later else lines


def _check_known(
    universe: UniverseFile, membership: Membership, symbol: str, tickers: AbstractSet[str]
) -> None:
    from paperbot_core.diagnostics import did_you_mean, user_error

    known = set(universe.instruments) | tickers
    for tier in universe.tiers.values():
        known.update(tier.symbols)
    for snapshot in membership.snapshots:
        known.update(snapshot.tiers, snapshot.refused)
    if symbol not in known:
        raise user_error(
            "PB3509", f"nobody knows a symbol `{symbol[:80]}`",
            expected="one of universe.yaml, the record, the data or the tickers",
            help=did_you_mean(symbol, sorted(known)),
        )  # fmt: skip


def _unseen(universe: UniverseFile, snapshot: Snapshot, symbol: str) -> Refusal:
    """Return why a symbol is no member that the snapshot did not look at."""
    from paperbot_core.config.selection import Filters
    from paperbot_core.config.universe import UNLISTED
    from paperbot_core.market.universe.selection import Refusal, dates_refuse, name_refuses

    by_name = dates_refuse(universe, symbol, snapshot.ts)
    if by_name is None and universe.tier_of(symbol) == UNLISTED:
        by_name = name_refuses(universe.filters or Filters(), symbol)
    if by_name is not None:
        return by_name
    if universe.discovery is None and universe.tier_of(symbol) == UNLISTED:
        return Refusal("discovery", "a tier that lists it", "in no tier")
    return Refusal("listed", "a first bar or a listing", "nothing was known of it", known=False)
