"""How we speak: diagnostics are values first, text last; nothing here knows of trading."""

from paperbot_core.diagnostics.diagnostic import Diagnostic, Severity, Span, did_you_mean, nearest
from paperbot_core.diagnostics.errors import (
    DataError,
    IntegrityError,
    PaperbotError,
    PluginError,
    RefusedError,
    RetryableError,
    UserError,
    user_error,
)

__all__ = [
    "DataError",
    "Diagnostic",
    "IntegrityError",
    "PaperbotError",
    "PluginError",
    "RefusedError",
    "RetryableError",
    "Severity",
    "Span",
    "UserError",
    "did_you_mean",
    "nearest",
    "user_error",
]
