"""The works of `bench.lake` in DuckDB alone and in polars alone, each as its manual would do it.

No hashes, no copy of the raw file, no mapped copy, no waiting for the disk, and no look for
outliers, runs or splits: this is the least that the same words can mean.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paperbot_core.domain.market import HOUR_MS, MINUTE_MS

#: What a check counts, in the words of `data check --json`; all engines must agree.
CHECKED = ("rows", "gaps", "missing", "duplicates", "disorder", "zero_volume", "bad_rows")
COLUMNS = ("open", "high", "low", "close", "volume")

Work = Callable[[Path, Path], Any]

_TYPES = "{'ts': 'BIGINT', " + ", ".join(f"'{name}': 'DOUBLE'" for name in COLUMNS) + "}"
#: What the words in capitals stand for is filled in by `_filled`.
_BARS = """
CREATE TABLE bars AS
SELECT ts, any_value(open) AS open, any_value(high) AS high, any_value(low) AS low,
       any_value(close) AS close, any_value(volume) AS volume
FROM SOURCE GROUP BY ts ORDER BY ts
"""
_MONTHS = """
COPY (SELECT *, strftime(make_timestamp(ts * 1000), '%Y-%m') AS month FROM bars ORDER BY ts)
TO 'TARGET' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month))
"""
_HOURS = """
COPY (
  SELECT ts // STEP * STEP AS hour, arg_min(open, ts) AS open, max(high) AS high,
         min(low) AS low, arg_max(close, ts) AS close, sum(volume) AS volume
  FROM bars GROUP BY hour ORDER BY hour
) TO 'TARGET' (FORMAT parquet, COMPRESSION zstd)
"""
_COUNTS = "SELECT (SELECT count(*) FROM bars), (SELECT count(*) FROM 'TARGET')"
_CHECK = """
WITH read AS (SELECT *, lag(ts) OVER () AS above FROM SOURCE),
     steps AS (
       SELECT ts - lag(ts) OVER (ORDER BY ts) AS step FROM (SELECT DISTINCT ts FROM read)
     ),
     counted AS (
       SELECT count(*) AS rows, count(*) - count(DISTINCT ts) AS duplicates,
              count(*) FILTER (ts < above) AS disorder,
              count(*) FILTER (volume = 0) AS zero_volume,
              count(*) FILTER (NOT coalesce(
                low <= open AND open <= high AND low <= close AND close <= high AND low > 0
                AND high < 'inf' AND (volume IS NULL OR volume >= 0 AND volume < 'inf'), false
              )) AS bad_rows
       FROM read
     ),
     holes AS (
       SELECT count(*) AS gaps, coalesce(sum(step // STEP - 1), 0) AS missing
       FROM steps WHERE step > STEP
     )
SELECT CHECKED FROM counted, holes
"""
_OPEN = "SELECT ts, open, high, low, close, volume FROM SOURCE ORDER BY ts"


def _filled(sql: str, **words: object) -> str:
    for word, value in words.items():
        sql = sql.replace(word, str(value))
    return sql


def _source(path: Path) -> str:
    if path.suffix == ".csv":
        return f"read_csv('{path}', header=true, columns={_TYPES})"
    return f"read_parquet('{path}')"


def duckdb_works() -> dict[str, Work]:
    """Return the works of DuckDB, with as many threads as it takes by itself."""
    duckdb: Any = importlib.import_module("duckdb")

    def take(folder: Path, out: Path) -> list[int]:
        counts: list[int] = []
        for path in sorted(folder.iterdir()):
            hours = out / f"{path.stem}.1h.parquet"
            with duckdb.connect() as base:
                base.execute(_filled(_BARS, SOURCE=_source(path)))
                base.execute(_filled(_MONTHS, TARGET=out / path.stem))
                base.execute(_filled(_HOURS, TARGET=hours, STEP=HOUR_MS))
                counts += base.execute(_filled(_COUNTS, TARGET=hours)).fetchone()
        return counts

    def check(folder: Path, _out: Path) -> list[tuple[int, ...]]:
        words = {"CHECKED": ", ".join(CHECKED), "STEP": MINUTE_MS}
        return [
            duckdb.execute(_filled(_CHECK, SOURCE=_source(path), **words)).fetchone()
            for path in sorted(folder.iterdir())
        ]

    def open_(folder: Path, _out: Path) -> list[tuple[int, float]]:
        return [
            _sums(duckdb.execute(_filled(_OPEN, SOURCE=_source(path / "*" / "*"))).fetchnumpy())
            for path in sorted(path for path in folder.iterdir() if path.is_dir())
        ]

    return {"import": take, "check": check, "open": open_}


def polars_works() -> dict[str, Work]:
    """Return the works of polars, with as many threads as it takes by itself."""
    pl: Any = importlib.import_module("polars")
    types = {"ts": pl.Int64, **dict.fromkeys(COLUMNS, pl.Float64)}

    def read(path: Path) -> Any:
        if path.suffix == ".csv":
            return pl.read_csv(path, schema=types)
        return pl.read_parquet(path)

    def take(folder: Path, out: Path) -> list[int]:
        counts = []
        for path in sorted(folder.iterdir()):
            bars = read(path).cast(types).unique("ts", keep="last").sort("ts")
            month = pl.from_epoch("ts", time_unit="ms").dt.strftime("%Y-%m").alias("month")
            parts = bars.with_columns(month).partition_by("month", as_dict=True, include_key=False)
            for (name,), part in parts.items():
                target = out / path.stem / f"month={name}" / "0.parquet"
                target.parent.mkdir(parents=True)
                part.write_parquet(target, compression="zstd")
            hours = bars.group_by(pl.col("ts") // HOUR_MS * HOUR_MS, maintain_order=True).agg(
                pl.col("open").first(), pl.col("high").max(), pl.col("low").min(),
                pl.col("close").last(), pl.col("volume").sum(),
            )  # fmt: skip
            hours.write_parquet(out / f"{path.stem}.1h.parquet", compression="zstd")
            counts += [len(bars), len(hours)]
        return counts

    def check(folder: Path, _out: Path) -> list[tuple[int, ...]]:
        return [_polars_check(pl, read(path)) for path in sorted(folder.iterdir())]

    def open_(folder: Path, _out: Path) -> list[tuple[int, float]]:
        found = []
        for path in sorted(path for path in folder.iterdir() if path.is_dir()):
            bars = pl.read_parquet(f"{path}/*/*.parquet", hive_partitioning=False).sort("ts")
            found.append(_sums({name: bars[name].to_numpy() for name in ("ts", *COLUMNS)}))
        return found

    return {"import": take, "check": check, "open": open_}


def _polars_check(pl: Any, bars: Any) -> tuple[int, ...]:
    column = {name: pl.col(name) for name in COLUMNS}
    inside = [column["low"] <= column[name] for name in ("open", "close")]
    inside += [column[name] <= column["high"] for name in ("open", "close")]
    volume = column["volume"]
    good = pl.all_horizontal(
        *inside, column["low"] > 0, column["high"] < float("inf"),
        volume.is_null() | ((volume >= 0) & (volume < float("inf"))),
    )  # fmt: skip
    counted = bars.select(
        (pl.col("ts").diff() < 0).sum().alias("disorder"), (volume == 0).sum().alias("zero"),
        (~good.fill_null(value=False)).sum().alias("bad"),
    )  # fmt: skip
    times = bars["ts"].unique().sort()
    steps = times.diff().drop_nulls()
    long = steps.filter(steps > MINUTE_MS)
    missing = int((long // MINUTE_MS - 1).sum())
    disorder, zero, bad = counted.row(0)
    return len(bars), len(long), missing, len(bars) - len(times), disorder, zero, bad


def _sums(columns: Any) -> tuple[int, float]:
    return int(columns["ts"].sum()), sum(float(columns[name].sum()) for name in COLUMNS)
