"""A run as one HTML file that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core import __version__
from paperbot_core.report import sections
from paperbot_core.report.curves import draw_curves
from paperbot_core.report.payload import payload
from paperbot_core.report.strips import conditions_card
from paperbot_core.report.wording import moment, title

if TYPE_CHECKING:
    from paperbot_core.report.run import SavedRun

#: The page may run its own script and style, and load nothing from anywhere.
_SECURITY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def render_html(run: SavedRun) -> str:
    """Return the page of a run; tens of thousands of trades and years of bars open at once."""
    times = np.asarray(run.equity["ts"], dtype=np.int64)
    equity = np.asarray(run.equity["equity"], dtype=np.float64)
    cash = float(run.get("cash", equity[0] if len(equity) else 0.0))
    start = moment(run.get("start"))
    if start is None:
        start = int(times[0]) if len(times) else 0
    curves = draw_curves(times, equity, cash, start, run.bars)
    body = "".join(
        (
            sections.heading(run),
            sections.notes(run),
            sections.tiles(run),
            sections.equity_card(len(curves.hold) > 0),
            sections.price_card(run),
            conditions_card(run),
            '<div class="pair">',
            sections.groups_card(run, "exit_reason", "Exits"),
            sections.policy_card(run),
            sections.groups_card(run, "symbol", "Symbols"),
            sections.modes_card(run),
            sections.outcomes_card(run),
            "</div>",
            sections.months_card(run, cash),
            sections.trades_card(run),
            sections.metrics_card(run),
            sections.provenance_card(run),
        )
    )
    return (
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_SECURITY}">'
        f"<title>{escape(title(run))} · Paperbot</title><style>{_asset('page.css')}</style></head>"
        f"<body><main>{body}<noscript><p>Charts and the table of trades need JavaScript, which is "
        "inside this file.</p></noscript>"
        "<footer>All times are UTC; trades are dated by the open of the bar they filled in, equity "
        f"by its close. Profit is net of fees. Made by Paperbot {escape(__version__)}.</footer>"
        '</main><script type="application/json" id="data">'
        f"{payload(run, curves, cash, start)}</script>"
        f"<script>{_asset('charts.js')}{_asset('page.js')}</script></body></html>\n"
    )


def _asset(name: str) -> str:
    return files("paperbot_core.report").joinpath(name).read_text(encoding="utf-8")
