"""A lake of ten minute years, ours beside DuckDB and polars alone: `python -m bench.lake`.

One process, all engines in turns, the best of some runs of each; `bench/README.md` says what each
work is. Answers are compared: the exit code is 1 if two engines found different numbers.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import START_MS, draw
from bench.lake_peers import CHECKED, duckdb_works, polars_works
from bench.processes import run_process
from bench.run import keep
from bench.table import render
from paperbot_core.config.settings import DataGates
from paperbot_core.domain.market import MINUTE_MS
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.checks.checks import check_file
from paperbot_core.market.lake.gold import build_gold
from paperbot_core.market.lake.intake import ImportRequest, import_file
from paperbot_core.market.lake.layout import Lake, SeriesKey

SEED = 7
SYMBOLS = 10
BARS = 525_600
RUNS = 3
#: Faults of each kind in the files that are checked, for each 100,000 bars.
FAULTS = 20
FORMATS = ("parquet", "csv")
MULTIPLE_MAX = 3.0
OPEN_S_MAX = 0.1
_SELF = (sys.executable, "-m", "bench.lake")

#: A work takes the folder of its input and an empty one, and returns its answer.
Work = Callable[[Path, Path], Any]
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to measure: a work of each engine on the same files."""

    name: str
    work: str
    folder: Path
    writes: bool = False


def ours() -> dict[str, Work]:
    """Return what `data import --bars 1h`, `data check` and a backtest's loading call."""
    return {"import": _import, "check": _check, "open": _open}


def _import(folder: Path, out: Path) -> list[int]:
    """Take every file into a new lake; return the bars of each market, then its hours."""
    lake = Lake(out / "lake")
    request = ImportRequest("bench", START_MS)
    for path in sorted(folder.iterdir()):
        import_file(lake, path, request)
    with lake.writing():
        for key, manifest in lake.series():
            build_gold(lake, key, manifest, ("1h",))
    counts = []
    for key, manifest in lake.series():
        hours = find_candles([lake.gold(SeriesKey(key.venue, key.symbol, "1h"))])
        counts += [sum(part["rows"] for part in manifest["parts"]), len(read_candles(hours[0]))]
    return counts


def _check(folder: Path, _out: Path) -> list[tuple[int, ...]]:
    rows = [check_file(file, DataGates()).as_row() for file in find_candles([folder])]
    return [tuple(row[key] for key in CHECKED) for row in rows]


def _open(folder: Path, _out: Path) -> list[tuple[int, float]]:
    """Open the bars of every market; the sums read every page of every column."""
    found = []
    for file in find_candles([folder / "lake" / "gold" / "bench"], timeframe="1m"):
        bars = read_candles(file)
        values = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        found.append((int(bars.ts.sum()), sum(float(column.sum()) for column in values)))
    return found


def write_inputs(root: Path, symbols: int, bars: int) -> None:
    """Write the bars as `root`/good/FORMAT and, with faults in them, as `root`/faulty/FORMAT."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    rng = np.random.default_rng(SEED)
    names = ("open", "high", "low", "close", "volume")
    for kind in ("good", "faulty"):
        for form in FORMATS:
            (root / kind / form).mkdir(parents=True)
    for at in range(symbols):
        values = draw(rng, bars)
        ts = START_MS + MINUTE_MS * np.arange(bars, dtype=np.int64)
        columns = {"ts": ts, **dict(zip(names, values, strict=True))}
        for kind, rows in (("good", columns), ("faulty", with_faults(columns, rng))):
            prices = {name: pa.array(rows[name], from_pandas=True) for name in names}
            table = pa.table({"ts": rows["ts"], **prices})
            stem = f"S{at:02d}-USDT_1m"
            parquet.write_table(
                table, root / kind / "parquet" / f"{stem}.parquet", compression="zstd"
            )
            csv.write_csv(table, root / kind / "csv" / f"{stem}.csv")


def with_faults(columns: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return the columns with holes, doubles, disorder, bad rows and bars without volume."""
    count = len(columns["ts"])
    each = max(1, FAULTS * count // 100_000)
    chosen = iter(rng.permutation(np.arange(2, count - 2, 2))[: 5 * each].reshape(5, each))
    found = {name: values.copy() for name, values in columns.items()}
    found["volume"][next(chosen)] = 0.0
    found["low"][next(chosen)] = np.nan
    found["high"][next(chosen)] *= 0.5
    order = np.arange(count)
    swapped = next(chosen)
    order[swapped], order[swapped + 1] = swapped + 1, swapped
    times = np.ones(count, dtype=np.int64)
    holed = next(chosen)
    times[holed[: each // 2]], times[holed[each // 2 :]] = 0, 2
    rows = np.repeat(order, times)
    return {name: values[rows] for name, values in found.items()}


def measure(jobs: Sequence[Job], engines: dict[str, dict[str, Work]], runs: int) -> list[Line]:
    """Return a line for each job and engine; `differs` if its answer is not ours."""
    found: dict[tuple[str, str], Line] = {}
    for _ in range(runs):
        for job in jobs:
            for name, works in engines.items():
                out = job.folder.parents[1] / f"out-{name}"
                if job.writes:
                    shutil.rmtree(out, ignore_errors=True)
                    out.mkdir()
                begun = time.perf_counter()
                answer = works[job.work](out if job.work == "open" else job.folder, out)
                took = time.perf_counter() - begun
                line = found.setdefault(
                    (job.name, name),
                    {"peer": name, "workload": job.name, "seconds": took, "answer": answer},
                )
                line["seconds"] = min(line["seconds"], took)
    for (name, _peer), line in found.items():
        own = found[name, "paperbot"]
        line["ours_times"] = round(own["seconds"] / line["seconds"], 2)
        line["differs"] = not _same(line.pop("answer"), own["answer"]) if line is not own else False
    for line in found.values():
        line.pop("answer", None)
        line["seconds"] = round(line["seconds"], 4)
    return list(found.values())


def _same(theirs: Any, own: Any) -> bool:
    """Return whether two answers agree; sums of floats may differ by their order."""
    return bool(np.allclose(np.asarray(theirs, float), np.asarray(own, float), rtol=1e-12, atol=0))


def memory(root: Path, counts: Sequence[int]) -> list[Line]:
    """Return the peak memory of a process that imports so many markets, for each count.

    Call it while this process is small: a child's peak begins with that of its parent.
    """
    lines = []
    for count in counts:
        some = root / f"some-{count}"
        some.mkdir()
        for path in sorted((root / "good" / "parquet").iterdir())[:count]:
            (some / path.name).symlink_to(path)
        with tempfile.TemporaryDirectory(dir=root) as out:
            cost = run_process((*_SELF, "--only-import", str(some), out), {})
        lines.append(
            {
                "peer": "paperbot",
                "workload": f"import_memory_{count}",
                "peak_rss_mb": round(cost.peak_rss_mb, 1),
            }
        )
    return lines


def _engines() -> dict[str, dict[str, Work]]:
    peers = {"paperbot": ours()}
    for name, make in (("duckdb", duckdb_works), ("polars", polars_works)):
        if find_spec(name) is not None:
            peers[name] = make()
    return peers


def _table(lines: Sequence[Line], symbols: int) -> str:
    head = ("work", "seconds", "s a symbol", "ours / theirs")
    rows = [
        (
            f"{line['workload']} {line['peer']}", f"{line['seconds']:.3f}",
            f"{line['seconds'] / symbols:.4f}",
            "" if line["peer"] == "paperbot" else f"{line['ours_times']:.2f}",
        )
        for line in lines
    ]  # fmt: skip
    return render(head, rows)


def _misses(lines: Sequence[Line], symbols: int) -> list[str]:
    """Return what is slower than the project asks for, in words."""
    found = [
        f"{line['workload']}: more than {MULTIPLE_MAX:g} times as long as {line['peer']}"
        for line in lines
        if line["ours_times"] > MULTIPLE_MAX
    ]
    opening = next(line for line in lines if line["workload"] == "open")
    if opening["seconds"] > OPEN_S_MAX * symbols:
        found.append(f"open: more than {OPEN_S_MAX:g} s a symbol")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.lake", description=__doc__)
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    parser.add_argument("--bars", type=int, default=BARS, help="minutes of each symbol")
    parser.add_argument("--runs", type=int, default=RUNS)
    # What the processes of the benchmark are told by it.
    parser.add_argument("--only-write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only-import", nargs=2, type=Path, help=argparse.SUPPRESS)
    return parser


def _measure_in(root: Path, symbols: int, bars: int, runs: int) -> tuple[list[Line], list[Line]]:
    """Return the lines of the works and those of memory; `root` is scratch space."""
    sizes = ("--symbols", str(symbols), "--bars", str(bars))
    run_process((*_SELF, *sizes, "--only-write", str(root)), {})
    peaks = memory(root, sorted({1, symbols}))
    good, faulty = root / "good", root / "faulty"
    jobs = [
        Job("import_csv", "import", good / "csv", writes=True),
        Job("check_csv", "check", faulty / "csv"),
        # Last of the two imports: what it wrote is what is opened.
        Job("import_parquet", "import", good / "parquet", writes=True),
        Job("check_parquet", "check", faulty / "parquet"),
        Job("open", "open", good / "parquet"),
    ]
    return measure(jobs, _engines(), runs), peaks


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and keep the lines; 1 if an answer differs from ours."""
    asked = _parser().parse_args(words)
    if asked.only_write:
        write_inputs(asked.only_write, asked.symbols, asked.bars)
        return 0
    if asked.only_import:
        _import(*asked.only_import)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        lines, peaks = _measure_in(Path(folder), asked.symbols, asked.bars, asked.runs)
    about = {
        "symbols": asked.symbols, "bars": asked.bars, "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2), "python": platform.python_version(),
    }  # fmt: skip
    for line in lines:
        if line["peer"] != "paperbot":
            line["version"] = version(line["peer"])
    keep([{**line, **about} for line in (*lines, *peaks)])
    print(_table(lines, asked.symbols))
    for line in peaks:
        print(f"{line['workload']}: {line['peak_rss_mb']} MB at most")
    for miss in _misses(lines, asked.symbols):
        print(miss)
    wrong = [line for line in lines if line["differs"]]
    for line in wrong:
        print(f"{line['workload']}: {line['peer']} found other numbers", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
