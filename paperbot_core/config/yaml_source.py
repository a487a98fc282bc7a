"""YAML text to plain data and places: every scalar stays text, later typed by the models.

YAML's own typing is not used (`12:30` would be 750, `no` false, long numbers would lose digits).
Refused, each with its own diagnostic: files over 1 MB, aliases, anchors, tags, duplicate keys,
several documents, deep nesting, and expressions that YAML's braces cut short.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from paperbot_core.config.source_map import Items, Keys, Node, Scalar, Source, SourceMap
from paperbot_core.diagnostics import Diagnostic, UserError, user_error

BYTES_MAX = 1_000_000
DEPTH_MAX = 32
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
# The C parser is the same grammar and 20 times faster; a build without it falls back to Python's.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUOTE_HELP = "write it as a block under its own key, or put it in quotes"


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: plain data (dict, list, str, None) and the places of its keys and values."""

    data: Any
    places: SourceMap
    text: str


def load_yaml(path: Path, shown: str) -> Document:
    """Read and parse one file, called `shown` in diagnostics.

    Raises:
        UserError: PB1001 to PB1012, with line and column where the file has them.
    """
    return parse_yaml(read_text(path, shown), shown)


def read_text(path: Path, shown: str) -> str:
    """Return the text of a YAML file, without a byte order mark.

    Raises:
        UserError: PB1001 not there or not readable, PB1002 over 1 MB, PB1003 not UTF-8.
    """
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise user_error("PB1001", f"`{shown}` {what}", file=shown)
        with path.open("rb") as stream:
            raw = stream.read(BYTES_MAX + 1)
    except OSError as error:
        message = f"`{shown}` cannot be read: {error.strerror or error}"
        raise user_error("PB1001", message, file=shown) from error
    except ValueError as error:
        raise user_error("PB1001", "a file name has no NUL character", file=repr(shown)) from error
    if len(raw) > BYTES_MAX:
        raise user_error("PB1002", f"`{shown}` is larger than 1 MB", file=shown)
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        good = Source(shown, raw[: error.start].decode("utf-8"))
        places = SourceMap(good, None)
        span = good.span(error.start and len(good.text), 0)
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise UserError(
            places.diagnostic("PB1003", message, span, help="save the file as UTF-8")
        ) from error


def parse_yaml(text: str, shown: str) -> Document:
    """Parse the text of one file.

    Raises:
        UserError: PB1002, PB1004 to PB1012.
    """
    if len(text) > BYTES_MAX:
        raise user_error("PB1002", f"`{shown}` is larger than 1 MB", file=shown)
    places = SourceMap(Source(shown, text), None)
    if bad := _FORBIDDEN.search(text):
        message = f"character U+{ord(bad[0]):04X} cannot stand in a YAML file"
        span = places.source.span(bad.start(), bad.end())
        raise UserError(places.diagnostic("PB1004", message, span))
    composer = _Composer(places)
    places.root = composer.compose(_events(text, places))
    return Document(_plain(places.root), places, text)


def _plain(node: Node | None) -> Any:
    if isinstance(node, Scalar):
        return None if not node.style and node.text in _NULLS else node.text
    if isinstance(node, Items):
        return [_plain(item) for item in node.nodes]
    if isinstance(node, Keys):
        return {name: _plain(value) for name, (_key, value) in node.nodes.items()}
    return None


def _events(text: str, places: SourceMap) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        _raise_syntax(error, places)
    except yaml.YAMLError as error:
        span = places.source.span(getattr(error, "position", 0), 0)
        message = "the file is not readable as YAML"
        raise UserError(places.diagnostic("PB1005", message, span)) from error


def _raise_syntax(error: yaml.MarkedYAMLError, places: SourceMap) -> NoReturn:
    """Say what the parser found in words that do not depend on which parser it was."""
    text = places.source.text
    mark = error.problem_mark or error.context_mark
    index = min(mark.index, len(text)) if mark else 0
    begun = error.context_mark.index if error.context_mark else index
    char, problem = text[index : index + 1], error.problem or ""
    in_flow = "flow" in (error.context or "")
    before = text[text.rfind("\n", 0, index) + 1 : index]
    code, help_text = (
        "PB1005",
        "check the indentation and the quotes of this line and the one above",
    )
    if in_flow and char in ("[", "{", '"', "'"):
        code, message = (
            "PB1009",
            f"`{char}` ends this text: the expression is cut short by the braces",
        )
        help_text = _QUOTE_HELP
    elif in_flow and text[begun : begun + 1] not in ("[", "{"):
        message = "a value is missing here, or a bracket before it is not closed"
        index, help_text = begun, "close it, or put the text in quotes"
    elif in_flow:
        message = f"`{text[begun : begun + 1]}` is not closed"
        index, help_text = begun, "close it, or put the text in quotes"
    elif "\t" in before + char and not before.strip():
        code, message = "PB1006", "a tab is not allowed here"
        index, help_text = index - len(before) + (before + char).index("\t"), "indent with spaces"
    elif "cannot start any token" in problem:
        message, help_text = f"an unquoted text cannot start with `{char}`", "put it in quotes"
    elif "mapping values are not allowed" in problem and ": " not in before:
        index, message = (
            index - len(before.lstrip()),
            "indented deeper, this continues the line above",
        )
        help_text = "align it with the other keys of its block"
    elif "mapping values are not allowed" in problem:
        message = "a second `: ` in an unquoted text"
        help_text = "put the text in quotes, or begin a new line"
    elif "end of stream" in problem:
        index, message, help_text = begun, "a quote that is never closed", "close the quote"
    else:
        message = "this line does not fit the lines above"
    span = places.source.span(index, index + 1)
    raise UserError(places.diagnostic(code, message, span, help=help_text)) from error


@dataclass(slots=True)
class _Frame:
    node: Keys | Items
    key: Scalar | None = None


class _Composer:
    """Builds nodes from parser events without recursion, refusing what we do not want."""

    def __init__(self, places: SourceMap) -> None:
        self.places = places
        self.root: Node | None = None
        self.stack: list[_Frame] = []
        self.documents = 0
        self.found: list[Diagnostic] = []

    def compose(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self.fail(
                        "PB1011", "a second document begins here", event, help="remove the `---`"
                    )
            elif isinstance(event, yaml.AliasEvent):
                self.alias(event)
            elif isinstance(event, yaml.ScalarEvent):
                self.check_plain(event)
                self.scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self.check_plain(event)
                self.open(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.close(event)
        if self.found:
            raise UserError(self.found)
        if self.root is None:
            span = self.places.source.span(0, 0)
            raise UserError(self.places.diagnostic("PB1012", "the file is empty", span))
        return self.root

    def report(self, code: str, message: str, event: Any, *, help: str = "") -> None:
        """Note a mistake after which reading can go on."""
        span = self.places.source.span(event.start_mark.index, event.end_mark.index)
        self.found.append(self.places.diagnostic(code, message, span, help=help))

    def fail(self, code: str, message: str, event: Any, *, help: str = "") -> NoReturn:
        self.report(code, message, event, help=help)
        raise UserError(self.found)

    def check_plain(self, event: Any) -> None:
        if event.anchor is not None:
            self.report("PB1007", f"anchor `&{event.anchor}` is not allowed", event)
        if event.tag not in (None, "!"):
            self.report("PB1008", "a tag is not allowed", event, help="remove the word with `!`")

    def alias(self, event: Any) -> None:
        self.report("PB1007", f"alias `*{event.anchor}` is not allowed", event)
        self.attach(Scalar("", "*", event.start_mark.index, event.end_mark.index), event)

    def close(self, event: Any) -> None:
        self.stack.pop().node.end = event.end_mark.index

    def scalar(self, event: Any) -> None:
        style = event.style or ""
        if bad := _FORBIDDEN.search(event.value):
            message = f"an escape makes the character U+{ord(bad[0]):04X}, which is not allowed"
            self.report("PB1004", message, event)
        node = Scalar(event.value, style, event.start_mark.index, event.end_mark.index)
        in_flow = bool(self.stack) and self.stack[-1].node.flow
        if in_flow and not style and node.text.count("(") != node.text.count(")"):
            message = f"`{node.text}` is cut short by a comma or brace of YAML"
            self.fail("PB1009", message, event, help=_QUOTE_HELP)
        self.attach(node, event)

    def open(self, event: Any) -> None:
        if len(self.stack) >= DEPTH_MAX:
            self.fail("PB1010", f"nested more than {DEPTH_MAX} deep", event)
        kind = Keys if isinstance(event, yaml.MappingStartEvent) else Items
        node = kind(event.start_mark.index, event.end_mark.index, bool(event.flow_style))
        self.attach(node, event)
        self.stack.append(_Frame(node))

    def attach(self, node: Node, event: Any) -> None:
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if isinstance(frame.node, Items):
            frame.node.nodes.append(node)
        elif frame.key is not None:
            frame.node.nodes[frame.key.text] = (frame.key, node)
            frame.key = None
        elif not isinstance(node, Scalar):
            self.fail("PB1005", "a key must be a plain text", event)
        elif node.text in frame.node.nodes:
            first = self.places.source.span(frame.node.nodes[node.text][0].start, 0)
            help_text = f"it is already set on line {first.line}"
            self.report("PB1013", f"duplicate key `{node.text}`", event, help=help_text)
            frame.key = node
        else:
            frame.key = node
