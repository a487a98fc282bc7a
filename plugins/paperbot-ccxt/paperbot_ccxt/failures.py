"""What ccxt raises, in our terms. Its texts are not repeated: they can hold a whole signed URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ccxt

from paperbot_core.api import DataError, Diagnostic, RetryableError, UserError
from paperbot_core.api.fetch import retry_after_s

_STATUS = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")


@contextmanager
def in_our_terms(exchange: Any, what: str) -> Iterator[None]:
    """Turn the errors of ccxt, while it does `what`, into ours.

    Raises:
        RetryableError: PB6210, the network, a busy exchange, maintenance.
        UserError: PB6222, a market that the exchange does not have, or no such data.
        DataError: PB6211, anything else that the exchange refuses.
    """
    try:
        yield
    except ccxt.NetworkError as error:
        headers = _lower(getattr(exchange, "last_response_headers", None) or {})
        status = _STATUS.search(str(error))
        said = f"{type(error).__name__}{', ' + status[1] if status else ''}"
        wait = retry_after_s(headers.get("retry-after", ""), headers.get("date", ""))
        text = f"`{exchange.id}` did not answer for {what} ({said})"
        raise RetryableError(Diagnostic("PB6210", text), retry_after_s=wait) from None
    except (ccxt.BadSymbol, ccxt.NotSupported) as error:
        text = f"`{exchange.id}` has no {what} ({type(error).__name__})"
        raise UserError(Diagnostic("PB6222", text)) from None
    except ccxt.BaseError as error:
        text = f"`{exchange.id}` refused {what} ({type(error).__name__})"
        raise DataError(Diagnostic("PB6211", text)) from None


def _lower(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
