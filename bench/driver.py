"""One process of our own engine, in the words of the peers' harness.

`python -m bench.driver WORK --child cold|steady --reps N --out FILE` runs the work and writes a
JSON object: `seconds` (best), `all_seconds`, `bars`, `trades`, `final_equity` and more. `cold` is
one run of a process that has nothing compiled; `steady` is N runs after an untimed one.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np

from bench.work import WORKS, as_facts, check_answer
from paperbot_core import __version__


def measure(name: str, reps: int, warm_up: bool) -> dict[str, Any]:
    """Run a work `reps` times and return the best run as keys of a result line."""
    work = WORKS[name]
    ready = work.load()
    if warm_up:
        work.run(ready)
    runs = []
    for _ in range(reps):
        started = time.perf_counter()
        answer = work.run(ready)
        runs.append((time.perf_counter() - started, answer))
    seconds, answer = min(runs, key=lambda run: run[0])
    bars = work.bars if answer.pairs is None else work.bars * answer.pairs // 100
    wrong = check_answer(answer, work.expected)
    return {
        "version": f"{__version__} numba {numba.__version__} numpy {np.__version__}",
        "workload": name,
        "bars": bars,
        "seconds": round(seconds, 5),
        "bars_per_s": round(bars / seconds),
        **as_facts(answer),
        "all_seconds": [round(s, 4) for s, _ in runs],
        "python": platform.python_version(),
        **({"wrong": wrong} if wrong else {}),
    }


def main() -> int:
    """Read the command line, measure, write the file."""
    parser = argparse.ArgumentParser(prog="bench.driver")
    parser.add_argument("work", choices=sorted(WORKS))
    parser.add_argument("--child", choices=("cold", "steady"), required=True)
    parser.add_argument("--reps", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    line = measure(asked.work, asked.reps, warm_up=asked.child == "steady")
    asked.out.write_text(json.dumps(line), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
