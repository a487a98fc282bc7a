"""What `paperbot run` refuses to be, and with which exit code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from paperbot_core.cli import cli


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    for name in ("paperbot.yaml", "policy.yaml", "universe.yaml"):
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "strategies.d", tmp_path / "strategies.d")
    return tmp_path


def run(project: Path, mode: str, highest: str, *arguments: str) -> tuple[int, str]:
    for name, old, new in (
        ("paperbot.yaml", "mode: DRY_RUN", f"mode: {mode}"),
        ("policy.yaml", "highest: PAPER", f"highest: {highest}"),
    ):
        path = project / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
    done = CliRunner().invoke(cli, ["--project", str(project), "run", "--once", *arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("mode", "highest", "arguments", "code"),
    [
        ("LIVE", "PAPER", (), "PB4002"),
        ("LIVE", "LIVE", (), "PB8002"),
        ("DRY_RUN", "PAPER", ("--mode", "PAPER"), "PB8001"),
        ("PAPER", "DRY_RUN", (), "PB4002"),
    ],
)
def test_no_more_power_than_the_files_give(
    project: Path, mode: str, highest: str, arguments: tuple[str, ...], code: str
) -> None:
    exit_code, output = run(project, mode, highest, *arguments)
    assert exit_code == 3
    assert code in output
    assert not (project / "state").exists()


def test_a_flag_may_lower_the_mode(project: Path) -> None:
    exit_code, output = run(project, "PAPER", "PAPER", "--mode", "DRY_RUN")
    assert exit_code == 0, output
    assert '"mode": "DRY_RUN"' in output
    (run_id,) = (path.name for path in (project / "state" / "runs").iterdir())
    assert f'"run_id": "{run_id}"' in output  # one cycle leaves its run, as every session does
