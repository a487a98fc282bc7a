"""Bars from a year of trades, ours beside DuckDB and polars: `python -m bench.trades [--rows N]`.

All read the same Parquet file in the same process, in turns; the best of five counts. Time bars
mean the same in all of them and are compared. Volume bars do not: the others have no way to begin
a sum anew at each bar, so they cut one running sum of the year, which needs no loop.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from paperbot_core.domain.market import MINUTE_MS
from paperbot_core.market.lake.trades import trades_table
from paperbot_core.market.trades.bars import dollar_bars, tick_bars, time_bars, volume_bars
from paperbot_core.market.trades.read import read_trades
from paperbot_core.market.trades.trades import Trades

ROWS = 525_600
RUNS = 5
START_MS = 1_672_531_200_000  # 2023-01-01T00:00Z
BASE_VOLUME = 100.0
SYMBOL = "W1/USDT"
Work = Callable[[Path], int]


def draw(rows: int, seed: int = 7) -> Trades:
    """Return `rows` trades at random times of a year, oldest first."""
    rng = np.random.default_rng(seed)
    ts = START_MS + np.sort(rng.integers(0, 525_600 * MINUTE_MS, rows))
    price = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, rows))), 4)
    amount = np.round(rng.lognormal(0.0, 1.0, rows) + 1e-3, 3)
    side = rng.choice(np.array([-1, 1], np.int8), rows)
    return Trades(SYMBOL, ts, price, amount, side, np.arange(rows, dtype=np.int64))


def ours() -> dict[str, Work]:
    """Return our work by name: from the file to bars with all their columns, checked on the way."""

    def trades(path: Path) -> Trades:
        return read_trades(path, SYMBOL).trades

    return {
        "read": lambda path: len(trades(path)),
        "time": lambda path: len(time_bars(trades(path), MINUTE_MS)),
        "volume": lambda path: len(volume_bars(trades(path), BASE_VOLUME)),
        "dollar": lambda path: len(dollar_bars(trades(path), BASE_VOLUME * 100)),
        "ticks": lambda path: len(tick_bars(trades(path), 100)),
    }


def duckdb_works() -> dict[str, Work]:
    """Return the work of DuckDB; fetched as numpy arrays."""
    duckdb: Any = importlib.import_module("duckdb")
    columns = (
        "min(ts), max(ts), arg_min(price, id), max(price), min(price), arg_max(price, id), "
        "sum(amount), sum(price * amount), count(*), sum(amount) FILTER (side > 0)"
    )

    def asked(sql: str) -> Work:
        def work(path: Path) -> int:
            found = duckdb.sql(sql.replace("FILE", f"read_parquet('{path}')")).fetchnumpy()
            return len(found["bar"])

        return work

    bucket = f"ts // {MINUTE_MS} * {MINUTE_MS}"
    running = "sum(amount) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING)"
    cut = f"(SELECT *, floor({running} / {BASE_VOLUME}) AS bar FROM FILE)"  # noqa: S608 - constants
    grouped = "GROUP BY bar ORDER BY bar"
    return {
        "time": asked(f"SELECT {bucket} AS bar, {columns} FROM FILE {grouped}"),  # noqa: S608 - constants
        "volume": asked(f"SELECT bar, {columns} FROM {cut} {grouped}"),  # noqa: S608 - constants
    }


def polars_works() -> dict[str, Work]:
    """Return the work of polars, lazily from the file."""
    pl: Any = importlib.import_module("polars")
    price, amount = pl.col("price"), pl.col("amount")
    columns = [
        pl.col("ts").max().alias("close_ts"), price.first().alias("open"),
        price.max().alias("high"), price.min().alias("low"), price.last().alias("close"),
        amount.sum().alias("volume"), (price * amount).sum().alias("quote_volume"),
        pl.len().alias("trades"), amount.filter(pl.col("side") > 0).sum().alias("buy_volume"),
    ]  # fmt: skip

    def grouped(bar: Any) -> Work:
        return lambda path: len(
            pl.scan_parquet(path).group_by(bar.alias("bar")).agg(columns).sort("bar").collect()
        )

    return {
        "time": grouped(pl.col("ts") // MINUTE_MS * MINUTE_MS),
        "volume": grouped((amount.cum_sum() / BASE_VOLUME).floor()),
    }


def best(work: Work, path: Path) -> float:
    """Return the seconds of one run."""
    begun = time.perf_counter()
    work(path)
    return time.perf_counter() - begun


def main(words: Sequence[str] | None = None) -> None:
    """Print the seconds of each work, and ours as a multiple of the others'."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args(words).rows
    peers = {"paperbot": ours()}
    peers |= {
        name: make()
        for name, make in (("duckdb", duckdb_works), ("polars", polars_works))
        if find_spec(name) is not None
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "W1-USDT_trades.parquet"
        from pyarrow import parquet

        parquet.write_table(trades_table(draw(rows)), path, compression="zstd")
        counts = {name: works["time"](path) for name, works in peers.items()}
        if len(set(counts.values())) != 1:
            raise SystemExit(f"the numbers of time bars differ: {counts}")
        seconds: dict[tuple[str, str], float] = {}
        for _ in range(RUNS):
            for name, works in peers.items():
                for kind, work in works.items():
                    took = best(work, path)
                    seconds[name, kind] = min(took, seconds.get((name, kind), took))
    print(f"{rows:,} trades, {counts['paperbot']:,} time bars, {os.cpu_count()} cores")
    for (name, kind), took in seconds.items():
        own = seconds["paperbot", kind]
        print(f"{name:<9} {kind:<7} {took:8.4f} s  ours is {own / took:5.2f} x")


if __name__ == "__main__":
    main()
