"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Line = dict[str, Any]

#: What the lines of the small figures mean, and the key and unit of their number.
FIGURES = {
    "step_1": ("plain step, 1 slot", "us_per_bar", "us a bar"),
    "step_200": ("plain step, 200 slots", "us_per_bar", "us a bar"),
    "help": ("paperbot --help", "seconds", "s of CPU"),
    "backtest_year": ("paperbot backtest, a year of hours", "seconds", "s of CPU"),
    "sweep_memory_10": ("sweep of 10, peak memory", "peak_rss_mb", "MB"),
    "sweep_memory_50": ("sweep of 50, peak memory", "peak_rss_mb", "MB"),
    "sweep_memory_100": ("sweep of 100, peak memory", "peak_rss_mb", "MB"),
}


def render(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are numbers."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def works_table(lines: Sequence[Line]) -> str:
    """Return W1, W2 and W3: time, and how many times as long as ours each engine takes.

    Ours is the first line of a work: the newest numba.
    """
    head = (
        "engine", "seconds", "bars/s", "x ours", "cold s", "warm s", "MB", "trades",
        "final equity",
    )
    blocks = []
    for work in sorted({_work(line) for line in lines}):
        same = [line for line in lines if _work(line) == work]
        base = same[0]["seconds"]
        rows = [
            (
                f"{work} {line['label']}", f"{line['seconds']:.4f}", f"{line['bars_per_s']:,}",
                f"{line['seconds'] / base:.2f}", f"{line['cold_wall_s']:.1f}",
                f"{line['warm_wall_s']:.1f}" if "warm_wall_s" in line else "",
                f"{line['peak_rss_mb']:.0f}", f"{line['trades']:,}",
                f"{line['final_equity']:,.2f}",
            )
            for line in same
        ]
        blocks.append(render(head, rows))
    return "\n\n".join(blocks)


def _work(line: Line) -> str:
    """Return w1, w2 or w3; the reference has names of its own, such as `w1_with_indicators`."""
    return str(line["workload"])[:2]


def figures_table(lines: Sequence[Line]) -> str:
    """Return the small figures with their goals."""
    rows = []
    for line in lines:
        label, key, unit = FIGURES[line["workload"]]
        goal = f"< {line['goal']:g}" if "goal" in line else ""
        note = "imports numba!" if line.get("numba_imported") else ""
        rows.append((label, f"{line[key]:g} {unit}", goal, note))
    return render(("figure", "measured", "goal", ""), rows)
