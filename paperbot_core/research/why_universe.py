"""What the universe, the regime and the data said of a symbol at a decision."""

from __future__ import annotations

from typing import Any

from paperbot_core.config.universe import UniverseFile
from paperbot_core.lang.regimes import regime_name
from paperbot_core.market.timerange import minute_text
from paperbot_core.market.universe.selection import Refusal, refusal_text
from paperbot_core.market.universe.standing import Conditions

Row = dict[str, Any]


def universe_row(
    universe: UniverseFile, known: Conditions, symbol: str, now: int, regime: float
) -> Row:
    """Return the membership and the regime of a symbol at the decision time `now` (UTC ms).

    `{tier, since, refused: {filter, limit, observed}, regime, size_factor, text}`: `tier` is null
    for a symbol that is no member, `since` and `refused` are null where membership never changes.
    """
    row = _facts(universe, known, symbol, now, regime_name(regime))
    return {**row, "text": _text(row)}


def _facts(
    universe: UniverseFile, known: Conditions, symbol: str, now: int, name: str | None
) -> Row:
    row: Row = {
        "tier": universe.tier_of(symbol), "since": None, "refused": None, "regime": name,
        "size_factor": _factor(universe, name),
    }  # fmt: skip
    if known.membership is None:
        return row
    row["tier"] = known.membership.tier_at(symbol, now)
    changes = [ts for ts, _ in known.membership.changes(symbol) if ts <= now]
    row["since"] = changes[-1] if changes else None
    snapshot = known.membership.at(now)
    refusal = snapshot.refused.get(symbol) if snapshot is not None else None
    if refusal is not None:
        row["refused"] = {
            "filter": refusal.filter, "limit": refusal.limit, "observed": refusal.observed,
        }
    return row


def _factor(universe: UniverseFile, name: str | None) -> float | None:
    rules = universe.regime
    if rules is None or not rules.size_factor:
        return None
    return 0.0 if name is None else rules.size_factor.get(name, 1.0)  # type: ignore[call-overload]


def _text(row: Row) -> str:
    """Return a line about membership and regime; empty where nothing of the kind can change."""
    parts = []
    if row["tier"] is None:
        why = row["refused"]
        parts.append("not a member" + (f" ({refusal_text(Refusal(**why))})" if why else ""))
    elif row["since"] is not None:
        parts.append(f"tier {row['tier']} since {minute_text(row['since'])}")
    if row["regime"] is not None or row["size_factor"] is not None:
        parts.append(f"regime {row['regime'] or 'not known'}")
    if row["size_factor"] not in {None, 1.0}:
        parts.append(f"sizes times {row['size_factor']:g}")
    return ", ".join(parts)
