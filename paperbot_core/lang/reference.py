"""The tables of docs/strategy-language.md, made from what the code itself runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from paperbot_core.features.function import Function
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.arguments import signature
from paperbot_core.lang.series import SERIES
from paperbot_core.lang.units import unit_text

_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def series_table() -> str:
    """Return the table of the series: name, unit, meaning."""
    rows = [(f"`{s.name}`", unit_text(s.unit), s.meaning) for s in SERIES.values()]
    return _table(("series", "unit", "meaning"), rows)


def function_table(functions: Mapping[str, Function] = FUNCTIONS) -> str:
    """Return the table of the functions: call, gives, unit, warm-up, formula, source."""
    rows = [
        (signature(f), f.result, f.units_text, f.warmup_text, f.formula, f.source)
        for f in functions.values()
    ]
    return _table(("function", "gives", "unit", "warm-up (bars)", "value", "source"), rows)


def with_tables(text: str) -> str:
    """Return a document with the blocks `<!-- table: NAME -->` ... `<!-- end -->` made anew."""
    tables = {"series": series_table(), "functions": function_table()}
    return _BLOCK.sub(lambda found: found[1] + tables[found[2]] + found[3], text)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    # Outside of backticks a star would start italics and a bar would end the cell.
    text = text.replace("|", "\\|")
    return text if text.startswith("`") else text.replace("*", "\\*")
