"""Starting other processes and reading their cost from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class ProcessFailedError(Exception):
    """A process of the benchmark ended with an error; the message has the end of what it said."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a finished process took: wall and CPU in seconds, the peak of its memory in MB."""

    wall_s: float
    cpu_s: float
    peak_rss_mb: float


def run_process(command: Sequence[str], env: Mapping[str, str]) -> Cost:
    """Run a command to its end with `env` added to the environment.

    Raises:
        ProcessFailedError: it ended with another code than 0.
    """
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **env}, cwd=ROOT, stdout=log, stderr=log
        )
        # wait4 and not wait: the cost of this child alone.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            said = log.read().decode(errors="replace").strip()[-2_000:]
            raise ProcessFailedError(f"{' '.join(command)}: exit {process.returncode}\n{said}")
    # Linux counts kilobytes, macOS bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


@dataclass(frozen=True, slots=True)
class Engine:
    """A driver that speaks the peers' words: `WORK --child cold|steady --reps N --out FILE`.

    `works` names the driver's own workload for each of ours; `reps` the timed runs of a steady
    process, few where a run is long.
    """

    peer: str
    label: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    works: Mapping[str, str]
    reps: Mapping[str, int]

    def measure(
        self, work: str, mode: str, cache: Path, extra: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], Cost]:
        """Run one process and return what it wrote and what it cost.

        Args:
            work: one of ours: w1, w2, w3.
            mode: `cold` for a single run, `steady` for `reps` runs after one to warm up.
            cache: the folder of compiled code; empty, the process has to compile.
            extra: more environment.

        Raises:
            ProcessFailedError: the driver failed.
        """
        reps = self.reps[work] if mode == "steady" else 1
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "result.json"
            command = (
                *self.command, self.works[work], "--child", mode, "--reps", str(reps),
                "--out", str(out),
            )
            env = {
                "NUMBA_CACHE_DIR": str(cache), "PAPERBOT_CACHE_DIR": str(cache), **self.env,
                **(extra or {}),
            }
            cost = run_process(command, env)
            return json.loads(out.read_text(encoding="utf-8")), cost
