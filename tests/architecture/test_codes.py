"""Diagnostics have one explanation each, and every explanation has a diagnostic."""

from __future__ import annotations

import re
from pathlib import Path

from paperbot_core.diagnostics.codes import CODES

_CODE = re.compile(r"\bPB[1-9][0-9]{3}\b")


def _codes_in(folder: Path) -> dict[str, str]:
    """Return each code with one file that names it, the registry itself left out."""
    return {
        code: str(path)
        for path in sorted(folder.rglob("*.py"))
        if path.parent.name != "codes"
        for code in _CODE.findall(path.read_text("utf-8"))
    }


def test_every_code_in_the_source_is_registered(root: Path) -> None:
    used = _codes_in(root / "paperbot_core") | _codes_in(root / "plugins")
    assert {code: where for code, where in used.items() if code not in CODES} == {}


def test_every_registered_code_is_used(root: Path) -> None:
    used = _codes_in(root / "paperbot_core") | _codes_in(root / "plugins")
    assert sorted(set(CODES) - set(used)) == []


def test_every_code_is_explained_in_full() -> None:
    thin = [
        f"{code.id}.{field}"
        for code in CODES.values()
        for field in ("title", "what", "why", "example", "fix")
        if not getattr(code, field).strip()
    ]
    assert thin == []


def test_codes_stay_with_their_owners(root: Path) -> None:
    # A module is named after the codes it holds: pb60_market.py holds PB60xx.
    strangers = [
        f"{path.name}: {code}"
        for path in sorted((root / "paperbot_core/diagnostics/codes").glob("pb*.py"))
        for code in _CODE.findall(path.read_text("utf-8"))
        if not code.startswith(path.name.split("_")[0].upper()[:3])
    ]
    assert strangers == []
