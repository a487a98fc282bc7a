"""The look of pages about data: light and dark, nothing loaded from anywhere."""

from __future__ import annotations

SECURITY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --bg: #f5f4ef; --panel: #fffefb; --ink: #1c2126;
  --muted: #68717a; --line: #e3e0d7; --ok: #0c8468; --warn: #b07a00; --fail: #c5432b; }
@media (prefers-color-scheme: dark) { :root { --bg: #0d1115; --panel: #141a20; --ink: #e6eaed;
  --muted: #8e9aa6; --line: #252e37; --ok: #3cc7a2; --warn: #f0c56f; --fail: #f27a5e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { margin: 0 0 4px; font-size: 28px; letter-spacing: -.02em; }
p { margin: 0 0 20px; color: var(--muted); }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; margin-bottom: 14px; overflow-x: auto; }
h2 { margin: 0; font-size: 16px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { padding: 4px 10px 4px 0; text-align: right; white-space: nowrap; }
th { color: var(--muted); font-weight: 500; }
th:first-child, td:first-child, .text { text-align: left; }
td { vertical-align: top; } .text { white-space: normal; }
ul { margin: 8px 0 0; padding-left: 18px; }
svg { display: block; width: 100%; height: 14px; margin: 10px 0 2px; border-radius: 4px; }
.times { display: flex; justify-content: space-between; color: var(--muted); font-size: 12px; }
.ok { color: var(--ok); } .warn { color: var(--warn); } .fail { color: var(--fail); }
.tag { font-weight: 650; } .file { color: var(--muted); font-size: 12px; overflow-wrap: anywhere; }
footer { color: var(--muted); font-size: 12px; }
"""
