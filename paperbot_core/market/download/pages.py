"""The pages of a source, one after the other: patience with failures, no trust in answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paperbot_core.api.protocols import EventSource, HistoryPage
from paperbot_core.diagnostics import (
    DataError,
    Diagnostic,
    PluginError,
)
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.market.checks.quality import find_faults
from paperbot_core.market.download.join import cut
from paperbot_core.market.download.patience import Answer, Patience, persist
from paperbot_core.market.events.events import CorporateEvents, fault_of
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from paperbot_core.api.protocols import DataSource

#: Bars in one page.
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `until` (UTC ms) is where the next page begins, `message` why it pauses."""

    pages: int
    rows: int
    until: int
    message: str = ""


@dataclass(slots=True)
class Pages:
    """The pages of one series. `pages`, `retries`, `rows` and `notes` count what has happened.

    Attributes:
        source: where bars come from.
        name: what users call it.
        symbol: of the series.
        tf_ms: length of a bar.
        patience: with failures that may pass.
        progress: told after each page and before each pause.
        sleep: waits for a number of seconds.
    """

    source: DataSource
    name: str
    symbol: str
    tf_ms: int
    patience: Patience
    progress: Callable[[Progress], None]
    sleep: Callable[[float], Awaitable[None]]
    pages: int = 0
    retries: int = 0
    rows: int = 0
    notes: list[str] = field(default_factory=list)

    async def between(self, start: int, stop: int) -> AsyncIterator[Candles]:
        """Yield the bars with `start <= ts < stop` (UTC ms), ascending, in parts, none empty.

        Raises:
            DataError: PB6009 to PB6013, bars that are none.
            PluginError: PB6204, an answer that is none.
            RetryableError: what the source raised last, when all tries failed.
        """
        since: int | None = start
        while since is not None and since < stop:
            page = await self._ask(since, min(PAGE, -(-(stop - since) // self.tf_ms)))
            self._check(page, since)
            part = cut(page.candles, since, stop)
            self.pages += 1
            self.rows += len(part)
            self.notes.extend(note for note in page.notes if note not in self.notes)
            since = page.following
            self.progress(Progress(self.pages, self.rows, stop if since is None else since))
            if len(part):
                yield part

    async def events(self) -> CorporateEvents | None:
        """Return the splits and dividends that go with the bars; None if the source knows none.

        Raises:
            PluginError: PB6204, an answer that is none.
            RetryableError: what the source raised last, when all tries failed.
        """
        source = self.source
        if not isinstance(source, EventSource):
            return None
        found = await self._patiently(lambda: source.events(self.symbol), 0)
        if not isinstance(found, CorporateEvents):
            raise self._broken(f"answered {type(found).__name__} instead of CorporateEvents")
        if fault := fault_of(found):
            raise self._broken(f"answered events with {fault}")
        return found

    async def _ask(self, since: int, limit: int) -> HistoryPage:
        timeframe = timeframe_text(self.tf_ms)
        return await self._patiently(
            lambda: self.source.page(self.symbol, timeframe, since, limit), since
        )

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]], since: int) -> Answer:
        def told(text: str) -> None:
            self.retries += 1
            self.progress(Progress(self.pages, self.rows, since, text))

        patience = self.patience
        return await persist(
            ask, patience.tries, patience.pause_s, self.sleep, self._broken, told
        )

    def _check(self, page: object, since: int) -> None:
        if not isinstance(page, HistoryPage):
            raise self._broken(f"answered {type(page).__name__} instead of HistoryPage")
        bars, following = page.candles, page.following
        if (bars.symbol, bars.tf_ms) != (self.symbol, self.tf_ms):
            raise self._broken(f"answered bars of {bars.symbol} {timeframe_text(bars.tf_ms)}")
        if following is not None and following <= since:
            raise self._broken(f"does not get on from {iso_time(since)}")
        if not len(bars):
            return
        if faults := find_faults(bars, self.name):
            raise DataError(faults)
        if int(bars.ts[0]) < since:
            raise self._broken(f"answered bars before {iso_time(since)}")
        if following is not None and following <= int(bars.ts[-1]):
            raise self._broken("would repeat bars on its next page")

    def _broken(self, text: str) -> PluginError:
        return PluginError(Diagnostic("PB6204", f"the source `{self.name}` {text}"))
