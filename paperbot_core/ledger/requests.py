"""Asking a session for an act from another process: halt, resume, move the day's anchor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import user_error
from paperbot_core.ledger.database import open_reader, open_writer
from paperbot_core.ledger.faults import translated
from paperbot_core.ledger.journal import wall_clock_ms

if TYPE_CHECKING:
    from paperbot_core.ledger.records import Act

_MAX_REASON = 500


def request(
    path: Path, act: Act, reason: str, *, clock: Callable[[], int] = wall_clock_ms
) -> int:
    """Store a request and return its id; the session answers it, now or when it next starts.

    It needs no writer lock: SQLite orders it between two commits of a running session.

    Raises:
        UserError: PB7001 there is no journal, PB7015 the reason is too long.
        RetryableError: PB7005, PB7007.
    """
    if len(reason) > _MAX_REASON:
        raise user_error("PB7015", f"a reason has at most {_MAX_REASON} characters")
    open_reader(path).close()
    with translated(path), closing(open_writer(path, full_sync=True)) as conn:
        found = conn.execute(
            "INSERT INTO requests (created_ms, act, reason) VALUES (?, ?, ?)",
            (clock(), act.value, reason),
        )
        row_id = found.lastrowid
    assert row_id is not None
    return row_id
