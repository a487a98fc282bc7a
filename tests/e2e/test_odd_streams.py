"""Commands whose standard output is closed, full or cut off: never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = command.replace("paperbot", f"{sys.executable} -m paperbot_core", 1)
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["explain PB1021", "schema policy", "explain --json PB1021"])
def test_a_full_disk_behind_the_answer(command: str, root: Path) -> None:
    done = shell(f"paperbot {command} > {FULL}", root)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_no_standard_output_at_all(root: Path) -> None:
    done = shell("paperbot explain PB1021 >&-", root)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_goes_away(root: Path) -> None:
    done = shell("paperbot schema strategy | head -n 1", root)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
