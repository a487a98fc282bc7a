from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paperbot_core.cli import cli
from paperbot_core.config.project import Project, load_project
from paperbot_core.diagnostics import Severity, UserError
from paperbot_core.plugins import Plugins
from paperbot_core.research.check import check_project, exchange_problems

ROOT = Path(__file__).resolve().parents[3]
BASE = ROOT / "tests/golden/base"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "project"))


def _run(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


def _rows(*args: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(_run(*args, "--json").output)["diagnostics"]
    return found


def _strategy(project: Path, old: str, new: str) -> None:
    path = project / "strategies.d/cross.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_shipped_project_passes() -> None:
    result = _run("check", str(ROOT))
    assert result.exit_code == 0
    assert "ok: 9 strategies" in result.output


def test_a_new_project_passes(tmp_path: Path) -> None:
    _run("init", str(tmp_path / "new"))
    assert _run("check", str(tmp_path / "new")).exit_code == 0


def test_the_directory_may_come_from_project(project: Path) -> None:
    assert _run("--project", str(project), "check").exit_code == 0
    assert _run("check", str(project / "nowhere")).exit_code == 1


def test_json_has_no_findings_but_warnings_without_errors(project: Path) -> None:
    assert all(row["severity"] == "warning" for row in _rows("check", str(project)))


def test_a_mistake_inside_an_expression_is_at_its_own_column(project: Path) -> None:
    _strategy(project, "crosses_above(sma(close, fast)", "crosses_above(sma(clsoe, fast)")
    result = _run("check", str(project))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith(f"{project}/strategies.d/cross.yaml:8:29: error[PB2")
    marker = next(line for line in lines if "^" in line)
    assert lines[lines.index(marker) - 1][marker.index("^") :].startswith("clsoe")
    assert any("`close`" in line for line in lines)


def test_files_expressions_and_strategies_are_told_together(project: Path) -> None:
    _strategy(project, "sma(close, fast)", "sma(close, fats)")
    second = (project / "strategies.d/cross.yaml").read_text().replace("name: cross", "name: other")
    (project / "strategies.d/other.yaml").write_text(second)
    rows = [row for row in _rows("check", str(project)) if row["severity"] == "error"]
    assert [Path(str(row["file"])).name for row in rows] == ["cross.yaml", "other.yaml"]
    assert {"file", "line", "column", "code", "severity", "message", "help"} <= set(rows[0])


def test_concise_is_one_line_a_finding(project: Path) -> None:
    _strategy(project, "sma(close, fast)", "sma(clsoe, fast)")
    lines = _run("check", str(project), "--concise").output.splitlines()
    assert len([line for line in lines if "error[" in line]) == 1
    assert not any(line.lstrip().startswith("= ") for line in lines)


def test_check_writes_nothing(project: Path) -> None:
    before = sorted(project.rglob("*"))
    _run("check", str(project))
    assert sorted(project.rglob("*")) == before


def test_a_strategy_of_an_unknown_plugin(project: Path) -> None:
    _strategy(project, "size:", "uses: nobody.has_this\nsize:")
    codes = [row["code"] for row in _rows("check", str(project)) if row["severity"] == "error"]
    assert "PB5008" in codes


def test_only_the_chosen_strategies_are_compiled(project: Path) -> None:
    bad = (BASE / "strategies.d/cross.yaml").read_text().replace("name: cross", "name: bad")
    (project / "strategies.d/bad.yaml").write_text(bad.replace("sma(close", "sma(clsoe"))
    assert list(check_project(project, names=["cross"]).compiled) == ["cross"]
    with pytest.raises(UserError):
        check_project(project, names=["bad"])
    with pytest.raises(UserError, match="PB3005"):
        check_project(project, names=["nobody"])


def test_plugins_are_loaded_only_when_a_strategy_asks(project: Path) -> None:
    asked: list[Project] = []

    def load(loaded: Project) -> Plugins:
        asked.append(loaded)
        return Plugins.of({})

    check_project(project, plugins=load)
    assert asked == []
    _strategy(project, "close, fast)", "pandas_ta.rsi(14), fast)")
    with pytest.raises(UserError):
        check_project(project, plugins=load)
    assert len(asked) == 1


def test_an_exchange_that_is_not_installed_is_a_warning(project: Path) -> None:
    found = exchange_problems(load_project(project), Plugins.of({}))
    assert [(d.code, d.severity) for d in found] == [("PB5008", Severity.WARNING)]
    assert found[0].span is not None
    assert (found[0].span.line, found[0].source) == (2, "exchange: {plugin: sandbox, seed: 7}")


def test_a_wrong_option_of_an_exchange_is_an_error(project: Path) -> None:
    text = "exchange: {plugin: replay, path: candles, timeframe: 1h, sped: max}\n"
    (project / "paperbot.yaml").write_text(text)
    found = exchange_problems(load_project(project), Plugins.load(points=[], environ={}))
    assert [d.severity for d in found] == [Severity.ERROR]
    assert found[0].source == text.rstrip()
