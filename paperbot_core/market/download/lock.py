"""One writer for one candle file, whatever the number of processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paperbot_core.diagnostics import Diagnostic, RetryableError, Span


@contextmanager
def only_writer(file: Path) -> Iterator[None]:
    """Hold the right to write `file`; the system takes it back when the process ends, however.

    Raises:
        RetryableError: PB6203, another process holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file.parent / f".{file.name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetryableError(
                Diagnostic(
                    "PB6203",
                    f"another process is downloading `{file.name}`",
                    Span(str(file)),
                    help="try again when it has finished",
                )
            ) from None
        # The lock file stays: removing it would let two processes hold locks on two files.
        yield
    finally:
        os.close(handle)
