"""One writer for one candle file, whatever the number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paperbot_core.diagnostics import Diagnostic, Span
from paperbot_core.market.lock import locked


@contextmanager
def only_writer(file: Path) -> Iterator[None]:
    """Hold the right to write `file`; the system takes it back when the process ends, however.

    Raises:
        RetryableError: PB6203, another process holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    busy = Diagnostic(
        "PB6203",
        f"another process is downloading `{file.name}`",
        Span(str(file)),
        help="try again when it has finished",
    )
    with locked(file.parent / f".{file.name}.lock", busy):
        yield
