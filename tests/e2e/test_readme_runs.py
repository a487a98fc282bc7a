"""The commands of the README work as typed, block by block, in a copy of the shipped project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

#: A block that is not for this test says so: ```sh norun
_BLOCK = re.compile(r"^```(?:sh|bash)[ \t]*(norun)?[ \t]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: What sets up a machine is what `make` and `.ci/run` themselves are the proof of.
_SETUP = ("make ", "pip ", "git ", "docker ", "cd ")


def _blocks(root: Path) -> list[str]:
    """Return the shell blocks of the README without lines that set up a machine."""
    kept = []
    for skipped, block in _BLOCK.findall((root / "README.md").read_text("utf-8")):
        lines = [line for line in block.splitlines() if not line.lstrip().startswith(_SETUP)]
        script = "\n".join(lines).strip()
        if script and not skipped:
            kept.append(script)
    return kept


@pytest.mark.timeout(300)
def test_the_commands_of_the_readme_work(root: Path, tmp_path: Path) -> None:
    # Linked, so that paths into the checkout work; what is written goes to the copy.
    for path in root.iterdir():
        if path.name not in {"state", ".git"}:
            (tmp_path / path.name).symlink_to(path)
    # The console script of the environment that runs the tests, wherever that is.
    program = tmp_path / "bin" / "paperbot"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m paperbot_core "$@"\n', "utf-8")
    program.chmod(0o755)
    env = os.environ | {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(root),
    }
    for block in _blocks(root):
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
        )
        assert run.returncode == 0, f"{block}\n{run.stdout}\n{run.stderr}"
