"""The plugin documents say what the code says; tests/integration runs the example in them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from paperbot_core.api import hookspecs, protocols
from paperbot_core.plugins import SHAPES


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
