"""Reading a journal while a session writes it, or after; never changes anything."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from paperbot_core.diagnostics import IntegrityError
from paperbot_core.domain.event_text import parse_event
from paperbot_core.domain.market import Bar
from paperbot_core.ledger.database import open_reader
from paperbot_core.ledger.faults import damaged, fault, translated
from paperbot_core.ledger.records import Head, Lease
from paperbot_core.ledger.schema import PROJECTIONS

if TYPE_CHECKING:
    from paperbot_core.domain.events import Event

Row = dict[str, Any]


class JournalReader:
    """A read-only view of one journal. Use it as a context manager, from one thread.

    Each call sees the newest commit. Rows are dicts by column name, amounts as text.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal.

        Raises:
            UserError: PB7001 there is none, PB7004 another schema, PB7006.
            IntegrityError: PB7002 it is not a journal.
        """
        self.path = path
        self._conn = open_reader(path)

    def __enter__(self) -> JournalReader:
        """Return the reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Close the file."""
        self.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the read-only connection, for export and verification."""
        return self._conn

    def close(self) -> None:
        """Close the file."""
        self._conn.close()

    def head(self) -> Head:
        """Return the newest event's number and the hashes up to it."""
        rows = self._rows("SELECT account, seq, hash, content_hash FROM head")
        if not rows:
            raise damaged(self.path, "its head is missing")
        return Head(**rows[0])

    def events(
        self, *, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> Iterator[tuple[int, Event]]:
        """Yield (seq, event) with seq > `after`, oldest first, of all kinds or the given ones.

        Raises:
            IntegrityError: PB7011 an event cannot be read.
        """
        marks = ", ".join("?" * len(kinds))
        where = f" AND kind IN ({marks})" if kinds else ""
        sql = (
            "SELECT seq, ts, kind, body FROM events WHERE seq > ?"  # noqa: S608 - marks only
            f"{where} ORDER BY seq LIMIT ?"
        )
        with translated(self.path):
            for seq, ts, kind, body in self._conn.execute(sql, (after, *kinds, limit or -1)):
                yield seq, self._parse(seq, ts, kind, body)

    def last_event(self, kind: str) -> tuple[int, Event] | None:
        """Return the newest event of one kind."""
        with translated(self.path):
            row = self._conn.execute(
                "SELECT seq, ts, kind, body FROM events WHERE kind = ? ORDER BY seq DESC LIMIT 1",
                (kind,),
            ).fetchone()
        return None if row is None else (row[0], self._parse(*row))

    def _parse(self, seq: int, ts: int, kind: str, body: str) -> Event:
        try:
            return parse_event(kind, ts, body)
        except (ValueError, TypeError, KeyError, ArithmeticError) as error:
            raise fault(
                IntegrityError, "PB7011", f"event {seq} cannot be read: {error}", self.path,
                "run `paperbot ledger verify` and restore a copy of the journal",
            ) from error  # fmt: skip

    def table(self, name: str, *, last: int | None = None) -> list[Row]:
        """Return a projection in its order: orders, fills, positions, trades, verdicts, equity.

        With `last`, only that many of the newest rows, still oldest first.
        """
        order = PROJECTIONS[name]
        if last is None:
            return self._rows(f"SELECT * FROM {name} ORDER BY {order}")  # noqa: S608 - our names
        newest = ", ".join(f"{column} DESC" for column in order.split(", "))
        sql = f"SELECT * FROM {name} ORDER BY {newest} LIMIT ?"  # noqa: S608 - our names
        return self._rows(sql, last)[::-1]

    def open_orders(self) -> list[Row]:
        """Return the orders that can still fill, in order of placing."""
        return self._rows(
            "SELECT * FROM orders WHERE state IN ('placed', 'partly') ORDER BY ts, client_id"
        )

    def account(self) -> dict[str, str]:
        """Return the account's facts: state, run_id, mode, anchor_day, manual_halt ..."""
        return {row["key"]: row["value"] for row in self._rows("SELECT key, value FROM account")}

    def rejections(self) -> dict[str, int]:
        """Return how often each rule refused a proposal."""
        rows = self._rows(
            "SELECT rule, count(*) AS n FROM verdicts WHERE approved = 0"
            " GROUP BY rule ORDER BY rule"
        )
        return {row["rule"]: row["n"] for row in rows}

    def bars(
        self, symbol: str, tf_ms: int, start: int = 0, end: int | None = None
    ) -> list[Bar]:
        """Return the stored bars with open time in [start, end), oldest first."""
        with translated(self.path):
            rows = self._conn.execute(
                "SELECT ts, open, high, low, close, volume FROM bars"
                " WHERE symbol = ? AND tf_ms = ? AND ts >= ? AND ts < ? ORDER BY ts",
                (symbol, tf_ms, start, 2**62 if end is None else end),
            ).fetchall()
        return [
            Bar(symbol, r[0], tf_ms, r[1], r[2], r[3], r[4], math.nan if r[5] is None else r[5])
            for r in rows
        ]

    def lease(self) -> Lease | None:
        """Return who wrote last, or None before the first session."""
        rows = self._rows("SELECT pid, host, run_id, since_ms, heartbeat_ms FROM lease")
        return Lease(**rows[0]) if rows else None

    def outbox(self) -> dict[str, int]:
        """Return how many notices are in each state, and how many repetitions were suppressed."""
        rows = self._rows("SELECT state, count(*) AS n FROM outbox GROUP BY state")
        counts = {"pending": 0, "sent": 0, "failed": 0, **{r["state"]: r["n"] for r in rows}}
        total = self._rows("SELECT coalesce(sum(suppressed), 0) AS n FROM outbox")
        return {**counts, "suppressed": total[0]["n"]}

    def _rows(self, sql: str, *values: object) -> list[Row]:
        with translated(self.path):
            found = self._conn.execute(sql, values)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]
