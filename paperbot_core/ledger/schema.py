"""The tables of a journal and the steps from one schema version to the next; no queries."""

from __future__ import annotations

import sqlite3

#: Marks the SQLite file as ours ("PBJ1").
APPLICATION_ID = 0x50424A31

_EVENTS = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, run_id TEXT NOT NULL, ts INTEGER NOT NULL, kind TEXT NOT NULL,
    body TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL, wall_ms INTEGER NOT NULL);
CREATE TRIGGER events_grow BEFORE INSERT ON events
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
    BEGIN SELECT raise(ABORT, 'events are appended one by one'); END;
CREATE TRIGGER events_keep BEFORE UPDATE ON events
    BEGIN SELECT raise(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events
    BEGIN SELECT raise(ABORT, 'events are never deleted'); END;
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1), account TEXT NOT NULL, created_ms INTEGER NOT NULL,
    seq INTEGER NOT NULL, hash TEXT NOT NULL, content_hash TEXT NOT NULL);
CREATE TABLE bars (
    symbol TEXT NOT NULL, tf_ms INTEGER NOT NULL, ts INTEGER NOT NULL, open REAL NOT NULL,
    high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL,
    PRIMARY KEY (symbol, tf_ms, ts)) WITHOUT ROWID;
CREATE TRIGGER bars_keep BEFORE UPDATE ON bars
    BEGIN SELECT raise(ABORT, 'bars are never changed'); END;
CREATE TRIGGER bars_stay BEFORE DELETE ON bars
    BEGIN SELECT raise(ABORT, 'bars are never deleted'); END;
"""

_SESSION = """
CREATE TABLE checkpoint (
    key TEXT PRIMARY KEY, seq INTEGER NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE lease (
    id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER, host TEXT NOT NULL, run_id TEXT NOT NULL,
    since_ms INTEGER NOT NULL, heartbeat_ms INTEGER NOT NULL);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY, created_ms INTEGER NOT NULL, act TEXT NOT NULL, reason TEXT NOT NULL,
    taken_seq INTEGER);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, created_ms INTEGER NOT NULL, target TEXT NOT NULL, kind TEXT NOT NULL,
    dedupe_key TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sent', 'failed')),
    suppressed INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL, last_error TEXT NOT NULL DEFAULT '');
CREATE INDEX outbox_pending ON outbox (target, id) WHERE state = 'pending';
CREATE INDEX outbox_dedupe ON outbox (target, dedupe_key, created_ms);
"""

_PROJECTIONS = """
CREATE TABLE orders (
    client_id TEXT PRIMARY KEY, ts INTEGER NOT NULL, strategy TEXT NOT NULL, symbol TEXT NOT NULL,
    side TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL, quantity TEXT NOT NULL,
    limit_price TEXT, exit_reason TEXT NOT NULL, reason TEXT NOT NULL, state TEXT NOT NULL,
    filled TEXT NOT NULL, rule TEXT NOT NULL, done_ts INTEGER);
CREATE INDEX orders_open ON orders (ts) WHERE state IN ('placed', 'partly');
CREATE TABLE fills (
    seq INTEGER PRIMARY KEY, fill_id TEXT NOT NULL UNIQUE, ts INTEGER NOT NULL,
    bar_ts INTEGER NOT NULL, client_id TEXT NOT NULL, strategy TEXT NOT NULL, symbol TEXT NOT NULL,
    side TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL, leg INTEGER NOT NULL,
    quantity TEXT NOT NULL, price TEXT NOT NULL, reference_price TEXT NOT NULL, fee TEXT NOT NULL,
    fee_asset TEXT NOT NULL, fee_quote TEXT NOT NULL, liquidity TEXT NOT NULL,
    exit_reason TEXT NOT NULL);
CREATE TABLE positions (
    strategy TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL,
    entry_price TEXT NOT NULL, entry_ts INTEGER NOT NULL, entry_quantity TEXT NOT NULL,
    entry_value TEXT NOT NULL, exit_quantity TEXT NOT NULL, exit_value TEXT NOT NULL,
    fees TEXT NOT NULL, cash_fees TEXT NOT NULL, ts INTEGER NOT NULL,
    PRIMARY KEY (strategy, symbol));
CREATE TABLE trades (
    seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, symbol TEXT NOT NULL, strategy TEXT NOT NULL,
    side TEXT NOT NULL, entry_ts INTEGER NOT NULL, entry_price TEXT NOT NULL,
    quantity TEXT NOT NULL, exit_ts INTEGER NOT NULL, exit_price TEXT NOT NULL, fees TEXT NOT NULL,
    pnl TEXT NOT NULL, r_multiple REAL, exit_reason TEXT NOT NULL, bars_held INTEGER);
CREATE TABLE verdicts (
    seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, client_id TEXT NOT NULL, strategy TEXT NOT NULL,
    symbol TEXT NOT NULL, approved INTEGER NOT NULL, rule TEXT NOT NULL, asked TEXT NOT NULL,
    allowed TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE equity (
    seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, cash TEXT NOT NULL, equity TEXT NOT NULL,
    gross TEXT NOT NULL, drawdown_pct REAL NOT NULL);
CREATE TABLE account (key TEXT PRIMARY KEY, value TEXT NOT NULL, ts INTEGER NOT NULL);
"""

#: What splits and dividends did: `ratio` of a split, else `per_share` and `amount`.
_SHARES = """
ALTER TABLE positions ADD COLUMN income TEXT NOT NULL DEFAULT '0';
CREATE TABLE corporate (
    seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, bar_ts INTEGER NOT NULL, strategy TEXT NOT NULL,
    symbol TEXT NOT NULL, kind TEXT NOT NULL, quantity TEXT NOT NULL, ratio TEXT, per_share TEXT,
    amount TEXT);
"""

#: Everything here is rebuilt from the events; amounts are text.
PROJECTION_SQL = _PROJECTIONS + _SHARES

#: Projection tables with the columns that order them.
PROJECTIONS: dict[str, str] = {
    "orders": "client_id",
    "fills": "seq",
    "positions": "strategy, symbol",
    "trades": "seq",
    "verdicts": "seq",
    "equity": "seq",
    "corporate": "seq",
    "account": "key",
}

#: Step n brings a journal from version n to n + 1; released steps are never edited.
MIGRATIONS: tuple[str, ...] = (_EVENTS + _SESSION + _PROJECTIONS, _SHARES)
SCHEMA_VERSION = len(MIGRATIONS)


def statements(script: str) -> list[str]:
    """Return the statements of a script, so that they can run inside one transaction.

    `executescript` would commit first; a migration must be whole or not at all.
    """
    found: list[str] = []
    rest = ""
    for piece in script.split(";"):
        rest += piece + ";"
        if sqlite3.complete_statement(rest):
            if rest.strip("; \n"):
                found.append(rest.strip())
            rest = ""
    return found


def migrate(conn: sqlite3.Connection, version: int) -> None:
    """Run the missing steps; the caller holds the transaction."""
    for script in MIGRATIONS[version:]:
        for statement in statements(script):
            conn.execute(statement)
    conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
