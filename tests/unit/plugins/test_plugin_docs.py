"""The plugin documents say what the code says, and the example in them works."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from paperbot_core.api import hookspecs, protocols
from paperbot_core.plugins import SHAPES


def files_in(text: str) -> dict[str, str]:
    """Return the files a page shows: a line with the name in backticks, then a code block."""
    found = re.findall(r"^`([\w.]+)`\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return dict(found)


def hooks() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("register_")]


def test_every_hook_is_documented_with_its_signature(root: Path) -> None:
    text = (root / "docs/hooks.md").read_text()
    headings = re.findall(r"^### `(.+)`$", text, re.MULTILINE)
    signatures = {name: str(inspect.signature(getattr(hookspecs, name))) for name in hooks()}
    # Annotations are text in the hook module, so their signature shows quotes.
    said = [name + signature.replace(chr(39), "") for name, signature in signatures.items()]
    assert headings == said


def test_every_hook_has_a_kind_a_shape_and_a_docstring() -> None:
    assert list(hookspecs.KINDS) == hooks()
    assert set(hookspecs.KINDS.values()) == set(SHAPES)
    assert all(getattr(hookspecs, name).__doc__ for name in hooks())


def test_every_protocol_is_in_the_guide(root: Path) -> None:
    text = (root / "docs/plugins.md").read_text()
    for shape in {*SHAPES.values(), protocols.Execution}:
        members = [name for name in vars(shape) if not name.startswith("_")]
        row = re.search(rf"^\| {shape.__name__} \|.*$", text, re.MULTILINE)
        assert row is not None, shape.__name__
        assert [name for name in members if f"`{name}" not in row[0]] == []


@pytest.mark.timeout(120)
def test_the_example_of_the_guide_passes_its_own_tests(root: Path, tmp_path: Path) -> None:
    files = files_in((root / "docs/plugins.md").read_text())
    assert set(files) == {"pyproject.toml", "paperbot_tides.py", "test_paperbot_tides.py"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "passed" in run.stdout
