"""Every exception of Paperbot, grouped by what the caller should do about it."""

from __future__ import annotations

from collections.abc import Iterable

from paperbot_core.diagnostics.diagnostic import Diagnostic, Severity, Span


class PaperbotError(Exception):
    """Base of all our errors: diagnostics to show, and the exit code of the command."""

    exit_code = 1

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        found = [diagnostics] if isinstance(diagnostics, Diagnostic) else list(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(sorted(found, key=lambda d: d.sort_key))
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in self.diagnostics))


class UserError(PaperbotError):
    """The user must change a file or a command line; nothing was written."""


class DataError(PaperbotError):
    """Market data is not what it claims to be; the user must fix or replace it."""


class PluginError(PaperbotError):
    """A plugin broke its contract; its author must change it, the rest goes on where it can."""


class RetryableError(PaperbotError):
    """The world failed for now (network, lock); trying again later is right.

    `retry_after_s` is how long the other side asked us to wait, None if it did not say.
    """

    def __init__(
        self,
        diagnostics: Diagnostic | Iterable[Diagnostic],
        *,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(diagnostics)
        self.retry_after_s = retry_after_s


class RefusedError(PaperbotError):
    """A gate or the policy said no; the user must change the state, not the input."""

    exit_code = 3


class IntegrityError(PaperbotError):
    """The journal is not what was written; stop now and look."""

    exit_code = 4


def user_error(
    code: str, message: str, *, file: str = "", help: str = "", expected: str = ""
) -> UserError:
    """Return a UserError with one diagnostic, for the common case of one mistake."""
    span = Span(file) if file else None
    return UserError(Diagnostic(code, message, span, Severity.ERROR, help=help, expected=expected))
