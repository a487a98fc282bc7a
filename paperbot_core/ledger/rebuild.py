"""Projections made anew from the events; the events themselves are never touched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from paperbot_core.ledger.database import open_writer
from paperbot_core.ledger.faults import damaged, translated
from paperbot_core.ledger.lock import WriterLock
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.schema import PROJECTIONS
from paperbot_core.ledger.verify import (
    DIFFERENCE,
    Difference,
    differences,
    empty_projections,
    project_all,
    verify,
)

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild found; `written` says whether the tables were replaced."""

    events: int
    differences: tuple[Difference, ...]
    written: bool


def rebuild(path: Path, *, hours: float | None = None, dry_run: bool = False) -> RebuildReport:
    """Compute every projection from the events and replace the tables that differ.

    Args:
        path: the journal.
        hours: compare and replace only rows of the last so many hours before the newest event;
            the computation itself always starts at the first event.
        dry_run: only say what differs; allowed while a session runs.

    Events, bars or checkpoints that are not what was written are no ground to build on (PB7002).

    Raises:
        RetryableError: PB7008 a session is writing it (not with `dry_run`), PB7005, PB7007.
        UserError: PB7001, PB7004, PB7006. IntegrityError: PB7002, PB7011.
    """
    # Also says, before anything is opened for writing, whether there is a journal at all.
    broken = [p for p in verify(path).problems if not p.startswith(DIFFERENCE)]
    if broken:
        raise damaged(path, f"{broken[0]}; nothing can be rebuilt from events that are not ours")
    lock = None if dry_run else WriterLock(path)
    try:
        return _rebuild(path, hours, dry_run)
    finally:
        if lock is not None:
            lock.release()


def _rebuild(path: Path, hours: float | None, dry_run: bool) -> RebuildReport:
    with closing(empty_projections()) as fresh, JournalReader(path) as reader, translated(path):
        stored = reader.connection
        stored.execute("BEGIN")
        project_all(reader, fresh)
        newest, events = stored.execute(
            "SELECT coalesce(max(ts), 0), count(*) FROM events"
        ).fetchone()
        since = None if hours is None else newest - round(hours * _HOUR_MS)
        found = differences(stored, fresh, since)
        stored.execute("ROLLBACK")
        if found and not dry_run:
            with closing(open_writer(path, full_sync=True)) as conn:
                _replace(conn, fresh, [d.table for d in found], since)
    return RebuildReport(events, tuple(found), bool(found) and not dry_run)


def _replace(
    conn: sqlite3.Connection, fresh: sqlite3.Connection, tables: list[str], since: int | None
) -> None:
    start = -(2**62) if since is None else since
    conn.execute("BEGIN IMMEDIATE")
    try:
        for name in tables:
            assert name in PROJECTIONS
            conn.execute(f"DELETE FROM {name} WHERE ts >= ?", (start,))  # noqa: S608 - our names
            rows = fresh.execute(f"SELECT * FROM {name} WHERE ts >= ?", (start,))  # noqa: S608
            marks = ", ".join("?" * len(rows.description))
            # OR REPLACE: a damaged row may have an older `ts` and the same key.
            conn.executemany(f"INSERT OR REPLACE INTO {name} VALUES ({marks})", rows)  # noqa: S608
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
