"""`why` on sessions: the journal's bars and acts are enough to tell every decision again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.ledger.journal import JOURNAL_NAME
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.report.run import SavedRun
from paperbot_core.report.store import RunStore
from tests.session_world import WIDE_POLICY
from tests.why_world import HOUR, make_project, paperbot

START = 1_704_067_200_000


def session_project(folder: Path, *, mode: str = "PAPER", bars: int = 500) -> Path:
    project = make_project(folder, bars=bars)
    (project / "policy.yaml").write_text(WIDE_POLICY)
    (project / "paperbot.yaml").write_text(
        f"mode: {mode}\nexchange: {{plugin: replay, path: {project / 'candles'}, timeframe: 1h}}\n"
        "strategies: [donchian_atr, mean_reversion]\n"
    )
    return project


def run(project: Path, *words: str) -> SavedRun:
    result = paperbot(project, "run", *words)
    assert result.exit_code == 0, result.output
    return RunStore(project / "state").load()


def why(project: Path, hours: int, *words: str) -> list[dict[str, Any]]:
    result = paperbot(project, "why", "BTC/USDT", str(START + hours * HOUR), "--json", *words)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.output)["strategies"]
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose account ran in three parts, halted for a while in between."""
    project = session_project(tmp_path_factory.mktemp("session"))
    run(project, "--bars", "210")
    assert paperbot(project, "halt", "--reason", "lunch").exit_code == 0
    run(project, "--bars", "100")
    assert paperbot(project, "resume", "--reason", "back").exit_code == 0
    run(project)
    return project


def test_every_verdict_of_the_journal_is_told_again(finished: Path) -> None:
    with JournalReader(finished / "state" / JOURNAL_NAME) as reader:
        verdicts = [
            row for row in reader.table("verdicts") if row["symbol"] == "BTC/USDT"
        ]
    assert len(verdicts) >= 5
    for row in verdicts:
        hours = (row["ts"] - START) // HOUR - 1
        slot = why(finished, hours, "-s", row["strategy"])[0]
        assert slot["outcome"] == ("granted" if row["approved"] else "refused")
        assert slot["verdict"]["approved"] == bool(row["approved"])
        if not row["approved"]:
            assert slot["verdict"]["rule"] == row["rule"]


def test_the_account_was_halted_by_hand(finished: Path) -> None:
    states = [why(finished, hours)[0]["account"]["state"] for hours in (209, 210, 309, 310)]
    assert states == ["active", "halted", "halted", "active"]


def test_an_earlier_run_of_the_account_can_be_asked_too(finished: Path) -> None:
    entries = RunStore(finished / "state").list()
    assert len(entries) == 3
    slot = why(finished, 300, "--run", entries[-1].run_id)[0]
    assert slot["outcome"] == "outside"
    assert why(finished, 100, "--run", entries[-1].run_id) == why(finished, 100)


def test_a_session_says_the_same_as_the_backtest(tmp_path: Path) -> None:
    project = session_project(tmp_path)
    run(project)
    hours = range(184, 500, 24)
    told = [why(project, h) for h in hours]
    words = ["-s", "donchian_atr", "-s", "mean_reversion", "--data", str(project / "candles")]
    assert paperbot(project, "backtest", *words).exit_code == 0
    assert [why(project, h) for h in hours] == told
    assert len({slot["outcome"] for slots in told for slot in slots}) >= 2


def test_a_dry_run_cannot_be_told(tmp_path: Path) -> None:
    project = session_project(tmp_path, mode="DRY_RUN", bars=80)
    run(project)
    result = paperbot(project, "why", "BTC/USDT", str(START), "--json")
    assert result.exit_code == 1
    told = json.loads(result.output)["diagnostics"][0]
    assert told["code"] == "PB6601"
    assert "DRY_RUN" in told["message"]


def test_files_that_changed_during_the_account(tmp_path: Path) -> None:
    project = session_project(tmp_path, bars=120)
    run(project, "--bars", "60")
    policy = project / "policy.yaml"
    policy.write_text(policy.read_text().replace("max_open_positions: 20", "max_open_positions: 3"))
    run(project)
    result = paperbot(project, "why", "BTC/USDT", str(START + 90 * HOUR), "--json")
    assert result.exit_code == 1
    assert "policy.yaml changed since run" in json.loads(result.output)["diagnostics"][0]["message"]


def test_the_journal_of_another_account(tmp_path: Path) -> None:
    project = session_project(tmp_path, bars=120)
    run(project)
    assert paperbot(project, "paper", "reset", "--json").exit_code == 0
    result = paperbot(project, "why", "BTC/USDT", str(START + 90 * HOUR), "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["diagnostics"][0]["code"] in {"PB6601", "PB6602"}
