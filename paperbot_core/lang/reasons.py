"""Reason texts: `close {close} broke {upper[1]}` to pieces of text and expressions."""

from __future__ import annotations

from dataclasses import dataclass

from paperbot_core.lang.problem import Problem


@dataclass(frozen=True, slots=True)
class Placeholder:
    """An expression inside a reason and where it starts in the text."""

    text: str
    start: int


def split_reason(text: str) -> list[str | Placeholder] | Problem:
    """Split a reason into text and placeholders; `{{` and `}}` stand for braces."""
    pieces: list[str | Placeholder] = []
    plain = ""
    at = 0
    while at < len(text):
        char = text[at]
        if text[at : at + 2] in {"{{", "}}"}:
            plain += char
            at += 2
        elif char == "}":
            help_text = "a brace itself is `}}`"
            return Problem("PB2168", "`}` closes nothing", at, at + 1, help=help_text)
        elif char == "{":
            end = text.find("}", at)
            if end < 0:
                return Problem(
                    "PB2168", "`{` is never closed", at, at + 1, help="a brace itself is `{{`"
                )
            pieces += [plain, Placeholder(text[at + 1 : end], at + 1)]
            plain = ""
            at = end + 1
        else:
            plain += char
            at += 1
    return [piece for piece in [*pieces, plain] if piece != ""]
