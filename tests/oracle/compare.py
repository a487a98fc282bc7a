"""Where the oracle and a simulation differ, in words a person can follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from paperbot_core.kernel.desk import Desk
from paperbot_core.kernel.inputs import Outputs
from paperbot_core.research.backtest import Prepared
from paperbot_core.research.result import by_rule, fill_table, trade_table
from paperbot_core.research.simulate import Stage, simulate
from tests.oracle.build import world_of
from tests.oracle.simulator import Outcome, run_oracle

EXACT = ("symbol", "strategy", "side", "entry_ts", "exit_ts", "exit_reason", "bars_held")
CLOSE = ("entry_price", "quantity", "exit_price", "fees", "pnl", "r_multiple")
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Found:
    """One comparison: the oracle's outcome, the table of the simulation, what differs."""

    oracle: Outcome
    trades: Mapping[str, Any]
    differences: list[str]


def compare(ready: Prepared, driver: str = "plain") -> Found:
    """Run both on a prepared backtest."""
    stage = Stage(ready.history, ready.strategies, ready.setup.span)
    run = simulate(stage, ready.strategies, ready.setup, driver=driver)
    return differences(run_oracle(world_of(ready)), run.desk, run.outputs)


def differences(oracle: Outcome, desk: Desk, outputs: Outputs) -> Found:
    """Compare fills, trades, the equity curve, refusals, shrinks and the halt."""
    table = trade_table(desk, outputs.trades)
    facts = {
        "rejections": (oracle.rejections, by_rule(outputs.refused)),
        "shrunk": (oracle.shrunk, by_rule(outputs.shrunk)),
        "halted_at": (oracle.halted_at, outputs.account["halted_ts"] or None),
    }
    return Found(
        oracle, table,
        first_fill_difference(oracle, fill_table(desk, outputs.legs))
        + trade_differences(oracle.trades, table)
        + _numbers("equity", oracle.equity, outputs.equity.tolist())
        + [f"{k}: oracle {a}, kernel {b}" for k, (a, b) in facts.items() if a != b],
    )  # fmt: skip


def first_fill_difference(oracle: Outcome, table: Mapping[str, Any]) -> list[str]:
    """Return the earliest fill that the other side does not have: where to look first."""
    sides = [1 if side == "buy" else -1 for side in table["side"]]
    theirs = zip(
        table["ts"].tolist(), table["symbol"], table["strategy"], sides,
        table["quantity"].tolist(), table["price"].tolist(), strict=True,
    )  # fmt: skip
    for a, b in zip_longest(sorted(oracle.fills), sorted(theirs)):
        same = a and b and a[:4] == b[:4] and near(a[4], b[4]) and near(a[5], b[5])
        if not same:
            return [f"first fill: oracle {a}, kernel {b}"]
    return []


def near(a: float, b: float, scale: float = 1e-3) -> bool:
    """Tell whether two numbers are equal to 1e-9, relative to them or to at least `scale`."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b), scale)


def trade_differences(mine: list[dict[str, Any]], table: Mapping[str, Any]) -> list[str]:
    """Return what differs in the rows, each side in the order of ends, entries, names."""
    names = EXACT + CLOSE
    columns = [list(table[name]) for name in names]
    theirs = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    mine, theirs = sorted(mine, key=_order), sorted(theirs, key=_order)
    found = []
    if len(mine) != len(theirs):
        found.append(f"trades: oracle {len(mine)}, kernel {len(theirs)}")
    for k, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        wrong = [n for n in EXACT if a[n] != b[n]]
        notional = a["quantity"] * a["entry_price"]
        scale = {"pnl": notional, "r_multiple": notional * abs(a["r_multiple"] / (a["pnl"] or 1.0))}
        wrong += [n for n in CLOSE if not near(a[n], float(b[n]), scale.get(n, 0.0))]
        if wrong:
            found.append(
                f"trade {k}: "
                + ", ".join(f"{n} oracle {a[n]!r} kernel {b[n]!r}" for n in wrong)
                + f" ({a['symbol']} {a['strategy']} entry_ts {a['entry_ts']} {a['exit_reason']})"
            )
            if len(found) > 5:
                return [*found, "..."]
    return found


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["exit_ts"], row["entry_ts"], row["strategy"], row["symbol"]


def _numbers(name: str, mine: list[float], theirs: list[float]) -> list[str]:
    if len(mine) != len(theirs):
        return [f"{name}: oracle {len(mine)} marks, kernel {len(theirs)}"]
    for k, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        if not near(a, b):
            return [f"{name} at mark {k}: oracle {a!r}, kernel {b!r}"]
    return []
