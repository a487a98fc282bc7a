"""Candle files for tests: seeded random walks, written as the formats users have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HOUR = 3_600_000
START = 1_704_067_200_000  # 2024-01-01T00:00Z


def walk_table(rows: int, *, seed: int, tf_ms: int = HOUR, start: int = START) -> pa.Table:
    """Return `ts, open, high, low, close, volume` of a walk near 100, prices to 2 decimals."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, rows)))
    before = np.concatenate([[100.0], close[:-1]])
    opens = before * np.exp(rng.normal(0.0, 0.001, rows))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0.0, 0.004, rows)))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0.0, 0.004, rows)))
    columns = {
        "ts": start + tf_ms * np.arange(rows, dtype=np.int64),
        **{
            name: np.round(values, 2)
            for name, values in zip(("open", "high", "low", "close"), (opens, high, low, close),
                                    strict=True)
        },
        "volume": np.round(rng.lognormal(3.0, 1.0, rows), 3),
    }
    return pa.table(columns)


def write_walk(folder: Path, name: str, rows: int, *, seed: int, tf_ms: int = HOUR) -> Path:
    """Write a walk as `folder/name` (a .parquet file) and return its path."""
    path = folder / name
    pq.write_table(walk_table(rows, seed=seed, tf_ms=tf_ms), path)
    return path
