"""`paperbot explain`: the page behind a diagnostic code."""

from __future__ import annotations

import shutil
import textwrap

import click

from paperbot_core.cli.app import emit_json, json_option

_WIDTH_MIN, _WIDTH_MAX = 40, 100


@click.command()
@click.argument("code", required=False)
@json_option
def explain(code: str | None, as_json: bool) -> None:
    """Say what diagnostic CODE means and how to fix it; without CODE, list all codes."""
    from paperbot_core.diagnostics import did_you_mean, user_error
    from paperbot_core.diagnostics.codes import CODES

    if code is None:
        rows = [{"code": one.id, "title": one.title} for _id, one in sorted(CODES.items())]
        if as_json:
            emit_json(rows)
        else:
            click.echo("\n".join(f"{row['code']}  {row['title']}" for row in rows))
        return
    entry = CODES.get(code.upper())
    if entry is None:
        raise user_error(
            "PB1021", f"no diagnostic `{code}`", help=did_you_mean(code.upper(), CODES)
        )
    if as_json:
        emit_json({field: getattr(entry, field) for field in entry.__slots__})
        return
    example = "\n".join(f"    {line}" for line in entry.example.splitlines())
    parts = [f"{entry.id}: {entry.title}", _wrapped(entry.what), _wrapped(f"Why: {entry.why}")]
    click.echo("\n\n".join([*parts, f"Example:\n\n{example}", _wrapped(f"Fix: {entry.fix}")]))


def _wrapped(text: str) -> str:
    """Return a paragraph as wide as the terminal; commands in it are not torn at hyphens."""
    width = max(_WIDTH_MIN, min(shutil.get_terminal_size().columns, _WIDTH_MAX))
    lines = (
        textwrap.fill(line, width, break_on_hyphens=False, break_long_words=False)
        for line in text.splitlines()
    )
    return "\n".join(lines)
