"""Tokens to a syntax tree: a closed grammar with Python's precedence; nothing is ever executed.

Owns the limits of an expression and every complaint about its form. Knows no names and no types.

    expression = conjunction {"or" conjunction}        sum     = product {("+" | "-") product}
    conjunction = negation {"and" negation}            product = factor {("*" | "/" | "%") factor}
    negation = "not" negation | comparison             factor  = ("-" | "+") factor | value
    comparison = sum {("<" | "<=" | ...) sum}          value   = atom {"[" expression "]"}
    atom = number | text | name | call | "(" expression ")"
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from paperbot_core.lang.problem import Problem
from paperbot_core.lang.syntax import (
    Binary,
    Call,
    Compare,
    Expr,
    Index,
    Keyword,
    Logic,
    Name,
    Negate,
    Not,
    Number,
    Text,
    children,
)
from paperbot_core.lang.tokens import WORDS, Token, tokenize

DEPTH_MAX = 64

#: How tightly each operator binds; `not` and signs stand before their operand.
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN = range(1, 8)
_BINDING = {
    "or": _OR,
    "and": _AND,
    "<": _COMPARISON,
    "<=": _COMPARISON,
    ">": _COMPARISON,
    ">=": _COMPARISON,
    "==": _COMPARISON,
    "!=": _COMPARISON,
    "+": _SUM,
    "-": _SUM,
    "*": _PRODUCT,
    "/": _PRODUCT,
    "%": _PRODUCT,
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """The outcome for one text: a tree, or the reason why there is none."""

    text: str
    root: Expr | None
    problem: Problem | None


class _Stop(Exception):  # noqa: N818 - leaves the descent, never leaves this module
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@lru_cache(maxsize=4_096)
def parse(text: str) -> Parsed:
    """Parse one expression; any text gives a tree or a problem, never an exception.

    Line breaks and tabs count as spaces, so that YAML blocks work. Offsets are into `text`.
    Parentheses leave no trace but in the shape of the tree.
    """
    tokens = tokenize(text)
    if isinstance(tokens, Problem):
        return Parsed(text, None, tokens)
    if len(tokens) == 1:
        return Parsed(text, None, Problem("PB2101", "the expression is empty", 0, len(text)))
    reader = _Reader(tokens)
    try:
        root = reader.read_all()
    except _Stop as stop:
        return Parsed(text, None, stop.problem)
    deep = _deeper_than(root, DEPTH_MAX)
    if deep is not None:
        return Parsed(text, None, _too_deep(deep.start, deep.end))
    return Parsed(text, root, None)


def _too_deep(start: int, end: int) -> Problem:
    return Problem(
        "PB2103",
        "the expression is nested too deeply",
        start,
        end,
        f"at most {DEPTH_MAX} levels",
        "name parts of it under `features:`",
    )


def _deeper_than(root: Expr, limit: int) -> Expr | None:
    """Return a part below `limit` levels, or None. Long chains are deep trees without brackets."""
    stack = [(root, 1)]
    while stack:
        expr, depth = stack.pop()
        if depth > limit:
            return expr
        stack.extend((child, depth + 1) for child in children(expr))
    return None


class _Reader:
    """Recursive descent over the tokens; recursion is bounded by `DEPTH_MAX` open levels."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    @property
    def _end(self) -> int:
        """Where the last token taken ends: brackets round an operand belong to what holds it."""
        return self._tokens[self._at - 1].end

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._now.kind != "text" and self._now.text in texts

    def _expect(self, text: str, opener: Token) -> Token:
        if self._is(text):
            return self._take()
        if self._now.kind == "end":
            raise _Stop(
                Problem(
                    "PB2101",
                    f"`{opener.text}` is never closed",
                    opener.start,
                    opener.end,
                    f"`{text}`",
                )
            )
        raise self._unexpected(f"an operator or `{text}`")

    def _unexpected(self, expected: str) -> _Stop:
        token = self._now
        if token.kind == "end":
            start = max(token.start - 1, 0)
            message = "the expression ends too early"
            return _Stop(Problem("PB2101", message, start, token.end, expected))
        help_text = ""
        if token.text == "=":
            help_text = "compare with `==`; `name=value` only among the arguments of a function"
        return _Stop(
            Problem(
                "PB2101",
                f"cannot read the expression at `{token.text}`",
                token.start,
                token.end,
                expected,
                help_text,
            )
        )

    def read_all(self) -> Expr:
        root = self._expression(0)
        if self._now.kind != "end":
            raise self._unexpected("an operator or the end of the expression")
        return root

    def _nested(self, level: int) -> Expr:
        """Read one level deeper: the only recursion that the text alone can drive."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _Stop(_too_deep(self._now.start, self._now.end))
        expr = self._expression(level)
        self._depth -= 1
        return expr

    def _expression(self, level: int) -> Expr:
        """Read operands joined by operators that bind at least as tightly as `level`."""
        start = self._now.start
        left = self._prefix(level)
        while self._now.kind != "text":
            binding = _BINDING.get(self._now.text, 0)
            if binding < max(level, 1):
                break
            left = self._infix(left, binding, start)
        return left

    def _infix(self, left: Expr, binding: int, start: int) -> Expr:
        if binding >= _SUM:
            op = self._take().text
            right = self._expression(binding + 1)
            return Binary(op, left, right, start, self._end)
        ops: list[str] = []
        operands = [left]
        while _BINDING.get(self._now.text) == binding and self._now.kind != "text":
            ops.append(self._take().text)
            operands.append(self._expression(binding + 1))
        if binding == _COMPARISON:
            return Compare(tuple(ops), tuple(operands), start, self._end)
        return Logic(ops[0], tuple(operands), start, self._end)

    def _prefix(self, level: int) -> Expr:
        sign = self._now
        if self._is("-", "+"):
            self._take()
            operand = self._nested(_SIGN)
            return operand if sign.text == "+" else Negate(operand, sign.start, self._end)
        if self._is("not") and level <= _NOT:
            self._take()
            operand = self._nested(_NOT)
            return Not(operand, sign.start, self._end)
        expr = self._atom()
        while self._is("["):
            opener = self._take()
            bars = self._nested(0)
            expr = Index(expr, bars, sign.start, self._expect("]", opener).end)
        return expr

    def _atom(self) -> Expr:
        token = self._now
        if token.kind == "number":
            return self._number(self._take())
        if token.kind == "text":
            self._take()
            return Text(token.text[1:-1], token.start, token.end)
        if token.kind == "name" and token.text not in WORDS:
            return self._name_or_call()
        if self._is("("):
            self._take()
            expr = self._nested(0)
            self._expect(")", token)
            return expr
        raise self._unexpected("a number, a name or `(`")

    def _number(self, token: Token) -> Number:
        value = float(token.text)
        if not math.isfinite(value):
            raise _Stop(
                Problem(
                    "PB2105",
                    "the number is too large",
                    token.start,
                    token.end,
                    "a number below 1.7e308",
                )
            )
        return Number(value, token.start, token.end)

    def _name_or_call(self) -> Expr:
        first = self._take()
        parts = [first]
        while self._is("."):
            self._take()
            if self._now.kind != "name":
                raise self._unexpected("a name")
            parts.append(self._take())
        name, end = ".".join(part.text for part in parts), parts[-1].end
        if self._is("("):
            return self._call(name, first.start, end)
        if len(parts) > 1:
            raise _Stop(
                Problem(
                    "PB2102",
                    f"`{name}` is not part of the language",
                    first.start,
                    end,
                    help="a plugin's function is called: `plugin.name(...)`",
                )
            )
        return Name(name, first.start, end)

    def _call(self, name: str, start: int, name_end: int) -> Call:
        opener = self._take()
        args: list[Expr] = []
        keywords: list[Keyword] = []
        while not self._is(")"):
            if args or keywords:
                self._separator(opener)
            keyword = self._keyword()
            if keyword is not None:
                keywords.append(keyword)
            elif keywords:
                raise self._unexpected("`name=value`: plain arguments come before named ones")
            else:
                args.append(self._nested(0))
        end = self._expect(")", opener).end
        return Call(name, tuple(args), tuple(keywords), start, end, name_end)

    def _separator(self, opener: Token) -> None:
        if self._is(","):
            self._take()
            return
        if self._now.kind == "end":
            self._expect(")", opener)
        raise self._unexpected("`,`, an operator or `)`")

    def _keyword(self) -> Keyword | None:
        if self._now.kind != "name" or self._tokens[self._at + 1].text != "=":
            return None
        name = self._take()
        self._take()
        value = self._nested(0)
        return Keyword(name.text, value, name.start, self._end)
