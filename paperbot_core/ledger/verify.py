"""Is the journal what was written, and do the projections follow from it? Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from paperbot_core.domain.event_text import parse_event, render_event
from paperbot_core.domain.events import BarConsumed
from paperbot_core.domain.market import Bar
from paperbot_core.ledger.chain import bar_hash, content_hash, event_hash, genesis, text_hash
from paperbot_core.ledger.faults import damaged, translated
from paperbot_core.ledger.projections import Projector
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.schema import PROJECTION_SQL, PROJECTIONS

#: How a problem of a projection begins; all others are problems of the truth itself.
DIFFERENCE = "table "

#: A damaged journal can have a problem a row; this many tell the story.
_MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found. `problems` is empty if and only if `ok`."""

    ok: bool
    events: int
    content_hash: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one projection differs from its rebuild, in rows."""

    table: str
    missing: int
    extra: int
    changed: int

    def __str__(self) -> str:
        """Return the difference as a sentence."""
        parts = [("missing", self.missing), ("extra", self.extra), ("changed", self.changed)]
        told = ", ".join(f"{n} rows {word}" for word, n in parts if n)
        return f"{DIFFERENCE}{self.table}: {told}"


def verify(path: Path) -> VerifyReport:
    """Check everything that can be checked and return what is wrong, without stopping early.

    Checked are: SQLite's own structure, the chain from the first event to the head, that every
    event can be read, every stored bar against the hash in its event, the checkpoints, and every
    projection against a rebuild from the events. The outbox is not part of the truth.

    Raises:
        UserError: PB7001 there is no journal, PB7004, PB7006.
        IntegrityError: PB7002 the file cannot be read as a journal at all.
    """
    with JournalReader(path) as reader, closing(empty_projections()) as fresh:
        conn = reader.connection
        with translated(path):
            # One transaction, so that a session that goes on writing does not move the target.
            conn.execute("BEGIN")
            problems = [f"sqlite: {row[0]}" for row in conn.execute("PRAGMA integrity_check(5)")]
            if problems == ["sqlite: ok"]:
                problems = []
            walk = _Walk(conn, fresh, problems)
            walk.events()
            walk.bars()
            walk.checkpoints()
            if not problems:
                problems += [str(found) for found in differences(conn, fresh, None)]
            conn.execute("ROLLBACK")
    shown = tuple(problems[:_MAX_PROBLEMS])
    return VerifyReport(not problems, walk.seq, walk.content, shown)


def empty_projections() -> sqlite3.Connection:
    """Return an in-memory database with the projection tables and nothing in them."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    conn.executescript(PROJECTION_SQL)
    return conn


def project_all(reader: JournalReader, fresh: sqlite3.Connection) -> None:
    """Apply every event of a journal to empty projections.

    Raises:
        IntegrityError: PB7002 an event contradicts the ones before it, PB7011.
    """
    projector = Projector(fresh)
    fresh.execute("BEGIN")
    for seq, event in reader.events():
        try:
            projector.apply(seq, event)
        except (ValueError, sqlite3.IntegrityError) as error:
            raise damaged(reader.path, f"event {seq} does not follow: {error}") from error
    fresh.execute("COMMIT")


class _Walk:
    """One pass over the events: chain, content, bars and projections at the same time."""

    def __init__(
        self, conn: sqlite3.Connection, fresh: sqlite3.Connection, problems: list[str]
    ) -> None:
        self._conn = conn
        self._projector = Projector(fresh)
        self._problems = problems
        self._bar_count = 0
        self.seq = 0
        self.content = ""

    def events(self) -> None:
        head = self._conn.execute(
            "SELECT account, seq, hash, content_hash FROM head"
        ).fetchone()
        if head is None:
            self._problems.append("the head is missing")
            return
        last = self.content = genesis(str(head[0]))
        rows = self._conn.execute(
            "SELECT seq, run_id, ts, kind, body, prev_hash, hash, wall_ms FROM events ORDER BY seq"
        )
        for row in rows:
            seq, run_id, ts, kind, body, before, stored, wall_ms = row
            self.seq += 1
            types = [type(value) for value in row]
            if types != [int, str, int, str, str, str, str, int] or seq != self.seq:
                self._problems.append(f"row {seq} is not a sound event {self.seq}")
                return
            if before != last or event_hash(last, seq, run_id, ts, wall_ms, kind, body) != stored:
                self._problems.append(f"event {seq} does not continue the chain")
                return
            last = stored
            self.content = content_hash(self.content, ts, kind, body)
            self._one(seq, kind, ts, body)
        if (head[1], head[2], head[3]) != (self.seq, last, self.content):
            self._problems.append(f"the head speaks of event {head[1]}, the last is {self.seq}")

    def _one(self, seq: int, kind: str, ts: int, body: str) -> None:
        try:
            event = parse_event(kind, ts, body)
            if render_event(event) != body:
                self._problems.append(f"event {seq} is not canonical")
            self._projector.apply(seq, event)
        except (ValueError, TypeError, KeyError, ArithmeticError, sqlite3.IntegrityError) as error:
            self._problems.append(f"event {seq} cannot be read or does not follow: {error}")
            return
        if isinstance(event, BarConsumed):
            self._bar(seq, event)

    def _bar(self, seq: int, event: BarConsumed) -> None:
        self._bar_count += 1
        row = self._conn.execute(
            "SELECT open, high, low, close, volume FROM bars"
            " WHERE symbol = ? AND tf_ms = ? AND ts = ?",
            (event.symbol, event.tf_ms, event.open_ts),
        ).fetchone()
        if row is None or not all(isinstance(value, float) for value in row[:4]):
            self._problems.append(f"the bar of event {seq} is missing")
            return
        volume = float("nan") if row[4] is None else row[4]
        bar = Bar(event.symbol, event.open_ts, event.tf_ms, row[0], row[1], row[2], row[3], volume)
        if not isinstance(volume, float) or bar_hash(bar) != event.bar_hash:
            self._problems.append(f"the bar of event {seq} is not the one that was consumed")

    def bars(self) -> None:
        stored = self._conn.execute("SELECT count(*) FROM bars").fetchone()[0]
        if stored != self._bar_count:
            self._problems.append(f"{stored} bars are stored, {self._bar_count} were consumed")

    def checkpoints(self) -> None:
        for key, seq, body, stored in self._conn.execute("SELECT * FROM checkpoint"):
            sound = isinstance(body, str) and text_hash(body) == stored
            if not sound or not isinstance(seq, int) or not 0 <= seq <= self.seq:
                self._problems.append(f"checkpoint {key} is not what was written")


def differences(
    stored: sqlite3.Connection, fresh: sqlite3.Connection, since_ts: int | None
) -> list[Difference]:
    """Return the projections whose rows with ts >= `since_ts` (all: None) differ."""
    found = [_difference(name, stored, fresh, since_ts) for name in PROJECTIONS]
    return [d for d in found if d.missing or d.extra or d.changed]


def _difference(
    name: str, stored: sqlite3.Connection, fresh: sqlite3.Connection, since_ts: int | None
) -> Difference:
    same = all(
        a == b and _types(a) == _types(b)
        for a, b in zip_longest(_rows(stored, name, since_ts), _rows(fresh, name, since_ts))
    )
    if same:
        return Difference(name, 0, 0, 0)
    width = 2 if name == "positions" else 1
    have = {row[:width]: row for row in _rows(stored, name, since_ts)}
    want = {row[:width]: row for row in _rows(fresh, name, since_ts)}
    both = have.keys() & want.keys()
    changed = sum(have[k] != want[k] or _types(have[k]) != _types(want[k]) for k in both)
    return Difference(name, len(want.keys() - both), len(have.keys() - both), changed)


def _types(row: tuple[Any, ...] | None) -> list[type]:
    return [type(value) for value in row or ()]


def _rows(
    conn: sqlite3.Connection, name: str, since_ts: int | None
) -> Iterator[tuple[Any, ...]]:
    sql = f"SELECT * FROM {name} WHERE ts >= ? ORDER BY {PROJECTIONS[name]}"  # noqa: S608 - our names
    return conn.execute(sql, (-(2**62) if since_ts is None else since_ts,))
