"""Secrets from `.env`: read into the environment of this process, never shown, never overriding."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

from paperbot_core.diagnostics import Diagnostic, Span, UserError

ENV_NAME = ".env"
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_MAX_BYTES = 65_536


def load_env(project: Path, environ: MutableMapping[str, str] | None = None) -> list[str]:
    """Set the variables of the project's `.env` that are not set already; return their names.

    A line is `NAME=value`, with or without `export` and matching quotes; `#` begins a comment line.
    Nothing is expanded.

    Raises:
        UserError: PB8017 the file cannot be read, or a line is not of this form (it is not shown).
    """
    env = os.environ if environ is None else environ
    path = project / ENV_NAME
    if not path.is_file():
        return []
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise _bad(path, 0, f"`{ENV_NAME}` cannot be read as UTF-8 text") from None
    if len(raw) > _MAX_BYTES:
        raise _bad(path, 0, f"`{ENV_NAME}` is larger than {_MAX_BYTES} bytes")
    found: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None or "\0" in stripped:
            raise _bad(path, number, f"line {number} of `{ENV_NAME}` is not `NAME=value`")
        name, value = match[1], match[2]
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if name not in env:
            env[name] = value
            found.append(name)
    return found


def _bad(path: Path, line: int, message: str) -> UserError:
    return UserError(Diagnostic("PB8017", message, Span(str(path), line, 1 if line else 0),
                                expected="lines such as `SLACK_WEBHOOK_URL=...`"))  # fmt: skip
