"""Delivering notices from the outbox in a thread of its own, so that trading cannot notice."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from paperbot_core.api import Notifier
from paperbot_core.diagnostics import PaperbotError
from paperbot_core.ledger.database import open_writer
from paperbot_core.ledger.faults import translated
from paperbot_core.ledger.journal import wall_clock_ms
from paperbot_core.ledger.outbox import Outbox, OutboxRow


class NoticeSender:
    """A thread that empties the outbox of one journal, at least once for each notice.

    It has its own event loop and its own connection, so a notifier that hangs, even one that
    blocks its loop, holds up other notices at most. What is not delivered when the session ends
    waits in the outbox for the next one.
    """

    def __init__(
        self, path: Path, notifiers: Mapping[str, Notifier], *, timeout_s: float = 10.0,
        poll_s: float = 0.5, clock: Callable[[], int] = wall_clock_ms,
    ) -> None:  # fmt: skip
        """Prepare to send.

        Args:
            path: the journal; it must exist by the time of `start`.
            notifiers: by the target names given to `Journal.open`.
            timeout_s: how long one delivery may take.
            poll_s: how often to look for new notices.
            clock: wall time in ms.
        """
        self._path = path
        self._notifiers = dict(notifiers)
        self._timeout_s = timeout_s
        self._poll_s = poll_s
        self._clock = clock
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="paperbot-notices", daemon=True)
        # Sent, but not yet recorded as sent: with a full disk a notice must not go out every turn.
        self._delivered: set[int] = set()
        #: The last trouble with the outbox itself, for `status` and the log; empty if none.
        self.trouble = ""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, grace_s: float = 3.0) -> bool:
        """Let the thread send what is due, wait for it at most `grace_s`, return whether it ended.

        A thread that hangs is left behind; it does not keep the process alive.
        """
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(grace_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with translated(self._path), closing(self._connect()) as conn:
                asyncio.run(self._loop(Outbox(conn)))
        except PaperbotError as error:
            self.trouble = str(error)

    def _connect(self) -> sqlite3.Connection:
        return open_writer(self._path, full_sync=False)

    async def _loop(self, outbox: Outbox) -> None:
        while True:
            ending = self._ending.is_set()
            if await self._turn(outbox):
                continue
            if ending:
                return
            await asyncio.to_thread(self._ending.wait, self._poll_s)

    async def _turn(self, outbox: Outbox) -> bool:
        """Send what is due and return whether there was anything and all of it was recorded."""
        try:
            with translated(self._path):
                due = outbox.due(self._clock())
                known = [rows for target, rows in due.items() if target in self._notifiers]
                await asyncio.gather(*(self._target(outbox, rows) for rows in known))
        except PaperbotError as error:
            # A disk that is full now may not be later; the session itself says it aloud.
            self.trouble = str(error)
            return False
        self.trouble = ""
        return bool(known)

    async def _target(self, outbox: Outbox, rows: list[OutboxRow]) -> None:
        """Send one target's notices in order; the first failure ends the turn."""
        for row in rows:
            error = "" if row.id in self._delivered else await self._send(row)
            if error:
                outbox.mark_failed(row, error, self._clock())
                return
            self._delivered.add(row.id)
            outbox.mark_sent(row.id)
            self._delivered.discard(row.id)

    async def _send(self, row: OutboxRow) -> str:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._notifiers[row.target].notify(row.notice)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it is recorded
            # The type alone: the text of a network error often holds the secret address.
            return type(error).__name__
        return ""
