"""What we say to the user, as values: text is made elsewhere (`render`), trading unknown here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic matters: an error stops the command, a warning never does."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. Lines and columns count from 1; `end_column` is exclusive."""

    file: str
    line: int = 0
    column: int = 0
    end_column: int = 0


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake: what is wrong, where, what was expected, what to do.

    `message` is lowercase without a full stop, names in backticks. `expected` and `help` are
    empty where there is nothing to add. `source` is the user's own line, for the renderer.
    """

    code: str
    message: str
    span: Span | None = None
    severity: Severity = Severity.ERROR
    label: str = ""
    expected: str = ""
    help: str = ""
    source: str = ""

    @property
    def sort_key(self) -> tuple[str, int, int, str]:
        """Order of a report: by file, line, column, then code."""
        span = self.span or Span("")
        return (span.file, span.line, span.column, self.code)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word closest to `word`, or None if none is close."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the help line for a near miss, or the empty string."""
    match = nearest(word, known)
    return f"did you mean `{match}`?" if match else ""
