"""What a history knows besides its bars: the regime and the universe, over all of it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from paperbot_core.config.project import Project
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.lang.regimes import regime_name
from paperbot_core.market.universe.adaptive import ModeLine
from paperbot_core.market.universe.membership import from_candles
from paperbot_core.market.universe.membership_record import load_record
from paperbot_core.market.universe.regime import RegimeDetector, regime_at
from paperbot_core.market.universe.standing import Conditions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from paperbot_core.research.history import History
    from paperbot_core.research.simulate import Stage

#: Close times (UTC ms), and the number of the regime from each on.
RegimeLine: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.float64]]"


def finest_frames(keys: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the shortest timeframe (ms) of each symbol, symbols ascending."""
    found: dict[str, int] = {}
    for symbol, tf_ms in keys:
        found[symbol] = min(tf_ms, found.get(symbol, tf_ms))
    return dict(sorted(found.items()))


def regime_line(project: Project, candles: Candles) -> RegimeLine:
    """Return the regime over the candles of the symbol that leads the market.

    Raises:
        UserError: the rules of `regime` are wrong.
    """
    assert project.universe.regime is not None, "asked for by projects that have one"
    return RegimeDetector(project.universe.regime, project.universe_places).batch(candles)


def with_regime(candles: Candles, line: RegimeLine | None) -> Candles:
    """Return the candles with the regime known at each close; unchanged where nothing tells it."""
    if line is None:
        return candles
    return replace(candles, regime=regime_at(*line, candles.ts + candles.tf_ms))


def condition_facts(
    history: History, modes: Mapping[tuple[str, str], ModeLine]
) -> dict[str, Any]:
    """Return what a report says of the conditions: bars refused, regimes, universe, modes.

    `{refused_bars: {symbol: n}, regime: {name: bars}, regimes: [[ts, name or null]],
    universe: {symbol: [[ts, tier or null]]}, modes: {strategy: {symbol: [[ts, mode or null]]}}}`;
    `modes` are by strategy and symbol.
    """
    known = history.conditions
    bars: dict[str, int] = {}
    regimes: list[list[Any]] = []
    if known.regime is not None:
        names = [regime_name(code) for code in known.regime[1].tolist()]
        bars = dict(sorted(Counter(name or "unknown" for name in names).items()))
        for ts, name in zip(known.regime[0].tolist(), names, strict=True):
            if name != (regimes[-1][1] if regimes else None):
                regimes.append([ts, name])
    changes: dict[str, list[list[Any]]] = {}
    if known.membership is not None:
        for symbol in sorted(history.base):
            changes[symbol] = [list(one) for one in known.membership.changes(symbol)]
    refused = Counter(one.symbol for one in history.refused)
    chosen: dict[str, dict[str, list[list[Any]]]] = {}
    for (family, symbol), line in sorted(modes.items()):
        chosen.setdefault(family, {})[symbol] = [list(one) for one in line.changes()]
    return {
        "refused_bars": dict(sorted(refused.items())), "regime": bars, "regimes": regimes,
        "universe": changes, "modes": chosen,
    }


def never_chosen(stage: Stage) -> list[str]:
    """Say where an adaptive strategy chose no mode at any bar, so that nothing could enter."""
    found = []
    for (family, symbol), line in sorted(stage.modes.items()):
        if line.changes():
            continue
        chooser = stage.choosers[family, symbol]
        columns = stage.columns[symbol, chooser.tf_ms]
        why = chooser.text(chooser.values_at(columns, len(columns) - 1))
        found.append(
            f"{family} never chose a mode on {symbol}: {why}; the data has {len(columns)} bars of "
            f"{timeframe_text(chooser.tf_ms)}, {chooser.warmup} are enough"
        )
    return found


def know(
    project: Project, own: Mapping[tuple[str, int], Candles], regime: RegimeLine | None,
    record: Path | None = None,
) -> Conditions:  # fmt: skip
    """Return the conditions of a run.

    Args:
        project: with its universe.
        own: the believed candles of every symbol in each timeframe (ms) that is traded.
        regime: of the market over time; None where nothing tells it.
        record: file in which the universe was recorded so far.

    Raises:
        UserError: the record cannot be read.
    """
    if project.universe.is_static:
        return Conditions(None, regime)
    recorded = [] if record is None else load_record(record)
    finest = {symbol: own[symbol, tf_ms] for symbol, tf_ms in finest_frames(own).items()}
    ends = [candles.ts + candles.tf_ms for candles in own.values()]
    return Conditions(from_candles(project.universe, finest, recorded, ends), regime)
