"""The card of conditions: regimes and members over time, drawn as still pictures of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.domain.market import DAY_MS
from paperbot_core.report.conditions import (
    REGIMES,
    RegimeShare,
    barred_entries,
    members_range,
    regime_shares,
    regime_spans,
    run_span,
    tier_lines,
    unbelieved_bars,
)
from paperbot_core.report.wording import NOTHING, money, shortened, utc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_core.report.run import SavedRun

    Values = NDArray[np.float64]

#: Width of a picture in its own units, and how many columns members are counted in.
_WIDTH, _COLUMNS = 1_000, 500
_STRIP_HEIGHT, _MEMBERS_HEIGHT = 16, 80
_DATES = 5
#: Tiers beyond these share the last shade.
_SHADES = 5


def conditions_card(run: SavedRun) -> str:
    """Return regimes, members and what they barred; nothing for runs that know none of it."""
    parts = [_pictures(run), _tables(run), _unbelieved(run)]
    if not any(parts):
        return ""
    head = '<div class="bar"><h2>Conditions</h2></div>'
    return f'<section class="card conditions">{head}{"".join(parts)}</section>'


def _pictures(run: SavedRun) -> str:
    span = run_span(run)
    if span is None:
        return ""
    found = [_regimes(run, *span), _members(run, *span)]
    return "".join(found) + _dates(*span) if any(found) else ""


def _regimes(run: SavedRun, start: int, end: int) -> str:
    spans = regime_spans(run)
    if not spans:
        return ""
    scale = _WIDTH / (end - start)
    boxes = "".join(
        f'<rect class="{_regime_class(one.name)}" x="{(one.start - start) * scale:.2f}" y="0" '
        f'width="{(one.end - one.start) * scale:.2f}" height="{_STRIP_HEIGHT}">'
        f"<title>{escape(one.name)}, {utc(one.start)} to {utc(one.end)}</title></rect>"
        for one in spans
    )
    seen = {one.name for one in spans}
    names = [(name, _regime_class(name)) for name in REGIMES if name in seen]
    return _picture("Regime", names, _STRIP_HEIGHT, boxes, "regime over time")


def _members(run: SavedRun, start: int, end: int) -> str:
    lines = tier_lines(run)
    if not lines:
        return ""
    edges = np.linspace(start, end, _COLUMNS + 1)
    middles = ((edges[:-1] + edges[1:]) / 2).astype(np.int64)
    counts = [line.at(middles) for line in lines]
    most = max(1, int(np.sum(counts, axis=0).max()))
    below = np.zeros(_COLUMNS)
    areas = []
    for number, count in enumerate(counts):
        above = below + count
        path = _area(below, above, most)
        areas.append(f'<path class="{_shade(number)}" d="{path}"/>')
        below = above
    names = [
        (tier + (f" {least} to {peak}" if peak != least else f" {least}"), _shade(number))
        for number, (tier, least, peak) in enumerate(members_range(run))
    ]
    label = f"Members, {most} at most"
    return _picture(label, names, _MEMBERS_HEIGHT, "".join(areas), "members by tier over time")


def _area(low: Values, high: Values, most: int) -> str:
    """Return the path of the steps between two lines of one value a column."""
    top = _steps(high, most)
    bottom = [(right, left, y) for left, right, y in reversed(_steps(low, most))]
    return "M" + "L".join(f"{a:g},{y}L{b:g},{y}" for a, b, y in [*top, *bottom]) + "Z"


def _steps(values: Values, most: int) -> list[tuple[float, float, str]]:
    """Return level parts from left to right, as (left, right, height)."""
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    wide = _WIDTH / len(values)
    return [
        (a * wide, b * wide, f"{_MEMBERS_HEIGHT * (1 - values[a] / most):.2f}")
        for a, b in pairwise(cuts)
    ]


def _picture(
    label: str, names: Iterable[tuple[str, str]], height: int, shapes: str, told: str
) -> str:
    legend = "".join(f'<span><i class="{kind}"></i>{escape(name)}</span>' for name, kind in names)
    return (
        f'<div class="legend"><b>{escape(label)}</b>{legend}</div>'
        f'<svg viewBox="0 0 {_WIDTH} {height}" preserveAspectRatio="none" role="img" '
        f'style="height:{height}px" aria-label="{told}">{shapes}</svg>'
    )


def _dates(start: int, end: int) -> str:
    times = np.linspace(start, end, _DATES).astype(np.int64).tolist()
    style = "%Y-%m-%d" if end - start >= _DATES * DAY_MS else "%m-%d %H:%M"
    days = "".join(f"<span>{utc(time, style)}</span>" for time in times)
    return f'<div class="axis">{days}</div>'


def _tables(run: SavedRun) -> str:
    found = [_regime_table(regime_shares(run)), _barred_table(barred_entries(run))]
    return f'<div class="pair">{"".join(found)}</div>' if any(found) else ""


def _regime_table(shares: Sequence[RegimeShare]) -> str:
    if not shares:
        return ""
    rows = "".join(
        f'<tr><td>{escape(one.name)}</td><td class="text track">'
        f'<i class="{_regime_class(one.name)}" style="width:{one.time_pct:.1f}%"></i></td>'
        f"<td>{one.time_pct:.0f} %</td><td>{one.trades:,}</td>"
        f'<td class="{_sign(one.pnl)}">'
        f"{money(one.pnl, plus=True) if one.trades else NOTHING}</td></tr>"
        for one in shares
    )
    head = '<th>Regime</th><th class="text">Time</th><th></th><th>Trades</th><th>Profit</th>'
    return f'<div class="scroll">{_table(head, rows)}</div>'


def _barred_table(rules: Sequence[tuple[str, int]]) -> str:
    if not rules:
        return ""
    most = rules[0][1]
    rows = "".join(
        f'<tr><td class="wrap">{escape(rule).replace("_", "_<wbr>")}</td><td class="text track">'
        f'<i class="soft" style="width:{100 * count / most:.1f}%"></i></td><td>{count:,}</td></tr>'
        for rule, count in rules
    )
    head = '<th>No entry because of</th><th></th><th title="signals, one a bar">Signals</th>'
    return f'<div class="scroll">{_table(head, rows)}</div>'


def _table(head: str, rows: str) -> str:
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _unbelieved(run: SavedRun) -> str:
    bars = unbelieved_bars(run)
    if not bars:
        return ""
    total = sum(count for _, count in bars)
    where = shortened([f"{symbol} {count:,}" for symbol, count in bars])
    noun = "bar was" if total == 1 else "bars were"
    return f'<p class="hint">{total:,} {noun} not believed and not used: {escape(where)}</p>'


def _regime_class(name: str) -> str:
    return f"r-{name}" if name in REGIMES else "r-unknown"


def _sign(value: float) -> str:
    return "" if not value else "gain" if value > 0 else "loss"


def _shade(number: int) -> str:
    return f"t{min(number, _SHADES - 1)}"
