"""`paperbot schema`: what an editor needs to complete and check the YAML files."""

from __future__ import annotations

import click

from paperbot_core.cli.app import emit_json, json_option


@click.command()
@click.argument("kind", type=click.Choice(["strategy", "policy", "universe", "config"]))
@json_option
def schema(kind: str, as_json: bool) -> None:
    """Print the JSON Schema of strategy, policy, universe or config (paperbot.yaml) files."""
    from paperbot_core.config.schemas import json_schema

    emit_json(json_schema(kind))
