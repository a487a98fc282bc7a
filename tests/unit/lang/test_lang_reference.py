"""docs/strategy-language.md says what the code does: tables, keys, examples."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paperbot_core.config.strategy import (
    Add,
    EntryRule,
    ExitRule,
    Protect,
    Rung,
    Size,
    StrategyFile,
    Trail,
)
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.market import HOUR_MS
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.graph import Graph
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.reference import with_tables
from paperbot_core.lang.scope import Scope
from paperbot_core.lang.strategy import compile_strategy

if TYPE_CHECKING:
    from pydantic import BaseModel

PAGE = Path(__file__).parents[3] / "docs" / "strategy-language.md"
TEXT = PAGE.read_text("utf-8")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for kind, body in _FENCE.findall(TEXT) if kind == language]


def test_the_tables_are_current() -> None:
    current = with_tables(TEXT)
    if os.environ.get("PAPERBOT_UPDATE_DOCS"):
        PAGE.write_text(current, "utf-8")
    assert current == TEXT, "run this test with PAPERBOT_UPDATE_DOCS=1 to renew the tables"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_in_the_table(name: str) -> None:
    assert f"| `{name}(" in with_tables(TEXT)


@pytest.mark.parametrize(
    "model", [StrategyFile, EntryRule, ExitRule, Size, Protect, Trail, Rung, Add]
)
def test_every_key_is_documented(model: type[BaseModel]) -> None:
    names = [field.alias or name for name, field in model.model_fields.items()]
    assert [name for name in names if not re.search(rf"`([\w.]+\.)?{name}\b", TEXT)] == []


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_strategies_compile(text: str) -> None:
    document = parse_yaml(text, "docs")
    compiled = compile_strategy(StrategyFile.model_validate(document.data), places=document.places)
    assert compiled.warnings == ()


@pytest.mark.parametrize("line", "".join(blocks("expressions")).splitlines())
def test_the_examples_are_conditions(line: str) -> None:
    lowering = Lowering(Scope(HOUR_MS, FUNCTIONS), Graph())
    text = line.split("#", maxsplit=1)[0].strip()
    found = lowering.expression(("x",), text)
    assert found is not None, list(lowering.problems)
    assert found.root.kind == "condition"
