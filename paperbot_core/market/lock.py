"""One process at a time, whatever the number of processes."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paperbot_core.diagnostics import Diagnostic, RetryableError

_POLL_S = 0.05


@contextmanager
def locked(path: Path, busy: Diagnostic, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path`; the system takes it back when the process ends, however.

    The file stays: removing it would let two processes hold locks on two files.

    Args:
        path: of the lock file, in a folder that exists.
        busy: what to say if another process holds it for longer than `wait_s` seconds.
        wait_s: how long to wait for it.

    Raises:
        RetryableError: `busy`.
        OSError: the file cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise RetryableError(busy) from None
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(handle)
