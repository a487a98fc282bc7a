from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from paperbot_core.config.project import load_project
from paperbot_core.diagnostics import UserError
from paperbot_core.domain.words import Rule

ROOT = Path(__file__).resolve().parents[3]
BASE = ROOT / "tests/golden/base"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "project"))


def _codes(directory: Path) -> list[str]:
    with pytest.raises(UserError) as caught:
        load_project(directory)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def test_the_shipped_project_is_without_fault() -> None:
    project = load_project(ROOT)
    assert project.warnings == ()
    assert project.settings.read_only
    assert project.settings.mode == "DRY_RUN"
    assert [loaded.name for loaded in project.enabled] == [
        "donchian_atr", "mean_reversion", "rsi_momentum",
    ]  # fmt: skip
    assert all(project.symbols_of(name) for name in project.strategies)


def test_a_project_knows_its_files(project: Path) -> None:
    loaded = load_project(project)
    assert set(loaded.texts) == {
        "paperbot.yaml", "policy.yaml", "universe.yaml", "strategies.d/cross.yaml",
    }  # fmt: skip
    assert loaded.state_dir == project / "state"
    assert loaded.policy_place(Rule.MAX_GROSS_PCT) == "policy.yaml:8"
    assert loaded.policy_place(Rule.LOT) == ""
    assert loaded.symbols_of("cross") == ("BTC/USDT", "ETH/USDT")
    assert loaded.instrument("BTC/USDT").cluster == "majors"
    assert loaded.strategy("cross").places.span(("name",)).line == 1


def test_an_unknown_strategy_is_named_with_its_neighbour(project: Path) -> None:
    with pytest.raises(UserError, match="PB3005") as caught:
        load_project(project).strategy("crosss")
    assert caught.value.diagnostics[0].help == "did you mean `cross`?"


def test_no_settings_means_defaults_and_a_warning(project: Path) -> None:
    (project / "paperbot.yaml").unlink()
    loaded = load_project(project)
    assert [warning.code for warning in loaded.warnings] == ["PB1014"]
    assert [one.name for one in loaded.enabled] == ["cross"]


def test_policy_and_universe_can_be_replaced(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "wide.yaml"
    other.write_text((project / "policy.yaml").read_text().replace("50.0", "99.0"))
    assert load_project(project, policy=other).policy.risk.max_gross_pct == 99
    universe = tmp_path / "one.yaml"
    universe.write_text("tiers: {core: {symbols: [XRP/USDT]}}")
    assert load_project(project, universe=universe).symbols_of("cross") == ("XRP/USDT",)


@pytest.mark.parametrize("name", ["policy.yaml", "universe.yaml"])
def test_a_missing_file_is_told(name: str, project: Path) -> None:
    (project / name).unlink()
    assert _codes(project) == ["PB1001"]


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert set(_codes(tmp_path / "nowhere")) == {"PB1001"}
    shutil.rmtree(Path(shutil.copytree(BASE, tmp_path / "p")) / "strategies.d")
    assert _codes(tmp_path / "p") == ["PB1001"]


def test_a_strategy_that_cannot_be_read_is_not_also_missing(project: Path) -> None:
    (project / "strategies.d/cross.yaml").write_text("name: [")
    assert _codes(project) == ["PB1005"]


def test_a_strategy_listed_twice(project: Path) -> None:
    (project / "paperbot.yaml").write_text("strategies: [cross, cross]")
    assert _codes(project) == ["PB3002"]
