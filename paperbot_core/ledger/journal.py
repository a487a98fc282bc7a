"""The writer of a journal: one transaction a commit, all of it or nothing."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import IntegrityError
from paperbot_core.domain.event_text import render_event
from paperbot_core.domain.events import BarConsumed, Event
from paperbot_core.ledger.chain import bar_hash, content_hash, event_hash, text_hash
from paperbot_core.ledger.database import missing, open_writer, prepare
from paperbot_core.ledger.faults import damaged, decided_twice, does_not_fit, fault, translated
from paperbot_core.ledger.lock import WriterLock
from paperbot_core.ledger.outbox import Outbox
from paperbot_core.ledger.projections import Projector
from paperbot_core.ledger.records import Act, Checkpoint, Head, Request

if TYPE_CHECKING:
    from paperbot_core.api import Notice
    from paperbot_core.domain.market import Bar

JOURNAL_NAME = "journal.sqlite"

_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE}


def wall_clock_ms() -> int:
    """Return the wall clock in ms since 1970."""
    return time.time_ns() // 1_000_000


class Journal:
    """One account's journal, open for writing by this process alone. Use it as a context manager.

    Used from one thread. After any error of `commit` the journal is as it was before the call.
    """

    def __init__(
        self, conn: sqlite3.Connection, path: Path, lock: WriterLock, run_id: str,
        targets: Mapping[str, float], clock: Callable[[], int],
    ) -> None:  # fmt: skip
        """Take over an opened file; use `Journal.open`."""
        self.path = path
        self.run_id = run_id
        self._conn = conn
        self._lock = lock
        self._open = True
        self._targets = dict(targets)
        self._clock = clock
        self._projector = Projector(conn)
        self._outbox = Outbox(conn)
        self._head = self._read_head()

    @classmethod
    def open(
        cls, path: Path, *, account: str, run_id: str, create: bool = True,
        full_sync: bool = False, targets: Mapping[str, float] | None = None,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> Journal:  # fmt: skip
        """Open a journal for writing.

        Args:
            path: the file; its directory is made if `create`.
            account: whose journal it is; fixed when it is created.
            run_id: stored with every event of this session; not part of the content.
            create: make the file if there is none.
            full_sync: survive power cuts, not only kills; some 5 ms a commit.
            targets: notifiers by name with their cooldown in seconds; every notice is stored once
                for each, and a repetition within the cooldown only counted.
            clock: wall time in ms; only stored, never decided upon.

        Raises:
            RetryableError: PB7005, PB7007, PB7008 another process writes it.
            UserError: PB7001 no journal and not `create`, PB7004, PB7006, PB7013.
            IntegrityError: PB7002 not a journal, PB7003 its end is not what was written.
        """
        if "\n" in run_id:
            raise ValueError("a run_id is one line")
        if not create and not path.is_file():
            raise missing(path)
        with translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(path)
        conn: sqlite3.Connection | None = None
        try:
            conn = open_writer(path, full_sync=full_sync)
            prepare(conn, path, account, clock())
            journal = cls(conn, path, lock, run_id, targets or {}, clock)
            journal._take_lease()
        except BaseException:
            if conn is not None:
                conn.close()
            lock.release()
            raise
        return journal

    def __enter__(self) -> Journal:
        """Return the journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Close the journal, whatever happened."""
        self.close()

    @property
    def head(self) -> Head:
        """Return the newest committed event and the hashes up to it."""
        return self._head

    def commit(
        self, events: Sequence[Event] = (), *, bars: Sequence[Bar] = (),
        notices: Sequence[Notice] = (), checkpoint: Checkpoint | None = None,
        answered: Sequence[Request] = (),
    ) -> int:  # fmt: skip
        """Store everything in one transaction and return the new last `seq`.

        Bars come first, each with its `BarConsumed`; then the events in the given order, with
        their projections; then notices, the checkpoint (one row a key, replaced), and the mark on
        the requests that these events answer. The lease's heartbeat moves with every commit.

        Raises:
            RetryableError: PB7005 disk full or failing, PB7007 locked.
            IntegrityError: PB7009 an order, fill or bar is there already, PB7003 another program
                has written in between.
            DataError: PB7014 an event contradicts the ones before it.
        """
        now = self._clock()
        consumed = [
            BarConsumed(b.ts + b.tf_ms, b.symbol, b.tf_ms, b.ts, bar_hash(b)) for b in bars
        ]
        with self._transaction():
            for bar in bars:
                self._insert_bar(bar)
            head = self._append([*consumed, *events], now)
            for notice in notices:
                self._outbox.enqueue(notice, self._targets, now)
            if checkpoint is not None:
                self._conn.execute(
                    "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?)",
                    (checkpoint.key, head.seq, checkpoint.body, text_hash(checkpoint.body)),
                )
            for request in answered:
                self._conn.execute(
                    "UPDATE requests SET taken_seq = ? WHERE id = ?", (head.seq, request.id)
                )
            self._conn.execute("UPDATE lease SET heartbeat_ms = ?", (now,))
        self._head = head
        return head.seq

    def heartbeat(self) -> None:
        """Say that the session lives although nothing happened.

        Raises:
            RetryableError: PB7005, PB7007.
        """
        with self._transaction():
            self._conn.execute("UPDATE lease SET heartbeat_ms = ?", (self._clock(),))

    def checkpoint(self, key: str) -> Checkpoint | None:
        """Return the latest checkpoint under `key`.

        Raises:
            IntegrityError: PB7010 it is not what was written.
        """
        with translated(self.path):
            row = self._conn.execute(
                "SELECT body, seq, hash FROM checkpoint WHERE key = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        if not isinstance(row[0], str) or text_hash(row[0]) != row[2]:
            raise fault(
                IntegrityError, "PB7010", "the checkpoint is not what was written", self.path,
                "run `paperbot ledger verify` and restore a copy of the journal",
            )  # fmt: skip
        return Checkpoint(key, row[0], row[1])

    def pending_requests(self) -> list[Request]:
        """Return the acts that were asked for and not answered yet, oldest first."""
        with translated(self.path):
            rows = self._conn.execute(
                "SELECT id, created_ms, act, reason FROM requests"
                " WHERE taken_seq IS NULL ORDER BY id"
            ).fetchall()
        return [Request(r[0], r[1], Act(r[2]), r[3]) for r in rows]

    def close(self) -> None:
        """Give the lease and the lock back; closing twice is harmless."""
        if not self._open:
            return
        self._open = False
        try:
            with self._transaction():
                self._conn.execute("UPDATE lease SET pid = NULL")
        finally:
            self._conn.close()
            self._lock.release()

    def _read_head(self) -> Head:
        with translated(self.path):
            row = self._conn.execute(
                "SELECT account, seq, hash, content_hash FROM head"
            ).fetchone()
            last = self._conn.execute(
                "SELECT seq, run_id, ts, kind, body, prev_hash, hash, wall_ms FROM events"
                " ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        if row is None:
            raise damaged(self.path, "its head is missing")
        head = Head(*row)
        whole = head.seq == 0 if last is None else (
            (last[0], last[6]) == (head.seq, head.hash)
            and last[6] == event_hash(last[5], last[0], last[1], last[2], last[7], last[3], last[4])
        )  # fmt: skip
        if not whole:
            raise self._broken()
        return head

    def _broken(self) -> IntegrityError:
        return fault(
            IntegrityError, "PB7003", "the end of the journal is not what was written", self.path,
            "run `paperbot ledger verify` and restore a copy of the journal",
        )  # fmt: skip

    def _take_lease(self) -> None:
        now = self._clock()
        with self._transaction():
            self._conn.execute(
                "INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?, ?, ?)",
                (os.getpid(), socket.gethostname(), self.run_id, now, now),
            )
            self._outbox.prune(now)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self.path):
            self._conn.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._conn.execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite roll back by itself; a second ROLLBACK would then fail.
                if self._conn.in_transaction:
                    self._conn.execute("ROLLBACK")
                raise

    def _insert_bar(self, bar: Bar) -> None:
        with self._unique(f"the bar of {bar.symbol} at {bar.ts}"):
            self._conn.execute(
                "INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (bar.symbol, bar.tf_ms, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume),
            )

    def _append(self, events: Sequence[Event], now: int) -> Head:
        head = self._head
        seq, last, content = head.seq, head.hash, head.content_hash
        for event in events:
            kind, body = type(event).__name__, render_event(event)
            seq += 1
            before, last = last, event_hash(last, seq, self.run_id, event.ts, now, kind, body)
            content = content_hash(content, event.ts, kind, body)
            self._conn.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (seq, self.run_id, event.ts, kind, body, before, last, now),
            )
            with self._unique(f"this {kind}"):
                try:
                    self._projector.apply(seq, event)
                except ValueError as error:
                    raise does_not_fit(self.path, str(error)) from error
        moved = self._conn.execute(
            "UPDATE head SET seq = ?, hash = ?, content_hash = ? WHERE seq = ? AND hash = ?",
            (seq, last, content, head.seq, head.hash),
        )
        if moved.rowcount != 1:
            raise self._broken()
        return Head(head.account, seq, last, content)

    @contextmanager
    def _unique(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode in _DUPLICATE:
                raise decided_twice(self.path, what) from error
            raise does_not_fit(self.path, str(error)) from error
