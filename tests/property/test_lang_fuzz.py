"""Any text gives a tree or diagnostics; what parses, parses as Python would read it."""

from __future__ import annotations

import ast
import warnings

from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.domain.market import HOUR_MS
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.graph import Graph
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.parse import parse
from paperbot_core.lang.scope import Scope
from paperbot_core.lang.syntax import (
    Binary,
    Call,
    Compare,
    Expr,
    Index,
    Logic,
    Name,
    Negate,
    Not,
    Number,
    Text,
    children,
)
from paperbot_core.testing.expressions import expressions

_MARKS = ["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "(", ")", "[", "]", ","]
_PLAIN = ["a", "b", "c", "1", "2.5", "and", "or", "not", "f(", *_MARKS]
_WORDS = [
    *_PLAIN, "close", "sma(", "at(", '"4h"', "timeframe=", "-1", ".", "**", "&", "if", "lambda",
    "=", ":", "{", "}", "#", "'", "1e400", "99999", "rsi(14)", "hour",
]  # fmt: skip
_soups = st.lists(st.sampled_from(_WORDS), max_size=40).map(" ".join)
_grammar = st.lists(st.sampled_from(_PLAIN), max_size=9).map(" ".join)


def lower(text: str) -> Lowering:
    features = {"a": text, "b": "a + 1"}
    lowering = Lowering(Scope(HOUR_MS, FUNCTIONS, {"p": 3.0}, features), Graph())
    for name in features:
        lowering.feature(name)
    lowering.expression(("when",), text)
    return lowering


def check_offsets(text: str, lowering: Lowering) -> None:
    for (path, problem), _ in lowering.problems.items():
        size = len(text) if path[-1] != "b" else len("a + 1")
        assert 0 <= problem.start <= problem.end <= size, problem
        assert problem.code.startswith("PB21")


@given(st.text(max_size=200) | st.binary(max_size=80).map(lambda b: b.decode("latin-1")))
def test_any_text_gives_a_tree_or_diagnostics(text: str) -> None:
    check_offsets(text, lower(text))


@given(_soups)
def test_any_row_of_words_gives_a_tree_or_diagnostics(text: str) -> None:
    check_offsets(text, lower(text))


@given(expressions(depth=5), st.integers(0, 400), st.sampled_from(["", "(", ")", "[", "-1]", " "]))
def test_a_damaged_expression_gives_a_tree_or_diagnostics(text: str, at: int, cut: str) -> None:
    damaged = text[:at] + cut + text[at + 1 :]
    check_offsets(damaged, lower(damaged))


@given(st.sampled_from(["(", "-", "not ", "a+", "a[", "f(", "a and ", "1,", "abs("]))
def test_endless_repetition_is_refused_quickly(piece: str) -> None:
    for length in (70, 1_000, 4_096, 5_000):
        text = (piece * length)[:length]
        for closed in (text, text + "a", text[: length // 2] + "a" + ")" * (length // 2)):
            assert parse(closed).root is None or len(closed) <= 200


def _theirs(node: ast.expr) -> object:
    match node:
        case ast.Constant(value=value):
            return float(value) if isinstance(value, int | float) else value
        case ast.Name(id=name):
            return name
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _theirs(operand)
        case ast.UnaryOp(op=op, operand=operand):
            return (type(op).__name__, _theirs(operand))
        case ast.BinOp(left=left, op=op, right=right):
            return (type(op).__name__, _theirs(left), _theirs(right))
        case ast.BoolOp(op=op, values=values):
            return (type(op).__name__, [_theirs(v) for v in values])
        case ast.Compare(left=left, ops=ops, comparators=others):
            return ([type(op).__name__ for op in ops], [_theirs(v) for v in [left, *others]])
        case ast.Subscript(value=value, slice=index):
            return ("Index", _theirs(value), _theirs(index))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return ("Call", name, [_theirs(a) for a in args])
    raise LookupError


_NAMES = {
    "+": "Add", "-": "Sub", "*": "Mult", "/": "Div", "%": "Mod", "and": "And", "or": "Or",
    "<": "Lt", "<=": "LtE", ">": "Gt", ">=": "GtE", "==": "Eq", "!=": "NotEq",
}  # fmt: skip


def _ours(expr: Expr) -> object:
    parts = [_ours(child) for child in children(expr)]
    match expr:
        case Number(value=value):
            return value
        case Name(name=name):
            return name
        case Text(value=value):
            return ("Text", value)
        case Negate():
            return ("USub", *parts)
        case Not():
            return ("Not", *parts)
        case Binary(op=op):
            return (_NAMES[op], *parts)
        case Logic(op=op):
            return (_NAMES[op], parts)
        case Compare(ops=ops):
            return ([_NAMES[op] for op in ops], parts)
        case Index():
            return ("Index", *parts)
        case Call(name=name):
            return ("Call", name, parts)
    raise LookupError


@given(_grammar)
def test_the_grammar_is_pythons_where_it_overlaps(text: str) -> None:
    mine = parse(text).root
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = _theirs(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, LookupError):
        # Lists, tuples and calls of calls are Python's alone.
        assert mine is None
        return
    # `f(a,)` is the one form that Python has and we do not.
    assert mine is None if ", )" in text else mine is not None and _ours(mine) == theirs


@given(expressions(depth=5))
def test_parts_stand_where_they_say(text: str) -> None:
    root = parse(text).root
    assert root is not None
    stack = [root]
    while stack:
        expr = stack.pop()
        again = parse(text[expr.start : expr.end]).root
        assert again is not None
        assert _ours(again) == _ours(expr)
        stack.extend(children(expr))
