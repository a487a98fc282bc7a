"""The state of an account as anyone may read it, while a session writes and after."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import UserError, user_error
from paperbot_core.domain.events import EquityMarked, FillBooked
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.records import Lease
from paperbot_core.trade.checkpoint import DRY_KEY
from paperbot_core.trade.rows import Booked, trade_rows


def account_status(path: Path, *, cash: float) -> dict[str, Any]:
    """Return the state of an account; `cash` is what it starts with if no session has run.

    `modes` are those of adaptive strategies as `{strategy: {symbol: mode}}`, "none" for none.
    Times are UTC ms; `heartbeat` is wall time; amounts are floats in quote currency.

    Raises:
        UserError: PB8015 there is no journal.
    """
    with open_journal(path) as reader:
        facts, lease = reader.account(), reader.lease()
        marked = reader.last_event("EquityMarked")
        dry = _dry_figures(reader)
        mark = marked[1] if marked else None
        equity, money, drawdown, as_of = cash, cash, 0.0, None
        if isinstance(mark, EquityMarked):
            equity, money = float(mark.equity), float(mark.cash)
            drawdown, as_of = mark.drawdown_pct, mark.ts
        anchor = float(facts.get("anchor_equity", equity))
        is_dry = facts.get("mode") == "DRY_RUN"
        last = _last_bars(reader)
        latest = max(last.values(), default=None)
        positions = [_position(row, last, reader) for row in reader.table("positions")]
        pending = [
            {
                "symbol": o["symbol"], "strategy": o["strategy"], "side": o["side"],
                "kind": o["kind"], "action": o["action"], "quantity": float(o["quantity"]),
                "limit_price": None if o["limit_price"] is None else float(o["limit_price"]),
                "placed_at": o["ts"], "reason": o["reason"],
            }
            for o in reader.open_orders()
        ]  # fmt: skip
    return {
        "mode": facts.get("mode"),
        "state": (dry.get("state", "") if is_dry else facts.get("state", "")).lower() or "active",
        "running": session_runs(lease),
        "run_id": facts.get("run_id"),
        "as_of": dry.get("now") if is_dry and dry.get("now") else as_of,
        "equity": equity,
        "cash": money,
        "day_pnl_pct": 100.0 * (equity - anchor) / anchor if anchor > 0.0 else 0.0,
        "drawdown_pct": drawdown,
        "positions": positions,
        "pending": pending,
        "last_bar": dry.get("last_bar") if is_dry and dry.get("last_bar") else latest,
        "heartbeat": lease.heartbeat_ms if lease else None,
        "regime": facts.get("regime"),
        "stale": sorted(
            key.removeprefix("data_breaker ") for key, state in facts.items()
            if key.startswith("data_breaker ") and state == "open"
        ),
        "modes": _modes(facts),
    }  # fmt: skip


def _modes(facts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for key, mode in sorted(facts.items()):
        if key.startswith("mode "):
            _, strategy, symbol = key.split(" ", 2)
            found.setdefault(strategy, {})[symbol] = mode
    return found


def account_trades(path: Path) -> list[dict[str, Any]]:
    """Return the finished trades of an account, as `backtest --trades` names their columns.

    Raises:
        UserError: PB8015 there is no journal.
    """
    with open_journal(path) as reader:
        return trade_rows(booked(reader))


def booked(reader: JournalReader) -> list[Booked]:
    """Return every fill, dividend and split of an account, oldest first."""
    kinds = ("FillBooked", "DividendPaid", "SharesSplit")
    return [event for _, event in reader.events(kinds=kinds) if isinstance(event, Booked)]


def fills_of(events: Iterable[Booked]) -> list[FillBooked]:
    """Return the fills among them."""
    return [event for event in events if isinstance(event, FillBooked)]


def open_journal(path: Path) -> JournalReader:
    """Open an account for reading.

    Raises:
        UserError: PB8015 there is none; PB70xx as `JournalReader`.
    """
    if not path.is_file():
        raise no_account(path)
    return JournalReader(path)


def no_account(path: Path) -> UserError:
    """Return the error for a state directory in which no session has run."""
    return user_error(
        "PB8015", "there is no account here yet", file=str(path),
        help="start one with `paperbot run`",
    )


def session_runs(lease: Lease | None) -> bool:
    """Return whether the process that wrote last still runs (on this machine)."""
    if lease is None or lease.pid is None or lease.host != socket.gethostname():
        return False
    try:
        os.kill(lease.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _dry_figures(reader: JournalReader) -> dict[str, Any]:
    row = reader.connection.execute(
        "SELECT body FROM checkpoint WHERE key = ?", (DRY_KEY,)
    ).fetchone()
    found: dict[str, Any] = json.loads(row[0]) if row else {}
    return found


def _last_bars(reader: JournalReader) -> dict[str, int]:
    rows = reader.connection.execute("SELECT symbol, max(ts) FROM bars GROUP BY symbol")
    return dict(rows.fetchall())


def _position(row: dict[str, Any], last: dict[str, int], reader: JournalReader) -> dict[str, Any]:
    quantity, price = Decimal(row["quantity"]), Decimal(row["entry_price"])
    close = None
    if row["symbol"] in last:
        found = reader.connection.execute(
            "SELECT close FROM bars WHERE symbol = ? AND ts = ?",
            (row["symbol"], last[row["symbol"]]),
        ).fetchone()
        close = None if found is None else float(found[0])
    sign = 1.0 if row["side"] == "long" else -1.0
    return {
        "symbol": row["symbol"], "strategy": row["strategy"], "side": row["side"],
        "quantity": float(quantity), "entry_price": float(price), "entry_ts": row["entry_ts"],
        "last_price": close,
        "unrealised": None if close is None
        else sign * float(quantity) * (close - float(price)),
    }  # fmt: skip
