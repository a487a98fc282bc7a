"""A notice as a Slack message: blocks for people who look, one line of text for notifications."""

from __future__ import annotations

from typing import Any

from paperbot_core.api import Notice, NoticeSeverity

# What Slack accepts at most.
_HEADER_MAX = 150
_TEXT_MAX = 3_000
_FIELD_MAX = 2_000
_FIELDS_IN_A_BLOCK = 10
_FIELD_BLOCKS_MAX = 4

_ICONS = {
    "start": ":rocket:",
    "stop": ":checkered_flag:",
    "fill": ":moneybag:",
    "refusal": ":no_entry:",
    "halt": ":octagonal_sign:",
    "summary": ":bar_chart:",
    "error": ":rotating_light:",
}
_SEVERITY_ICONS = {
    NoticeSeverity.INFO: ":information_source:",
    NoticeSeverity.WARNING: ":warning:",
    NoticeSeverity.CRITICAL: ":rotating_light:",
}


def escape(text: str) -> str:
    """Return text in which Slack finds no markup of its own, mentions or links."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters, the last of them an ellipsis if some are missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def fallback(notice: Notice) -> str:
    """Return the message as one text, for notifications and screen readers."""
    icon = _ICONS.get(notice.kind, _SEVERITY_ICONS[notice.severity])
    facts = ", ".join(f"{name} {value}" for name, value in notice.facts.items())
    parts = [f"{icon} {notice.title}", notice.text, facts]
    return shorten(escape("\n".join(part for part in parts if part)), _TEXT_MAX)


def blocks(notice: Notice) -> list[dict[str, Any]]:
    """Return the message as Block Kit blocks, cut to what Slack accepts."""
    icon = _ICONS.get(notice.kind, _SEVERITY_ICONS[notice.severity])
    header = shorten(f"{icon} {' '.join(notice.title.split())}", _HEADER_MAX)
    made: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": header, "emoji": True}}
    ]
    if notice.text.strip():
        made.append({"type": "section", "text": _markdown(notice.text, _TEXT_MAX)})
    fields = [
        _markdown(f"{name}\n{value}", _FIELD_MAX) for name, value in notice.facts.items() if name
    ]
    for start in range(0, len(fields), _FIELDS_IN_A_BLOCK)[:_FIELD_BLOCKS_MAX]:
        made.append({"type": "section", "fields": fields[start : start + _FIELDS_IN_A_BLOCK]})
    left = len(fields) - _FIELDS_IN_A_BLOCK * _FIELD_BLOCKS_MAX
    note = f"Paperbot · {notice.kind} · {notice.severity.value}"
    if left > 0:
        note = f"{note} · {left} more facts in the journal"
    made.append({"type": "context", "elements": [_markdown(note, _TEXT_MAX)]})
    return made


def _markdown(text: str, limit: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": shorten(escape(text), limit), "verbatim": True}
