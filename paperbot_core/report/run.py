"""What is kept of a run: its facts and its tables, with the columns and units of each.

Times of rows in `trades` and `fills` are open times of bars; times of `equity` are decision times
(closes). All are UTC milliseconds; money is in quote currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.domain.market import Candles

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A table by columns: numbers as arrays of shape (n,), text as lists of n strings.
Columns = Mapping[str, "NDArray[Any] | Sequence[str]"]

#: Columns of each table and their kind: text, int (int64) or float (float64).
TRADES = {
    "symbol": "text",
    "strategy": "text",
    "side": "text",
    "entry_ts": "int",
    "entry_price": "float",
    "quantity": "float",
    "exit_ts": "int",
    "exit_price": "float",
    "fees": "float",
    "pnl": "float",
    "r_multiple": "float",
    "exit_reason": "text",
    "bars_held": "int",
}
FILLS = {
    "ts": "int",
    "symbol": "text",
    "strategy": "text",
    "side": "text",
    "kind": "text",
    "quantity": "float",
    "price": "float",
    "fee": "float",
    "liquidity": "text",
    "reason": "text",
}
EQUITY = {"ts": "int", "equity": "float", "cash": "float", "gross": "float"}
TABLES = {"trades": TRADES, "fills": FILLS, "equity": EQUITY}


@dataclass(frozen=True, slots=True, eq=False)
class SavedRun:
    """A finished run as it is stored.

    `facts` is the JSON of `backtest --json` and what was asked: `run_id`, `mode` (backtest,
    DRY_RUN, PAPER), `created` (ISO 8601), `strategies`, `symbols`, `timeframe`, `timerange`,
    `cash`, `start`, `end` (UTC ms), `bars`, `trades` (a count), `final_equity`, `metrics`,
    `rejections`, `shrunk`, `ambiguous_bars`, `halted_at`, `buy_and_hold_pct`, `warnings` (text),
    `policy_digest`, `timing`, `candles` (a list of {symbol, timeframe, path}). A key may be
    missing: a session has no `buy_and_hold_pct`. Any further key is kept.

    `trades`, `fills` and `equity` have the columns of `TRADES`, `FILLS` and `EQUITY`. `bars` are
    for charts, one `Candles` a symbol; `RunStore.save` keeps fewer and longer ones.
    """

    facts: Mapping[str, Any]
    trades: Columns
    fills: Columns
    equity: Columns
    bars: Sequence[Candles] = field(default=())

    @property
    def run_id(self) -> str:
        """Name of the run and of its folder."""
        return str(self.facts["run_id"])

    def get(self, key: str, default: Any = None) -> Any:
        """Return one fact, or `default` where it is missing or null."""
        value = self.facts.get(key)
        return default if value is None else value

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The metrics by their contract names."""
        found: Mapping[str, Any] = self.get("metrics", {})
        return found

    def count(self, table: str) -> int:
        """Return the number of rows of `trades`, `fills` or `equity`."""
        columns: Columns = getattr(self, table)
        return len(columns[next(iter(TABLES[table]))])


def empty_columns(table: str) -> Columns:
    """Return `trades`, `fills` or `equity` without rows."""
    return {
        name: [] if kind == "text" else np.empty(0, _DTYPES[kind])
        for name, kind in TABLES[table].items()
    }


_DTYPES: dict[str, type[np.generic]] = {"int": np.int64, "float": np.float64}
