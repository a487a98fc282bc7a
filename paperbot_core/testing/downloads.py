"""A download as `paperbot data download` does it, without a command line and without pauses."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from paperbot_core.market.download.download import Download, Downloaded, Wanted
from paperbot_core.market.timerange import parse_time

__all__ = ["Downloaded", "download"]

if TYPE_CHECKING:
    from paperbot_core.api.protocols import DataSource


def download(
    source: DataSource,
    symbol: str,
    timeframe: str,
    folder: Path,
    *,
    since: str | None = None,
    until: str | None = None,
    force: bool = False,
    now_ms: int | None = None,
    pauses: list[float] | None = None,
) -> Downloaded:
    """Bring the candle file in `folder` up to the wish and return what was done.

    Args:
        source: under test.
        symbol: as users write it.
        timeframe: such as `1h`.
        folder: where the candle file is or will be.
        since: such as `2024-01-31`, else the first bar there is.
        until: such as `2024-01-31`, else now.
        force: ask for everything again.
        now_ms: the present, UTC ms.
        pauses: gets the seconds of each pause, which is not made.

    Raises:
        PaperbotError: whatever a user would see.
    """
    wanted = Wanted(symbol, timeframe, *(parse_time(t) if t else None for t in (since, until)))

    async def no_sleep(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    work = Download(
        source,
        "source",
        wanted,
        folder,
        now_ms=time.time_ns() // 10**6 if now_ms is None else now_ms,
        force=force,
        sleep=no_sleep,
    )
    return asyncio.run(work.run())
