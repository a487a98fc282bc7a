"""A small stage for fills worked out by hand: bars as rows of prices, signals by row number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from paperbot_core.domain.market import HOUR_MS, Instrument
from paperbot_core.kernel.desk import Fills, StrategyPlan, build_desk
from paperbot_core.kernel.inputs import Inputs
from paperbot_core.kernel.plain import run_plain
from paperbot_core.kernel.records import LEG, as_row
from paperbot_core.research.result import by_rule, fill_table, trade_table

#: Monday 2024-01-01 00:00 UTC, the open of row 0.
START = 1_704_067_200_000
WIDE: dict[str, Any] = {
    "daily_stop": 1.0, "max_drawdown": 1.0, "max_position": 100.0, "max_gross": 100.0,
    "max_net": 100.0, "max_cluster": 100.0, "cap_multiple": 100.0, "cap_min": 0.0,
    "cap_max": 1e12, "max_open": 1000, "max_day": 1000, "max_hour": 1000, "loss_cooldown_ms": 0,
}  # fmt: skip

#: Open, high, low, close and, where it matters, volume; None is a bar that is absent.
Row = tuple[float, ...] | None


@dataclass(frozen=True)
class Says:
    """What one strategy says on one instrument: rows of its signals, and constants.

    `stop`, `per`, `trail` and `strength` hold for every row; `limit` too, NaN is at market.
    """

    symbol: str = "A/USDT"
    strategy: str = "s"
    long: Sequence[int] = ()
    short: Sequence[int] = ()
    exit_long: Sequence[int] = ()
    exit_short: Sequence[int] = ()
    stop: float = 10.0
    per: float = math.nan
    trail: float = math.nan
    limit: float = math.nan
    strength: float = 1.0


@dataclass(frozen=True)
class Result:
    """What came of it; trades and fills are rows by column name, legs the tape itself."""

    trades: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    equity: list[float]
    rejections: dict[str, int]
    shrunk: dict[str, int]
    slots: list[dict[str, Any]] = field(default_factory=list)
    account: dict[str, Any] = field(default_factory=dict)
    legs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[int, str, float, float]]:
        """Return the fills as (row, reason, quantity, price); rows count hours."""
        return [
            (int(f["ts"] - START) // HOUR_MS, f["reason"], round(f["quantity"], 9),
             round(f["price"], 9))
            for f in self.fills
        ]  # fmt: skip


def play(
    bars: Sequence[Row] | Mapping[str, Sequence[Row]],
    *says: Says,
    plan: Mapping[str, Any] | None = None,
    instrument: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    slippage_bps: float = 0.0,
    volume_share_pct: float = 0.0,
    holds: Mapping[str, int] | None = None,
    tf_ms: int = HOUR_MS,
    own: int = 1,
    start: int = START,
) -> Result:
    """Run 10,000 of cash over `bars`; a strategy holds 10 % of equity with a stop unless told.

    A strategy's bar is `own` bars long, and rows of `says` count those.
    """
    table = bars if isinstance(bars, Mapping) else {"A/USDT": bars}
    names = sorted(table)
    facts: dict[str, Any] = {"taker_bps": Decimal(0), "maker_bps": Decimal(0), "shortable": True}
    facts |= instrument or {}
    order = list(dict.fromkeys(one.strategy for one in says))
    base: dict[str, Any] = {"by_risk": False, "size": 0.1, "collar": 0.05, "has_stop": True}
    base |= plan or {}
    desk = build_desk(
        limits=WIDE | dict(limits or {}), tier_limits={},
        instruments=[Instrument(name, **facts) for name in names],
        timeframes=dict.fromkeys(names, tf_ms),
        plans=[StrategyPlan(name, tf_ms * own, **base) for name in order],
        symbols={s: [one.symbol for one in says if one.strategy == s] for s in order},
        cash=10_000.0, fills=Fills(slippage_bps, volume_share_pct), tier_holds=holds,
    )  # fmt: skip
    ranked = sorted(says, key=lambda one: (order.index(one.strategy), one.symbol))
    inputs = _inputs([table[n] for n in names], ranked, tf_ms, own, start, names)
    inputs.constants[:, 5] = base["size"]
    outputs = run_plain(desk, inputs)
    return Result(
        _rows(trade_table(desk, outputs.trades)), _rows(fill_table(desk, outputs.legs)),
        outputs.equity.tolist(), by_rule(outputs.refused), by_rule(outputs.shrunk), outputs.slots,
        outputs.account, [as_row(LEG, leg) for leg in outputs.legs],
    )  # fmt: skip


def _rows(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def _inputs(
    rows: Sequence[Sequence[Row]], says: Sequence[Says], tf_ms: int, own: int, start: int,
    names: Sequence[str],
) -> Inputs:  # fmt: skip
    steps = len(rows[0])
    present = np.array([[row is not None for row in column] for column in rows])
    prices = np.array([[_full(row) for row in column] for column in rows])
    number = np.arange(steps)
    bits = np.zeros((len(says), steps), np.uint32)
    constants = np.zeros((len(says), 7))
    for s, one in enumerate(says):
        for shift, marked in enumerate((one.long, one.short, one.exit_long, one.exit_short)):
            for row in marked:
                bits[s, row] |= np.uint32(1 << (8 * shift))
        constants[s, :5] = one.strength, one.per, one.stop, one.trail, one.limit
    closes = (number + 1) % own == 0
    slot_rows = np.array(
        [np.where(closes & present[names.index(one.symbol)], number // own, -(number // own) - 1)
         for one in says]
    )  # fmt: skip
    return Inputs(
        times=start + tf_ms * (1 + number.astype(np.int64)),
        bars=tuple(np.ascontiguousarray(prices[:, :, k]) for k in range(5)),
        bar_rows=np.where(present, number, -1).astype(np.int32),
        slot_rows=slot_rows.astype(np.int32),
        bits=bits, columns=np.full((len(says), 7), -1, np.int64), constants=constants,
        values=np.zeros((0, steps)),
    )  # fmt: skip


def _full(row: Row) -> tuple[float, ...]:
    if row is None:
        return (math.nan,) * 5
    return row if len(row) == 5 else (*row, 1e9)
