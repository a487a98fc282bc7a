from __future__ import annotations

import pytest

from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.diagnostics import Span

TEXT = """\
entry:
  long:
    when: close > upper[1] and rsi(14) < 75
  short:
    - when: "close < 'a' \\u00e9 lower"
folded: >-
  one two

  three   four
literal: |
    first
      second
single: 'it''s here'
plain: goes
  on here
flow: {a: 1, b: [2, 3]}
empty:
"""


def _under(path: tuple[str | int, ...], word: str) -> tuple[int, str]:
    """Return the line of `word` inside the scalar at `path`, and the file's text at that place."""
    document = parse_yaml(TEXT, "f.yaml")
    value = document.data
    for segment in path:
        value = value[segment]
    start = value.rindex(word)
    span = document.places.span(path, start, start + len(word))
    line = document.places.source.line(span.line)
    return span.line, line[span.column - 1 : span.end_column - 1]


@pytest.mark.parametrize(
    ("path", "word", "line"),
    [
        (("entry", "long", "when"), "rsi(14)", 3),
        (("entry", "short", 0, "when"), "lower", 5),
        (("entry", "short", 0, "when"), "'a'", 5),
        (("folded",), "two", 7),
        (("folded",), "three", 9),
        (("folded",), "four", 9),
        (("literal",), "first", 11),
        (("literal",), "second", 12),
        (("single",), "here", 13),
        (("plain",), "here", 15),
        (("plain",), "goes", 14),
    ],
)
def test_offsets_inside_a_scalar_lead_to_its_line(
    path: tuple[str | int, ...], word: str, line: int
) -> None:
    assert _under(path, word) == (line, word)


def test_an_escape_is_covered_whole() -> None:
    assert _under(("entry", "short", 0, "when"), "é") == (5, "\\u00e9")
    assert _under(("single",), "'s") == (13, "''s")


def test_segments_that_the_file_does_not_have_are_skipped() -> None:
    places = parse_yaml(TEXT, "f.yaml").places
    assert places.span(("entry", "long", 0, "when")) == places.span(("entry", "long", "when"))
    assert places.span(("entry", "<tag>", "long", "when")).line == 3


def test_places_of_keys_and_blocks() -> None:
    places = parse_yaml(TEXT, "f.yaml").places
    assert places.key_span(("entry", "long")) == Span("f.yaml", 2, 3, 7)
    assert places.span(("entry", "long")) == Span("f.yaml", 2, 3, 7)  # a block: its key
    assert places.span(("flow",)) == Span("f.yaml", 16, 7, 24)  # braces: all of them
    assert places.span(("flow", "b", 1)) == Span("f.yaml", 16, 21, 22)
    assert places.span(("empty",)) == Span("f.yaml", 17, 1, 6)  # no value: its key
    assert places.key_span(()) == Span(
        "f.yaml", 1, 1, 6
    )  # what the whole file lacks: its first key
    assert places.span(("literal",)) == Span("f.yaml", 11, 5, 10)
    assert places.span(("plain",)) == Span("f.yaml", 14, 8, 12)


def test_offsets_outside_the_text_are_held_inside_the_file() -> None:
    places = parse_yaml("a: xyz", "f.yaml").places
    assert places.span(("a",), 3, 3) == Span("f.yaml", 1, 7, 8)  # just behind: something is missing
    assert places.span(("a",), 99, 200) == Span("f.yaml", 1, 7, 8)
    assert parse_yaml('a: ""', "f").places.span(("a",), 0, 4).line == 1
