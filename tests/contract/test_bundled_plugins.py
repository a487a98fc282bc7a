"""What every bundled plugin has in common: a distribution of its own that explains itself."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from paperbot_core.plugins import Plugins

DISTRIBUTIONS = sorted(Path(__file__).resolve().parents[2].glob("plugins/*/pyproject.toml"))


def project(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(path.read_text())["project"]
    return found


#: Those with components; the others bring commands only.
PLUGINS = [path for path in DISTRIBUTIONS if "paperbot" in project(path)["entry-points"]]


def module_of(path: Path) -> ModuleType:
    ((_, name),) = project(path)["entry-points"]["paperbot"].items()
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is not installed: `make install`"
    return importlib.import_module(name)


@pytest.fixture(params=PLUGINS, ids=lambda path: str(path.parent.name))
def pyproject(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.mark.parametrize("pyproject", DISTRIBUTIONS, ids=lambda path: str(path.parent.name))
def test_it_is_a_distribution_with_licence_readme_and_tests(pyproject: Path) -> None:
    made = project(pyproject)
    assert {"paperbot", "paperbot.commands"} & set(made["entry-points"])
    assert made["name"] == pyproject.parent.name
    assert made["license"] == {"text": "Apache-2.0"}
    assert made["dependencies"][0] == "paperbot-core"
    assert made["requires-python"] == ">=3.11"
    readme = (pyproject.parent / "README.md").read_text()
    assert readme.startswith(f"# {made['name']}\n")
    assert list((pyproject.parent / "tests").glob("test_*.py"))


def test_it_loads_and_every_component_has_a_summary(pyproject: Path) -> None:
    plugins = Plugins.of({project(pyproject)["name"]: module_of(pyproject)})
    assert plugins.problems() == []
    rows = plugins.rows()
    assert rows
    for row in rows:
        assert row.state == "loaded"
        assert plugins.component(row.kind, row.name).summary.strip()


def test_its_options_are_described(pyproject: Path) -> None:
    plugins = Plugins.of({project(pyproject)["name"]: module_of(pyproject)})
    undescribed = [
        f"{row.name}.{name}"
        for row in plugins.rows()
        for name, field in plugins.component(row.kind, row.name).config.model_fields.items()
        if not field.description
    ]
    assert undescribed == []


def test_no_two_bundled_plugins_clash() -> None:
    plugins = Plugins.of({project(path)["name"]: module_of(path) for path in PLUGINS})
    assert plugins.problems() == []


def test_listing_them_all_imports_nothing_heavy() -> None:
    names = [module_of(path).__name__ for path in PLUGINS]
    code = (
        f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\n"
        "print(sorted({'numba', 'pandas', 'pyarrow', 'slack_sdk', 'ccxt'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
