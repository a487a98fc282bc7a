from __future__ import annotations

import json
from decimal import Decimal
from enum import IntEnum
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

from paperbot_core.cli import app, cli
from paperbot_core.cli.app import CommandEntry, PaperbotGroup, emit_json, json_option, to_jsonable
from paperbot_core.diagnostics import IntegrityError, RefusedError, user_error
from paperbot_core.diagnostics.diagnostic import Diagnostic


def _group(body: Any) -> PaperbotGroup:
    """Return a root command whose only command `go` runs `body`."""

    @click.command()
    @json_option
    def go(as_json: bool) -> None:
        body()

    class OneCommand(PaperbotGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return go if cmd_name == "go" else None

    return OneCommand("paperbot", table={})


def _raise(error: BaseException) -> Any:
    def body() -> None:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (user_error("PB3005", "no strategy `x`"), 1, "error[PB3005]: no strategy `x`"),
        (RefusedError(Diagnostic("PB4002", "mode")), 3, "PB4002"),
        (IntegrityError(Diagnostic("PB7001", "chain")), 4, "PB7001"),
        (click.UsageError("wrong"), 2, "wrong"),
        (click.MissingParameter("x"), 2, "Missing"),
        (click.BadParameter("not a number"), 1, "not a number"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, "aborted"),
        (ZeroDivisionError("oops"), 70, "PB9001"),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int, told: str) -> None:
    result = CliRunner().invoke(_group(_raise(error)), ["go"])
    assert result.exit_code == code
    assert told in result.stderr
    assert ("Traceback" in result.stderr) == (code == 70)
    assert result.stdout == ""


def test_with_json_errors_are_json_on_standard_output() -> None:
    for error in (user_error("PB3005", "no strategy"), click.BadParameter("not a number")):
        result = CliRunner().invoke(_group(_raise(error)), ["go", "--json"])
        assert result.exit_code == 1
        rows = json.loads(result.stdout)["diagnostics"]
        assert [row["severity"] for row in rows] == ["error"]
        assert result.stderr == ""


def test_a_command_may_choose_its_exit_code() -> None:
    assert (
        CliRunner().invoke(_group(lambda: click.get_current_context().exit(3)), ["go"]).exit_code
        == 3
    )
    assert CliRunner().invoke(_group(lambda: None), ["go"]).exit_code == 0


def test_every_command_in_the_table_names_its_own_module() -> None:
    for name, entry in cli.table.items():
        assert entry.target == f"paperbot_core.cli.{name}:{name}"
        assert entry.help.endswith(".")


def test_a_plugin_command_is_imported_only_when_called(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("dance", "module_that_is_not_there:dance", app.COMMANDS_GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] * bool(group))
    listed = CliRunner().invoke(cli, ["--help"])
    assert listed.exit_code == 0
    assert "dance" in listed.output
    called = CliRunner().invoke(cli, ["dance"])
    assert called.exit_code == 1
    assert "PB1022" in called.stderr


def test_a_broken_plugin_command_is_not_our_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("dance", "json:dumps", app.COMMANDS_GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] * bool(group))
    called = CliRunner().invoke(cli, ["dance"])
    assert (called.exit_code, "PB1022" in called.stderr) == (1, True)


class _Colour(IntEnum):
    RED = 1


def test_json_knows_no_infinity() -> None:
    value = {
        "b": float("nan"),
        "a": [float("inf"), np.float64(1.5), np.int64(2), np.array([1.0, np.nan])],
        _Colour.RED: Decimal("1.10"), "path": Path("x"), "flag": np.bool_(True), "one": _Colour.RED,
    }  # fmt: skip
    assert to_jsonable(value) == {
        "b": None, "a": [None, 1.5, 2, [1.0, None]], "red": "1.10", "path": "x", "flag": True,
        "one": "red",
    }  # fmt: skip
    with pytest.raises(TypeError):
        to_jsonable(object())


def test_json_keeps_the_order_of_keys(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"z": 1, "a": 2})
    assert list(json.loads(capsys.readouterr().out)) == ["z", "a"]


def test_table_entries_say_where_and_what() -> None:
    assert CommandEntry("a:b", "Do.").target == "a:b"
