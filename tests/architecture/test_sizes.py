"""Nothing is too long to read, and nothing is left half done."""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from pathlib import Path

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70

#: Folders whose Python we wrote and ship.
CODE = ("paperbot_core", "plugins", "tests", "bench")


#: Folders made by tools: other people's code, and thousands of files of it.
MADE = {"build", "out", "peers", ".venv", "__pycache__", "node_modules"}


def _python_files(root: Path, folders: tuple[str, ...] = CODE) -> list[Path]:
    found = []
    for top in folders:
        for folder, inside, names in os.walk(root / top):
            inside[:] = sorted(set(inside) - MADE)
            found += [Path(folder) / name for name in sorted(names) if name.endswith(".py")]
    return found


def test_files_are_short(root: Path) -> None:
    long = {
        str(path.relative_to(root)): lines
        for path in _python_files(root)
        if (lines := len(path.read_text("utf-8").splitlines())) > MAX_FILE_LINES
    }
    assert long == {}


def test_functions_are_short(root: Path) -> None:
    long = {
        f"{path.relative_to(root)}:{node.lineno} {node.name}": lines
        for path in _python_files(root)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert long == {}


def test_every_module_says_what_it_is(root: Path) -> None:
    silent = [
        str(path.relative_to(root))
        for path in _python_files(root, ("paperbot_core", "plugins", "bench"))
        if (tree := ast.parse(path.read_text("utf-8"))).body
        and ast.get_docstring(tree) is None
    ]
    assert silent == []


def test_nothing_is_left_to_do(root: Path) -> None:
    # Comments only: a test may well feed the word to a parser.
    pattern = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = []
    for path in _python_files(root):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
            if token.type == tokenize.COMMENT and pattern.search(token.string):
                found.append(f"{path.relative_to(root)}:{token.start[0]}")
    assert found == []


def test_module_names_say_what_they_hold(root: Path) -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert [
        str(path.relative_to(root))
        for path in sorted((root / "paperbot_core").rglob("*.py"))
        if path.stem in vague
    ] == []
