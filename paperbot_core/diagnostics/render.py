"""Diagnostics as text (full, concise) and as JSON rows; the facts are the same in all three."""

from __future__ import annotations

from collections.abc import Iterable

from paperbot_core.diagnostics.diagnostic import Diagnostic


def _place(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    if span is None or not span.file:
        return ""
    if not span.line:
        return f"{span.file}: "
    return f"{span.file}:{span.line}:{span.column}: "


def _headline(diagnostic: Diagnostic) -> str:
    kind = f"{diagnostic.severity}[{diagnostic.code}]"
    return _visible(f"{_place(diagnostic)}{kind}: {diagnostic.message}")


def _visible(text: str) -> str:
    """Replace what a terminal would obey instead of show; a tab stays, markers rely on it."""
    return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)


def _excerpt(diagnostic: Diagnostic) -> list[str]:
    """Return the user's own line with a marker below; tabs stay, so that the marker lines up."""
    span = diagnostic.span
    if span is None or not span.line or not diagnostic.source:
        return []
    number, gutter = str(span.line), " " * len(str(span.line))
    before = diagnostic.source[: span.column - 1]
    blank = "".join("\t" if char == "\t" else " " for char in before)
    width = max(1, min(span.end_column, len(diagnostic.source) + 1) - span.column)
    marker = f"{gutter} | {blank}{'^' * width} {diagnostic.label}".rstrip()
    return [f"{gutter} |", f"{number} | {_visible(diagnostic.source)}".rstrip(), marker]


def render_one(diagnostic: Diagnostic) -> str:
    """Return one diagnostic over several lines: headline, source excerpt, expected, help, more."""
    lines = [_headline(diagnostic), *_excerpt(diagnostic)]
    indent = " " * len(str(diagnostic.span.line)) if diagnostic.span and diagnostic.source else " "
    if diagnostic.expected:
        lines.append(f"{indent} = expected: {_visible(diagnostic.expected)}")
    if diagnostic.help:
        lines.append(f"{indent} = help: {_visible(diagnostic.help)}")
    lines.append(f"{indent} = more: paperbot explain {diagnostic.code}")
    return "\n".join(lines)


def render_full(diagnostics: Iterable[Diagnostic]) -> str:
    """Return all diagnostics in order of file and line, an empty line between two."""
    ordered = sorted(diagnostics, key=lambda d: d.sort_key)
    return "\n\n".join(render_one(diagnostic) for diagnostic in ordered)


def render_concise(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one line each: place, severity, code, message."""
    return "\n".join(_headline(d) for d in sorted(diagnostics, key=lambda d: d.sort_key))


def as_json_rows(diagnostics: Iterable[Diagnostic]) -> list[dict[str, object]]:
    """Return the rows of `check --json`; line and column are 0 where there is no place."""
    rows: list[dict[str, object]] = []
    for diagnostic in sorted(diagnostics, key=lambda d: d.sort_key):
        span = diagnostic.span
        rows.append(
            {
                "file": span.file if span else "",
                "line": span.line if span else 0,
                "column": span.column if span else 0,
                "code": diagnostic.code,
                "severity": str(diagnostic.severity),
                "message": diagnostic.message,
                "expected": diagnostic.expected,
                "help": diagnostic.help,
            }
        )
    return rows
