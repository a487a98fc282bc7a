"""The conditions of a session, read back from its journal in the shape that backtests have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from paperbot_core.domain.events import ConditionChanged
from paperbot_core.trade.conditions import NO_MODE

_GONE = {"universe": "left", "regime": "unknown", "mode": NO_MODE}


def session_condition_facts(events: Iterable[object]) -> dict[str, Any]:
    """Return `{refused_bars, regimes, universe, modes}` as `condition_facts` has them.

    Each is told whenever it changed. The bars by regime are left out: a session keeps changes only.
    """
    refused: Counter[str] = Counter()
    regimes: list[list[Any]] = []
    universe: dict[str, list[list[Any]]] = {}
    modes: dict[str, dict[str, list[list[Any]]]] = {}
    for event in events:
        if not isinstance(event, ConditionChanged):
            continue
        state = None if event.state == _GONE.get(event.condition) else event.state
        match event.condition:
            case "bad_tick":
                refused[event.subject] += 1
            case "regime":
                regimes.append([event.ts, state])
            case "universe":
                universe.setdefault(event.subject, []).append([event.ts, state])
            case "mode":
                strategy, _, symbol = event.subject.partition(" ")
                modes.setdefault(strategy, {}).setdefault(symbol, []).append([event.ts, state])
    return {
        "refused_bars": dict(sorted(refused.items())), "regimes": regimes,
        "universe": dict(sorted(universe.items())), "modes": modes,
    }  # fmt: skip
