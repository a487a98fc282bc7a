"""Posts to one incoming webhook; its address is a secret that never leaves this module."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.webhook import WebhookClient

from paperbot_core.api import Diagnostic, PluginError, RetryableError, UserError
from paperbot_slack.blocks import blocks, fallback

if TYPE_CHECKING:
    from slack_sdk.http_retry.request import HttpRequest
    from slack_sdk.http_retry.response import HttpResponse
    from slack_sdk.http_retry.state import RetryState

    from paperbot_core.api import Notice

VARIABLE = "SLACK_WEBHOOK_URL"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TOO_MANY = 429
_SERVER_ERROR = 500


def webhook_url(environ: Mapping[str, str]) -> str:
    """Return the address from the environment.

    Raises:
        UserError: PB5041 if it is missing or is not a secure address; it is not shown.
    """
    url = environ.get(VARIABLE, "").strip()
    if not url:
        text = f"the notifier `slack` needs the environment variable `{VARIABLE}`"
        raise UserError(Diagnostic("PB5041", text, help="set it in the environment or in `.env`"))
    try:
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
    except ValueError:
        host, scheme = "", ""
    # Plain http sends the secret in the clear; a stand-in on this machine may use it.
    if not host or not (scheme == "https" or (scheme == "http" and host in _LOOPBACK)):
        text = f"`{VARIABLE}` is not an address such as https://hooks.slack.com/services/..."
        raise UserError(Diagnostic("PB5041", text))
    return url


class _PatientRateLimit(RateLimitErrorRetryHandler):
    """Waits as Slack asks, but not longer than we can; the outbox tries again later."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(max_retry_count=1)
        self._wait_s = wait_s

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if response is None or response.status_code != _TOO_MANY:
            return False
        headers = {name.lower(): values for name, values in response.headers.items()}
        asked = headers.get("retry-after", [""])[0]
        return asked.isdecimal() and int(asked) <= self._wait_s


class SlackWebhook:
    """The notifier. The client blocks, so each notice is sent from a thread with a time limit."""

    def __init__(self, url: str, *, timeout_s: int = 4, wait_s: int = 3) -> None:
        """Prepare to post to `url`; nothing is sent yet.

        Args:
            url: of the webhook.
            timeout_s: for one request.
            wait_s: longest pause between two tries that Slack may ask for.
        """
        # The client logs the address with its errors: it gets a logger that nobody hears.
        silent = logging.Logger("paperbot_slack.client", level=logging.CRITICAL + 1)
        self._client = WebhookClient(
            url,
            timeout=timeout_s,
            logger=silent,
            retry_handlers=[
                _PatientRateLimit(wait_s),
                ServerErrorRetryHandler(max_retry_count=1),
                ConnectionErrorRetryHandler(max_retry_count=1),
            ],
        )
        self._limit_s = 2.0 * timeout_s + wait_s + 2.0

    def __repr__(self) -> str:
        return "SlackWebhook(***)"

    async def notify(self, notice: Notice) -> None:
        """Post one notice.

        Raises:
            RetryableError: PB5040, no answer, too many requests, or a failure of the server.
            PluginError: PB5040, Slack refuses the message or no longer knows the webhook.
        """
        try:
            status = await _in_thread(lambda: self._post(notice), self._limit_s)
        except TimeoutError:
            raise _retryable("did not answer in time") from None
        except Exception as error:  # noqa: BLE001 - whatever the client raises; it may hold the address
            raise _retryable(f"could not be reached ({type(error).__name__})") from None
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            raise _retryable(f"answered {status}")
        if not 200 <= status < 300:
            text = f"Slack refused a notice with {status}"
            help_ = f"400: the message; 403, 404, 410: make a new webhook and set `{VARIABLE}`"
            raise PluginError(Diagnostic("PB5040", text, help=help_))

    def _post(self, notice: Notice) -> int:
        answer = self._client.send(text=fallback(notice), blocks=blocks(notice))
        return int(answer.status_code)


def _retryable(text: str) -> RetryableError:
    return RetryableError(Diagnostic("PB5040", f"Slack {text}"))


async def _in_thread(work: Callable[[], int], limit_s: float) -> int:
    """Run blocking `work` in a thread that cannot keep the program alive.

    Raises:
        TimeoutError: it took longer than `limit_s` seconds; the thread is left behind.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[int] = loop.create_future()

    def settle(set_outcome: Callable[[], None]) -> None:
        if not outcome.done():
            set_outcome()

    def target() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - handed to the waiting coroutine, not swallowed
            failure = error
            report: Callable[[], None] = lambda: outcome.set_exception(failure)  # noqa: E731
        else:
            report = lambda: outcome.set_result(result)  # noqa: E731
        # The loop may have ended meanwhile: then nobody waits for the outcome any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, report)

    threading.Thread(target=target, name="paperbot-slack", daemon=True).start()
    return await asyncio.wait_for(outcome, limit_s)
