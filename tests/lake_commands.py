"""`paperbot data` over a lake as tests run it: in this process, or in one that may be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from paperbot_core.cli import cli
from paperbot_core.market.lake.layout import Lake


def run(*arguments: str | Path, lake: Path) -> Result:
    """Run `paperbot data ARGUMENTS --lake LAKE`."""
    return CliRunner().invoke(cli, ["data", *map(str, arguments), "--lake", str(lake)])


def json_of(result: Result) -> Any:
    """Return what was printed with `--json`."""
    return json.loads(result.stdout)


def digests(lake: Path) -> dict[str, str]:
    """Return the digest of each data set by its place."""
    return {
        "/".join(str(one[name]) for name in ("venue", "symbol", "timeframe")): str(one["digest"])
        for one in Lake(lake).manifests()
    }


def names(lake: Path) -> set[str]:
    """Return every file and folder of a lake."""
    return {str(path.relative_to(lake)) for path in lake.rglob("*")}


def start_import(files: Path, venue: str, lake: Path, root: Path) -> subprocess.Popen[bytes]:
    """Start an import in a process of its own."""
    words = ["data", "import", str(files), "--venue", venue, "--lake", str(lake)]
    return subprocess.Popen(
        [sys.executable, "-m", "paperbot_core", *words],
        cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill_imports(
    turns: int, start: Callable[[], subprocess.Popen[bytes]], lake: Path,
    after: Callable[[], None] = lambda: None,
) -> int:  # fmt: skip
    """Kill an import with SIGKILL, each time when it has made some more files; return how often.

    `after` is called after each death.
    """
    deaths = 0
    for turn in range(turns):
        before = _count(lake)
        process = start()
        while process.poll() is None:
            if _count(lake) > before + turn % 4:
                process.kill()
                deaths += 1
                break
            time.sleep(0.001)
        process.wait(30)
        after()
    return deaths


def _count(lake: Path) -> int:
    # Files come and go while they are counted: temporary ones are renamed.
    return len(list(lake.rglob("*"))) if lake.exists() else 0
