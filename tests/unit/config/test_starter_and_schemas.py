from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.config.project import load_project
from paperbot_core.config.schemas import SCHEMAS, json_schema
from paperbot_core.config.starter import starter_files, write_project
from paperbot_core.diagnostics import UserError

ROOT = Path(__file__).resolve().parents[3]


def test_a_new_project_is_without_fault(tmp_path: Path) -> None:
    written = write_project(tmp_path / "new" / "project")
    assert all(path.is_file() for path in written)
    project = load_project(tmp_path / "new" / "project")
    assert project.warnings == ()
    assert [one.name for one in project.enabled] == ["donchian_atr", "sma_cross"]


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("mine")
    with pytest.raises(UserError, match="PB1015"):
        write_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["policy.yaml"]
    assert (tmp_path / "policy.yaml").read_text() == "mine"


def test_init_keeps_a_gitignore(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine")
    write_project(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_init_leaves_nothing_behind_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "strategies.d").write_text("a file where a directory must be")
    with pytest.raises(UserError, match="PB1016"):
        write_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["strategies.d"]


def _body(text: str) -> list[str]:
    """Leave out what differs on purpose: comments of the head, and which strategies run."""
    return [line for line in text.splitlines() if not line.startswith(("#", "strategies: "))]


@pytest.mark.parametrize("name", [n for n in starter_files() if n.endswith(".yaml")])
def test_the_starter_is_the_shipped_project(name: str) -> None:
    assert _body(starter_files()[name]) == _body((ROOT / name).read_text("utf-8"))


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_the_schemas_in_docs_are_current(kind: str) -> None:
    # To renew: paperbot schema KIND > docs/schema/KIND.json
    committed = json.loads((ROOT / f"docs/schema/{kind}.json").read_text("utf-8"))
    assert committed == json_schema(kind)


def _undescribed(schema: Any, path: str) -> list[str]:
    found: list[str] = []
    for name, value in schema.get("properties", {}).items():
        if not (value.get("description") or "$ref" in value):
            found.append(f"{path}.{name}")
    for name, value in schema.get("$defs", {}).items():
        found += _undescribed(value, f"{path}.{name}")
    return found


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_every_key_is_described(kind: str) -> None:
    assert _undescribed(json_schema(kind), kind) == []


@pytest.mark.parametrize(
    "path",
    ["paperbot.yaml", "policy.yaml", "universe.yaml", *(ROOT / "strategies.d").glob("*.yaml")],
)
def test_shipped_files_name_their_schema(path: str) -> None:
    file = ROOT / path
    first = file.read_text("utf-8").splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix)
    assert (file.parent / first.removeprefix(prefix)).resolve().is_file()
