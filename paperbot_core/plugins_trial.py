"""Tries a feature before it is accepted: no look-ahead, no memory of where history starts, no lies.

Laws tried on made-up candles: (1) changing bars after t changes nothing up to t; (2) the value of a
window is the value in a longer history, to the bit if the feature promises `exact`, else to 1e-9;
(3) bar by bar equals batch to the bit, also across a saved and restored state, also with NaN input.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paperbot_core.api.protocols import ArgKind, BatchFeature
from paperbot_core.domain.market import HOUR_MS
from paperbot_core.plugins_features import FeatureGuard, run_batch, to_function

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paperbot_core.features.function import Function

Floats = NDArray[np.float64]

_ROWS_MIN = 160
_ROWS_MAX = 6_000
_CUTS = (0.3, 0.55, 0.8)
_SAMPLES = 12
_TOLERANCE = 1e-9


def accept(guard: FeatureGuard, summary: str, params: Sequence[float] | None = None) -> Function:
    """Return the feature as a function, after it has passed its trial with `params`.

    Args:
        guard: the feature.
        summary: one line for the table of functions.
        params: constants to try it with; default: the trial values of its arguments.

    Raises:
        PluginError: PB5020 to PB5025; the message names the distribution.
    """
    function = to_function(guard, summary)
    if params is None:
        params = tuple(a.trial for a in guard.feature.args if a.kind is not ArgKind.SERIES)
    guard.count("warmup", params)
    rows = _rows(guard, params)
    series = sum(1 for arg in guard.feature.args if arg.kind is ArgKind.SERIES)
    columns = made_up_columns(rows, series, function.inputs)
    _try_future(guard, function, columns, params)
    if isinstance(guard.feature, BatchFeature):
        _try_window(guard, columns, params)
    _try_bar_by_bar(guard, function, columns, params)
    return function


def _rows(guard: FeatureGuard, params: Sequence[float]) -> int:
    """Return how many bars the trial needs: three windows, within bounds."""
    length = guard.count("warmup", params) + 1
    if isinstance(guard.feature, BatchFeature):
        window = guard.count("window", params)
        if window < length:
            text = f"computes from {window} bars but says that it needs {length} to be warm"
            raise guard.error("PB5024", text)
        length = window
    if length > _ROWS_MAX // 3:
        text = f"needs {length} bars at its trial values; at most {_ROWS_MAX // 3}"
        raise guard.error("PB5024", text)
    return max(_ROWS_MIN, 3 * length)


def made_up_columns(rows: int, series: int, inputs: Sequence[str]) -> list[Floats]:
    """Return `series` wandering prices, then one made-up candle column for each of `inputs`.

    Always the same numbers for the same arguments; candles are hourly and consistent.
    """
    chance = np.random.default_rng(20_200_101)
    steps = chance.normal(0.0, 0.01, (series + 1, rows))
    walks = 100.0 * np.exp(np.cumsum(steps, axis=1))
    close = walks[-1]
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) * (1 + np.abs(chance.normal(0, 0.004, rows)))
    low = np.minimum(open_, close) * (1 - np.abs(chance.normal(0, 0.004, rows)))
    volume = chance.lognormal(3.0, 0.7, rows)
    candles = {
        "open": open_, "high": high, "low": low, "close": close, "volume": volume,
        "hl2": (high + low) / 2, "hlc3": (high + low + close) / 3,
        "ts": np.arange(rows, dtype=np.float64) * HOUR_MS + 1_577_836_800_000,
    }  # fmt: skip
    return [walks[k].copy() for k in range(series)] + [candles[name].copy() for name in inputs]


def _with_holes(column: Floats, rows: int) -> Floats:
    holed = column.copy()
    holed[:3] = np.nan
    holed[rows // 2] = np.nan
    return holed


def _equal(a: Floats, b: Floats) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _try_future(
    guard: FeatureGuard, function: Function, columns: list[Floats], params: Sequence[float]
) -> None:
    def run(bars: list[Floats]) -> Floats:
        # The plugin's own batch where it has one: run on windows it could not show its look-ahead.
        if isinstance(guard.feature, BatchFeature):
            return run_batch(guard, bars, params)
        return np.asarray(function.batch(bars, params), dtype=np.float64)

    rows = len(columns[0])
    before = run(columns)
    if not _equal(before, run(columns)):
        raise guard.error("PB5021", "gives different values for the same bars")
    for cut in (int(rows * share) for share in _CUTS):
        changed = [column.copy() for column in columns]
        for column in changed:
            column[cut + 1 :] = column[cut + 1 :][::-1] * 1.5 + 3.0
        after = run(changed)
        if not _equal(before[: cut + 1], after[: cut + 1]):
            row = int(np.flatnonzero(~_same(before[: cut + 1], after[: cut + 1]))[0])
            text = f"looks ahead: its value at bar {row} changes with bars after {cut}"
            raise guard.error("PB5020", text)
        if not _equal(before[: cut + 1], run([column[: cut + 1] for column in columns])):
            raise guard.error("PB5020", f"looks ahead: its values up to bar {cut} need later bars")


def _same(a: Floats, b: Floats) -> NDArray[np.bool_]:
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def _try_window(guard: FeatureGuard, columns: list[Floats], params: Sequence[float]) -> None:
    assert isinstance(guard.feature, BatchFeature)
    warmup, window = guard.count("warmup", params), guard.count("window", params)
    rows = len(columns[0])
    holed = [_with_holes(column, rows) for column in columns]
    exact = guard.feature.exact
    if not isinstance(exact, bool):
        raise guard.error("PB5024", "has an `exact` that is neither True nor False")
    # Without the promise only clean bars are compared: after a NaN a window may recover sooner.
    for bars in (columns, holed) if exact else (columns,):
        whole = run_batch(guard, bars, params)
        whole[:warmup] = np.nan
        picks = np.linspace(warmup if exact else window - 1, rows - 1, _SAMPLES).astype(int)
        near = range(rows // 2, min(rows, rows // 2 + window + 2)) if exact else ()
        for row in {*picks.tolist(), *near}:
            part = [column[max(0, row + 1 - window) : row + 1] for column in bars]
            alone = run_batch(guard, part, params)[-1]
            if np.isnan(alone) and np.isnan(whole[row]):
                continue
            allowed = 0.0 if exact else _TOLERANCE * max(1.0, abs(alone), abs(whole[row]))
            if not abs(alone - whole[row]) <= allowed:
                text = f"at bar {row} gives {alone!r} from {window} bars, {whole[row]!r} from all"
                raise guard.error("PB5021", f"depends on where history starts: {text}")
    if np.isnan(run_batch(guard, columns, params)[warmup:]).any():
        raise guard.error("PB5024", f"has no value at some bar after its warm-up of {warmup} bars")


def _try_bar_by_bar(
    guard: FeatureGuard, function: Function, columns: list[Floats], params: Sequence[float]
) -> None:
    # A window feature runs through the same lines either way, but slowly: fewer bars will do.
    slow = isinstance(guard.feature, BatchFeature)
    rows = min(len(columns[0]), guard.count("warmup", params) + 24 if slow else _ROWS_MIN)
    head = [column[:rows] for column in columns]
    for bars in (head, [_with_holes(column, rows) for column in head]):
        _compare(guard, function, bars, params)


def _compare(
    guard: FeatureGuard, function: Function, head: list[Floats], params: Sequence[float]
) -> None:
    rows = len(head[0])
    expected = np.asarray(function.batch(head, params), dtype=np.float64)
    node = function.start(params)
    values: list[float] = []
    for row, bar in enumerate(zip(*(column.tolist() for column in head), strict=True)):
        if row == rows // 2:
            saved = json.loads(json.dumps(node.state()))
            node = function.start(params)
            node.restore(saved)
        values.append(node.update(*bar))
    if not _equal(expected, np.array(values, dtype=np.float64)):
        raise guard.error("PB5025", "does not go on from a saved state as it would have without")
