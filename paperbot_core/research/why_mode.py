"""Which mode an adaptive strategy had chosen at a decision, by which measures."""

from __future__ import annotations

import math
from typing import Any

from paperbot_core.lang.columns import Columns
from paperbot_core.market.universe.adaptive import ModeChooser

Row = dict[str, Any]


def mode_row(chooser: ModeChooser, columns: Columns, now: int) -> Row:
    """Return the choice at the decision time `now` (UTC ms).

    `{chosen, since, measures: {name: value}, scores: {mode: value}, text}`: `chosen` is null while
    a measure is unknown, `since` is the close from which on it is so; unknown numbers are null.

    Args:
        chooser: of the strategy on the symbol.
        columns: of the bars that it reads.
        now: no bar that closes later is looked at.
    """
    line = chooser.batch(columns)
    row = int(line.times.searchsorted(now, side="right")) - 1
    values = chooser.values_at(columns, row)
    chosen = chooser.name(chooser.choose(values))
    since = [ts for ts, _ in line.changes() if ts <= now]
    scores = [math.nan] * len(chooser.modes) if chosen is None else chooser.scores(values)
    return {
        "chosen": chosen,
        "since": since[-1] if since else None,
        "measures": {n: _finite(v) for n, v in zip(chooser.measures, values, strict=True)},
        "scores": {n: _finite(s) for n, s in zip(chooser.modes, scores, strict=True)},
        "text": chooser.choice_text(values),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
