"""Notices what is recorded of the universe while a session runs; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from paperbot_core.diagnostics import Diagnostic, PaperbotError, Severity, Span
from paperbot_core.market.universe.membership_record import load_record
from paperbot_core.market.universe.selection import Snapshot


class RecordWatch:
    """Looks at a record again and again; reads it when it has changed."""

    def __init__(self, path: Path | None) -> None:
        """Look at `path`; None is no record, and there are never news."""
        self._path = path
        self._seen: tuple[int, int] | None = None

    def news(self) -> tuple[Sequence[Snapshot] | None, list[Diagnostic]]:
        """Return the snapshots of the record if it has changed, else None, and what is wrong.

        What cannot be read, or is gone, tells nothing new: what was known still counts, and a
        warning says so once.
        """
        if self._path is None:
            return None, []
        before, self._seen = self._seen, self._look(self._path)
        if self._seen == before:
            return None, []
        if self._seen is None:
            text = f"`{self._path}` is gone: what it said still counts until the restart"
            return None, [Diagnostic("PB3501", text, Span(str(self._path)), Severity.WARNING)]
        try:
            return load_record(self._path), []
        except PaperbotError as error:
            return None, [replace(one, severity=Severity.WARNING) for one in error.diagnostics]

    @staticmethod
    def _look(path: Path) -> tuple[int, int] | None:
        """Return size and time of change (ns) of a file; None if there is none to be seen."""
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns
