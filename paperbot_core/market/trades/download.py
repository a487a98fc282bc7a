"""Trades from the files of an archive into the lake, day by day: only what is missing is fetched.

Knows nothing of the world behind a source; that is a plugin's business (`TradeArchive`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from paperbot_core.api.fetch import discard
from paperbot_core.diagnostics import (
    DataError,
    Diagnostic,
    PluginError,
    user_error,
)
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.download.patience import Patience, persist
from paperbot_core.market.lake.dataset import Imported, ImportRequest, find_manifest
from paperbot_core.market.lake.layout import Lake, SeriesKey
from paperbot_core.market.lake.trades import covered, import_trades, trades_key
from paperbot_core.market.lake.trades_bars import refresh_bars
from paperbot_core.market.timerange import iso_time
from paperbot_core.market.trades.names import parse_trades_name

_SHOWN = 5


@runtime_checkable
class TradeArchive(Protocol):
    """A source of history that has files of trades. The caller waits after a `RetryableError`."""

    async def trade_file(self, symbol: str, day: int) -> Path | None:
        """Return a kept, verified file with all trades of a day (days since 1970), or of more days.

        None: there is no file, because the day is too new or may be left out.
        """
        ...


@dataclass(frozen=True, slots=True)
class TradesDownloaded:
    """What was done: files that came in, days that were in the lake already, what is short."""

    key: SeriesKey
    imported: tuple[Imported, ...]
    known_days: int
    retries: int
    notes: tuple[str, ...]


@dataclass(slots=True)
class TradesDownload:
    """One download of the trades of one market. Make it, `run()` it.

    Attributes:
        source: a plugin of kind data_source.
        name: what users call it.
        symbol: the market.
        lake: where the trades go.
        request: venue, present and repair, as for an import.
        since: first day wanted, UTC ms; its day begins at 00:00.
        until: end, UTC ms, not included; the day it lies in is fetched too.
        patience: with failures that may pass.
        force: import days again that are in the lake.
        progress: told after each file and before each pause.
        sleep: waits for a number of seconds.
    """

    source: Any
    name: str
    symbol: str
    lake: Lake
    request: ImportRequest
    since: int
    until: int
    patience: Patience = field(default_factory=Patience)
    force: bool = False
    progress: Callable[[str], None] = lambda _text: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    retries: int = 0

    async def run(self) -> TradesDownloaded:
        """Bring the lake up to the wish, then the bars made of it; each day is safe once it is in.

        Raises:
            UserError: PB6310, the source has no trades.
            DataError: PB6309 no day of the range has a file; PB6301 to PB6305 what an import finds.
            RetryableError: what the source raised last.
            PluginError: PB6204, the source breaks its contract.
        """
        if not isinstance(self.source, TradeArchive):
            raise user_error(
                "PB6310",
                f"the source `{self.name}` has no files of trades",
                help="`bitmex` and `binance_archive` have; `paperbot plugins` lists sources",
            )
        key = trades_key(self.request.venue, self.symbol)
        imported: list[Imported] = []
        absent: list[str] = []
        quiet: list[str] = []
        known = 0
        manifest = find_manifest(self.lake, key)
        there = [] if manifest is None or self.force else covered(manifest)
        before = len(there)
        for day in range(self.since // DAY_MS, -(-self.until // DAY_MS)):
            start, end = day * DAY_MS, (day + 1) * DAY_MS
            if any(first <= start and end <= last for first, last in there):
                known += any(first <= start and end <= last for first, last in there[:before])
                continue
            path = await self._ask(day)
            done = None if path is None else await self._import(path, day)
            if path is None or done is None:
                (absent if path is None else quiet).append(iso_time(start)[:10])
                continue
            imported.append(done)
            there.append(parse_trades_name(path).covers or (start, end))
            self.progress(f"{path.name}: {done.rows:,} trades")
        notes = (*_told(absent, "no file for"), *_told(quiet, f"no trades of {self.symbol} on"))
        if not imported and not known:
            raise self._nothing(notes)
        with self.lake.writing():
            refresh_bars(self.lake, key)
        return TradesDownloaded(key, tuple(imported), known, self.retries, notes)

    async def _import(self, path: Path, day: int) -> Imported | None:
        """Take a file in; None if nobody traded. What cannot be read is fetched once more."""
        request = replace(self.request, symbol=self.symbol)
        try:
            return _taken(self.lake, path, request)
        except DataError as error:
            if error.diagnostics[0].code != "PB6301":
                raise
            discard(path)
            self.retries += 1
            self.progress(f"{error.diagnostics[0].message}; fetching it again")
        again = await self._ask(day)
        if again is None:
            return None
        try:
            return _taken(self.lake, again, request)
        except DataError:
            # What cannot be read must not be what the next run begins with.
            discard(again)
            raise

    async def _ask(self, day: int) -> Path | None:
        def told(text: str) -> None:
            self.retries += 1
            self.progress(text)

        patience = self.patience
        path: object = await persist(
            lambda: self.source.trade_file(self.symbol, day),
            patience.tries, patience.pause_s, self.sleep, self._broken, told,
        )  # fmt: skip
        if path is None or isinstance(path, Path):
            return path
        raise self._broken(f"answered {type(path).__name__} instead of a path")

    def _broken(self, text: str) -> PluginError:
        return PluginError(Diagnostic("PB6204", f"the source `{self.name}` {text}"))

    def _nothing(self, notes: tuple[str, ...]) -> DataError:
        return DataError(
            Diagnostic(
                "PB6309",
                f"`{self.name}` has no trades of {self.symbol} from {iso_time(self.since)} to "
                f"{iso_time(self.until)}",
                help="; ".join(notes) or "`--since` must be before `--until` and in the past",
            )
        )


def _taken(lake: Lake, path: Path, request: ImportRequest) -> Imported | None:
    try:
        return import_trades(lake, path, request)
    except DataError as error:
        if error.diagnostics[0].code == "PB6304":
            return None
        raise


def _told(days: list[str], what: str) -> tuple[str, ...]:
    if not days:
        return ()
    more = f" and {len(days) - _SHOWN} more days" if len(days) > _SHOWN else ""
    return (f"{what} {', '.join(days[:_SHOWN])}{more}",)
