"""From SQLite's and the file system's errors to ours: what happened, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from paperbot_core.diagnostics import (
    DataError,
    Diagnostic,
    IntegrityError,
    PaperbotError,
    RetryableError,
    Span,
    UserError,
)

_Error = TypeVar("_Error", bound=PaperbotError)

_RESTORE = "keep the file, run `paperbot ledger verify`, then restore a copy"


def fault(kind: type[_Error], code: str, message: str, path: Path, hint: str = "") -> _Error:
    """Return an error of ours about one journal file."""
    return kind(Diagnostic(code, message, Span(str(path)), help=hint))


def damaged(path: Path, why: str) -> IntegrityError:
    """Return the error for a file that is not a journal, or no longer one."""
    return fault(IntegrityError, "PB7002", f"this is not a sound journal: {why}", path, _RESTORE)


def _translate(error: sqlite3.Error, path: Path) -> PaperbotError:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return fault(
            RetryableError, "PB7005", f"the journal could not be written: {error}", path,
            "nothing was stored half; free disk space, then start again",
        )  # fmt: skip
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return fault(
            RetryableError, "PB7007", "the journal stayed locked by another program", path,
            "close what has it open, then try again",
        )  # fmt: skip
    if primary in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return unwritable(path, str(error))
    return damaged(path, str(error))


def unwritable(path: Path, why: str) -> UserError:
    """Return the error for a place we may not read or write."""
    return fault(
        UserError, "PB7006", f"the journal cannot be opened: {why}", path,
        "make the directory writable for this user, or choose another `state_dir`",
    )  # fmt: skip


def decided_twice(path: Path, what: str) -> IntegrityError:
    """Return the error for an order, fill or bar that the journal already holds."""
    return fault(
        IntegrityError, "PB7009", f"the journal already holds {what}", path,
        "the session stopped before it could act twice; start it again and it resumes",
    )  # fmt: skip


def does_not_fit(path: Path, why: str) -> DataError:
    """Return the error for an event that contradicts the ones before it."""
    return fault(DataError, "PB7014", f"an event does not fit the journal: {why}", path)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the file system inside the block into ours.

    Raises:
        RetryableError: PB7005 disk full or failing, PB7007 locked for too long.
        UserError: PB7006 no permission. IntegrityError: PB7002 anything that says damage.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error
    except UnicodeDecodeError as error:
        # SQLite hands damaged text on as it is, names of tables included.
        raise damaged(path, "it holds text that is not UTF-8") from error
    except OSError as error:
        raise unwritable(path, error.strerror or type(error).__name__) from error
