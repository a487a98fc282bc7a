"""Who may import whom: the layers of the core, and the one door for plugins."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

#: What a plugin, bundled or not, may import of the core; the kit is for its tests.
PLUGIN_DOORS = ("paperbot_core.api", "paperbot_core.testing")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            # `from paperbot_core import kernel` imports paperbot_core.kernel.
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_layers_hold(root: Path) -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=root, capture_output=True, text=True, check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_plugins_come_in_by_the_front_door_only(root: Path) -> None:
    offences = [
        f"{path.relative_to(root)}: {name}"
        for path in sorted((root / "plugins").rglob("*.py"))
        if "build" not in path.relative_to(root).parts
        for name in sorted(_imports(path))
        if name.split(".")[0] == "paperbot_core"
        and not any(name == door or name.startswith(f"{door}.") for door in PLUGIN_DOORS)
    ]
    assert offences == []


def test_the_core_imports_no_plugin(root: Path) -> None:
    plugins = {
        name
        for folder in (root / "plugins").glob("*/")
        for name in (
            *(package.parent.name for package in folder.glob("*/__init__.py")),
            *(package.parent.name for package in folder.glob("src/*/__init__.py")),
            *(module.stem for module in folder.glob("*.py")),
        )
    }
    offences = [
        f"{path.relative_to(root)}: {name}"
        for path in sorted((root / "paperbot_core").rglob("*.py"))
        for name in sorted(_imports(path))
        if name.split(".")[0] in plugins
    ]
    assert offences == []


@pytest.mark.parametrize("heavy", ["numba", "pandas", "pyarrow", "slack_sdk", "sqlite_utils"])
def test_heavy_libraries_are_imported_inside_functions(root: Path, heavy: str) -> None:
    offences = []
    for path in sorted((root / "paperbot_core").rglob("*.py")):
        for node in _top_level(ast.parse(path.read_text("utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            if any(name.split(".")[0] == heavy for name in names):
                offences.append(f"{path.relative_to(root)}:{node.lineno}")
    assert offences == []


def _top_level(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Return the imports that run when the module does; those for type checkers do not."""
    return [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
