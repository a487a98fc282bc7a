from __future__ import annotations

from pathlib import Path

import pytest

from paperbot_core.config.yaml_source import load_yaml, parse_yaml
from paperbot_core.diagnostics import UserError


def _codes(text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "f.yaml")
    spans = [(d.code, d.span) for d in caught.value.diagnostics]
    return [(code, span.line, span.column) for code, span in spans if span]


def test_scalars_stay_as_the_user_typed_them() -> None:
    data = parse_yaml(
        "[12:30, 0123, no, 1e3, 0.1234567890123456789, ~, '~', \"null\", null]", "f"
    ).data
    assert data == [
        "12:30", "0123", "no", "1e3", "0.1234567890123456789", None, "~", "null", None,
    ]  # fmt: skip


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\r\nother: y\r\n")
    document = load_yaml(path, "f.yaml")
    assert document.data == {"name": "x", "other": "y"}
    assert document.places.span(("other",)).line == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "PB1001"), (b"x" * 1_000_001, "PB1002"), (b"a: \xff", "PB1003"), (b"", "PB1012")],
)
def test_files_that_cannot_be_read(content: bytes | None, code: str, tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_yaml(path, "f.yaml")
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_a_directory_or_a_name_with_nul_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, Path("a\x00b")):
        with pytest.raises(UserError, match="PB1001"):
            load_yaml(path, "f.yaml")


def test_the_place_of_a_bad_byte_is_counted_in_characters(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("a: 1\nb: é".encode() + b"\xff")
    with pytest.raises(UserError) as caught:
        load_yaml(path, "f.yaml")
    span = caught.value.diagnostics[0].span
    assert span is not None
    assert (span.line, span.column) == (2, 5)


@pytest.mark.parametrize("escape", [r"\0", r"\e[31m", r"\x07"])
def test_an_escape_cannot_bring_in_what_the_file_itself_may_not_hold(escape: str) -> None:
    assert _codes(f'state_dir: "a{escape}b"\n') == [("PB1004", 1, 12)]


def test_mistakes_that_do_not_stop_reading_are_told_together() -> None:
    assert _codes("a: &x 1\nb: *x\nb: !t 2\n") == [
        ("PB1007", 1, 4), ("PB1007", 2, 4), ("PB1013", 3, 1), ("PB1008", 3, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("{when: close < lower[1]}", "PB1009", 21),
        ("{when: max(close, open) > 1}", "PB1009", 8),
        ("{when: {a: b[0]}}", "PB1009", 13),
        ("[rsi(14, close)]", "PB1009", 2),
    ],
)
def test_expressions_cut_short_by_braces(text: str, code: str, column: int) -> None:
    assert _codes(text) == [(code, 1, column)]


@pytest.mark.parametrize(
    "text", ["{when: close < lower(1)}", '{when: "close < lower[1]"}', "when: close < lower[1]"]
)
def test_expressions_that_braces_leave_whole(text: str) -> None:
    assert "lower" in parse_yaml(text, "f").data["when"]


def test_brackets_nested_without_end_are_refused_quickly() -> None:
    assert _codes("[" * 900_000)[0][0] == "PB1010"
    assert _codes("{a: " * 200_000)[0][0] == "PB1010"
    assert _codes("- " * 300_000)[0][0] == "PB1010"


def test_a_bracket_at_the_very_end_is_told() -> None:
    assert _codes("name: [") == [("PB1005", 1, 8)]
    assert _codes("name: {a: ") == [("PB1005", 1, 11)]


def test_a_key_must_be_a_text() -> None:
    assert _codes("? [a]\n: 1\n") == [("PB1005", 1, 3)]
    assert _codes("*a : 1\n")[0][0] == "PB1007"
