"""A small run whose every number can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from paperbot_core.domain.market import Candles
from paperbot_core.report.run import SavedRun

HOUR = 3_600_000
START = 1_609_459_200_000  # 2021-01-01T00:00Z

MakeRun = Callable[..., SavedRun]


def candles(symbol: str, n: int, start: int = START) -> Candles:
    close = 100.0 + np.arange(n)
    ts = start + HOUR * np.arange(n, dtype=np.int64)
    return Candles(symbol, HOUR, ts, close - 1, close + 2, close - 3, close, np.ones(n))


def facts(**changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "run_id": "20240101T000000-abc", "mode": "backtest", "created": "2024-01-01T00:00:00Z",
        "strategies": ["sma_cross"], "symbols": ["BTC/USDT", "ETH/USDT"], "timeframe": "1h",
        "cash": 1_000.0, "start": START, "end": START + 50 * HOUR, "bars": 100, "trades": 3,
        "final_equity": 1_100.0, "buy_and_hold_pct": 50.0, "warnings": ["one <b>`big`</b> thing"],
        "metrics": {
            "trades": 3, "win_rate": 2 / 3, "total_return_pct": 10.0, "max_drawdown_pct": 5.0,
            "sharpe": None, "fees": 1.5, "turnover": 2.0,
            "long": {"trades": 3, "win_rate": 2 / 3}, "short": {"trades": 0, "win_rate": None},
        },
        "rejections": {"MAX_GROSS_PCT": 7, "LOT": 0}, "shrunk": {"CASH": 2},
        "timing": {"total_s": 0.25}, "policy_digest": "d" * 64,
    }
    return known | changes


@pytest.fixture
def make_run() -> MakeRun:
    """Return a maker of runs; keyword arguments replace facts."""

    def make(*, trades: int = 3, marks: int = 50, **changes: Any) -> SavedRun:
        row = np.arange(trades)
        table = {
            "symbol": [("BTC/USDT", "ETH/USDT")[n % 2] for n in row],
            "strategy": ["sma_cross"] * trades,
            "side": ["long"] * trades,
            "entry_ts": START + row * HOUR,
            "entry_price": 100.0 + row,
            "quantity": np.full(trades, 0.5),
            "exit_ts": START + (row + 2) * HOUR,
            "exit_price": 102.0 + row,
            "fees": np.full(trades, 0.5),
            "pnl": np.where(row % 3 == 1, -10.0, 20.0),
            "r_multiple": np.where(row % 3 == 1, np.nan, 2.0),
            "exit_reason": [("target", "stop", "signal")[n % 3] for n in row],
            "bars_held": np.full(trades, 2, dtype=np.int64),
        }
        fills = {
            "ts": START + row * HOUR, "symbol": table["symbol"], "strategy": table["strategy"],
            "side": ["buy"] * trades, "kind": ["entry"] * trades, "quantity": np.full(trades, 0.5),
            "price": 100.0 + row, "fee": np.full(trades, 0.25), "liquidity": ["taker"] * trades,
            "reason": ["entry"] * trades,
        }
        mark = np.arange(marks)
        equity = {
            "ts": START + (mark + 1) * HOUR, "equity": 1_000.0 + 2.0 * (mark + 1),
            "cash": np.full(marks, 500.0), "gross": np.full(marks, 500.0),
        }
        bars = [candles("BTC/USDT", 50), candles("ETH/USDT", 40, START + 10 * HOUR)]
        return SavedRun(facts(**changes), table, fills, equity, bars)

    return make
