"""What paperbot.yaml may say about the nightly job, and what `check` finds in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from paperbot_core.config.project import load_project
from paperbot_core.diagnostics import Diagnostic, UserError
from paperbot_core.market.nightly.sources import source_problems
from tests import nightly_world as nw

GOOD = "{source: loopback, symbols: [BTC/USDT], timeframe: 1h, venue: sim, options: {base_url: x}}"


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    for name in ("policy.yaml", "universe.yaml"):
        shutil.copy(root / name, tmp_path)
    shutil.copytree(root / "strategies.d", tmp_path / "strategies.d")
    return tmp_path


def found(folder: Path, *jobs: str, more: str = "", sources: str = "{}") -> list[Diagnostic]:
    lines = "".join(f"      - {job}\n" for job in jobs)
    (folder / "paperbot.yaml").write_text(
        f"data:\n  sources: {sources}\n  nightly:\n    jobs:\n{lines}{more}"
    )
    return list(source_problems(load_project(folder), nw.plugins()))


def test_a_good_job_is_without_fault(folder: Path) -> None:
    assert found(folder, GOOD, more='    at: "23:59"\n    alert_on: never\n') == []
    assert found(folder, GOOD.replace(", options: {base_url: x}", ""),
                 sources="{loopback: {base_url: x}}") == []  # fmt: skip


def test_a_source_that_is_not_installed_is_a_warning(folder: Path) -> None:
    (one,) = found(folder, GOOD, GOOD.replace("loopback", "lop-back").replace("BTC", "ETH"))
    assert (one.code, one.severity, one.help) == ("PB5008", "warning", "did you mean `loopback`?")
    assert one.span is not None
    assert (one.span.line, one.source.strip()[:11]) == (6, "- {source: ")


def test_a_wrong_option_is_an_error_where_it_stands(folder: Path) -> None:
    (mine,) = found(folder, GOOD.replace("url: x", "url: x, urrl: y"))
    (shared,) = found(folder, GOOD, sources="{loopback: {urrl: y}}")
    assert {one.code for one in (mine, shared)} == {"PB5009"}
    assert {one.severity for one in (mine, shared)} == {"error"}
    assert [one.span and one.span.line for one in (mine, shared)] == [5, 2]


@pytest.mark.parametrize(
    ("bad", "code", "line"),
    [
        ("    at: '24:00'\n", "PB2006", 6),
        ("    at: 2:15\n", "PB2006", 6),
        ("    at: ''\n", "PB2006", 6),
        ("    keep_reports: 0\n", "PB2004", 6),
        ("    alert_on: sometimes\n", "PB2007", 6),
        ("    attempts: 3\n", "PB2001", 6),
        (f"      - {GOOD.replace('1h', '60m')}\n", "PB6402", 6),
        (f"      - {GOOD.replace('1h', '1x')}\n", "PB2008", 6),
        (f"      - {GOOD.replace('sim', '../sim')}\n", "PB2006", 6),
        (f"      - {GOOD.replace('venue: sim', 'venue: sim2, since: 2024-02-30')}\n", "PB2006", 6),
        (f"      - {GOOD.replace('[BTC/USDT]', '[]')}\n", "PB2005", 6),
    ],
)
def test_mistakes_are_told_with_their_place(folder: Path, bad: str, code: str, line: int) -> None:
    with pytest.raises(UserError) as caught:
        found(folder, GOOD, more=bad)
    (one,) = caught.value.diagnostics
    assert one.span is not None
    assert (one.code, one.span.line) == (code, line)
