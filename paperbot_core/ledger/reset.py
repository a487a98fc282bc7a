"""A fresh journal for the same account; the old one is kept beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from paperbot_core.diagnostics import RetryableError
from paperbot_core.ledger.database import open_reader, open_writer, prepare
from paperbot_core.ledger.faults import fault, translated
from paperbot_core.ledger.journal import wall_clock_ms
from paperbot_core.ledger.lock import WriterLock


def reset(path: Path, *, clock: Callable[[], int] = wall_clock_ms) -> Path:
    """Move the journal aside, start an empty one, and return where the old one is now.

    The old file is `journal-<UTC time>.sqlite`, whole in itself.

    Raises:
        RetryableError: PB7008 a session is running, PB7007 something is reading the journal.
        UserError: PB7001, PB7004, PB7006. IntegrityError: PB7002.
    """
    with closing(open_reader(path)) as reader:
        account = reader.execute("SELECT account FROM head").fetchone()[0]
    lock = WriterLock(path)
    try:
        with translated(path):
            with closing(open_writer(path, full_sync=True)) as conn:
                # Out of WAL mode the file is complete by itself; SQLite refuses while it is read.
                mode = conn.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            if mode != "delete":
                raise fault(
                    RetryableError, "PB7007", "the journal is being read by another program", path,
                    "close what has it open, then try again",
                )  # fmt: skip
            aside = _free_name(path, clock())
            path.rename(aside)
            with closing(open_writer(path, full_sync=True)) as conn:
                prepare(conn, path, account, clock())
    finally:
        lock.release()
    return aside


def _free_name(path: Path, now_ms: int) -> Path:
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.stem}-{stamp}{path.suffix}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.stem}-{stamp}-{count}{path.suffix}")
    return aside
