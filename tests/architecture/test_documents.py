"""The documents cannot drift: links, commands, make targets and decisions are checked."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from paperbot_core import __version__
from paperbot_core.cli import cli

#: What the top level may hold; anything else needs a decision in docs/adr.
TOP_LEVEL = {
    ".ci", ".dockerignore", ".github", ".gitignore", "CHANGELOG.md", "Dockerfile", "LICENSE",
    "Makefile", "README.md", "bench", "deploy", "docs", "paperbot.yaml", "paperbot_core", "plugins",
    "policy.yaml", "pyproject.toml", "strategies.d", "tests", "universe.yaml",
}
#: Made by tools and left out of the repository (.gitignore says the same).
MADE = {
    ".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".coverage",
    ".import_linter_cache", ".env", "__pycache__", "build", "data", "dist", "mutants", "state",
}
ADR_PARTS = ("Date:", "Status:", "## Context", "## Decision", "## Consequences")
TEXT = {".md", ".py", ".toml", ".yaml", ".yml", ".json", ".txt", ".sh", ""}

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
_MACHINE_PATH = re.compile(r"(?<![\w./~$}<-])/(?:work|home|Users|root)/[\w.-]+")


def _documents(root: Path) -> list[Path]:
    return [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").rglob("*.md"))]


def _shell_lines(root: Path) -> list[tuple[str, str]]:
    """Return (file, line) of each command in a fenced block of shell, continuations joined."""
    found = []
    for path in _documents(root):
        for language, block in _FENCE.findall(path.read_text("utf-8")):
            if language in {"sh", "bash", "console", "shell"}:
                joined = block.replace("\\\n", " ")
                lines = (line.strip().removeprefix("$ ") for line in joined.splitlines())
                found += [(path.name, line) for line in lines if line and not line.startswith("#")]
    return found


def test_the_top_level_is_what_was_agreed(root: Path) -> None:
    there = {path.name for path in root.iterdir()} - TOP_LEVEL - MADE
    # Environments of a second Python, and what an editable install leaves behind.
    assert sorted(name for name in there if not re.search(r"^\.venv|\.egg-info$", name)) == []


def test_links_lead_somewhere(root: Path) -> None:
    broken = []
    for path in _documents(root):
        prose = _FENCE.sub("", path.read_text("utf-8"))
        for target in _LINK.findall(prose):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (path.parent / name) if name else path
            if not file.exists() or (anchor and anchor not in _anchors(file)):
                broken.append(f"{path.relative_to(root)}: {target}")
    assert broken == []


def _anchors(path: Path) -> set[str]:
    """Return the anchors a Markdown viewer makes of the headings."""
    headings = _HEADING.findall(_FENCE.sub("", path.read_text("utf-8")))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_commands_in_documents_exist(root: Path) -> None:
    wrong = [
        f"{file}: {line}: {problem}"
        for file, line in _shell_lines(root)
        if line.startswith("paperbot ") and (problem := _problem_of(line))
    ]
    assert wrong == []


def _problem_of(line: str) -> str:
    """Return what is wrong with the command line, by its names and options; nothing is run."""
    words = shlex.split(line, comments=True)[1:]
    for stop in ("|", ">", ">>", "&&", ";", "&"):
        words = words[: words.index(stop)] if stop in words else words
    command: click.Command = cli
    options = _options(cli)
    for word in words:
        if word.startswith("-") and not re.fullmatch(r"-\d+.*", word):
            if word.split("=")[0] not in options:
                return f"no option {word}"
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None and command is not cli:
                return f"no command {word}"
            if found is not None:
                command = found
                options |= _options(found)
    return "" if command is not cli or {"--help", "--version"} & set(words) else "no command"


def _options(command: click.Command) -> set[str]:
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return known | {"--help", "-h"}


def test_make_targets_in_documents_exist(root: Path) -> None:
    makefile = (root / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    asked = {
        (file, word)
        for file, line in _shell_lines(root)
        if line.startswith("make ")
        for word in shlex.split(line, comments=True)[1:]
        if "=" not in word
    }
    assert sorted((file, word) for file, word in asked if word not in targets) == []


def test_the_readme_opens_with_two_commands(root: Path) -> None:
    lines = [line for file, line in _shell_lines(root) if file == "README.md"]
    commands = [line.split("#")[0].strip() for line in lines]
    assert {"make demo", "make test"} <= set(commands[:4])


def test_the_changelog_knows_this_version(root: Path) -> None:
    assert f"## {__version__}" in (root / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("part", ADR_PARTS)
def test_decisions_have_every_part(root: Path, part: str) -> None:
    records = sorted((root / "docs/adr").glob("[0-9]*.md"))
    assert [path.name for path in records if part not in path.read_text("utf-8")] == []


def test_decisions_are_numbered_without_gaps(root: Path) -> None:
    numbers = [int(path.name[:4]) for path in sorted((root / "docs/adr").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_no_file_names_a_place_on_one_machine(root: Path) -> None:
    found = []
    for top in sorted(TOP_LEVEL):
        start = root / top
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            inside = path.relative_to(root).parts
            if not path.is_file() or path.suffix not in TEXT:
                continue
            if set(inside) & {*MADE, "out", "peers"}:
                continue
            text = path.read_bytes().decode("utf-8", "replace")
            found += [f"{'/'.join(inside)}: {hit}" for hit in _MACHINE_PATH.findall(text)]
    assert found == []
