"""Text to tokens: the letters of the language, and what people type instead of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paperbot_core.lang.problem import Problem

LENGTH_MAX = 4_096

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<text>"[^"\\]*"|'[^'\\]*')
    |(?P<op>\*\*|//|&&|\|\||<=|>=|==|!=|<>|=<|=>|:=|[!-/:-@\[-`{-~])""",
    re.VERBOSE,
)
_TIMEFRAME = re.compile(r"[0-9]+[smhdw]")

#: Operators of the language itself; `and`, `or`, `not` are names to the tokenizer.
_OPERATORS = frozenset(
    {
        "+",
        "-",
        "*",
        "/",
        "%",
        "<",
        "<=",
        ">",
        ">=",
        "==",
        "!=",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "=",
    }
)
WORDS = frozenset({"and", "or", "not"})

#: What people write from habit, and what the language has instead.
_INSTEAD = {
    "**": "multiply: `x * x`; the root is `sqrt(x)`",
    "//": "divide with `/`",
    "&&": "write `and`",
    "&": "write `and`",
    "||": "write `or`",
    "|": "write `or`",
    "!": "write `not`",
    "~": "write `not`",
    "<>": "write `!=`",
    "=<": "write `<=`",
    "=>": "write `>=`",
    ":=": "name it under `features:`",
    "^": "multiply for a power: `x * x`",
    "#": "comments belong outside the expression",
    "?": "write `where(condition, a, b)`",
    ":": "`x[n]` is the value n bars ago; windows are functions such as `highest(x, n)`",
    '"': 'close the quotes; timeframes and regimes are quoted, as in `timeframe="4h"`',
    "'": "close the quotes; timeframes and regimes are quoted, as in `timeframe='4h'`",
    "if": "write `where(condition, a, b)`",
    "else": "write `where(condition, a, b)`",
    "in": "compare with `==` and join with `or`",
    "is": "compare with `==`",
    "lambda": "name it under `features:`",
    "True": "a condition that always holds is `1 > 0`",
    "False": "a condition that never holds is `1 < 0`",
    "true": "a condition that always holds is `1 > 0`",
    "false": "a condition that never holds is `1 < 0`",
    "AND": "write `and`",
    "OR": "write `or`",
    "NOT": "write `not`",
}
#: Words that can never be a name in an expression.
REFUSED_WORDS = frozenset(word for word in _INSTEAD if word.isalpha())


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of text: kind is number, name, text, op or end."""

    kind: str
    text: str
    start: int
    end: int


def refused(token: Token) -> Problem:
    """Return the complaint about a token that the language does not have."""
    return Problem(
        "PB2102",
        f"`{token.text}` is not part of the language",
        token.start,
        token.end,
        help=_INSTEAD.get(token.text, ""),
    )


def tokenize(text: str) -> list[Token] | Problem:
    """Split `text` into tokens, the last one of kind `end`; or say why that cannot be done."""
    if len(text) > LENGTH_MAX:
        return Problem(
            "PB2103",
            f"the expression has {len(text):,} characters",
            0,
            len(text),
            f"at most {LENGTH_MAX:,}",
            "name parts of it under `features:`",
        )
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            return _not_ascii(text, position)
        kind = found.lastgroup or ""
        token = Token(kind, found[0], position, found.end())
        position = found.end()
        if kind == "space":
            continue
        if token.text in REFUSED_WORDS or (kind == "op" and token.text not in _OPERATORS):
            return refused(token)
        before = tokens[-1] if tokens else token
        if kind == "name" and before.kind == "number" and before.end == token.start:
            return _glued(before, token)
        tokens.append(token)
    stop = len(text.rstrip())
    tokens.append(Token("end", "", stop, stop))
    return tokens


def _glued(number: Token, name: Token) -> Problem:
    word = number.text + name.text
    help_text = f'a timeframe is quoted: `"{word}"`' if _TIMEFRAME.fullmatch(word) else ""
    return Problem(
        "PB2101",
        f"cannot read `{word}`",
        number.start,
        name.end,
        "a number, or a name that starts with a letter",
        help_text,
    )


def _not_ascii(text: str, position: int) -> Problem:
    message = f"`{ascii(text[position])[1:-1]}` is not a character of the language"
    return Problem("PB2104", message, position, position + 1, "ASCII letters, digits and operators")
