"""One writer a journal: an advisory lock on a file beside it, released by the system on a kill."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from paperbot_core.diagnostics import RetryableError
from paperbot_core.ledger.faults import fault, translated


class WriterLock:
    """The exclusive right to write a journal, held until `release` or the end of the process."""

    def __init__(self, journal: Path) -> None:
        """Take the lock without waiting.

        Raises:
            RetryableError: PB7008 another process has it, named by its pid.
            UserError: PB7006 the lock file cannot be made.
        """
        path = journal.with_suffix(".lock")
        with translated(journal):
            # Never deleted: a process that waits on a deleted file would hold a lock on nothing.
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise fault(
                RetryableError, "PB7008", f"the journal is in use by process {holder}", journal,
                f"stop the session of process {holder} first, or choose another `state_dir`",
            ) from error  # fmt: skip
        with translated(journal):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give the lock back; doing it twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
