"""Notices: stored with their cause, sent at least once, never in the way."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from paperbot_core.api import Notice
from paperbot_core.domain.events import Halted
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.outbox import MAX_TRIES, Outbox
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.sender import NoticeSender
from tests.unit.ledger.histories import ACCOUNT, a_fill


class Recorder:
    """A notifier that remembers titles and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.titles: list[str] = []
        self._failures = failures

    async def notify(self, notice: Notice) -> None:
        if self._failures:
            self._failures -= 1
            raise ConnectionError("https://hooks.example/secret refused")
        self.titles.append(notice.title)


class Hanging:
    """A notifier that never comes back, politely or not."""

    def __init__(self, blocks: bool = False) -> None:
        self._blocks = blocks

    async def notify(self, notice: Notice) -> None:
        if self._blocks:
            time.sleep(3)
        await asyncio.sleep(60)


class Clock:
    """Wall time under the test's control."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def opened(path: Path, clock: Callable[[], int], *targets: str) -> Journal:
    return Journal.open(
        path, account=ACCOUNT, run_id="r", targets=dict.fromkeys(targets, 600.0), clock=clock
    )


def wait_until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def counts(path: Path) -> dict[str, int]:
    with JournalReader(path) as reader:
        return reader.outbox()


def test_a_notice_is_stored_with_the_commit_that_causes_it_or_not_at_all(path: Path) -> None:
    with opened(path, Clock(), "slack") as journal:
        journal.commit([Halted(1, "x")], notices=[Notice("halt", "halted")])
        bad = a_fill(opens=False)
        with pytest.raises(Exception, match="PB7014"):
            journal.commit([bad], notices=[Notice("fill", "sold")])
    assert counts(path)["pending"] == 1


def test_repetitions_within_the_cooldown_are_counted_not_stored(path: Path) -> None:
    clock = Clock()
    with opened(path, clock, "slack", "mail") as journal:
        for _ in range(3):
            journal.commit(notices=[Notice("refusal", "no cash", dedupe_key="CASH")])
        journal.commit(notices=[Notice("refusal", "no lot", dedupe_key="LOT")])
        clock.ms += 600_000
        journal.commit(notices=[Notice("refusal", "no cash", dedupe_key="CASH")])
    assert counts(path) == {"pending": 6, "sent": 0, "failed": 0, "suppressed": 4}


def test_notices_of_a_target_never_overtake_each_other(path: Path) -> None:
    clock = Clock()
    with opened(path, clock, "slack") as journal:
        outbox = Outbox(journal._conn)
        journal.commit(notices=[Notice("a", "first"), Notice("b", "second")])
        first = outbox.due(clock.ms)["slack"][0]
        outbox.mark_failed(first, "TimeoutError", clock.ms)
        assert outbox.due(clock.ms + 1_999) == {}
        later = outbox.due(clock.ms + 2_000)["slack"]
        assert [r.notice.title for r in later] == ["first", "second"]
        assert later[0].tries == 1


def test_a_notice_is_given_up_after_its_tries(path: Path) -> None:
    clock = Clock()
    with opened(path, clock, "slack") as journal:
        outbox = Outbox(journal._conn)
        journal.commit(notices=[Notice("a", "first"), Notice("b", "second")])
        for _ in range(MAX_TRIES):
            clock.ms += 600_000
            outbox.mark_failed(outbox.due(clock.ms)["slack"][0], "TimeoutError", clock.ms)
        assert [r.notice.title for r in outbox.due(clock.ms)["slack"]] == ["second"]
    assert counts(path)["failed"] == 1


def test_delivered_notices_are_forgotten_after_a_month(path: Path) -> None:
    clock = Clock()
    with opened(path, clock, "slack") as journal:
        journal.commit(notices=[Notice("a", "old"), Notice("b", "still waiting")])
        outbox = Outbox(journal._conn)
        outbox.mark_sent(outbox.due(clock.ms)["slack"][0].id)
    clock.ms += 31 * 86_400_000
    with opened(path, clock, "slack"):
        assert counts(path) == {"pending": 1, "sent": 0, "failed": 0, "suppressed": 0}


def test_the_sender_delivers_in_order_and_retries(path: Path) -> None:
    clock, slack = Clock(), Recorder(failures=1)
    with opened(path, clock, "slack") as journal:
        sender = NoticeSender(path, {"slack": slack}, poll_s=0.01, clock=clock)
        sender.start()
        journal.commit(notices=[Notice("a", f"n{i}") for i in range(30)])
        wait_until(lambda: slack._failures == 0)
        clock.ms += 2_000
        wait_until(lambda: counts(path)["sent"] == 30)
        assert sender.stop()
    assert slack.titles == [f"n{i}" for i in range(30)]
    assert b"hooks.example" not in path.read_bytes()


def test_what_is_due_is_still_sent_when_the_session_stops(path: Path) -> None:
    clock, slack = Clock(), Recorder()
    with opened(path, clock, "slack") as journal:
        sender = NoticeSender(path, {"slack": slack}, poll_s=60, clock=clock)
        sender.start()
        time.sleep(0.2)
        journal.commit(notices=[Notice("stop", f"n{i}") for i in range(45)])
        assert sender.stop(5)
    assert len(slack.titles) == 45


@pytest.mark.parametrize("blocks", [False, True])
def test_a_hanging_notifier_holds_up_nobody(path: Path, blocks: bool) -> None:
    with opened(path, Clock(), "bad", "good") as journal:
        sender = NoticeSender(path, {"bad": Hanging(blocks)}, timeout_s=60, poll_s=0.01)
        sender.start()
        for n in range(200):
            journal.commit([Halted(n, "x")], notices=[Notice("a", "hello")])
        started = time.monotonic()
        assert not sender.stop(0.2)
        assert time.monotonic() - started < 1
        assert journal.head.seq == 200


def test_a_timeout_counts_as_a_failed_try(path: Path) -> None:
    clock = Clock()
    with opened(path, clock, "slack") as journal:
        journal.commit(notices=[Notice("a", "hello")])
        sender = NoticeSender(path, {"slack": Hanging()}, timeout_s=0.05, poll_s=0.01, clock=clock)
        sender.start()
        outbox = Outbox(journal._conn)
        wait_until(lambda: outbox.due(clock.ms) == {})
        assert sender.stop()
        row = journal._conn.execute("SELECT tries, last_error, state FROM outbox").fetchone()
    assert row == (1, "TimeoutError", "pending")


def test_a_sender_without_its_journal_says_so_and_ends(tmp_path: Path) -> None:
    sender = NoticeSender(tmp_path / "gone" / "journal.sqlite", {})
    sender.start()
    wait_until(lambda: sender.trouble != "")
    assert sender.stop()
    assert "PB7006" in sender.trouble
