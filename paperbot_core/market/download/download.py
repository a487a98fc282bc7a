"""History from a source into a candle file: resume, checks, atomic writes.

Knows nothing of the world behind a source; that is a plugin's business (`DataSource`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from paperbot_core.diagnostics import DataError, Diagnostic, Span, user_error
from paperbot_core.domain.market import Candles, bucket_open, timeframe_ms, timeframe_text
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile, parse_candle_name
from paperbot_core.market.checks.checks import has_sessions
from paperbot_core.market.checks.quality import GapReport, gap_report
from paperbot_core.market.checks.time import time_facts
from paperbot_core.market.download.join import empty, join, joined
from paperbot_core.market.download.lock import only_writer
from paperbot_core.market.download.pages import Pages, Progress
from paperbot_core.market.download.patience import Patience
from paperbot_core.market.events.files import events_path
from paperbot_core.market.events.table import write_events
from paperbot_core.market.lake.files import candle_name, write_candles
from paperbot_core.market.timerange import iso_time

if TYPE_CHECKING:
    from paperbot_core.api.protocols import DataSource
    from paperbot_core.domain.corporate import CorporateEvents

#: Bars asked for again when a file is continued: an exchange that revises history is found out.
OVERLAP = 10
#: A crash of the machine loses at most what came since the last of these.
SAVE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to download: bars with `since <= ts < until` (UTC ms); None is the first, and now."""

    symbol: str
    timeframe: str
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What is in `file` now; `added` rows are new, `notes` say what is short and why.

    `events` are the splits and dividends stored beside it, None if the source knows none.
    """

    file: Path
    candles: Candles
    added: int
    gaps: GapReport
    pages: int
    retries: int
    notes: tuple[str, ...]
    events: CorporateEvents | None = None


class Download:
    """One download of one series. Make it, `run()` it."""

    def __init__(
        self,
        source: DataSource,
        name: str,
        wanted: Wanted,
        folder: Path,
        *,
        now_ms: int,
        patience: Patience | None = None,
        force: bool = False,
        progress: Callable[[Progress], None] = lambda _progress: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare a download; nothing is asked for yet.

        Args:
            source: where bars come from.
            name: what users call it, for messages.
            wanted: what to have afterwards.
            folder: where the candle file is or will be.
            now_ms: the present, UTC ms; bars that end later are not closed and are left out.
            patience: with failures that may pass.
            force: ask for everything again and replace the file.
            progress: told after each page and before each pause.
            sleep: waits for a number of seconds.

        Raises:
            UserError: PB6205, the wish is none; PB6002, the timeframe is none.
        """
        try:
            self._tf_ms = timeframe_ms(wanted.timeframe)
        except ValueError as error:
            raise user_error("PB6002", str(error)) from None
        self._name, self._wanted = name, wanted
        self._force = force
        self._pages = Pages(
            source, name, wanted.symbol, self._tf_ms, patience or Patience(), progress, sleep
        )
        self.file = folder / f"{candle_name(wanted.symbol, wanted.timeframe)}.parquet"
        self._since = max(0, wanted.since or 0)
        closed = bucket_open(now_ms, self._tf_ms)
        self._until = closed if wanted.until is None else min(wanted.until, closed)
        self._check_wish()

    def _check_wish(self) -> None:
        if parse_candle_name(self.file) != (self._wanted.symbol, self._wanted.timeframe):
            raise user_error(
                "PB6205",
                f"`{self._wanted.symbol}` cannot be told by the name of a file",
                expected="BTC/USDT, BTC/USDT:USDT or AAPL",
            )
        if self._since >= self._until:
            raise user_error(
                "PB6205",
                f"no bar of {self._wanted.timeframe} closes between {iso_time(self._since)} "
                f"and {iso_time(self._until)}",
            )

    async def run(self) -> Downloaded:
        """Bring the file up to the wish; on any failure what has arrived in order is kept.

        Raises:
            DataError: PB6201 nothing came, PB6202 the source now tells otherwise than the file,
                PB6003 to PB6014 bars that are none.
            RetryableError: PB6203 another process writes the file; or what the source raised last.
            PluginError: PB6204, the source breaks its contract.
        """
        with only_writer(self.file):
            bars, added = await self._bars()
            events = await self._events()
            return replace(self._finish(bars, added), events=events)

    async def _bars(self) -> tuple[Candles, int]:
        """Bring the bars up to the wish; return them and how many are new."""
        nothing = empty(self._wanted.symbol, self._tf_ms)
        if not self.file.exists():
            bars = await self._tail(nothing, self._since)
            return bars, len(bars)
        if self._force:
            bars = await self._anew(nothing)
            return bars, len(bars)
        bars = self._read()
        before = len(bars)
        if self._wanted.since is not None and self._since < int(bars.ts[0]):
            bars = await self._head(bars)
        if int(bars.ts[-1]) + self._tf_ms < self._until:
            start = int(bars.ts[max(0, len(bars) - OVERLAP)])
            bars = await self._tail(bars, start)
        return bars, len(bars) - before

    async def _events(self) -> CorporateEvents | None:
        """Store splits and dividends beside the bars; where there never were any, no file."""
        events = await self._pages.events()
        path = events_path(self.file.parent, self._wanted.symbol)
        if events is not None and (len(events) or path.exists()):
            write_events(path, events)
        return events

    def _read(self) -> Candles:
        return read_candles(CandleFile(self.file, self._wanted.symbol, self._wanted.timeframe))

    async def _anew(self, nothing: Candles) -> Candles:
        """Replace the file, once everything is there."""
        parts = [part async for part in self._pages.between(self._since, self._until)]
        return self._save(nothing, parts or self._no_bars(self._since))

    async def _head(self, old: Candles) -> Candles:
        """Put in front what is older; saved only when complete, or a hole would stay unseen."""
        stop = int(old.ts[min(OVERLAP, len(old)) - 1]) + self._tf_ms
        parts = [part async for part in self._pages.between(self._since, stop)]
        bars = join(joined(parts), old, self.file, self._name) if parts else old
        if bars is not old:
            write_candles(self.file, bars)
        return bars

    async def _tail(self, old: Candles, start: int) -> Candles:
        """Append what is newer, saved from time to time and at every end, also an unhappy one."""
        loop = asyncio.get_running_loop()
        parts: list[Candles] = []
        bars, saved = old, loop.time()
        try:
            async for part in self._pages.between(start, self._until):
                parts.append(part)
                if loop.time() - saved > SAVE_EVERY_S:
                    bars, parts = self._save(bars, parts), []
                    saved = loop.time()
        except BaseException:
            # Whatever ended it, an interrupt included: the next run goes on from here.
            if parts:
                self._save(bars, parts)
            raise
        if not parts and bars is old:
            self._no_bars(start)
        return self._save(bars, parts) if parts else bars

    def _no_bars(self, start: int) -> NoReturn:
        raise DataError(
            Diagnostic(
                "PB6201",
                f"`{self._name}` has no bars of {self._wanted.symbol} {self._wanted.timeframe} "
                f"from {iso_time(start)} to {iso_time(self._until)}",
                Span(str(self.file)),
                help="check the symbol, the timeframe and the time; an empty answer is no data",
            )
        )

    def _save(self, bars: Candles, parts: list[Candles]) -> Candles:
        whole = join(bars, joined(parts), self.file, self._name)
        if whole is not bars:
            write_candles(self.file, whole)
        return whole

    def _finish(self, bars: Candles, added: int) -> Downloaded:
        notes = list(self._pages.notes)
        first, end = int(bars.ts[0]), int(bars.ts[-1]) + self._tf_ms
        if self._wanted.since is not None and first - self._since >= self._tf_ms:
            notes.append(f"the first bar is {iso_time(first)}, asked for {iso_time(self._since)}")
        if self._until - end >= self._tf_ms:
            last = iso_time(end - self._tf_ms)
            notes.append(f"the last bar is {last}, asked for bars up to {iso_time(self._until)}")
        pages, gaps = self._pages, _gaps(bars)
        return Downloaded(
            self.file, bars, added, gaps, pages.pages, pages.retries, tuple(notes)
        )


def _gaps(bars: Candles) -> GapReport:
    """Return the holes; a market that closes has none while it is closed.

    A ticker whose bars all lie in the sessions of New York closes with them.
    """
    if has_sessions(bars.symbol):
        facts = time_facts(bars.ts, bars.tf_ms, sessions=True)
        if not facts.outside_session:
            timeframe = timeframe_text(bars.tf_ms)
            return GapReport(bars.symbol, timeframe, facts.holes, facts.missing)
    return gap_report(bars)
