"""What a run was worth: pure formulas over its trades and its equity curve.

Knows neither files nor strategies. `docs/metrics.md` has every formula in words. A number that is
undefined (no trades, no losses, no spread) is None; no result is ever NaN or infinite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.research.metrics_curve import (
    cagr,
    daily_returns,
    finite,
    max_drawdown,
    ratio,
    sharpe,
    sortino,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAYS_OPEN_PER_YEAR = 365
SESSIONS_PER_YEAR = 252


@dataclass(frozen=True, slots=True, eq=False)
class TradeColumns:
    """Closed trades as columns; row i of every array is trade i, in any order.

    Shapes are (n,). `symbol` holds indices into `symbols`; `side` +1 long, -1 short; `entry_ts` and
    `exit_ts` are UTC ms, the open time of the bar of the fill; `pnl` (net of fees) and `fees` are
    in quote currency; `bars_held` counts bars.
    """

    symbols: tuple[str, ...]
    symbol: NDArray[np.int64]
    side: NDArray[np.int64]
    entry_ts: NDArray[np.int64]
    exit_ts: NDArray[np.int64]
    pnl: NDArray[np.float64]
    fees: NDArray[np.float64]
    bars_held: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pnl)


def compute_metrics(
    trades: TradeColumns,
    equity: NDArray[np.float64],
    times: NDArray[np.int64],
    *,
    start_equity: float,
    exposure_mean: float,
    traded_notional: float,
    fees: float,
    slippage_cost: float,
    start_ts: int | None = None,
    sessions: bool = False,
) -> dict[str, Any]:
    """Return the metrics of a run, JSON-ready, in the order in which they are shown.

    Args:
        trades: the closed trades; a position still open is not among them.
        equity: account equity at each mark, quote currency, oldest first, shape (n,).
        times: decision time (close of the bar) of each mark, UTC ms, ascending, shape (n,).
        start_equity: equity before the first bar.
        exposure_mean: mean over the marks of gross exposure / equity, as a fraction.
        traded_notional: sum of price * quantity of all fills, quote currency.
        fees: all fees paid, quote currency, those of the open position included.
        slippage_cost: what fills lost against the unslipped price, quote currency.
        start_ts: open time of the first bar, UTC ms; left out, one step before the first mark.
        sessions: the venue closes; a year then has 252 daily returns and not 365.

    Returns:
        `*_pct` in percent, `win_rate` as a fraction, `expectancy`, `fees` and `slippage_cost` in
        quote currency, other ratios plain; None where undefined.
    """
    # Absurd input (prices near the end of float64) ends as None, not as a warning.
    with np.errstate(all="ignore"):
        return {
            "trades": len(trades),
            **_outcomes(trades.pnl),
            **_curve(equity, times, start_equity, start_ts, sessions),
            "exposure_pct": finite(exposure_mean * 100.0) if len(equity) else None,
            "turnover": ratio(traded_notional, float(np.mean(equity))) if len(equity) else None,
            "avg_bars_held": _mean(trades.bars_held),
            **_streaks(trades),
            "long": _side(trades.pnl[trades.side > 0]),
            "short": _side(trades.pnl[trades.side < 0]),
            "fees": finite(fees),
            "slippage_cost": finite(slippage_cost),
        }


def _curve(
    equity: NDArray[np.float64],
    times: NDArray[np.int64],
    start_equity: float,
    start_ts: int | None,
    sessions: bool,
) -> dict[str, float | None]:
    """Return what is read off the equity curve."""
    returns = daily_returns(equity, times, start_equity)
    per_year = SESSIONS_PER_YEAR if sessions else DAYS_OPEN_PER_YEAR
    fall = max_drawdown(equity, start_equity)
    growth = cagr(equity, times, start_equity, start_ts)
    daily = sharpe(returns)
    final = float(equity[-1]) if len(equity) else start_equity
    whole = ratio(final, start_equity)
    return {
        "total_return_pct": _percent(whole - 1.0 if whole is not None else None),
        "cagr_pct": _percent(growth),
        "max_drawdown_pct": _percent(fall),
        "sharpe": daily,
        "sharpe_annual": daily * math.sqrt(per_year) if daily is not None else None,
        "sortino": sortino(returns, per_year),
        "calmar": ratio(growth, fall),
    }


def _outcomes(pnl: NDArray[np.float64]) -> dict[str, float | None]:
    """Return the statistics of wins and losses; a trade of exactly 0 is neither."""
    wins, losses = pnl[pnl > 0.0], pnl[pnl < 0.0]
    gained, lost = float(wins.sum()), -float(losses.sum())
    return {
        "win_rate": ratio(len(wins), len(pnl)),
        "payoff_ratio": ratio(_mean(wins), None if not len(losses) else lost / len(losses)),
        "expectancy": _mean(pnl),
        "profit_factor": ratio(gained, lost),
    }


def _side(pnl: NDArray[np.float64]) -> dict[str, float | None]:
    """Return the short form of the outcomes, for one side."""
    outcomes = _outcomes(pnl)
    kept = ("win_rate", "expectancy", "profit_factor")
    return {"trades": len(pnl), **{key: outcomes[key] for key in kept}}


def _streaks(trades: TradeColumns) -> dict[str, int]:
    """Return the longest runs of wins and of losses, in order of exit; 0 ends both."""
    signs = np.sign(trades.pnl[np.argsort(trades.exit_ts, kind="stable")])
    # A run is the stretch between two changes of sign.
    edges = np.flatnonzero(np.diff(signs)) + 1
    starts = np.concatenate(([0], edges))
    lengths = np.diff(np.concatenate((starts, [len(signs)])))
    kinds = signs[starts] if len(signs) else np.zeros(1)
    return {
        "max_win_streak": int(lengths[kinds > 0].max(initial=0)),
        "max_loss_streak": int(lengths[kinds < 0].max(initial=0)),
    }


def _mean(values: NDArray[Any]) -> float | None:
    return finite(float(values.mean())) if len(values) else None


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else finite(fraction * 100.0)
