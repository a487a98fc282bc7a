"""The result of `paperbot data check` as one HTML file that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from paperbot_core import __version__
from paperbot_core.domain.market import timeframe_text
from paperbot_core.market.checks.checks import Finding, SeriesReport, Verdict
from paperbot_core.market.page_style import SECURITY, STYLE
from paperbot_core.market.timerange import minute_text

if TYPE_CHECKING:
    from paperbot_core.market.checks.time import TimeFacts

_COLUMNS = (
    ("rows", "rows"),
    ("gaps", "gaps"),
    ("missing", "missing"),
    ("duplicates", "duplicates"),
    ("disorder", "disorder"),
    ("bad_rows", "bad rows"),
    ("zero_volume", "zero volume"),
    ("outliers", "outliers"),
    ("frozen", "frozen"),
)
#: Width of the strip that shows where bars are missing, in SVG units; a hole is at least one wide.
_STRIP = 1_000
_HOLES_DRAWN = 2_000


def render_page(reports: Sequence[SeriesReport]) -> str:
    """Return the page: a table of all series, then a card with a strip of time for each."""
    counts = {verdict: sum(r.verdict is verdict for r in reports) for verdict in Verdict}
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    head = "".join(f"<th>{label}</th>" for _key, label in _COLUMNS)
    rows = "".join(_table_row(report) for report in reports)
    cards = "".join(_card(report) for report in reports)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{SECURITY}">'
        f"<title>Data check · Paperbot</title><style>{STYLE}</style></head><body><main>"
        f"<h1>Data check</h1><p>{len(reports)} series: {summary}</p>"
        f"<section><table><thead><tr><th>market</th>{head}<th>verdict</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></section>{cards}"
        f"<footer>All times are UTC. Made by Paperbot {escape(__version__)}.</footer>"
        "</main></body></html>\n"
    )


def _market(report: SeriesReport) -> str:
    return escape(f"{report.series.symbol} {timeframe_text(report.series.tf_ms)}")


def _tag(verdict: Verdict) -> str:
    return f'<span class="tag {verdict}">{verdict}</span>'


def _table_row(report: SeriesReport) -> str:
    row = report.as_row()
    cells = "".join(f"<td>{row[key]:,}</td>" for key, _label in _COLUMNS)
    return f"<tr><td>{_market(report)}</td>{cells}<td>{_tag(report.verdict)}</td></tr>"


def _card(report: SeriesReport) -> str:
    found = "".join(_item(finding) for finding in report.findings) or "<li>nothing to remark</li>"
    strip = _strip(report.times) if report.times else ""
    return (
        f"<section><h2>{_market(report)} {_tag(report.verdict)}</h2>"
        f'<div class="file">{escape(report.series.name)}</div>{strip}<ul>{found}</ul></section>'
    )


def _item(finding: Finding) -> str:
    return f"<li>{_tag(finding.verdict)} {escape(finding.text)}</li>"


def _strip(times: TimeFacts) -> str:
    """Draw the time from the first to the last bar, holes in red."""
    if times.first is None or times.last is None or times.last == times.first:
        return ""
    span = times.last - times.first
    # Missing bars of a market with sessions are not side by side in time: one mark per hole.
    marks = "".join(
        f'<rect x="{_STRIP * (hole.ts - times.first) / span:.2f}" y="0" height="14" '
        f'width="{max(1.5, _STRIP * hole.missing / max(times.expected, 1)):.2f}" '
        'fill="var(--fail)"/>'
        for hole in times.holes[:_HOLES_DRAWN]
    )
    return (
        f'<svg viewBox="0 0 {_STRIP} 14" preserveAspectRatio="none" role="img" '
        f'aria-label="{len(times.holes)} holes">'
        f'<rect width="{_STRIP}" height="14" fill="var(--ok)" opacity=".35"/>{marks}</svg>'
        f'<div class="times"><span>{minute_text(times.first)}</span>'
        f"<span>{minute_text(times.last)}</span></div>"
    )
