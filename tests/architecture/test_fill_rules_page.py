"""The page of fill rules cannot name a test that does not exist, nor leave a rule without one."""

from __future__ import annotations

import re
from pathlib import Path

_TEST = re.compile(r"`(test_\w+)`")


def _tests(root: Path) -> set[str]:
    found: set[str] = set()
    for path in (root / "tests").rglob("test_*.py"):
        found |= set(re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE))
    return found


def test_every_test_that_the_page_names_exists(root: Path) -> None:
    page = (root / "docs/fill-rules.md").read_text("utf-8")
    assert sorted(set(_TEST.findall(page)) - _tests(root)) == []


def test_every_rule_has_a_test_of_its_number(root: Path) -> None:
    page = (root / "docs/fill-rules.md").read_text("utf-8")
    rules = re.findall(r"^\*\*Rule (\d+)\.", page, re.MULTILINE)
    tests = _tests(root)
    assert rules
    assert [n for n in rules if not any(t.startswith(f"test_rule_{n}_") for t in tests)] == []
