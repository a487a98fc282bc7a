"""Every mistake in a file gives exactly the message that is on record.

Each case under `bad/` holds the files that differ from `base/` and `expected.txt`. To record what
the program says now, and then read the difference: PAPERBOT_UPDATE_GOLDEN=1 pytest tests/golden.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from paperbot_core.config.project import load_project
from paperbot_core.diagnostics import Diagnostic, UserError
from paperbot_core.diagnostics.codes import CODES
from paperbot_core.diagnostics.render import render_full

HERE = Path(__file__).parent
CASES = sorted(path.name for path in (HERE / "bad").iterdir())

#: Mistakes that are not in a file's text; tests/unit/config and tests/unit/cli_check have them.
NOT_IN_A_FILE = {"PB1001", "PB1002", "PB1014", "PB1015", "PB1016", "PB1020", "PB1021", "PB1022",
                 "PB1023", "PB3009"}  # fmt: skip


def _diagnostics(directory: Path) -> tuple[Diagnostic, ...]:
    try:
        return load_project(directory).warnings
    except UserError as error:
        return error.diagnostics


@pytest.mark.parametrize("case", CASES)
def test_bad_file(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(HERE / "base", tmp_path, dirs_exist_ok=True)
    shutil.copytree(HERE / "bad" / case, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    told = render_full(_diagnostics(Path())) + "\n"
    record = HERE / "bad" / case / "expected.txt"
    if "PAPERBOT_UPDATE_GOLDEN" in os.environ:
        record.write_text(told, "utf-8")
    assert told == record.read_text("utf-8")
    if case.startswith("PB"):
        assert f"[{case[:6]}]" in told


def test_the_base_project_is_without_fault() -> None:
    assert _diagnostics(HERE / "base") == ()


def test_every_code_of_files_has_a_case() -> None:
    covered = {case[:6] for case in CASES}
    prefixes = ("PB10", "PB20", "PB217", "PB30", "PB40")
    ours = {code for code in CODES if code.startswith(prefixes)}
    assert ours - covered - NOT_IN_A_FILE == set()
