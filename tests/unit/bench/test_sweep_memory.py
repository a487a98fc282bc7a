"""What a sweep keeps for its next row is bounded, and the bound changes no result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import data
from bench.work import STRATEGY, grid, prepare
from paperbot_core.research import simulate as module
from paperbot_core.research.backtest import Prepared, compile_with
from paperbot_core.research.simulate import Stage, simulate

if TYPE_CHECKING:
    import pytest


def run_all(ready: Prepared) -> tuple[list[float], int]:
    """Return the final equity of each row, and the most bytes of columns kept after any."""
    stage = Stage(ready.history, ready.strategies, ready.setup.span)
    found, most = [], 0
    for sets in grid(40):
        compiled = compile_with(ready.project, STRATEGY, sets[STRATEGY], ready.functions)
        run = simulate(stage, [compiled], ready.setup, driver="plain")
        found.append(float(run.outputs.equity[-1]))
        most = max(most, *(columns.bytes_kept for columns in stage.columns.values()))
    return found, most


def test_columns_of_earlier_rows_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    table = data.draw(np.random.default_rng(data.SEED), 1_000)
    ready = prepare([data.candles(data.SYMBOL_W1, table)])
    free, all_kept = run_all(ready)
    monkeypatch.setattr(module, "COLUMNS_BYTES", 0)
    bounded, kept = run_all(ready)
    assert bounded == free
    assert kept <= module.COLUMNS_MIN * table[0].nbytes < all_kept
