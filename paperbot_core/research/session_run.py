"""A session's account as a run: the facts and tables that reports read, from the journal alone."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paperbot_core.config.project import Project
from paperbot_core.domain.events import EquityMarked, FillBooked, VerdictGiven
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.domain.words import Mode, Rule
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.market.universe.membership_record import RECORD_NAME
from paperbot_core.research.metrics import TradeColumns, compute_metrics
from paperbot_core.research.metrics_breakdown import breakdowns
from paperbot_core.research.session_conditions import session_condition_facts
from paperbot_core.research.session_record import repeatable
from paperbot_core.research.why_record import project_texts
from paperbot_core.trade.rows import fill_rows, trade_rows
from paperbot_core.trade.session import SessionResult
from paperbot_core.trade.status import booked, fills_of

_INTS = frozenset({"entry_ts", "exit_ts", "bars_held", "ts"})
_TRADE_COLUMNS = (
    "symbol", "strategy", "side", "entry_ts", "entry_price", "quantity", "exit_ts", "exit_price",
    "fees", "pnl", "r_multiple", "exit_reason", "bars_held",
)  # fmt: skip
_FILL_COLUMNS = (
    "ts", "symbol", "strategy", "side", "kind", "quantity", "price", "fee", "liquidity", "reason",
)  # fmt: skip
_TEXTS = frozenset({"symbol", "strategy", "side", "exit_reason", "kind", "liquidity", "reason"})


@dataclass(frozen=True, slots=True, eq=False)
class SessionRun:
    """The account up to the end of a session, in the shapes of a stored run."""

    facts: dict[str, Any]
    trades: dict[str, Any]
    fills: dict[str, Any]
    equity: dict[str, Any]
    candles: tuple[Candles, ...]


def session_run(
    path: Path, project: Project, result: SessionResult, *, cash: float, warnings: list[str]
) -> SessionRun:
    """Read an account back as a run.

    Args:
        path: the journal.
        project: as the session ran it.
        result: how the session ended.
        cash: what the account started with.
        warnings: what the session complained of.
    """
    with JournalReader(path) as reader:
        moved = booked(reader)
        marks = [e for _, e in reader.events(kinds=("EquityMarked",)) if _is_mark(e)]
        verdicts = [e for _, e in reader.events(kinds=("VerdictGiven", "OrderReleased"))]
        changes = [e for _, e in reader.events(kinds=("ConditionChanged",))]
        states = [
            e for _, e in reader.events(kinds=("TradingStateChanged",))
            if getattr(e, "rule", None) is Rule.MAX_DRAWDOWN_PCT
        ]
        candles = tuple(
            c for s in result.symbols if len(c := stored_candles(reader, s, result.feed_ms))
        )
    fills = fills_of(moved)
    trades = _columns(trade_rows(moved), _TRADE_COLUMNS)
    equity = _equity(marks)
    facts = {
        "run_id": result.run_id,
        "mode": result.mode.value,
        "strategies": [c.file.name for c in result.strategies],
        "symbols": list(result.symbols),
        "timeframe": timeframe_text(result.feed_ms),
        "start": int(equity["ts"][0]) - result.feed_ms if marks else None,
        "end": int(equity["ts"][-1]) if marks else None,
        "first_mark": int(equity["ts"][0]) if marks else None,
        "bars": len(marks) or result.steps,
        "trades": len(trades["symbol"]),
        "final_equity": result.mark.equity,
        "metrics": _metrics(trades, equity, fills, result.symbols, cash),
        **_counts(verdicts),
        "conditions": session_condition_facts(changes),
        "params": {c.file.name: dict(c.params) for c in result.strategies},
        "halted_at": states[0].ts if states else None,
        "warnings": warnings,
        "cash": cash,
        "slippage_bps": project.settings.simulation.slippage_bps,
        "policy_digest": project.policy.digest,
        "config": project_texts(project, path.parent / RECORD_NAME),
        "journal": str(path),
        "first_seq": result.first_seq,
        "last_seq": result.last_seq,
        "stopped": result.reason,
        "steps": result.steps,
        "state": result.mark.state.name.lower(),
    }
    if result.mode is not Mode.DRY_RUN and marks:
        folder = path.parent / "candles" / result.run_id
        facts |= repeatable(folder, candles, facts, result.shares)
    return SessionRun(facts, trades, _columns(fill_rows(fills), _FILL_COLUMNS), equity, candles)


def _is_mark(event: object) -> bool:
    return isinstance(event, EquityMarked)


def _columns(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        values = [row[name] for row in rows]
        if name in _TEXTS:
            found[name] = values
        else:
            found[name] = np.array(values, np.int64 if name in _INTS else np.float64)
    return found


def _equity(marks: list[Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {"ts": np.array([m.ts for m in marks], np.int64)}
    for name in ("equity", "cash", "gross"):
        columns[name] = np.array([float(getattr(m, name)) for m in marks], np.float64)
    return columns


def stored_candles(reader: JournalReader, symbol: str, tf_ms: int) -> Candles:
    """Return the bars of a symbol that a journal holds, those that only warmed up included."""
    bars = reader.bars(symbol, tf_ms)
    prices = [
        np.array([getattr(b, name) for b in bars], np.float64)
        for name in ("open", "high", "low", "close", "volume")
    ]
    return Candles(symbol, tf_ms, np.array([b.ts for b in bars], np.int64), *prices)


def _counts(events: list[Any]) -> dict[str, dict[str, int]]:
    rejected: Counter[str] = Counter()
    shrunk: Counter[str] = Counter()
    for event in events:
        if isinstance(event, VerdictGiven):
            if event.rule is not Rule.NONE:
                (shrunk if event.approved else rejected)[event.rule.name] += 1
        elif event.rule is not Rule.NONE:
            rejected[event.rule.name] += 1
    return {"rejections": dict(sorted(rejected.items())), "shrunk": dict(sorted(shrunk.items()))}


def _metrics(
    trades: dict[str, Any], equity: dict[str, Any], fills: list[FillBooked],
    symbols: tuple[str, ...], cash: float,
) -> dict[str, Any]:  # fmt: skip
    known = sorted({*symbols, *trades["symbol"]})
    number = {symbol: n for n, symbol in enumerate(known)}
    columns = TradeColumns(
        symbols=tuple(known),
        symbol=np.array([number[s] for s in trades["symbol"]], np.int64),
        side=np.array([1 if s == "long" else -1 for s in trades["side"]], np.int64),
        entry_ts=trades["entry_ts"], exit_ts=trades["exit_ts"], pnl=trades["pnl"],
        fees=trades["fees"], bars_held=trades["bars_held"],
    )  # fmt: skip
    if not len(equity["ts"]):
        return {}
    worth = equity["equity"]
    exposure = np.divide(equity["gross"], worth, out=np.zeros_like(worth), where=worth > 0)
    amounts = [(float(f.quantity), float(f.price), float(f.reference_price)) for f in fills]
    return {
        **compute_metrics(
            columns, worth, equity["ts"], start_equity=cash,
            exposure_mean=float(exposure.mean()),
            traded_notional=math.fsum(q * p for q, p, _ in amounts),
            fees=math.fsum(float(f.fee_quote) for f in fills),
            slippage_cost=math.fsum(abs(p - r) * q for q, p, r in amounts),
            start_ts=int(equity["ts"][0]),
        ),
        "by": breakdowns(columns),
    }  # fmt: skip
