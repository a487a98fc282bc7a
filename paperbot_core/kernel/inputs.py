"""What a run over a history reads: decision times, bars by instrument, signals by slot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The arrays of one run: n steps, m instruments, s slots.

    `times` (n,) int64 decision times in ms. `bars` are five arrays (m, rows): open, high, low,
    close, volume. `bar_rows` (m, n) and `slot_rows` (s, n) int32 give the row that closes at a
    step, or `-r - 1` while row r is still forming; both are empty (0, 0) where every row number is
    the step number. `bits` (s, rows) uint32; `values` (k, rows) float64 holds the signal columns,
    `columns` (s, 7) their numbers or -1, `constants` (s, 7) the values used for -1, in the order of
    `drive.SIGNAL_COLUMNS`. `tiers` (m, n) int8 is the tier of each instrument at each step, empty
    (0, 0) where it never changes. `splits` and `dividends` (m, rows) float64 hold what is in force
    from the open of a bar on (new shares for an old one, cash a share held before; 1 and 0 where
    there is nothing), both empty (0, 0) where there never is.
    """

    times: NDArray[np.int64]
    bars: tuple[Floats, ...]
    bar_rows: NDArray[np.int32]
    slot_rows: NDArray[np.int32]
    bits: NDArray[np.uint32]
    columns: NDArray[np.int64]
    constants: Floats
    values: Floats
    tiers: NDArray[np.int8] = field(default_factory=lambda: np.zeros((0, 0), np.int8))
    splits: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    dividends: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return all arrays in the order in which `drive` takes them."""
        return (
            self.times, self.bar_rows, self.slot_rows, *self.bars, self.bits, self.columns,
            self.constants, self.values, self.tiers, self.splits, self.dividends,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What a run wrote: curves by step, the tapes as structured arrays, and the last records."""

    equity: Floats
    cash: Floats
    gross: Floats
    legs: NDArray[Any]
    trades: NDArray[Any]
    refused: NDArray[np.int64]
    shrunk: NDArray[np.int64]
    account: dict[str, Any]
    slots: list[dict[str, Any]]
