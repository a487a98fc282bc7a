"""Laws of the metrics: always JSON, always consistent, whatever a run did."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.domain.market import HOUR_MS
from paperbot_core.research.metrics import TradeColumns, compute_metrics
from paperbot_core.research.metrics_breakdown import breakdowns

Run = tuple[TradeColumns, Any, Any, dict[str, Any]]

_ANY = st.floats(allow_nan=False, allow_infinity=False)
_MONEY = st.floats(-1e6, 1e6)


@st.composite
def runs(draw: st.DrawFn, numbers: st.SearchStrategy[float] = _ANY) -> Run:
    """Return trades, equity, times and the other arguments of a run that may be absurd."""
    count = draw(st.integers(0, 12))
    pnl = draw(st.lists(numbers, min_size=count, max_size=count))
    exits = draw(st.lists(st.integers(0, 4_000_000), min_size=count, max_size=count))
    integers = {
        name: np.array(
            draw(st.lists(st.sampled_from(values), min_size=count, max_size=count)), np.int64
        )
        for name, values in (("symbol", [0, 1]), ("side", [-1, 1]), ("bars_held", [0, 1, 500]))
    }
    exit_ts = np.array(exits, np.int64) * HOUR_MS
    trades = TradeColumns(
        symbols=("A", "B"), entry_ts=exit_ts, exit_ts=exit_ts, pnl=np.array(pnl, np.float64),
        fees=np.zeros(count), **integers,
    )
    equity = draw(st.lists(numbers, max_size=30))
    steps = draw(st.lists(st.integers(1, 40), min_size=len(equity), max_size=len(equity)))
    times = np.cumsum(np.array(steps, np.int64)) * HOUR_MS
    names = ("start_equity", "exposure_mean", "traded_notional", "fees", "slippage_cost")
    return trades, np.array(equity, np.float64), times, {name: draw(numbers) for name in names}


def _measure(run: Run) -> dict[str, Any]:
    trades, equity, times, rest = run
    return compute_metrics(trades, equity, times, **rest)


@given(runs())
def test_nothing_is_ever_infinite_or_not_a_number(run: Run) -> None:
    json.dumps(_measure(run), allow_nan=False)
    with np.errstate(over="ignore"):
        json.dumps(breakdowns(run[0]), allow_nan=False)


@given(runs(_MONEY))
def test_counts_and_sums_agree(run: Run) -> None:
    trades = run[0]
    found, groups = _measure(run), breakdowns(trades)
    assert found["long"]["trades"] + found["short"]["trades"] == found["trades"]
    assert found["win_rate"] is None or 0.0 <= found["win_rate"] <= 1.0
    assert found["max_win_streak"] + found["max_loss_streak"] <= found["trades"]
    for group in groups.values():
        assert sum(row["trades"] or 0 for row in group.values()) == found["trades"]
        total = math.fsum(row["pnl"] or 0.0 for row in group.values())
        assert total == pytest.approx(math.fsum(trades.pnl.tolist()), abs=1e-6)


@given(runs(st.floats(1e-3, 1e6)))
def test_the_unit_of_money_does_not_matter(run: Run) -> None:
    # A power of two scales without rounding, so that the ratios are the same to the bit.
    trades, equity, times, rest = run
    scaled = TradeColumns(
        trades.symbols, trades.symbol, trades.side, trades.entry_ts, trades.exit_ts,
        trades.pnl * 8.0, trades.fees, trades.bars_held,
    )
    more = {key: value * (1.0 if key == "exposure_mean" else 8.0) for key, value in rest.items()}
    before = _measure(run)
    after = compute_metrics(scaled, equity * 8.0, times, **more)
    for key in ("fees", "slippage_cost", "expectancy", "long", "short"):
        del before[key], after[key]
    assert after == before


@given(runs(st.floats(1e-3, 1e6)))
def test_a_fall_is_never_more_than_everything_while_equity_is_positive(run: Run) -> None:
    found = _measure(run)
    assert 0.0 <= found["max_drawdown_pct"] < 100.0
    assert found["total_return_pct"] > -100.0
    assert found["total_return_pct"] >= -found["max_drawdown_pct"] - 1e-9
