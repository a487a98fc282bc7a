from __future__ import annotations

from paperbot_core.diagnostics import Diagnostic, Severity, Span
from paperbot_core.diagnostics.render import as_json_rows, render_concise, render_full

FULL = Diagnostic(
    "PB2001",
    "unknown key `treshold` in `trigger`",
    Span("strategies.d/breakout.yaml", 6, 3, 11),
    label="not a key of `trigger`",
    expected="one of `kind`, `feature`, `threshold`",
    help="did you mean `threshold`?",
    source="  treshold: 1.5",
)


def test_the_full_form_points_into_the_users_own_line() -> None:
    assert (
        render_full([FULL])
        == """\
strategies.d/breakout.yaml:6:3: error[PB2001]: unknown key `treshold` in `trigger`
  |
6 |   treshold: 1.5
  |   ^^^^^^^^ not a key of `trigger`
  = expected: one of `kind`, `feature`, `threshold`
  = help: did you mean `threshold`?
  = more: paperbot explain PB2001"""
    )


def test_without_a_place_there_is_no_excerpt() -> None:
    told = render_full([Diagnostic("PB8001", "nothing to trade", severity=Severity.WARNING)])
    assert told == "warning[PB8001]: nothing to trade\n  = more: paperbot explain PB8001"
    only_file = Diagnostic("PB1001", "not there", Span("policy.yaml"))
    assert render_concise([only_file]) == "policy.yaml: error[PB1001]: not there"


def test_a_marker_stands_below_its_text_after_tabs() -> None:
    told = render_full([Diagnostic("PB1006", "a tab", Span("f", 1, 3, 4), source="\t\tx")])
    assert told.splitlines()[2:4] == ["1 | \t\tx", "  | \t\t^"]


def test_a_marker_never_passes_the_end_of_its_line() -> None:
    told = render_full([Diagnostic("PB1006", "x", Span("f", 1, 2, 99), source="abc")])
    assert "|  ^^\n" in told


def test_what_a_terminal_would_obey_is_not_sent_to_it() -> None:
    told = render_full([Diagnostic("PB2003", "`\x1b[31m`", Span("f", 1, 1, 2), source="\x1b[2J")])
    assert "\x1b" not in told


def test_reports_are_in_order_of_file_and_line() -> None:
    spans = [Span("b", 1, 1), Span("a", 20, 1), Span("a", 3, 9), Span("a", 3, 2)]
    told = render_concise([Diagnostic("PB1005", "x", span) for span in spans])
    assert [line.split(": ")[0] for line in told.splitlines()] == [
        "a:3:2", "a:3:9", "a:20:1", "b:1:1",
    ]  # fmt: skip


def test_json_rows_have_the_same_facts() -> None:
    assert as_json_rows([FULL, Diagnostic("PB8001", "nothing")]) == [
        {
            "file": "", "line": 0, "column": 0, "code": "PB8001", "severity": "error",
            "message": "nothing", "expected": "", "help": "",
        },
        {
            "file": "strategies.d/breakout.yaml", "line": 6, "column": 3, "code": "PB2001",
            "severity": "error", "message": FULL.message, "expected": FULL.expected,
            "help": FULL.help,
        },
    ]  # fmt: skip
