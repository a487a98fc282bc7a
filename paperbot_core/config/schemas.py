"""JSON Schemas of the four kinds of files, made from the models that judge them."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from paperbot_core.config.base import StrictModel
from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.settings import Settings
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.universe import UniverseFile

SCHEMAS: dict[str, type[StrictModel]] = {
    "strategy": StrategyFile,
    "policy": PolicyFile,
    "universe": UniverseFile,
    "config": Settings,
}

#: A single rule may stand where the model holds a list of one, a bare condition for a rule.
_RULE_LISTS = frozenset({"EntryRule", "ExitRule"})


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of `strategy`, `policy`, `universe` or `config`."""
    schema = SCHEMAS[kind].model_json_schema(by_alias=True, mode="validation")
    return {"$schema": GenerateJsonSchema.schema_dialect, **_widen(schema)}


def _widen(schema: Any) -> Any:
    """Tell editors the shorter forms that the models accept before validation."""
    if isinstance(schema, list):
        return [_widen(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    widened = {key: _widen(value) for key, value in schema.items()}
    reference = schema.get("items", {}).get("$ref", "") if schema.get("type") == "array" else ""
    if reference.rpartition("/")[2] in _RULE_LISTS:
        return {"anyOf": [{"$ref": reference}, {"type": "string"}, widened]}
    return widened
