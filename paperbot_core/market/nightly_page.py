"""The report of a nightly job as one HTML file that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from paperbot_core import __version__
from paperbot_core.market.timerange import iso_time

_SECURITY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; margin: 0 auto;
  max-width: 1180px; padding: 28px 20px; }
h1 { margin: 0; font-size: 28px; } p, footer { opacity: .75; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { padding: 5px 12px 5px 0; text-align: right; white-space: nowrap; vertical-align: top;
  border-top: 1px solid #8884; }
th:first-child, td:first-child, .text { text-align: left; } .text { white-space: normal; }
.ok { color: #0c8468; } .warn { color: #b07a00; } .fail { color: #d0452b; }
.tag { font-weight: 650; }
"""
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
        f'<meta http-equiv="Content-Security-Policy" content="{_SECURITY}">'
        f"<title>Nightly job · Paperbot</title><style>{_STYLE}</style></head><body>"
        f"<h1>Nightly job {_tag(report['verdict'])}</h1>"
        f"<p>{escape(report['started'])} to {escape(report['finished'])}: {counts}, "
        f"{report['added']:,} new bars in {escape(report['lake'])}</p>"
        f'<table><thead><tr><th>series</th><th class="text">source</th>{head}<th>last bar</th>'
        f'<th>verdict</th><th class="text">what was found</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{alerts}"
        f"<footer>All times are UTC. Made by Paperbot {escape(__version__)}.</footer>"
        "</body></html>\n"
    )


def _row(item: Mapping[str, Any]) -> str:
    check = item["check"]
    name = f"{item['venue']} {item['symbol']} {item['timeframe']}"
    counts = [check[column] if check else None for column in _COLUMNS]
    cells = "".join(f"<td>{'' if n is None else f'{n:,}'}</td>" for n in (item["added"], *counts))
    last = iso_time(check["last"]) if check and check["last"] is not None else ""
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
