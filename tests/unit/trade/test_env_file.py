"""`.env`: read, never shown, never stronger than the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperbot_core.cli.secrets import load_env
from paperbot_core.diagnostics import UserError


def test_lines_become_variables(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# note\n\nA=1\nexport B = 'two words'\nC=\"x=y#z\"\nD=\nKEPT=new\n"
    )
    env = {"KEPT": "old"}
    assert load_env(tmp_path, env) == ["A", "B", "C", "D"]
    assert env == {"A": "1", "B": "two words", "C": "x=y#z", "D": "", "KEPT": "old"}


def test_no_file_is_fine(tmp_path: Path) -> None:
    assert load_env(tmp_path, {}) == []


@pytest.mark.parametrize("text", [b"SECRET: hush\n", b"hush\n", b"\xff=hush\n", b"A=\x00hush"])
def test_a_bad_line_is_named_and_not_shown(text: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(text)
    with pytest.raises(UserError, match="PB8017") as error:
        load_env(tmp_path, {})
    assert "hush" not in str(error.value)
