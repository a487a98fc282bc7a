"""docs/nightly.md and the units of systemd say what the program does."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from paperbot_core.config.settings import NightlyJob, NightlySettings, Settings


def _page(root: Path) -> str:
    return (root / "docs/nightly.md").read_text("utf-8")


def test_every_key_has_a_row(root: Path) -> None:
    text = _page(root)
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    assert {*NightlySettings.model_fields, *NightlyJob.model_fields} <= named
    for model in (NightlySettings, NightlyJob):
        for name, info in model.model_fields.items():
            row = re.search(rf"^\| `{name}` \| `(.+?)` \|", text, re.MULTILINE)
            if row and not isinstance(info.default, list):
                assert row[1] == str(info.default).removesuffix(".0").lower(), name


def test_the_examples_are_valid(root: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", _page(root), re.MULTILINE | re.DOTALL)
    # Every value is text to our own reader, as it is here.
    found = [Settings.model_validate(yaml.load(b, yaml.BaseLoader)) for b in blocks]
    assert [len(one.data.nightly.jobs) for one in found] == [2, 0]
    assert found[1].alerts.slack.enabled


def test_the_units_are_those_of_the_page(root: Path) -> None:
    service = (root / "deploy/systemd/paperbot-nightly.service").read_text()
    command = re.search(r"^ExecStart=(.+)$", service, re.MULTILINE)
    assert command is not None
    assert shlex.split(command[1])[-2:] == ["data", "nightly"]
    timer = (root / "deploy/systemd/paperbot-nightly.timer").read_text()
    assert f"OnCalendar=*-*-* {NightlySettings().at}:00 UTC" in timer


def test_systemd_accepts_the_units(root: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    # What is installed where differs; that the program is there is not what is tested.
    for name in ("paperbot-nightly.service", "paperbot-nightly.timer"):
        text = (root / "deploy/systemd" / name).read_text()
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(text)
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "paperbot-nightly.timer"),
         str(tmp_path / "paperbot-nightly.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
