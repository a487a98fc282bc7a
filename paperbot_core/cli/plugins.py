"""`paperbot plugins`: what is plugged in, from which package and version, and what failed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import emit_json, json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paperbot_core.plugins import PluginRow

_COLUMNS = ("kind", "name", "distribution", "version", "state")


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """List components by kind, with distribution, version and state.

    A plugin that fails is listed with the reason; `plugins: {required: [...]}` in paperbot.yaml
    makes it fatal for a session. PAPERBOT_PLUGINS=a,b loads only these; empty loads none.
    """
    from paperbot_core.plugins import Plugins

    rows = Plugins.load().rows()
    if as_json:
        emit_json([asdict(row) for row in rows])
    else:
        click.echo(_table(rows))


def _table(rows: Sequence[PluginRow]) -> str:
    if not rows:
        return "no plugins are installed"
    cells = [_COLUMNS, *(tuple(getattr(row, name) for name in _COLUMNS) for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(_COLUMNS))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    for row, at in zip(reversed(rows), range(len(rows), 0, -1), strict=True):
        if row.error:
            lines.insert(at + 1, f"  {row.error}")
    return "\n".join(lines)
