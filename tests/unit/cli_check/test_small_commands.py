from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paperbot_core.cli import cli
from paperbot_core.diagnostics.codes import CODES


def _run(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_can_be_explained(code: str) -> None:
    result = _run("explain", code)
    assert result.exit_code == 0
    assert result.output.startswith(f"{code}: ")
    assert "Fix: " in result.output


def test_explain_suggests_lists_and_speaks_json() -> None:
    wrong = _run("explain", "PB2OO1")
    assert wrong.exit_code == 1
    assert "PB1021" in wrong.stderr
    assert "did you mean" in wrong.stderr
    assert len(_run("explain").output.splitlines()) == len(CODES)
    assert json.loads(_run("explain", "pb2001", "--json").output)["id"] == "PB2001"
    assert {"code": "PB2001", "title": "an unknown key"} in json.loads(
        _run("explain", "--json").output
    )


@pytest.mark.parametrize("kind", ["strategy", "policy", "universe", "config"])
def test_schema_prints_a_json_schema(kind: str) -> None:
    schema = json.loads(_run("schema", kind).output)
    assert schema["type"] == "object"
    assert "2020-12" in schema["$schema"]


def test_schema_of_something_else_is_a_bad_value() -> None:
    assert _run("schema", "stratgy").exit_code == 1
    assert _run("schema").exit_code == 2


def test_init_writes_a_project_once(tmp_path: Path) -> None:
    result = _run("init", str(tmp_path / "mine"))
    assert result.exit_code == 0
    assert "paperbot check" in result.output
    assert _run("init", str(tmp_path / "mine")).exit_code == 1
    told = json.loads(_run("init", str(tmp_path / "other"), "--json").output)
    assert str(tmp_path / "other" / "policy.yaml") in told["files"]
