"""Any bytes and any YAML give a model or diagnostics with a place, never a traceback."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.config.base import StrictModel
from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.reading import read_model
from paperbot_core.config.schemas import SCHEMAS
from paperbot_core.config.yaml_source import Document, load_yaml, parse_yaml
from paperbot_core.diagnostics import Diagnostic, UserError
from paperbot_core.diagnostics.codes import CODES
from paperbot_core.diagnostics.render import as_json_rows, render_full

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = {
    "strategy": (ROOT / "strategies.d/donchian_atr.yaml").read_text("utf-8"),
    "policy": (ROOT / "policy.yaml").read_text("utf-8"),
    "universe": (ROOT / "universe.yaml").read_text("utf-8"),
    "config": (ROOT / "paperbot.yaml").read_text("utf-8"),
}

#: Pieces of YAML that mean something to the parser, to our refusals, or to a model.
_MARKS = (
    "a|b:|: |- |\n|\n  |\t|[|]|{|}|,|'|\"|>-|&x|*x|!t|!!int|---\n|...\n|#|? |<<: |%YAML 1.1\n"
    "|\u2028|\x85|\r|\ufeff|\x00|1|-1|nan|1e999|12:30|~|true|name: |when: |close < low[1]"
    "|max(a, b)|risk:\n|tiers:\n|  core: |é|\U0001f600|\\|\\x"
)
_PIECES = st.sampled_from(_MARKS.split("|"))
_TEXTS = st.one_of(st.text(max_size=80), st.lists(_PIECES, max_size=25).map("".join))


def _parsed(text: str) -> Document | None:
    try:
        return parse_yaml(text, "f.yaml")
    except UserError as error:
        _judge(list(error.diagnostics), text)
        return None


def _judge(diagnostics: list[Diagnostic], text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert diagnostics
    for diagnostic in diagnostics:
        assert diagnostic.code in CODES
        assert diagnostic.span is not None
        assert 1 <= diagnostic.span.line <= len(lines)
        assert 1 <= diagnostic.span.column <= len(lines[diagnostic.span.line - 1]) + 1
        assert diagnostic.span.end_column > diagnostic.span.column
    assert render_full(diagnostics)
    assert len(as_json_rows(diagnostics)) == len(diagnostics)


@given(_TEXTS)
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    document = _parsed(text)
    if document is None:
        return
    for model in SCHEMAS.values():
        value, diagnostics = read_model(model, document)
        assert (value is None) <= bool(diagnostics)
        if diagnostics:
            _judge(diagnostics, text)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.yaml"
        path.write_bytes(raw)
        with suppress(UserError):
            load_yaml(path, "fuzz.yaml")


@given(st.sampled_from(sorted(SHIPPED)), st.data())
def test_a_damaged_file_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    text = SHIPPED[kind]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(_PIECES) + text[at + cut :]
    document = _parsed(text)
    if document is not None:
        model: type[StrictModel] = SCHEMAS[kind]
        _value, diagnostics = read_model(model, document)
        if diagnostics:
            _judge(diagnostics, text)


_WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)


@given(
    st.lists(_WORDS, min_size=1, max_size=4), st.sampled_from([None, "'", '"', "|", ">"]), st.data()
)
def test_every_character_of_a_scalar_is_found_in_the_file(
    words: list[str], style: str | None, data: st.DataObject
) -> None:
    text = yaml.dump(
        {"key": data.draw(st.sampled_from([" ", "\n", "\n\n"])).join(words)},
        default_style=style, allow_unicode=True, width=data.draw(st.sampled_from([5, 20, 200])),
    )  # fmt: skip
    document = _parsed(text)
    if document is None:
        return  # yaml.dump writes tags for what plain style cannot say
    (key, value), *_ = document.data.items()
    for index, char in enumerate(value or ""):
        if char.isspace() or char in "\"'\\" or not char.isprintable():
            continue
        span = document.places.span((key,), index, index + 1)
        line = document.places.source.line(span.line)
        found = line[span.column - 1 : span.end_column - 1]
        assert found == char or found.startswith("\\")


def test_policy_model_is_the_one_that_is_fuzzed() -> None:
    assert SCHEMAS["policy"] is PolicyFile
