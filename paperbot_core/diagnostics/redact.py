"""Keeps secrets out of what we say: the one place that decides what a secret looks like."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "***"

_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|PASSPHRASE|WEBHOOK|CREDENTIAL", re.IGNORECASE)
_SECRET_VALUE_MIN = 6
_QUERY = re.compile(
    r"(?i)\b(signature|api_?key|apikey|secret|token|password|passphrase)(\"?\s*[=:]\s*\"?)[^\s&\"',;]+"
)
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
_SLACK = re.compile(r"(?<=hooks\.slack\.com/)[^\s\"']+")


def redact(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return `text` with every secret replaced by `***`.

    Secrets are the values of environment variables with telling names, passwords in URLs, signed
    query parameters and the paths of Slack webhooks.
    """
    values = [
        value
        for name, value in (os.environ if environ is None else environ).items()
        if len(value) >= _SECRET_VALUE_MIN and _SECRET_NAME.search(name)
    ]
    # Longest first: a secret that contains another one must not leave its tail behind.
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASK)
    text = _QUERY.sub(rf"\1\2{MASK}", text)
    text = _USERINFO.sub(f"{MASK}@", text)
    return _SLACK.sub(MASK, text)


def describe_error(error: BaseException, limit: int = 300) -> str:
    """Return the type and first line of an exception, redacted, at most `limit` characters."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return redact(text)[:limit]
