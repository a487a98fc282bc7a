"""The syntax tree of an expression: what was written, with offsets, not yet what it means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A literal such as `14` or `1.5`; always finite."""

    value: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted timeframe or regime."""

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    """A series, a parameter or a named feature."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Negate:
    """`-operand`."""

    operand: Expr
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right` with op one of `+ - * / %`."""

    op: str
    left: Expr
    right: Expr
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Compare:
    """`operands[0] ops[0] operands[1] ops[1] ...`; a chain means every link holds."""

    ops: tuple[str, ...]
    operands: tuple[Expr, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Logic:
    """`a and b and c` or `a or b or c`."""

    op: str
    operands: tuple[Expr, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Not:
    """`not operand`."""

    operand: Expr
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[bars]`: the value that many bars ago."""

    operand: Expr
    bars: Expr
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Keyword:
    """`name=value` among the arguments of a call."""

    name: str
    value: Expr
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """`name(args, keywords)`; `name` may be dotted; `name_end` is where the name stops."""

    name: str
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    start: int
    end: int
    name_end: int


Expr = Number | Text | Name | Negate | Binary | Compare | Logic | Not | Index | Call


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the direct parts of `expr`, in the order written."""
    match expr:
        case Negate(operand=operand) | Not(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case Compare(operands=operands) | Logic(operands=operands):
            return operands
        case Index(operand=operand, bars=bars):
            return (operand, bars)
        case Call(args=args, keywords=keywords):
            return (*args, *(keyword.value for keyword in keywords))
        case _:
            return ()
