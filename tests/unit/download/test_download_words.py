"""What users write for a download, and what they get back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paperbot_core.api import Component, HistoryPage, StrictModel, hookimpl
from paperbot_core.cli import cli
from paperbot_core.cli.data_download import parse_options
from paperbot_core.diagnostics import UserError
from paperbot_core.testing.builders import a_plugin, plugins_of, random_candles

BARS = random_candles(50, seed=2)
SEEN: list[Options] = []


class Options(StrictModel):
    cache_dir: str
    refresh: bool = False
    rows: int = 50
    name: str = ""


class Source:
    def __init__(self, options: Options) -> None:
        self.bars = BARS.slice(0, options.rows)

    async def symbols(self) -> list[str]:
        return ["BTC/USDT"]

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        first = int(self.bars.ts.searchsorted(since))
        return HistoryPage(self.bars.slice(first, len(self.bars)), None, ("a note",))


def build(options: Options) -> Source:
    SEEN.append(options)
    return Source(options)


@hookimpl
def register_data_sources() -> list[Component[Any]]:
    return [Component("my_source", Options, build, "bars of a test")]


@pytest.fixture(autouse=True)
def _plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    SEEN.clear()
    plugin = a_plugin(register_data_sources=register_data_sources)
    monkeypatch.setattr("paperbot_core.plugins.Plugins.load", lambda: plugins_of({"p": plugin}))


def download(folder: Path, *more: str) -> Result:
    words = ["--project", str(folder), "data", "download", "my-source", "--symbol", "BTC/USDT",
             "--timeframe", "1h", "--out", str(folder / "out")]  # fmt: skip
    return CliRunner().invoke(cli, [*words, *more])


def test_options_come_from_the_project_then_from_the_command_line(tmp_path: Path) -> None:
    text = "data: {sources: {my_source: {rows: 9, name: x}}}\n"
    (tmp_path / "paperbot.yaml").write_text(text)
    result = download(tmp_path, "--json", "--option", "rows=7", "--force")
    assert result.exit_code == 0, result.output
    cache = str(tmp_path / "out" / ".cache" / "my_source")
    (seen,) = SEEN
    assert seen == Options(cache_dir=cache, refresh=True, rows=7, name="x")


def test_the_answer_as_json(tmp_path: Path) -> None:
    found = json.loads(download(tmp_path, "--json").stdout)
    assert list(found) == [
        "source", "symbol", "timeframe", "file", "rows", "added", "first", "last", "gaps",
        "missing", "pages", "retries", "events", "notes",
    ]  # fmt: skip
    assert found["file"] == str(tmp_path / "out" / "BTC-USDT_1h.parquet")
    assert (found["rows"], found["first"], found["last"]) == (50, BARS.ts[0], BARS.ts[-1])
    assert found["notes"][0] == "a note"


def test_the_answer_as_text(tmp_path: Path) -> None:
    result = download(tmp_path, "--until", "2024-01-02")
    assert result.stdout.endswith(
        "BTC-USDT_1h.parquet: 24 bars from 2024-01-01T00:00:00Z to 2024-01-01T23:00:00Z, 24 new\n"
    )
    assert "note: a note" in result.stderr


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--option", "rows"], "PB6206"),
        (["--option", "row=5"], "PB5009"),
        (["--option", "rows=many"], "PB5009"),
        (["--since", "soon"], "PB6016"),
        (["--timeframe", "1y"], "PB6002"),
        (["--since", "2020-01-02", "--until", "2020-01-01"], "PB6205"),
        (["--since", "2025-01-01"], "PB6201"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, more: list[str], code: str) -> None:
    result = download(tmp_path, *more)
    assert result.exit_code == 1
    assert f"error[{code}]" in result.output


def test_words_without_a_name_are_no_options() -> None:
    assert parse_options(["a=1", "b = x=y", "c="]) == {"a": "1", "b": " x=y", "c": ""}
    for word in ("=5", "x", ""):
        with pytest.raises(UserError, match="PB6206"):
            parse_options([word])
