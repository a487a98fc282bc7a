"""What every command shares: the project directory, `--json`, JSON output, the lazy root group.

A command module holds one click command or group named as its file and uses from here:

* `@pass_project_dir`: the first argument becomes the directory of `--project` (a Path as typed);
* `@json_option`: the keyword `as_json`; errors are then JSON on standard output as well;
* `emit_json(obj)`: print one JSON document, NaN and infinity as null, keys in the order given.

A command raises a PaperbotError for anything the user must know; the boundary (`PaperbotGroup`)
renders it and chooses the exit code. A command may end with `ctx.exit(code)`.
"""

from __future__ import annotations

import errno
import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import click

from paperbot_core.diagnostics import Diagnostic, PaperbotError, PluginError

P = ParamSpec("P")
R = TypeVar("R")

COMMANDS_GROUP = "paperbot.commands"
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


@dataclass
class AppState:
    """The options given before the command, and whether answers are to be JSON."""

    project: Path = Path()
    as_json: bool = False


def _state(ctx: click.Context) -> AppState:
    return ctx.find_root().ensure_object(AppState)


def pass_project_dir(command: Callable[Concatenate[Path, P], R]) -> Callable[P, R]:
    """Give the command the project directory (`--project`, default `.`) as its first argument."""

    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return command(_state(click.get_current_context()).project, *args, **kwargs)

    return update_wrapper(wrapper, command)


def _note_json(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    if value:
        _state(ctx).as_json = True
    return value


#: Decorator: adds `--json`, passed to the command as `as_json: bool`.
json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,
    callback=_note_json,
    help="Print one JSON document instead of text.",
)


def to_jsonable(value: object) -> Any:
    """Return `value` as JSON knows it: NaN and infinity are None, Decimal and Path are text.

    Understands mappings, sequences, numpy, dates and enums (text by value, others by lower-case
    name). Dataclasses are refused on purpose: a command says which keys it prints.

    Raises:
        TypeError: a value of another type.
    """
    if value is None or (isinstance(value, bool | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name.lower()
    if isinstance(value, Mapping):
        return {str(to_jsonable(key)): to_jsonable(item) for key, item in value.items()}
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without importing numpy
        return to_jsonable(value.tolist())
    if isinstance(value, Sequence | set | frozenset):
        return [to_jsonable(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def emit_json(obj: object) -> None:
    """Print `obj` as one indented JSON document on standard output."""
    click.echo(json.dumps(to_jsonable(obj), indent=2, ensure_ascii=False, allow_nan=False))


@dataclass(frozen=True)
class CommandEntry:
    """Where a command lives and its line in `paperbot --help`, so that help imports nothing."""

    target: str
    help: str


class PaperbotGroup(click.Group):
    """A group whose commands are imported when called, and the one place where errors end.

    `table` maps command names to their places; names that are not in it are looked up in the entry
    points of group `paperbot.commands`, so that a plugin's command needs no work at import.
    """

    def __init__(self, *args: Any, table: Mapping[str, CommandEntry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = dict(table)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return our commands in the order of the table, then those of plugins by name."""
        return [*self.table, *sorted(set(_plugin_commands()) - set(self.table))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command `cmd_name`, or return None if there is none."""
        if entry := self.table.get(cmd_name):
            module, _, attribute = entry.target.partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        target = _plugin_commands().get(cmd_name)
        return None if target is None else _import_plugin_command(cmd_name, target)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in the help page, importing none of them."""
        rows = [(name, entry.help) for name, entry in self.table.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        if extra := sorted(set(_plugin_commands()) - set(self.table)):
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, f"from {_plugin_commands()[name]}") for name in extra])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; in standalone mode (always, but for tests) end the process."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        state = extra.setdefault("obj", AppState())
        if sys.stdout is None:  # started with standard output closed: nobody wants to read it
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
        try:
            outcome = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except Exception as error:  # noqa: BLE001 - the boundary: every error ends here, none is lost
            _end(error, state)
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        try:
            sys.stdout.flush()
        except OSError as error:
            _end(error, state)
        sys.exit(outcome if isinstance(outcome, int) else 0)


def _plugin_commands() -> dict[str, str]:
    """Return name -> `module:attribute` of the commands that installed plugins announce."""
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=COMMANDS_GROUP)}


def _import_plugin_command(name: str, target: str) -> click.Command:
    """Import a command that is not ours; whatever goes wrong there is named, and is no bug of ours.

    Raises:
        PluginError: PB1022.
    """
    module, _, attribute = target.partition(":")
    try:
        command = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise PluginError(Diagnostic("PB1022", f"command `{name}` of `{target}`: {why}")) from error
    if not isinstance(command, click.Command):
        why = f"`{target}` is a {type(command).__name__}, not a click command"
        raise PluginError(Diagnostic("PB1022", f"command `{name}`: {why}"))
    return command


def _end(error: Exception, state: AppState) -> NoReturn:
    """Tell the user about `error` in the way they asked for, and leave with its exit code."""
    if isinstance(error, PaperbotError):
        _show(error.diagnostics, state)
        sys.exit(error.exit_code)
    if isinstance(error, click.exceptions.Abort):
        click.echo("aborted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    if isinstance(error, click.ClickException):
        sys.exit(_end_usage(error, state))
    if isinstance(error, BrokenPipeError) or _is_full(error):
        # The reader (such as `head`) has gone, or the disk behind standard output is full: keep
        # the interpreter from flushing into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, OSError) and _is_full(error):
            what = f"the answer cannot be written: {error.strerror}"
            _show((Diagnostic("PB1023", what, help="make room on the disk and try again"),), state)
        sys.exit(EXIT_FINDINGS)
    _show_bug(error)
    sys.exit(EXIT_BUG)


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def _end_usage(error: click.ClickException, state: AppState) -> int:
    bad_value = isinstance(error, click.BadParameter) and not isinstance(
        error, click.MissingParameter
    )
    if bad_value and state.as_json:
        _show((Diagnostic("PB1020", error.format_message().rstrip(".")),), state)
    else:
        error.show()
    return EXIT_FINDINGS if bad_value else error.exit_code


def _show(diagnostics: Sequence[Diagnostic], state: AppState) -> None:
    from paperbot_core.diagnostics.render import as_json_rows, render_full

    if state.as_json:
        emit_json({"diagnostics": as_json_rows(diagnostics)})
    else:
        click.echo(render_full(diagnostics), err=True)


def _show_bug(error: Exception) -> None:
    import traceback

    click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    click.echo(
        "error[PB9001]: paperbot itself failed; this is a bug, please report it with the "
        "lines above\n"
        "  = more: paperbot explain PB9001",
        err=True,
    )
