"""The compiled driver: the same kernel through numba, for backtests and sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.features.compiling import compile_function, lean
from paperbot_core.kernel import records as rec
from paperbot_core.kernel.desk import Desk
from paperbot_core.kernel.drive import drive
from paperbot_core.kernel.inputs import Inputs, Outputs
from paperbot_core.kernel.plain import LEGS_A_STEP, TRADES_A_STEP, no_review, no_witness
from paperbot_core.kernel.words import DAY_MS, RULES

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Rows of each tape between two visits to Python, beyond what one step can need.
TAPE = 1 << 14


@lean
def _drive(
    first: Any, steps: Any, quiet: Any, bar_width: Any, signal_width: Any, times: Any,
    bar_rows: Any, slot_rows: Any, opens: Any, highs: Any, lows: Any, closes: Any, volumes: Any,
    bits: Any, columns: Any, constants: Any, values: Any, tier_steps: Any, splits: Any,
    dividends: Any, account: Any, limits: Any, markets: Any, specs: Any, slots: Any, boxes: Any,
    clusters: Any, tiers: Any, active: Any, queue: Any, facts: Any, legs: Any, trades: Any,
    refused: Any, shrunk: Any, equity: Any, cash: Any, gross: Any, legs_full: Any, trades_full: Any,
) -> Any:
    """Call `drive` with the single records taken out of their arrays and nobody watching."""
    return drive(
        first, steps, quiet, bar_width, signal_width, times, bar_rows, slot_rows, opens, highs,
        lows, closes, volumes, bits, columns, constants, values, tier_steps, splits, dividends,
        account[0], limits[0], markets, specs, slots, boxes, clusters, tiers, active, queue, facts,
        legs, trades, refused, shrunk, equity, cash, gross, legs_full, trades_full, no_review,
        no_witness,
    )


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array end to end, as the one signature we compile: contiguous and writable."""
    flat = array.reshape(-1)
    return flat if flat.flags.writeable else flat.copy()


def start_numba() -> None:
    """Make the compiled driver now, so that numba is loaded before features choose their loops."""
    compile_function(_drive)


def run_compiled(
    desk: Desk, inputs: Inputs, *, quiet: bool = True, whole_curve: bool = True
) -> Outputs:
    """Run a whole history in machine code; equal to `run_plain` to the last bit.

    Without `whole_curve`, cash and gross by step are left out (to touch their pages for the first
    time costs a sweep a tenth of its time).
    """
    function = compile_function(_drive)
    steps, count = len(inputs.times), len(desk.specs)
    account, limits = rec.array(rec.ACCOUNT, [desk.account]), rec.array(rec.LIMITS, [desk.limits])
    markets, specs = rec.array(rec.MARKET, desk.markets), rec.array(rec.SPEC, desk.specs)
    slots, boxes = np.zeros(count, rec.dtype(rec.SLOT)), np.zeros(count, rec.dtype(rec.BOX))
    tiers, clusters = rec.array(rec.TIER, desk.tiers), np.zeros(desk.clusters)
    active, queue = np.zeros(count, np.int64), np.zeros(count, np.int64)
    facts = np.zeros(RULES, rec.dtype(rec.FACT))
    legs = np.zeros(TAPE + count * LEGS_A_STEP, rec.dtype(rec.LEG))
    trades = np.zeros(TAPE + count * TRADES_A_STEP, rec.dtype(rec.TRADE))
    refused, shrunk = np.zeros(RULES, np.int64), np.zeros(RULES, np.int64)
    rest = steps if whole_curve else 0
    curve = [np.empty(steps), np.empty(rest), np.empty(rest)]
    if steps and account["anchor_day"][0] < 0:
        account["anchor_day"] = (int(inputs.times[0]) - int(markets["tf_ms"].min())) // DAY_MS
    arguments = [
        quiet, inputs.bars[0].shape[1], inputs.bits.shape[1],
        *(_flat(array) for array in inputs.arrays),
        account, limits, markets, specs, slots, boxes, clusters, tiers, active, queue, facts, legs,
        trades, refused, shrunk, *curve, TAPE, TAPE,
    ]
    kept_legs, kept_trades = [], []
    first = 0
    while first < steps:
        first = function(first, steps, *arguments)
        kept_legs.append(legs[: account["legs"][0]].copy())
        kept_trades.append(trades[: account["trades"][0]].copy())
        account["legs"] = account["trades"] = 0
    return Outputs(
        equity=curve[0], cash=curve[1], gross=curve[2],
        legs=_joined(kept_legs, legs), trades=_joined(kept_trades, trades),
        refused=refused, shrunk=shrunk, account=rec.as_row(rec.ACCOUNT, account[0]),
        slots=[rec.as_row(rec.SLOT, s) for s in slots],
    )


def _joined(parts: list[NDArray[Any]], like: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else like[:0].copy()
