"""The summary of a run for a terminal: plain text, as wide as asked, colour only when asked."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.report.conditions import (
    barred_entries,
    members_range,
    refused_by_limits,
    regime_shares,
    unbelieved_bars,
)
from paperbot_core.report.groups import group_trades
from paperbot_core.report.modes import mode_shares
from paperbot_core.report.wording import (
    METRICS,
    MINUS,
    NOTHING,
    TIMES,
    metric,
    money,
    notices,
    percent,
    period,
    quote_of,
    shortened,
    title,
)

if TYPE_CHECKING:
    from paperbot_core.report.run import SavedRun

WIDTH_MIN, WIDTH_MAX = 40, 100
_CHART_ROWS = 3
_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN_BLOCKS = " .:-=+*##"
#: What the headline has said already.
_SAID = {"total_return_pct", "max_drawdown_pct"}


@dataclass(frozen=True, slots=True)
class _Paint:
    """Colours, or their absence."""

    on: bool

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    def bold(self, text: str) -> str:
        return self._wrap("1", text)

    def dim(self, text: str) -> str:
        return self._wrap("2", text)

    def alarm(self, text: str) -> str:
        return self._wrap("33", text)

    def by_sign(self, value: float, text: str) -> str:
        if value == 0:
            return text
        return self._wrap("32" if value > 0 else "31", text)


def render_summary(
    run: SavedRun, *, width: int = 80, color: bool = False, unicode: bool = True
) -> str:
    """Return the summary of a run, lines ended by newlines.

    Args:
        run: a stored or a fresh run.
        width: columns of the terminal; used are between 40 and 100.
        color: write ANSI colours (a terminal that wants them).
        unicode: draw with block characters; else ASCII only.
    """
    width = max(WIDTH_MIN, min(width, WIDTH_MAX))
    paint = _Paint(color)
    parts = [
        _heading(run, paint, width),
        _headline(run, paint, width),
        _chart(run, width, unicode),
        _metrics(run, paint, width),
        _exits(run, paint),
        _modes(run, paint),
        _regimes(run, paint),
        _barred(run, paint),
        _members(run, width),
        _rules(run, paint, width),
        _warnings(run, paint, width),
    ]
    text = "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"
    return text if unicode else _ascii(text)


def sparkline(values: Sequence[float], width: int, rows: int = _CHART_ROWS) -> list[str]:
    """Return `rows` lines of blocks, `width` characters wide, highest value at the top."""
    points = np.asarray(values, dtype=np.float64)
    columns = np.interp(np.linspace(0, len(points) - 1, width), np.arange(len(points)), points)
    low, high = float(columns.min()), float(columns.max())
    if high > low:
        levels = 1 + np.rint((columns - low) / (high - low) * (rows * 8 - 1)).astype(int)
    else:
        levels = np.full(width, rows * 4)
    lines = []
    for row in range(rows - 1, -1, -1):
        filled = np.clip(levels - row * 8, 0, 8)
        lines.append("".join(_BLOCKS[level] for level in filled))
    return lines


def _heading(run: SavedRun, paint: _Paint, width: int) -> list[str]:
    symbols = shortened([str(symbol) for symbol in run.get("symbols", [])])
    bars = f"{run.get('bars'):,} bars" if run.get("bars") is not None else ""
    cash = f"from {money(run.get('cash'))} {quote_of(run)}".rstrip() if run.get("cash") else ""
    facts = [period(run), bars, cash]
    second = " · ".join(part for part in (symbols, str(run.get("timeframe", ""))) if part)
    what = str(run.get("mode", "backtest"))
    lines = [f"{paint.bold(title(run))}  {paint.dim(what)}", second]
    lines.extend(textwrap.wrap(" · ".join(part for part in facts if part), width))
    lines.append(paint.dim(f"run {run.run_id}"))
    return [line for line in lines if line]


def _headline(run: SavedRun, paint: _Paint, width: int) -> list[str]:
    total = run.metrics.get("total_return_pct")
    words = [percent(total)] if total is not None else []
    if run.get("final_equity") is not None:
        words.append(f"equity {money(run.get('final_equity'))}")
    fall = run.metrics.get("max_drawdown_pct")
    if fall is not None:
        words.append(f"max drawdown {metric('max_drawdown_pct', fall)}")
    if run.get("buy_and_hold_pct") is not None:
        words.append(f"buy and hold {percent(run.get('buy_and_hold_pct'))}")
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 3 + len(word) <= width:
            lines[-1] += f"   {word}"
        else:
            lines.append(word)
    if total is not None:
        lead = paint.bold(paint.by_sign(total, words[0]))
        lines[0] = lead + lines[0].removeprefix(words[0])
    return lines


def _chart(run: SavedRun, width: int, unicode: bool) -> list[str]:
    equity = np.asarray(run.equity["equity"], dtype=np.float64)
    if len(equity) < 2 or not np.isfinite(equity).all():
        return []
    labels = [money(float(equity.max())), "", money(float(equity.min()))]
    room = width - max(len(label) for label in labels) - 1
    lines = sparkline(equity.tolist(), room)
    if not unicode:
        plain = str.maketrans(_BLOCKS, _PLAIN_BLOCKS)
        lines = [line.translate(plain) for line in lines]
    return [f"{line} {label}".rstrip() for line, label in zip(lines, labels, strict=True)]


def _metrics(run: SavedRun, paint: _Paint, width: int) -> list[str]:
    cells = [
        (word.label, metric(name, run.metrics[name]))
        for name, word in METRICS.items()
        if name in run.metrics and name not in _SAID
    ]
    if not cells:
        return []
    columns = 3 if width >= 88 else 2 if width >= 56 else 1
    cell = (width - 3 * (columns - 1)) // columns
    height = -(-len(cells) // columns)
    lines = []
    for row in range(height):
        parts = []
        for label, value in cells[row::height]:
            dots = " " * (cell - len(label) - len(value))
            parts.append(f"{paint.dim(label)}{dots}{value}")
        lines.append("   ".join(parts))
    return lines


def _exits(run: SavedRun, paint: _Paint) -> list[str]:
    groups = group_trades(run, "exit_reason")
    if not groups:
        return ["No trades."]
    rows = [
        (group.label, f"{group.trades:,}", f"{group.win_pct:.0f} %", money(group.pnl, plus=True))
        for group in groups
    ]
    lines = _table(("Exit", "trades", "won", "profit"), rows, paint)
    for number, group in enumerate(groups, start=1):
        lines[number] = paint.by_sign(group.pnl, lines[number])
    return lines


def _modes(run: SavedRun, paint: _Paint) -> list[str]:
    shares = mode_shares(run)
    if not shares:
        return []
    rows = [
        (
            f"{one.strategy} {one.mode}",
            NOTHING if one.time_pct is None else f"{one.time_pct:.0f} %",
            f"{one.trades:,}",
            money(one.pnl, plus=True),
        )
        for one in shares
    ]
    lines = _table(("Mode", "time", "trades", "profit"), rows, paint)
    for number, one in enumerate(shares, start=1):
        lines[number] = paint.by_sign(one.pnl, lines[number])
    return lines


def _regimes(run: SavedRun, paint: _Paint) -> list[str]:
    shares = regime_shares(run)
    if not shares:
        return []
    rows = [
        (one.name, f"{one.time_pct:.0f} %", f"{one.trades:,}",
         money(one.pnl, plus=True) if one.trades else NOTHING)
        for one in shares
    ]
    lines = _table(("Regime", "time", "trades", "profit"), rows, paint)
    for number, one in enumerate(shares, start=1):
        lines[number] = paint.by_sign(one.pnl, lines[number])
    return lines


def _barred(run: SavedRun, paint: _Paint) -> list[str]:
    rows = [(rule, f"{count:,}") for rule, count in barred_entries(run)]
    return _table(("No entry because of", "signals"), rows, paint) if rows else []


def _members(run: SavedRun, width: int) -> list[str]:
    tiers = [
        f"{tier} {least}" + (f" to {most}" if most != least else "")
        for tier, least, most in members_range(run)
    ]
    lines = textwrap.wrap(f"Members: {', '.join(tiers)}", width) if tiers else []
    bars = unbelieved_bars(run)
    if bars:
        where = shortened([f"{symbol} {count:,}" for symbol, count in bars])
        total = sum(count for _, count in bars)
        noun = "bar" if total == 1 else "bars"
        lines += textwrap.wrap(f"Not believed: {total:,} {noun} ({where})", width)
    return lines


def _rules(run: SavedRun, paint: _Paint, width: int) -> list[str]:
    refused = refused_by_limits(run)
    shrunk: dict[str, int] = run.get("shrunk", {})
    names = [name for name in {**refused, **shrunk} if refused.get(name) or shrunk.get(name)]
    names.sort(key=lambda name: (-refused.get(name, 0), -shrunk.get(name, 0), name))
    if not names:
        return []
    rows = [
        (name, *(f"{counts.get(name):,}" if counts.get(name) else NOTHING
                 for counts in (refused, shrunk)))
        for name in names
    ]
    lines = _table(("Policy", "refused", "shrunk"), rows, paint)
    return [line[:width] if not paint.on else line for line in lines]


def _warnings(run: SavedRun, paint: _Paint, width: int) -> list[str]:
    lines = []
    for _, text in notices(run):
        wrapped = textwrap.wrap(text, width - 2) or [""]
        lines.append(paint.alarm(f"! {wrapped[0]}"))
        lines.extend(paint.alarm(f"  {line}") for line in wrapped[1:])
    return lines


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], paint: _Paint) -> list[str]:
    """Return lines with the first column to the left, the others to the right."""
    all_rows = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in all_rows) for column in range(len(head))]
    lines = []
    for row in all_rows:
        right = (f"{value:>{width}}" for value, width in zip(row[1:], widths[1:], strict=True))
        lines.append("   ".join([f"{row[0]:<{widths[0]}}", *right]))
    return [paint.dim(lines[0]), *lines[1:]]


def _ascii(text: str) -> str:
    for sign, plain in ((MINUS, "-"), (NOTHING, "-"), (TIMES, "x"), ("·", "|")):
        text = text.replace(sign, plain)
    return text.encode("ascii", "replace").decode("ascii")
