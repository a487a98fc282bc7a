"""Every command can be asked what it does, and asking is quick."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from paperbot_core.cli import cli

#: What `paperbot --help` may cost, in seconds of CPU (user and system).
HELP_CPU_LIMIT = 0.200
#: A loaded machine also makes CPU time longer (shared caches, hyper-threads).
MARGIN = 2.0
REPEATS = 5


def _commands() -> list[tuple[str, click.Command]]:
    """Return every command of the core with its path, subcommands of groups included."""
    found: list[tuple[str, click.Command]] = []

    def visit(path: str, group: click.Group) -> None:
        ctx = click.Context(group)
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            assert command is not None, f"{path} {name} is listed but does not exist"
            found.append((f"{path} {name}", command))
            if isinstance(command, click.Group):
                visit(f"{path} {name}", command)

    visit("paperbot", cli)
    return found


def test_every_command_has_help() -> None:
    assert [path for path, command in _commands() if not (command.help or "").strip()] == []


def test_every_option_has_help() -> None:
    silent = [
        f"{path} {option.opts[0]}"
        for path, command in _commands()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


def test_every_command_shows_its_help() -> None:
    for path, command in _commands():
        context = click.Context(command, info_name=path)
        assert path in command.get_help(context)


def _cpu_seconds(arguments: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def test_help_is_quick() -> None:
    arguments = [sys.executable, "-m", "paperbot_core", "--help"]
    best = min(_cpu_seconds(arguments) for _ in range(REPEATS))
    assert best < HELP_CPU_LIMIT * MARGIN


@pytest.mark.parametrize(
    "heavy", ["numpy", "numba", "pandas", "pyarrow", "pydantic", "sqlite_utils", "asyncio"]
)
def test_help_imports_nothing_heavy(heavy: str, root: Path) -> None:
    code = (
        "import sys\n"
        "from paperbot_core.cli import cli\n"
        "try:\n"
        "    cli.main(['--help'], standalone_mode=False)\n"
        "finally:\n"
        f"    sys.exit(3 if {heavy!r} in sys.modules else 0)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=False,
    )
    assert run.returncode == 0, f"`paperbot --help` imports {heavy}\n{run.stderr}"
