"""Opening the SQLite file: settings of a connection, and whether the file is ours."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from paperbot_core.diagnostics import UserError
from paperbot_core.ledger.chain import genesis
from paperbot_core.ledger.faults import damaged, fault, translated
from paperbot_core.ledger.schema import APPLICATION_ID, SCHEMA_VERSION, migrate

BUSY_MS = 5_000


def open_writer(path: Path, *, full_sync: bool, busy_ms: int = BUSY_MS) -> sqlite3.Connection:
    """Return a connection in manual transaction mode; the file need not exist yet.

    `full_sync` makes a commit survive a power cut (some 5 ms each); without it, it survives a kill
    of the process, and a power cut may lose the last commits but never damages the file.
    """
    with translated(path):
        conn = sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None)
        try:
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute(f"PRAGMA synchronous = {'FULL' if full_sync else 'NORMAL'}")
            conn.execute("PRAGMA foreign_keys = ON")
            conn.execute("PRAGMA recursive_triggers = ON")
            # An attacker's or a damaged schema must not run functions of its choice.
            conn.execute("PRAGMA trusted_schema = OFF")
        except BaseException:
            conn.close()
            raise
    return conn


def open_reader(path: Path, *, busy_ms: int = BUSY_MS) -> sqlite3.Connection:
    """Return a read-only connection to an existing journal; works while a session writes.

    Raises:
        UserError: PB7001 there is no journal, PB7004 it is from a newer Paperbot, PB7006.
        IntegrityError: PB7002 it is not a journal.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise missing(path)
    wal = path.with_name(path.name + "-wal")
    # Without write permission SQLite cannot make the shared index of a WAL file; a journal that
    # was closed cleanly needs none.
    still = not wal.exists() and not os.access(path.parent, os.W_OK)
    uri = f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if still else ''}"
    with translated(path):
        conn = sqlite3.connect(uri, uri=True, timeout=busy_ms / 1000, isolation_level=None)
        try:
            conn.execute("PRAGMA trusted_schema = OFF")
            version = schema_version(conn, path)
        except BaseException:
            conn.close()
            raise
    if version == 0:
        conn.close()
        raise missing(path)
    if version < SCHEMA_VERSION:
        conn.close()
        raise fault(
            UserError, "PB7004", f"the journal has the older schema {version}", path,
            "start a session once; it brings the journal up to date",
        )  # fmt: skip
    return conn


def missing(path: Path) -> UserError:
    """Return the error for a journal that no session has written yet."""
    return fault(
        UserError, "PB7001", "there is no journal here", path,
        "start a session with `paperbot run`, or name another `--state-dir`",
    )  # fmt: skip


def schema_version(conn: sqlite3.Connection, path: Path) -> int:
    """Return the schema version, 0 for an empty file.

    Raises:
        IntegrityError: PB7002 the file belongs to another program.
        UserError: PB7004 it is newer than this Paperbot.
    """
    version: int = conn.execute("PRAGMA user_version").fetchone()[0]
    owner: int = conn.execute("PRAGMA application_id").fetchone()[0]
    tables: int = conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version == 0 and owner == 0 and tables == 0:
        return 0
    if owner != APPLICATION_ID:
        raise damaged(path, "the file was made by another program")
    if version > SCHEMA_VERSION:
        raise fault(
            UserError, "PB7004",
            f"the journal has schema {version}, this Paperbot knows up to {SCHEMA_VERSION}", path,
            "upgrade Paperbot, or name another `--state-dir`",
        )  # fmt: skip
    return version


def prepare(conn: sqlite3.Connection, path: Path, account: str, now_ms: int) -> None:
    """Create or migrate the schema in one transaction, and check that the account is the same.

    Raises:
        UserError: PB7013 the journal is another account's.
    """
    with translated(path):
        conn.execute("BEGIN IMMEDIATE")
        try:
            version = schema_version(conn, path)
            if version < SCHEMA_VERSION:
                migrate(conn, version)
            if version == 0:
                start = genesis(account)
                conn.execute(
                    "INSERT INTO head VALUES (1, ?, ?, 0, ?, ?)", (account, now_ms, start, start)
                )
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise
        row = conn.execute("SELECT account FROM head").fetchone()
    if row is None:
        raise damaged(path, "its head is missing")
    if row[0] != account:
        raise fault(
            UserError, "PB7013",
            f"the journal belongs to account `{row[0]}`, not `{account}`", path,
            "one journal serves one account: choose another `state_dir`, or `paperbot paper reset`",
        )  # fmt: skip
