"""The laws of the journal: text round-trips, projections follow, every edit shows."""

import dataclasses
import sqlite3
import tempfile
import types
import typing
from contextlib import closing
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.diagnostics import PaperbotError
from paperbot_core.domain.event_text import decimal_text, parse_event, render_event
from paperbot_core.domain.events import EVENT_TYPES, Event, client_id
from paperbot_core.ledger.rebuild import rebuild
from paperbot_core.ledger.verify import verify
from tests.unit.ledger.histories import make_steps, write

AMOUNTS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30")
).filter(lambda d: -100 <= int(d.as_tuple().exponent) <= 40)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a generator of everything an annotation of an event allows."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Decimal:
        return AMOUNTS
    if hint is int:
        return st.integers(-(2**63), 2**63 - 1)
    if hint is float:
        return st.floats()
    if hint is bool:
        return st.booleans()
    if hint is str:
        return st.text()
    if origin is tuple:
        if args[-1] is Ellipsis:
            return st.lists(values(args[0]), max_size=3).map(tuple)
        return st.tuples(*(values(a) for a in args))
    if origin is types.UnionType:
        return st.none() | values(args[0])
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return instances(hint)


def instances(kind: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    fields = {f.name: values(hints[f.name]) for f in dataclasses.fields(kind)}
    return st.builds(kind, **fields)


@given(st.one_of([instances(kind) for kind in EVENT_TYPES.values()]))
@settings(max_examples=200)
def test_every_event_survives_as_text(event: Event) -> None:
    body = render_event(event)
    again = parse_event(type(event).__name__, event.ts, body)
    assert render_event(again) == body
    assert repr(again).replace("Decimal", "") != ""
    for field in dataclasses.fields(event):
        before, after = getattr(event, field.name), getattr(again, field.name)
        # NaN is unlike itself; its text is not. Decimals keep their value, not their exponent.
        assert before == after or repr(before) == repr(after)


@given(AMOUNTS)
def test_an_amount_survives_as_text_exactly(amount: Decimal) -> None:
    text = decimal_text(amount)
    assert Decimal(text) == amount
    assert decimal_text(Decimal(text)) == text
    assert "E" not in text


@given(st.sampled_from(sorted(EVENT_TYPES)), st.text() | st.binary().map(repr))
def test_any_text_gives_an_event_or_one_of_the_documented_errors(kind: str, body: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        parse_event(kind, 0, body)


@given(st.text(max_size=9), st.text(max_size=9), st.integers(), st.sampled_from(["entry", "exit"]))
def test_an_order_id_depends_on_what_is_decided_alone(
    strategy: str, symbol: str, ts: int, leg: str
) -> None:
    one = client_id("a", strategy, symbol, ts, leg)
    assert one == client_id("a", strategy, symbol, ts, leg)
    assert one != client_id("b", strategy, symbol, ts, leg)
    assert one != client_id("a", strategy, symbol, ts + 1, leg)


@given(st.integers(0, 2**32), st.integers(1, 25))
@settings(max_examples=15)
def test_live_projections_equal_a_rebuild_and_content_ignores_runs(seed: int, count: int) -> None:
    steps = make_steps(seed, count)
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = Path(folder, "a", "j.sqlite"), Path(folder, "b", "j.sqlite")
        write(whole, steps)
        assert rebuild(whole, dry_run=True).differences == ()
        report = verify(whole)
        assert report.problems == ()
        cut = seed % count
        if cut:
            write(parts, steps[:cut], "first", clock_start=5)
        write(parts, steps[cut:], "second", clock_start=77)
        assert verify(parts).ok
        assert verify(parts).content_hash == report.content_hash


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "journal.sqlite"
    write(path, make_steps(11, 12))
    return path


def _dropped_guards(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path)
    for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        conn.execute(f"DROP TRIGGER {name}")
    return conn


COLUMNS = ["seq", "run_id", "ts", "kind", "body", "prev_hash", "hash", "wall_ms"]


@given(data=st.data())
@settings(max_examples=100)
def test_any_single_edit_of_the_events_shows(sound: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.sqlite")
        path.write_bytes(sound.read_bytes())
        with closing(_dropped_guards(path)) as conn, conn:
            last = conn.execute("SELECT max(seq) FROM events").fetchone()[0]
            seq = data.draw(st.integers(1, last))
            edit = data.draw(st.sampled_from(["value", "delete", "insert", "swap", "body"]))
            if edit == "value":
                column = data.draw(st.sampled_from(COLUMNS))
                new = data.draw(st.sampled_from(["x", 10**6, None, 0.5, b"x"]))
                try:
                    conn.execute(f"UPDATE events SET {column} = ? WHERE seq = ?", (new, seq))
                except sqlite3.IntegrityError:
                    return
            elif edit == "delete":
                conn.execute("DELETE FROM events WHERE seq = ?", (seq,))
            elif edit == "insert":
                conn.execute(
                    "INSERT INTO events SELECT ?, run_id, ts, kind, body, prev_hash, hash, wall_ms"
                    " FROM events WHERE seq = ?", (last + 1, seq),
                )  # fmt: skip
            elif edit == "swap":
                other = data.draw(st.integers(1, last).filter(lambda n: n != seq))
                for a, b in ((seq, -1), (other, seq), (-1, other)):
                    conn.execute("UPDATE events SET seq = ? WHERE seq = ?", (b, a))
            else:
                body = conn.execute("SELECT body FROM events WHERE seq = ?", (seq,)).fetchone()[0]
                place = data.draw(st.integers(0, len(body) - 1))
                letter = data.draw(st.characters().filter(lambda c: c != body[place]))
                changed = body[:place] + letter + body[place + 1 :]
                try:
                    conn.execute("UPDATE events SET body = ? WHERE seq = ?", (changed, seq))
                except UnicodeEncodeError:
                    return
        report = verify(path)
        assert not report.ok
        assert report.problems


@given(data=st.data())
@settings(max_examples=60)
def test_any_flipped_byte_of_the_file_is_found_or_harmless(
    sound: Path, data: st.DataObject
) -> None:
    """Free pages and slack space hold nothing; everywhere else the flip must show."""
    original = sound.read_bytes()
    good = verify(sound)
    place = data.draw(st.integers(0, len(original) - 1))
    mask = data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.sqlite")
        path.write_bytes(original[:place] + bytes([original[place] ^ mask]) + original[place + 1 :])
        try:
            report = verify(path)
        except PaperbotError:
            return
        if report.ok:
            assert report.content_hash == good.content_hash
            assert report.events == good.events


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE bars SET close = close + 1e-9 WHERE ts = 0",
        "DELETE FROM bars WHERE ts = 0",
        "INSERT INTO bars VALUES ('X', 1, 1, 1, 1, 1, 1, 1)",
        "UPDATE bars SET volume = NULL WHERE volume = 12.5",
        "UPDATE trades SET pnl = pnl || '0'",
        "UPDATE equity SET drawdown_pct = drawdown_pct + 1e-12",
        "DELETE FROM account",
        "UPDATE head SET account = 'other'",
        "UPDATE head SET content_hash = hash",
        "DELETE FROM head",
    ],
)
def test_edits_beside_the_events_show(sound: Path, tmp_path: Path, sql: str) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(sound.read_bytes())
    with closing(_dropped_guards(path)) as conn, conn:
        conn.execute(sql)
    assert not verify(path).ok


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET body = '{}' WHERE seq = 1",
        "DELETE FROM events WHERE seq = 1",
        "INSERT OR REPLACE INTO events VALUES (1, 'r', 0, 'Halted', '{}', '', '', 0)",
        "INSERT INTO events VALUES (9999, 'r', 0, 'Halted', '{}', '', '', 0)",
        "UPDATE bars SET close = 1",
        "DELETE FROM bars",
    ],
)
def test_the_file_itself_refuses_edits(sound: Path, tmp_path: Path, sql: str) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(sound.read_bytes())
    with closing(sqlite3.connect(path)) as conn, pytest.raises(sqlite3.IntegrityError):
        conn.execute(sql)
    assert verify(path).ok
