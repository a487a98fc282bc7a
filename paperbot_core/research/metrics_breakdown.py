"""Trades and profit by day, week, month and symbol. A trade belongs to the time of its exit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import DAY_MS
from paperbot_core.research.metrics_curve import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from paperbot_core.research.metrics import TradeColumns

Group = dict[str, dict[str, float | None]]


def breakdowns(trades: TradeColumns) -> dict[str, Group]:
    """Return `{day, week, month, symbol}`: for each group with a trade, `{trades, pnl}`.

    Keys are UTC dates of the exit: `2024-01-31`, ISO week `2024-W05`, `2024-01`; oldest first.
    Symbols are in the order of `trades.symbols`. `pnl` is in quote currency, net of fees.
    """
    days, day_of = np.unique(trades.exit_ts // DAY_MS, return_inverse=True)
    counts, sums = _totals(day_of, trades.pnl, len(days))
    dates = [datetime.fromtimestamp(day * 86_400, UTC).date() for day in days.tolist()]
    per_symbol = _totals(trades.symbol, trades.pnl, len(trades.symbols))
    return {
        "day": _group([date.isoformat() for date in dates], counts, sums),
        "week": _group([date.strftime("%G-W%V") for date in dates], counts, sums),
        "month": _group([date.isoformat()[:7] for date in dates], counts, sums),
        "symbol": _group(trades.symbols, *per_symbol),
    }


def _totals(
    group: NDArray[np.int64], pnl: NDArray[np.float64], size: int
) -> tuple[list[int], list[float]]:
    """Return how many trades each group number has, and their summed pnl."""
    return (
        np.bincount(group, minlength=size).tolist(),
        np.bincount(group, weights=pnl, minlength=size).tolist(),
    )


def _group(labels: Sequence[str], counts: Sequence[int], sums: Sequence[float]) -> Group:
    """Add up what has the same label; groups without a trade are left out."""
    found: dict[str, tuple[int, float]] = {}
    for label, count, total in zip(labels, counts, sums, strict=True):
        if count:
            before = found.get(label, (0, 0.0))
            found[label] = (before[0] + count, before[1] + total)
    return {
        label: {"trades": count, "pnl": finite(total)} for label, (count, total) in found.items()
    }
