"""Notices on their way out: a table filled in the commit that caused them, emptied by a sender."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from paperbot_core.api import Notice, NoticeSeverity

_DAY_MS = 86_400_000

MAX_TRIES = 8
_BACKOFF_MS = 2_000
_BACKOFF_MAX_MS = 600_000
#: Delivered and given-up notices are forgotten after this long; they are not part of the truth.
_KEEP_MS = 30 * _DAY_MS


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A stored notice for one target.

    `tries` counts failed attempts, `suppressed` the repetitions that were not stored.
    """

    id: int
    created_ms: int
    target: str
    notice: Notice
    suppressed: int
    tries: int


class Outbox:
    """The outbox table through one connection in manual transaction mode."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        """Use the tables of an open journal."""
        self._conn = conn

    def enqueue(self, notice: Notice, cooldowns_s: Mapping[str, float], now_ms: int) -> None:
        """Store a notice for every target; call it inside the transaction that causes it.

        Args:
            notice: what to say; no secrets.
            cooldowns_s: seconds by target. A notice whose `dedupe_key` was stored for the target
                less than that ago is counted, not stored again.
            now_ms: wall time.
        """
        for target, cooldown_s in cooldowns_s.items():
            since = now_ms - round(cooldown_s * 1000)
            if notice.dedupe_key and self._suppress(target, notice.dedupe_key, since):
                continue
            self._conn.execute(
                "INSERT INTO outbox (created_ms, target, kind, dedupe_key, body, next_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (now_ms, target, notice.kind, notice.dedupe_key, _render(notice), now_ms),
            )

    def _suppress(self, target: str, dedupe_key: str, since_ms: int) -> bool:
        changed = self._conn.execute(
            "UPDATE outbox SET suppressed = suppressed + 1 WHERE id ="
            " (SELECT max(id) FROM outbox WHERE target = ? AND dedupe_key = ? AND created_ms > ?)",
            (target, dedupe_key, since_ms),
        )
        return changed.rowcount > 0

    def due(self, now_ms: int, limit: int = 20) -> dict[str, list[OutboxRow]]:
        """Return what may be sent now, by target, oldest first.

        Nothing is due for a target whose oldest notice still waits for its next try: notices
        never overtake each other.
        """
        found: dict[str, list[OutboxRow]] = {}
        waiting = self._conn.execute(
            "SELECT target, min(id) FROM outbox WHERE state = 'pending' GROUP BY target"
        ).fetchall()
        for target, oldest in waiting:
            rows = self._conn.execute(
                "SELECT id, created_ms, kind, dedupe_key, body, suppressed, tries FROM outbox"
                " WHERE state = 'pending' AND target = ? AND next_ms <= ?"
                " AND (SELECT next_ms FROM outbox WHERE id = ?) <= ? ORDER BY id LIMIT ?",
                (target, now_ms, oldest, now_ms, limit),
            ).fetchall()
            if rows:
                found[target] = [
                    OutboxRow(r[0], r[1], target, _parse(r[2], r[3], r[4]), r[5], r[6])
                    for r in rows
                ]
        return found

    def pending(self) -> int:
        """Return how many notices wait."""
        count: int = self._conn.execute(
            "SELECT count(*) FROM outbox WHERE state = 'pending'"
        ).fetchone()[0]
        return count

    def mark_sent(self, row_id: int) -> None:
        """Record that a notice was delivered."""
        self._conn.execute("UPDATE outbox SET state = 'sent' WHERE id = ?", (row_id,))

    def mark_failed(self, row: OutboxRow, error: str, now_ms: int) -> None:
        """Record a failed attempt: try again after 2, 4, 8 .. s, give up after `MAX_TRIES`."""
        tries = row.tries + 1
        wait = min(_BACKOFF_MS * 2 ** min(row.tries, 20), _BACKOFF_MAX_MS)
        state = "failed" if tries >= MAX_TRIES else "pending"
        self._conn.execute(
            "UPDATE outbox SET state = ?, tries = ?, next_ms = ?, last_error = ? WHERE id = ?",
            (state, tries, now_ms + wait, error, row.id),
        )

    def prune(self, now_ms: int) -> None:
        """Forget notices that were delivered or given up more than 30 days ago."""
        self._conn.execute(
            "DELETE FROM outbox WHERE state != 'pending' AND created_ms < ?", (now_ms - _KEEP_MS,)
        )


def _render(notice: Notice) -> str:
    body = {
        "title": notice.title,
        "text": notice.text,
        "severity": notice.severity.value,
        "facts": dict(notice.facts),
    }
    return json.dumps(body, ensure_ascii=False)


def _parse(kind: str, dedupe_key: str, body: str) -> Notice:
    raw = json.loads(body)
    severity = NoticeSeverity(raw["severity"])
    return Notice(kind, raw["title"], raw["text"], severity, dedupe_key, raw["facts"])
