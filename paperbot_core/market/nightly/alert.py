"""Telling people how the nightly job ended: once, directly, within a bounded time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from paperbot_core.api import Notice, NoticeSeverity
from paperbot_core.diagnostics import PaperbotError

if TYPE_CHECKING:
    from paperbot_core.api import Notifier
    from paperbot_core.config.settings import Settings
    from paperbot_core.plugins import Plugins

#: How long one notifier may take, in seconds; a thread that hangs is left behind.
TIMEOUT_S = 20.0
_SHOWN = 10
_SEVERITY = {
    "ok": NoticeSeverity.INFO,
    "warn": NoticeSeverity.WARNING,
    "fail": NoticeSeverity.CRITICAL,
}


def is_due(settings: Settings, report: Mapping[str, Any]) -> bool:
    """Return whether `data.nightly.alert_on` wants somebody told of this report."""
    when = settings.data.nightly.alert_on
    return when == "always" or (when == "failure" and report["verdict"] == "fail")


def notice_of(report: Mapping[str, Any]) -> Notice:
    """Return a report as a message; it names at most ten series that failed."""
    failed = [item for item in report["items"] if item["verdict"] == "fail"]
    count = len(report["items"])
    title = (
        f"nightly data job: {len(failed)} of {count} series failed"
        if failed
        else f"nightly data job: {count} series are up to date"
    )
    lines = [f"{_name(item)}: {reason_of(item)}" for item in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        lines.append(f"and {len(failed) - _SHOWN} more")
    facts = {
        "new bars": f"{report['added']:,}",
        "to look at": str(report["warn"]),
        "report": str(report["page"]),
    }
    return Notice("nightly", title, "\n".join(lines), _SEVERITY[report["verdict"]], facts=facts)


def reason_of(item: Mapping[str, Any]) -> str:
    """Return in one line why a series of a report failed, empty if it did not."""
    for diagnostic in item["diagnostics"]:
        return f"{diagnostic['code']}: {diagnostic['message']}"
    found = item["check"]["findings"] if item["check"] else []
    return "; ".join(one["text"] for one in found if one["verdict"] == "fail")


def alert(
    settings: Settings, plugins: Plugins, report: Mapping[str, Any], timeout_s: float = TIMEOUT_S
) -> list[dict[str, Any]]:
    """Send a report to every notifier that is switched on; return `{target, sent, error}` of each.

    A notifier that fails or hangs changes nothing but its own row.
    """
    targets = ["slack"] if settings.alerts.slack.enabled else []
    notice = notice_of(report)
    rows = []
    for target in targets:
        try:
            error = _send(plugins.build("notifier", target), notice, timeout_s)
        except PaperbotError as problem:
            error = problem.diagnostics[0].message
        rows.append({"target": target, "sent": not error, "error": error or None})
    return rows


def _send(notifier: Notifier, notice: Notice, timeout_s: float) -> str:
    """Deliver from a thread of its own, so that one that blocks is left behind; return why not."""
    outcome = [f"no answer within {timeout_s:g} s"]

    async def deliver() -> None:
        async with asyncio.timeout(timeout_s):
            await notifier.notify(notice)

    def work() -> None:
        try:
            asyncio.run(deliver())
        except TimeoutError:
            return
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it is reported
            # The type alone: the text of a network error often holds the secret address.
            outcome[0] = type(error).__name__
        else:
            outcome[0] = ""

    thread = threading.Thread(target=work, name="paperbot-nightly-alert", daemon=True)
    thread.start()
    thread.join(timeout_s + 1.0)
    return outcome[0]


def _name(item: Mapping[str, Any]) -> str:
    return f"{item['venue']} {item['symbol']} {item['timeframe']}"
