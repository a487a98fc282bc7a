"""Trades and months added up the way people ask about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.report.run import SavedRun

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """The trades that share a label: how many, how many won, what they made, fees included."""

    label: str
    trades: int
    wins: int
    pnl: float

    @property
    def win_pct(self) -> float:
        """Winning trades in percent of all."""
        return 100.0 * self.wins / self.trades


def group_trades(run: SavedRun, column: str) -> list[Group]:
    """Return the trades grouped by a text column, most trades first."""
    labels: list[str] = list(map(str, run.trades[column]))
    pnl = np.asarray(run.trades["pnl"], dtype=np.float64)
    names = sorted(set(labels))
    numbers = {name: number for number, name in enumerate(names)}
    index = np.array([numbers[label] for label in labels], dtype=np.int64)
    size = len(names)
    counts = np.bincount(index, minlength=size).tolist()
    wins = np.bincount(index, weights=pnl > 0, minlength=size).tolist()
    sums = np.bincount(index, weights=pnl, minlength=size).tolist()
    found = [
        Group(name, count, int(won), total)
        for name, count, won, total in zip(names, counts, wins, sums, strict=True)
    ]
    return sorted(found, key=lambda group: (-group.trades, group.label))


def monthly_returns(times: Ints, equity: Floats, cash: float) -> dict[int, dict[int, float]]:
    """Return `{year: {month: percent}}` of the account, each month against the end of the last.

    A mark at 00:00 on the first of a month is the end of the month before.
    """
    found: dict[int, dict[int, float]] = {}
    if len(times) == 0:
        return found
    months = (times - 1).astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    last = np.append(np.flatnonzero(np.diff(months)), len(months) - 1)
    before = cash
    for row in last.tolist():
        year, month = divmod(int(months[row]), 12)
        now = float(equity[row])
        found.setdefault(1970 + year, {})[month + 1] = (
            100.0 * (now / before - 1.0) if before > 0 else 0.0
        )
        before = now
    return found


def compound(percents: Iterable[float]) -> float:
    """Return several returns in a row as one, in percent."""
    product = 1.0
    for percent in percents:
        product *= 1.0 + percent / 100.0
    return 100.0 * (product - 1.0)


def histogram(values: Floats, limit: float, step: float) -> list[tuple[float, int]]:
    """Return `(lower edge, count)` of bins of `step` over [-limit, limit]; the ends take the rest.

    NaN is left out; empty without values.
    """
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return []
    bins = round(2 * limit / step)
    index = np.clip(np.floor((known + limit) / step), 0, bins - 1).astype(np.int64)
    counts = np.bincount(index, minlength=bins).tolist()
    return [(-limit + step * number, count) for number, count in enumerate(counts)]
