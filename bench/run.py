"""The benchmark as one command: measure, print, keep the lines, and fail on a wrong answer.

`make bench` measures ours; `make bench PEERS=1` everything in one run, in turns, so that all
engines see the same moods of the machine. `python -m bench w2` measures that work alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.engines import WORKS, all_engines, ours
from bench.processes import Engine
from bench.small import small_figures
from bench.table import figures_table, works_table

OUT = Path(__file__).parent / "out" / "results.jsonl"

#: Turns of each work; every turn is one steady process of each engine.
TURNS = {"w1": 4, "w3": 3, "w2": 2}

Line = dict[str, Any]


def measure_work(engines: Sequence[Engine], work: str, caches: Path) -> list[Line]:
    """Return one line per engine: a cold process each, then the best of several steady ones."""
    lines = []
    for k, engine in enumerate(engines):
        cache = caches / f"{work}-{k}"
        cache.mkdir()
        _, cold = engine.measure(work, "cold", cache)
        line: Line = {
            "peer": engine.peer, "label": engine.label,
            "cold_wall_s": round(cold.wall_s, 3), "peak_rss_mb": round(cold.peak_rss_mb, 1),
        }
        if engine.peer == "paperbot":
            _, warm = engine.measure(work, "cold", cache)
            line["warm_wall_s"] = round(warm.wall_s, 3)
        lines.append(line)
    for _ in range(TURNS[work]):
        for k, (engine, line) in enumerate(zip(engines, lines, strict=True)):
            found, _ = engine.measure(work, "steady", caches / f"{work}-{k}")
            if "seconds" not in line or found["seconds"] < line["seconds"]:
                line.update(found)
    return [_in_order({"python": platform.python_version(), **line}) for line in lines]


def _in_order(line: Line) -> Line:
    """Return a line with the keys of the peers first, in their order, and `python` last."""
    first = (
        "peer", "version", "workload", "bars", "seconds", "bars_per_s", "cold_wall_s",
        "peak_rss_mb", "trades", "final_equity",
    )
    rest = [key for key in line if key not in first and key != "python"]
    return {key: line.get(key) for key in (*first, *rest, "python")}


def keep(lines: Sequence[Line]) -> None:
    """Print the lines and append them to the results."""
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("a", encoding="utf-8") as file:
        for line in lines:
            text = json.dumps(line)
            print(text, flush=True)
            file.write(text + "\n")


def main() -> int:
    """Measure everything; the exit code is 1 if one of our answers is wrong."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("works", nargs="*", help="w1, w2, w3 (default: all, and the small figures)")
    asked = parser.parse_args().works
    if unknown := set(asked) - set(WORKS):
        parser.error(f"there is no work {', '.join(sorted(unknown))}")
    peers = os.environ.get("PEERS", "") not in ("", "0")
    engines = all_engines() if peers else [ours(sys.executable, "paperbot")]
    measured: list[Line] = []
    with tempfile.TemporaryDirectory() as caches:
        for work in asked or WORKS:
            lines = measure_work(engines, work, Path(caches))
            keep(lines)
            measured += lines
        figures = [] if asked else small_figures(engines[0], Path(caches))
    keep(figures)
    print(works_table(measured))
    if figures:
        print(figures_table(figures))
    wrong = [line for line in measured if "wrong" in line]
    for line in wrong:
        message = f"wrong answer: {line['label']} {line['workload']}: {line['wrong']}"
        print(message, file=sys.stderr)
    return 1 if wrong else 0
