"""Runs `paperbot run` again and again, each time killed with SIGKILL at a chosen point.

    python kill_driver.py KILLS SEED PROJECT STATE_DIR

One process imports everything, then forks a child for every attempt; the child arms one of the
points below and runs the command line as a user would. Prints one JSON line: what was killed where,
and how the last, undisturbed attempt ended.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paperbot_core.cli import cli
from paperbot_core.ledger import chain
from paperbot_core.ledger import journal as journal_module
from paperbot_core.ledger.journal import Journal
from paperbot_core.trade import build

#: Where a session can die: around a commit, inside its transaction, while a notice is sent.
POINTS = ("before", "bars", "events", "checkpoint", "after", "heartbeat", "notice")


def die() -> None:
    """End this process as a power switch would."""
    os.kill(os.getpid(), signal.SIGKILL)


def countdown(count: int) -> Callable[[], None]:
    """Return a function whose `count`-th call kills the process."""
    left = [count]

    def tick() -> None:
        left[0] -= 1
        if left[0] <= 0:
            die()

    return tick


class DyingNotifier:
    """Takes notices; dies at one of them."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick

    async def notify(self, notice: Any) -> None:
        self._tick()


def arm(point: str, count: int) -> None:
    """Patch the journal so that the process dies at the `count`-th passage of `point`."""
    tick = countdown(count)
    silent = countdown(10**9)
    notifier = DyingNotifier(tick if point == "notice" else silent)
    build._notifiers = lambda *_: {"test": notifier}
    commit, append, insert = Journal.commit, Journal._append, Journal._insert_bar
    beat = Journal.heartbeat
    if point == "before":
        Journal.commit = lambda *a, **k: (tick(), commit(*a, **k))[1]  # type: ignore[method-assign]
    elif point == "after":
        Journal.commit = lambda *a, **k: (commit(*a, **k), tick())[0]  # type: ignore[method-assign]
    elif point == "bars":
        Journal._insert_bar = lambda *a: (insert(*a), tick())[0]  # type: ignore[method-assign]
    elif point == "events":
        Journal._append = lambda *a: (append(*a), tick())[0]  # type: ignore[method-assign]
    elif point == "checkpoint":
        arm_checkpoint(tick)
    elif point == "heartbeat":
        Journal.heartbeat = lambda *a: (beat(*a), tick())[0]  # type: ignore[method-assign]
        Journal.commit = lambda *a, **k: (commit(*a, **k), tick())[0]  # type: ignore[method-assign]


def arm_checkpoint(tick: Callable[[], None]) -> None:
    """Die while the checkpoint is written, before the transaction is committed."""

    def dying(text: str) -> str:
        tick()
        return chain.text_hash(text)

    vars(journal_module)["text_hash"] = dying


def attempt(arguments: list[str], point: str | None, count: int) -> int:
    """Run the command in a child; return its wait status."""
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        if point is not None:
            arm(point, count)
        try:
            cli.main(arguments, prog_name="paperbot")
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else 1)
        os._exit(99)
    return os.waitpid(pid, 0)[1]


def heads(path: Path, known: list[tuple[int, str]]) -> tuple[int, str]:
    """Return (seq, hash) of the newest event after checking that all known heads are still there.

    The hash of an event covers everything before it: a head that is still there is a prefix kept.
    """
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        for seq, text in known[-3:]:
            row = conn.execute("SELECT hash FROM events WHERE seq = ?", (seq,)).fetchone()
            assert seq == 0 or (row is not None and row[0] == text), f"event {seq} has changed"
        row = conn.execute("SELECT seq, hash FROM head").fetchone()
    finally:
        conn.close()
    return (row[0], row[1]) if row else (0, "")


def main() -> None:
    kills, seed, project, state = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    arguments = ["--project", project, "run", "--mode", "PAPER", "--state-dir", str(state)]
    rng = random.Random(seed)
    journal = state / "journal.sqlite"
    done: list[dict[str, Any]] = []
    known: list[tuple[int, str]] = []
    attempts = 0
    while len(done) < kills and attempts < 3 * kills:
        attempts += 1
        point = POINTS[attempts % len(POINTS)]
        scale = {"bars": 6, "notice": 2}.get(point, 1)
        status = attempt(arguments, point, rng.randint(2, 2 + scale * int(sys.argv[5])))
        if journal.exists():
            known.append(heads(journal, known))
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            done.append({"point": point, "seq": known[-1][0] if known else 0})
        else:
            assert os.waitstatus_to_exitcode(status) == 0, f"exit {status}"
    status = attempt(arguments, None, 0)
    heads(journal, known)
    print(json.dumps({"kills": done, "exit": os.waitstatus_to_exitcode(status)}))  # noqa: T201


if __name__ == "__main__":
    main()
