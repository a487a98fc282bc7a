"""What a simulation means in the words users read: trades, fills, rejections, warnings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.domain.words import ExitReason, Rule
from paperbot_core.kernel import words as w
from paperbot_core.kernel.desk import Desk
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.timerange import iso_time
from paperbot_core.research.metrics import TradeColumns, compute_metrics
from paperbot_core.research.simulate import Simulation, Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDES = {1: "long", -1: "short"}
KINDS = {w.LEG_ENTRY: "entry", w.LEG_ADD: "add", w.LEG_EXIT: "exit"}


def trade_columns(desk: Desk, trades: NDArray[Any]) -> TradeColumns:
    """Return the trade tape as the columns that the metrics read."""
    market = np.array([spec["market"] for spec in desk.specs], np.int64)
    return TradeColumns(
        symbols=desk.symbols, symbol=market[trades["slot"]] if len(trades) else market[:0],
        side=trades["side"], entry_ts=trades["entry_ts"], exit_ts=trades["exit_ts"],
        pnl=trades["pnl"], fees=trades["fees"], bars_held=trades["bars_held"],
    )


def metrics_of(run: Simulation) -> dict[str, Any]:
    """Return the metrics of a run by their contract names."""
    account = run.outputs.account
    marks = max(account["marks"], 1)
    return compute_metrics(
        trade_columns(run.desk, run.outputs.trades), run.outputs.equity, run.inputs.times,
        start_equity=run.desk.account["cash"], exposure_mean=account["exposure_sum"] / marks,
        traded_notional=account["traded"], fees=account["fees"],
        slippage_cost=account["slippage_cost"], start_ts=run.start_ts,
        sessions=all(i.sessions for i in run.desk.instruments),
    )


def trade_table(desk: Desk, trades: NDArray[Any]) -> dict[str, Any]:
    """Return the trades by column, under the names of `--trades`."""
    slots = trades["slot"].tolist()
    return {
        "symbol": [desk.slots[s].symbol for s in slots],
        "strategy": [desk.slots[s].strategy for s in slots],
        "side": [SIDES[x] for x in trades["side"].tolist()],
        "entry_ts": trades["entry_ts"], "entry_price": trades["entry_price"],
        "quantity": trades["quantity"], "exit_ts": trades["exit_ts"],
        "exit_price": trades["exit_price"], "fees": trades["fees"], "pnl": trades["pnl"],
        "r_multiple": trades["r_multiple"],
        "exit_reason": [ExitReason(x).name.lower() for x in trades["reason"].tolist()],
        "bars_held": trades["bars_held"],
    }


def fill_table(desk: Desk, legs: NDArray[Any]) -> dict[str, Any]:
    """Return the fills by column: single legs, entries, adds and exits."""
    fills = legs[legs["kind"] != w.LEG_RELEASED]
    slots = fills["slot"].tolist()
    kinds = [KINDS[k] for k in fills["kind"].tolist()]
    reasons = [
        ExitReason(r).name.lower() if k == "exit" else k
        for k, r in zip(kinds, fills["reason"].tolist(), strict=True)
    ]
    return {
        "ts": fills["ts"], "symbol": [desk.slots[s].symbol for s in slots],
        "strategy": [desk.slots[s].strategy for s in slots],
        "side": ["buy" if x > 0 else "sell" for x in fills["side"].tolist()],
        "kind": kinds, "quantity": fills["qty"], "price": fills["price"], "fee": fills["fee"],
        "liquidity": ["maker" if x else "taker" for x in fills["maker"].tolist()],
        "reason": reasons,
    }


def by_rule(counts: NDArray[np.int64]) -> dict[str, int]:
    """Return the non-zero counts by rule id."""
    return {Rule(r).name: int(n) for r, n in enumerate(counts) if n and r != Rule.NONE}


def buy_and_hold_pct(stage: Stage, first_ts: int) -> float | None:
    """Return the return of equal parts of each symbol from the first open on, without fees.

    Shares are held through splits, and their dividends kept as cash.
    """
    growth = []
    for symbol, candles in zip(stage.symbols, stage.base, strict=True):
        start = int(candles.ts.searchsorted(first_ts))
        stop = int((candles.ts + candles.tf_ms).searchsorted(stage.line.times[-1], side="right"))
        if start < stop:
            known = stage.history.payouts.get(symbol)
            shares, cash = known.held(start, stop) if known else (1.0, 0.0)
            worth = float(candles.close[stop - 1]) * shares + cash
            growth.append(worth / float(candles.open[start]))
    return (math.fsum(growth) / len(growth) - 1.0) * 100.0 if growth else None


def never_ready(stage: Stage, strategies: Sequence[CompiledStrategy]) -> list[str]:
    """Say where a strategy could not decide on any bar, and which expression never had a value.

    A history shorter than the warm-up does that, and so does a function that stays unknown.
    """
    found = []
    for compiled in strategies:
        for symbol in sorted(stage.history.symbols[compiled.file.name]):
            columns = stage.columns[symbol, compiled.timeframe_ms]
            blind = [
                name for name, expression in compiled.expressions.items()
                if not name.startswith(("reason.", "feature."))
                and (columns.seen_row(expression.root) >= len(columns)
                     or _all_unknown(columns.column(expression.root)))
            ]
            if blind:
                found.append(
                    f"{compiled.file.name} never had a value of {', '.join(blind[:4])} on "
                    f"{symbol}: it needs {compiled.warmup} bars, the data has {len(columns)}"
                )
    return found


def _all_unknown(column: object) -> bool:
    """Return whether a column has no known value: NaN everywhere, or -1 for a condition."""
    if not isinstance(column, np.ndarray):
        return bool(column != column)  # noqa: PLR0124 - only NaN differs from itself
    known = column >= 0 if column.dtype == np.int8 else ~np.isnan(column)
    return not known.any()


def shaping_warnings(
    run: Simulation, rejections: Mapping[str, int], halted_at: int | None
) -> list[str]:
    """Return what shaped the result besides the strategy: halts, missed collars, open ends."""
    found = []
    account = run.outputs.account
    if halted_at is not None:
        found.append(f"halted by max_drawdown_pct at {iso_time(halted_at)}: no entry after that")
    if account["trips"]:
        found.append(f"daily_stop_loss_pct stopped entries {account['trips']} time(s)")
    missed = rejections.get("COLLAR_MISSED", 0)
    if missed:
        found.append(f"{missed} granted entries missed their collar (entry.max_slippage_pct)")
    for key, slot in zip(run.desk.slots, run.outputs.slots, strict=True):
        if slot["qty"] != 0.0:
            found.append(f"{key.strategy} holds {key.symbol} at the end: valued, not a trade")
    return found
