"""A mistake inside one expression: offsets only; file and line are added where they are known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in `text[start:end]` of one expression; fields as in `Diagnostic`."""

    code: str
    message: str
    start: int
    end: int
    expected: str = ""
    help: str = ""
