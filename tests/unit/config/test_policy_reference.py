from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from paperbot_core.config.policy import RULE_KEYS, PolicyFile
from paperbot_core.config.reading import read_model
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.words import Rule

TEXT = (Path(__file__).resolve().parents[3] / "docs/policy-reference.md").read_text("utf-8")


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, info in model.model_fields.items():
        # A section that may be left out is `Section | None`.
        inner = [
            part
            for part in (info.annotation, *get_args(info.annotation))
            if isinstance(part, type) and issubclass(part, BaseModel)
        ]
        found += _keys(inner[0], f"{prefix}{name}.") if inner else [prefix + name]
    return found


def test_every_key_has_a_row_and_every_row_a_key() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|", TEXT, re.MULTILINE)
    assert sorted(rows) == sorted(_keys(PolicyFile))


def test_every_rule_is_described() -> None:
    missing = [rule.name for rule in Rule if rule.name != "NONE" and f"`{rule.name}`" not in TEXT]
    assert missing == []


def test_rows_name_the_rule_that_the_engine_names() -> None:
    for rule, path in RULE_KEYS.items():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{'.'.join(path)}"))
        assert f"`{rule.name}`" in row


def test_the_example_is_a_policy() -> None:
    example = TEXT.split("```yaml\n")[1].split("```")[0]
    _policy, diagnostics = read_model(PolicyFile, parse_yaml(example, "policy.yaml"))
    assert diagnostics == []
