"""How failures of a source that may pass are met: asking again, after a pause, so many times."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from paperbot_core.diagnostics import PaperbotError, PluginError, RetryableError
from paperbot_core.diagnostics.redact import describe_error

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """How failures that may pass are met: attempts for one page, pauses in seconds."""

    tries: int = 6
    initial_s: float = 1.0
    max_s: float = 60.0

    def pause_s(self, failures: int, asked_s: float | None) -> float:
        """Return the pause after the n-th failure in a row: doubling, or longer if asked for."""
        own = min(self.initial_s * 2.0 ** min(failures - 1, 60), self.max_s)
        return own if asked_s is None else max(own, asked_s)


async def persist(
    ask: Callable[[], Awaitable[Answer]],
    tries: int,
    pause_s: Callable[[int, float | None], float],
    sleep: Callable[[float], Awaitable[None]],
    broken: Callable[[str], PluginError],
    told: Callable[[str], None] = lambda _text: None,
) -> Answer:
    """Return the answer of a source, asked until it gives one.

    Args:
        ask: asks once.
        tries: attempts; what the last one raises is raised.
        pause_s: the pause after the n-th failure, given what the other side asked for, if anything.
        sleep: waits for a number of seconds.
        broken: makes the error for a failure that is none of ours, from its description.
        told: hears of each failure before the pause.

    Raises:
        PaperbotError: what the source raised; what `broken` made of anything else.
    """
    failures = 0
    while True:
        try:
            return await ask()
        except RetryableError as error:
            failures += 1
            if failures >= tries:
                raise
            pause = pause_s(failures, error.retry_after_s)
            told(f"{error.diagnostics[0].message}; trying again in {pause:g} s")
            await sleep(pause)
        except PaperbotError:
            raise  # the source speaks to the user in our own terms
        except Exception as error:
            raise broken(f"failed: {describe_error(error)}") from error
