"""The report of a nightly job as one HTML file that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from paperbot_core import __version__
from paperbot_core.domain.counting import counted
from paperbot_core.market.page_style import SECURITY, STYLE
from paperbot_core.market.timerange import minute_text

_COLUMNS = ("rows", "gaps", "missing", "outliers", "frozen")


def render_nightly_page(report: Mapping[str, Any]) -> str:
    """Return the page: how it ended, a row for each series, who was told."""
    head = "".join(f"<th>{name}</th>" for name in ("new", *_COLUMNS))
    rows = "".join(_row(item) for item in report["items"])
    counts = ", ".join(f"{report[name]} {name}" for name in ("ok", "warn", "fail") if report[name])
    alerts = "".join(f"<p>{escape(_alert(row))}</p>" for row in report["alerts"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{SECURITY}">'
        f"<title>Nightly job · Paperbot</title><style>{STYLE}</style></head><body><main>"
        f"<h1>Nightly job {_tag(report['verdict'])}</h1>"
        f"<p>{_when(report)} · {len(report['items'])} series: {counts} · "
        f"{counted(report['added'], 'new bar')} in {escape(report['lake'])}</p>"
        '<section><table><thead><tr><th>series</th><th class="text">source</th>'
        f'{head}<th>last bar</th><th>verdict</th><th class="text">what was found</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></section>{alerts}"
        f"<footer>All times are UTC. Made by Paperbot {escape(__version__)}.</footer>"
        "</main></body></html>\n"
    )


def _when(report: Mapping[str, Any]) -> str:
    """Return the minutes between which the job ran, once if they are the same."""
    start, end = (str(report[key])[:16].replace("T", " ") for key in ("started", "finished"))
    return escape(start if start == end else f"{start} to {end}")


def _row(item: Mapping[str, Any]) -> str:
    check = item["check"]
    name = f"{item['venue']} {item['symbol']} {item['timeframe']}"
    counts = [check[column] if check else None for column in _COLUMNS]
    cells = "".join(f"<td>{'' if n is None else f'{n:,}'}</td>" for n in (item["added"], *counts))
    last = minute_text(check["last"]) if check and check["last"] is not None else ""
    found = "<br>".join(escape(line) for line in _found(item))
    return (
        f'<tr><td>{escape(name)}</td><td class="text">{escape(item["source"])}</td>{cells}'
        f'<td>{last}</td><td>{_tag(item["verdict"])}</td><td class="text">{found}</td></tr>'
    )


def _found(item: Mapping[str, Any]) -> list[str]:
    """Return what failed, what the check found, and what the source noted."""
    check = item["check"]
    return [
        *(f"{one['code']}: {one['message']}" for one in item["diagnostics"]),
        *(f"{one['verdict']}: {one['text']}" for one in (check["findings"] if check else [])),
        *item["notes"],
    ]


def _alert(row: Mapping[str, Any]) -> str:
    return f"{row['target']}: " + ("told" if row["sent"] else f"not told, {row['error']}")


def _tag(verdict: str) -> str:
    return f'<span class="tag {verdict}">{verdict}</span>'
