"""Where each key and value of a YAML file stands, down to a character inside an expression."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from paperbot_core.diagnostics import Diagnostic, Severity, Span

Path = Sequence[str | int]

_SPACES = " \t\r\n"
#: A double-quoted line that goes on in the next one without a space between.
_JOINED_LINES = re.compile(r"(\\\r?\n[ \t]*)+")
#: Length of a double-quoted escape after the backslash, by its letter; all others are 1 long.
_ESCAPE_LENGTH = {"x": 3, "u": 5, "U": 9}


@dataclass(slots=True)
class Scalar:
    r"""A text as YAML understood it; `style` is empty for plain, else one of ' \" | >."""

    text: str
    style: str
    start: int
    end: int


@dataclass(slots=True)
class Items:
    """A YAML sequence."""

    start: int
    end: int
    flow: bool
    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Keys:
    """A YAML mapping, in the order of the file; keys are unique texts."""

    start: int
    end: int
    flow: bool
    nodes: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)


Node = Scalar | Items | Keys


class Source:
    """The text of one file and its lines; offsets are in characters from its beginning."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._starts = [0]
        for index, char in enumerate(text):
            if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n"):
                self._starts.append(index + 1)

    def span(self, start: int, end: int) -> Span:
        """Return the place of `[start, end)`, cut at the end of its first line, at least 1 wide."""
        start = min(max(start, 0), len(self.text))
        row = bisect_right(self._starts, start) - 1
        first = self._starts[row]
        stop = self._starts[row + 1] - 1 if row + 1 < len(self._starts) else len(self.text)
        return Span(
            self.file, row + 1, start - first + 1, max(start + 1, min(end, stop)) - first + 1
        )

    def line(self, number: int) -> str:
        """Return line `number` (from 1) without its end, or the empty string outside the file."""
        if not 0 < number <= len(self._starts):
            return ""
        stop = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : stop].rstrip("\r\n")


class SourceMap:
    """Key paths to places. Segments that the file does not have are skipped.

    Skipping serves two callers: pydantic puts tags of unions into its locations, and a model may
    turn one rule into a list of one, whose index is not in the file.
    """

    def __init__(self, source: Source, root: Node | None) -> None:
        self.source = source
        self.root = root

    @property
    def file(self) -> str:
        """The path of the file as the user gave it."""
        return self.source.file

    def span(self, path: Path, start: int = 0, end: int = 0) -> Span:
        """Return the place of the value at `path`, or of characters `[start, end)` of its text."""
        node, key = self._find(path)
        if node is None:
            return self.source.span(0, 0)
        if isinstance(node, Scalar):
            if not (start or end):
                return self._whole(node, key)
            places = _places(self.source.text, node)
            first = places[min(start, len(node.text))]
            last = places[min(max(end - 1, start), len(node.text))]
            return self.source.span(first[0], last[1])
        if node.flow or key is None:
            return self.source.span(node.start, node.end if node.flow else node.start)
        return self.source.span(key.start, key.end)

    def key_span(self, path: Path) -> Span:
        """Return the place of the last key of `path`; of the value itself if it has no key."""
        _node, key = self._find(path)
        return self.source.span(key.start, key.end) if key else self._top()

    def has(self, path: Path) -> bool:
        """Say whether the file has this exact path."""
        node: Node | None = self.root
        for segment in path:
            node = _child(node, segment)[0]
            if node is None:
                return False
        return True

    def diagnostic(
        self,
        code: str,
        message: str,
        span: Span,
        *,
        severity: Severity = Severity.ERROR,
        label: str = "",
        expected: str = "",
        help: str = "",
    ) -> Diagnostic:
        """Return a diagnostic that carries the user's own line."""
        source = self.source.line(span.line)
        return Diagnostic(code, message, span, severity, label, expected, help, source)

    def _find(self, path: Path) -> tuple[Node | None, Scalar | None]:
        node, key = self.root, None
        for segment in path:
            child, child_key = _child(node, segment)
            if child is not None:
                node, key = child, child_key
        return node, key

    def _top(self) -> Span:
        """Return the first key of the file: the place of what the whole file lacks."""
        if isinstance(self.root, Keys) and self.root.nodes:
            key = next(iter(self.root.nodes.values()))[0]
            return self.source.span(key.start, key.end)
        return self.source.span(0, 0)

    def _whole(self, node: Scalar, key: Scalar | None) -> Span:
        block = node.style in ("|", ">")
        if node.end > node.start and not block:
            return self.source.span(node.start, node.end)
        if block and node.text.strip():
            lead = len(node.text) - len(node.text.lstrip())
            return self.source.span(_places(self.source.text, node)[lead][0], node.end)
        return (
            self.source.span(key.start, key.end) if key else self.source.span(node.start, node.end)
        )


def _child(node: Node | None, segment: str | int) -> tuple[Node | None, Scalar | None]:
    if isinstance(node, Keys):
        key, value = node.nodes.get(str(segment), (None, None))
        return value, key
    if isinstance(node, Items) and isinstance(segment, int) and 0 <= segment < len(node.nodes):
        return node.nodes[segment], None
    return None, None


def _places(text: str, node: Scalar) -> list[tuple[int, int]]:
    """Return where in the file each character of the scalar's text begins and ends, and its end.

    The visible characters of a scalar stand in the file in the same order; what lies between them
    (folded lines, indentation, escapes) is walked over. White space takes the place where it began.
    """
    at = node.start
    if node.style in ("|", ">"):
        at = text.find("\n", node.start, node.end)
        at = node.end if at < 0 else at + 1
    elif node.style:
        at += 1
    found: list[tuple[int, int]] = []
    for char in node.text:
        if node.style == '"' and (joined := _JOINED_LINES.match(text, at, node.end)):
            at = joined.end()
        if char not in _SPACES:
            while at < node.end and text[at] in _SPACES:
                at += 1
        at = min(at, max(node.end - 1, node.start))
        width = _width(text, at, char, node.style)
        found.append((at, at + width))
        at += width
    return [*found, (min(at, node.end), min(at, node.end))]


def _width(text: str, at: int, char: str, style: str) -> int:
    """Return how many characters of the file stand for this one character of the text."""
    here = text[at : at + 1]
    if style == '"' and here == "\\":
        return 1 + _ESCAPE_LENGTH.get(text[at + 1 : at + 2], 1)
    if style == "'" and here == "'":
        return 2
    if char in _SPACES:
        # A folded line break keeps its place; the next visible character walks over it.
        return 1 if here in (" ", "\t") or here == char else 0
    return 1
