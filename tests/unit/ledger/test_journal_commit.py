"""What a commit stores, and what it leaves behind when it fails."""

import math
import os
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from paperbot_core.diagnostics import DataError, IntegrityError, RetryableError, UserError
from paperbot_core.domain.events import EquityMarked, FillBooked, Halted
from paperbot_core.domain.market import HOUR_MS
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.records import Act, Checkpoint
from paperbot_core.ledger.requests import request
from paperbot_core.ledger.verify import verify
from tests.unit.ledger.histories import (
    ACCOUNT,
    a_bar,
    a_fill,
    an_order,
    make_steps,
    run_started,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


def opened(path: Path, **options: object) -> Journal:
    return Journal.open(path, account=ACCOUNT, run_id="run-1", **options)  # type: ignore[arg-type]


def codes(error: pytest.ExceptionInfo[UserError]) -> list[str]:
    return [d.code for d in error.value.diagnostics]


def sound(path: Path) -> bool:
    """Return whether the journal verifies; a damaged one may also be refused, with exit code 4."""
    try:
        return verify(path).ok
    except IntegrityError:
        return False


def equity(ts: int, amount: str = "10000") -> EquityMarked:
    return EquityMarked(ts, Decimal(amount), Decimal(amount), Decimal(0), 0.0)


def test_a_commit_stores_bars_events_and_checkpoint_together(path: Path) -> None:
    with opened(path) as journal:
        seq = journal.commit([equity(HOUR_MS)], bars=[a_bar()], checkpoint=Checkpoint("k", "{}"))
        assert seq == 2
        assert journal.checkpoint("k") == Checkpoint("k", "{}", 2)
        assert journal.checkpoint("other") is None
    with JournalReader(path) as reader:
        assert [type(e).__name__ for _, e in reader.events()] == ["BarConsumed", "EquityMarked"]
        stored = reader.bars("BTC/USDT", HOUR_MS)
        assert len(stored) == 1
        assert math.isnan(stored[0].volume)
        assert stored[0].close == 100.5
        assert reader.head().seq == 2
    assert verify(path).ok


def test_a_long_trade_from_flat_to_flat_in_exact_decimals(path: Path) -> None:
    with opened(path) as journal:
        journal.commit([an_order(), a_fill(HOUR_MS, quantity="0.5", price="100.10")])
        first_exit = a_fill(2 * HOUR_MS, opens=False, quantity="0.2", price="110", fill_id="f2")
        journal.commit([first_exit])
        with JournalReader(path) as reader:
            (position,) = reader.table("positions")
            assert (position["quantity"], position["entry_price"]) == ("0.3", "100.10")
            assert reader.table("orders")[0]["state"] == "filled"
        journal.commit(
            [a_fill(4 * HOUR_MS, opens=False, quantity="0.3", price="90", fill_id="f3", flat=True)]
        )
    with JournalReader(path) as reader:
        (trade,) = reader.table("trades")
        assert reader.table("positions") == []
    assert trade["entry_ts"] == 0
    assert trade["exit_ts"] == 3 * HOUR_MS
    assert trade["quantity"] == "0.5"
    assert trade["exit_price"] == "98"  # (0.2 * 110 + 0.3 * 90) / 0.5
    assert trade["fees"] == "0.15"
    assert Decimal(trade["pnl"]) == Decimal("-1.20")  # 49 - 50.05 - 0.15
    assert (trade["exit_reason"], trade["r_multiple"], trade["bars_held"]) == ("stop", -1.0, 3)


def test_a_short_trade_earns_when_the_price_falls(path: Path) -> None:
    from paperbot_core.domain.words import Side

    with opened(path) as journal:
        journal.commit([a_fill(HOUR_MS, side=Side.SHORT, quantity="2", price="100")])
        journal.commit(
            [a_fill(2 * HOUR_MS, side=Side.SHORT, opens=False, quantity="2", price="90",
                    fill_id="f2", flat=True)]
        )  # fmt: skip
    with JournalReader(path) as reader:
        (trade,) = reader.table("trades")
    assert trade["side"] == "short"
    assert Decimal(trade["pnl"]) == Decimal("19.90")


def test_a_fee_taken_from_the_bought_coins_is_not_charged_twice(path: Path) -> None:
    with opened(path) as journal:
        journal.commit([
            a_fill(HOUR_MS, quantity="1", price="100", fee="0.001", fee_asset="base",
                   fee_quote="0.1"),
            a_fill(2 * HOUR_MS, opens=False, quantity="0.999", price="100", fee="0", fill_id="f2",
                   flat=True),
        ])  # fmt: skip
    with JournalReader(path) as reader:
        (trade,) = reader.table("trades")
    assert Decimal(trade["pnl"]) == Decimal("-0.1")
    assert Decimal(trade["fees"]) == Decimal("0.1")


@pytest.mark.parametrize(
    ("fill", "why"),
    [
        (a_fill(opens=False, fill_id="f2", quantity="0.6", flat=True), "closes more than is open"),
        (a_fill(opens=False, fill_id="f2", quantity="0.4", flat=True), "0.1 is left"),
        (a_fill(opens=False, fill_id="f2", quantity="0.5"), "does not say flat"),
        (a_fill(fill_id="f2", flat=True), "says that it is flat"),
        (a_fill(fill_id="f2", quantity="0"), "not positive"),
    ],
)
def test_a_fill_that_does_not_fit_stores_nothing(path: Path, fill: FillBooked, why: str) -> None:
    with opened(path) as journal:
        journal.commit([a_fill()])
        before = journal.head
        with pytest.raises(DataError, match=why):
            journal.commit([equity(5), fill])
        assert journal.head == before
        journal.commit([equity(6)])
    assert verify(path).ok
    assert verify(path).events == 2


def test_an_order_fill_or_bar_is_never_stored_twice(path: Path) -> None:
    with opened(path) as journal:
        journal.commit([an_order(), a_fill()], bars=[a_bar()])
        for events, bars in (([an_order()], []), ([a_fill()], []), ([], [a_bar()])):
            with pytest.raises(IntegrityError, match="PB7009"):
                journal.commit(events, bars=bars)
    assert verify(path).events == 3


def test_a_full_disk_is_reported_and_leaves_the_journal_whole(path: Path) -> None:
    with opened(path) as journal:
        journal.commit([equity(1)])
        pages = journal._conn.execute("PRAGMA page_count").fetchone()[0]
        journal._conn.execute(f"PRAGMA max_page_count = {pages + 1}")
        before = journal.head
        with pytest.raises(RetryableError, match="PB7005"):
            journal.commit([run_started()] * 200)
        assert journal.head == before
        journal._conn.execute("PRAGMA max_page_count = 1000000")
        journal.commit([equity(2)])
    report = verify(path)
    assert (report.ok, report.events) == (True, 2)


def test_a_second_writer_is_told_who_holds_the_journal(path: Path) -> None:
    with opened(path), pytest.raises(RetryableError, match=f"PB7008.*process {os.getpid()}"):
        opened(path)
    opened(path).close()


def test_readers_work_while_a_session_writes(path: Path) -> None:
    with opened(path) as journal, JournalReader(path) as reader:
        journal.commit([equity(1)])
        assert reader.head().seq == 1
        journal.commit([equity(2)])
        assert reader.head().seq == 2
        lease = reader.lease()
        assert lease is not None
        assert lease.pid == os.getpid()
        assert verify(path).ok
    with JournalReader(path) as reader:
        lease = reader.lease()
        assert lease is not None
        assert lease.pid is None


def test_a_writer_that_goes_round_the_lock_is_noticed(path: Path) -> None:
    with opened(path) as journal:
        journal.commit([equity(1)])
        with sqlite3.connect(path) as other:
            other.execute("UPDATE head SET seq = 0")
        other.close()
        with pytest.raises(IntegrityError, match="PB7003"):
            journal.commit([equity(2)])


def test_another_account_is_refused(path: Path) -> None:
    opened(path).close()
    with pytest.raises(UserError) as error:
        Journal.open(path, account="other", run_id="r")
    assert codes(error) == ["PB7013"]


def test_no_journal_is_a_diagnostic(path: Path) -> None:
    for call in (lambda: opened(path, create=False), lambda: JournalReader(path),
                 lambda: verify(path), lambda: request(path, Act.HALT, "")):  # fmt: skip
        with pytest.raises(UserError) as error:
            call()
        assert codes(error) == ["PB7001"]
    assert not path.exists()


def test_a_newer_schema_is_refused(path: Path) -> None:
    opened(path).close()
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA user_version = 99")
    conn.close()
    for call in (lambda: opened(path), lambda: JournalReader(path)):
        with pytest.raises(UserError) as error:
            call()
        assert codes(error) == ["PB7004"]


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\0" * 4096, b"SQLite"])
def test_a_file_of_another_kind_is_not_a_journal(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for call in (lambda: opened(path), lambda: JournalReader(path)):
        with pytest.raises((IntegrityError, UserError)):
            call()
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE events (x)")
    conn.close()
    with pytest.raises(IntegrityError, match="another program"):
        opened(path)


def test_a_truncated_journal_is_damaged_never_a_traceback(path: Path) -> None:
    write(path, make_steps(1, 60))
    size = path.stat().st_size
    for cut in (size // 2, size // 3, 8192, 5000):
        with path.open("r+b") as file:
            file.truncate(cut)
        assert not sound(path)


def test_a_place_that_cannot_be_written_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as error:
        opened(tmp_path / "file" / "state" / "journal.sqlite")
    assert codes(error) == ["PB7006"]


def test_a_closed_journal_reads_in_a_directory_without_write_permission(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, make_steps(1, 3))
    monkeypatch.setattr("paperbot_core.ledger.database.os.access", lambda *_: False)
    assert verify(path).ok
    assert sorted(p.name for p in path.parent.iterdir()) == ["journal.lock", "journal.sqlite"]


def test_a_checkpoint_that_was_edited_is_refused(path: Path) -> None:
    with opened(path) as journal:
        journal.commit([equity(1)], checkpoint=Checkpoint("k", '{"cash":1.0}'))
    conn = sqlite3.connect(path)
    conn.execute("""UPDATE checkpoint SET body = '{"cash":2.0}'""")
    conn.commit()
    conn.close()
    with opened(path) as journal, pytest.raises(IntegrityError, match="PB7010"):
        journal.checkpoint("k")
    assert verify(path).problems == ("checkpoint k is not what was written",)


def test_requests_wait_for_the_session_and_are_answered_once(path: Path) -> None:
    with opened(path) as journal:
        request(path, Act.HALT, "going on holiday")
        (asked,) = journal.pending_requests()
        assert (asked.act, asked.reason) == (Act.HALT, "going on holiday")
        journal.commit([Halted(1, asked.reason)], answered=[asked])
        assert journal.pending_requests() == []
    with JournalReader(path) as reader:
        assert reader.account()["manual_halt"] == "going on holiday"
    with pytest.raises(UserError, match="PB7015"):
        request(path, Act.HALT, "x" * 501)


_WRITER = """
import sys
from pathlib import Path
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.records import Checkpoint
from tests.unit.ledger.histories import ACCOUNT, make_steps, run_started
with Journal.open(Path(sys.argv[1]), account=ACCOUNT, run_id=sys.argv[2]) as journal:
    journal.commit([run_started()])
    state = journal.checkpoint("k")
    done = int(state.body) if state else 0
    for n, step in enumerate(make_steps(5, 400)):
        if n >= done:
            journal.commit(step.events, bars=step.bars, checkpoint=Checkpoint("k", str(n + 1)))
            print(n, flush=True)
"""


def test_killed_at_any_moment_it_resumes_with_equal_content(path: Path, root: Path) -> None:
    undisturbed = path.with_name("other") / "journal.sqlite"
    write(undisturbed, make_steps(5, 400))
    hashes: list[str] = []
    for kill_after in (1, 7, 60, 61, 150, 151, 290, None):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), f"run-{kill_after}"],
            stdout=subprocess.PIPE, cwd=root, text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if kill_after is not None and int(line) >= kill_after:
                process.kill()
                break
        process.stdout.close()
        process.wait()
        conn = sqlite3.connect(path)
        now = [row[0] for row in conn.execute("SELECT hash FROM events ORDER BY seq")]
        conn.close()
        assert now[: len(hashes)] == hashes, "a journal only grows, over kills as well"
        hashes = now
        assert verify(path).ok
    assert verify(path).content_hash == verify(undisturbed).content_hash
