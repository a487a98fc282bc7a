"""The `replay` exchange: stored candles played back as if they closed now, at any speed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from paperbot_core.api import (
    Bar,
    Book,
    Candles,
    Capabilities,
    Component,
    Diagnostic,
    Exchange,
    Instrument,
    StrictModel,
    UserError,
    hookimpl,
    timeframe_ms,
)
from paperbot_core.diagnostics import did_you_mean
from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.market.align import align
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.events.events import make_events
from paperbot_core.market.events.files import events_beside
from paperbot_core.market.resample import resample
from paperbot_core.market.timerange import TimeRange, parse_timerange

PAGE_BARS = 1_000


class ReplayOptions(StrictModel):
    """Options of `exchange: {plugin: replay, ...}` in paperbot.yaml."""

    path: str = Field(min_length=1, description="a candle file, or a folder of them")
    timeframe: str = Field(description="which candles of the folder are played, such as 1h")
    speed: Literal["max", "realtime"] | Annotated[float, Field(gt=0)] = Field(
        default="max", description="max, realtime, or closes per second"
    )
    timerange: str | None = Field(
        default=None, description="[start, end) such as 20240101-; earlier bars only warm up"
    )
    symbol: str | None = Field(default=None, description="for a file whose name does not tell it")


class Replay:
    """Stored candles as an exchange: its present is the last bar it has streamed.

    It satisfies `api.Exchange` and `api.EventSource`, and takes no orders. Files are read when
    first needed. Bars of a longer timeframe than the files' are built from the bars that exist.
    """

    def __init__(self, options: ReplayOptions) -> None:
        self._options = options
        self._range = parse_timerange(options.timerange) if options.timerange else TimeRange()
        self._files: dict[str, CandleFile] = {}
        self._stored: dict[str, Candles] = {}
        self._longer: dict[tuple[str, int], Candles] = {}
        self._now: int | None = self._range.start

    @property
    def capabilities(self) -> Capabilities:
        """Bars only: no orders, no books."""
        return Capabilities()

    async def instruments(self) -> Sequence[Instrument]:
        """Return one instrument a stored symbol, without a grid: universe.yaml knows better."""
        return [Instrument(symbol) for symbol in sorted(self._load())]

    async def bars(self, symbol: str, timeframe: str, since: int) -> Sequence[Bar]:
        """Return up to 1,000 bars with `ts >= since` that have closed in the replay's present.

        Before the stream begins these are the bars before the time range, for warming up.

        Raises:
            UserError: PB6021, no such symbol or timeframe is stored; PB60xx, a bad file.
        """
        candles = self._candles(symbol, timeframe)
        if self._now is None:
            return []
        first = int(candles.ts.searchsorted(since))
        closed = int(candles.ts.searchsorted(self._now - candles.tf_ms, side="right"))
        return [candles.bar(row) for row in range(first, min(closed, first + PAGE_BARS))]

    async def stream_bars(
        self, symbols: Sequence[str], timeframe: str, since: int | None = None
    ) -> AsyncIterator[Bar]:
        """Yield the bars of the time range by (close time, symbol); ends with the range.

        Raises:
            UserError: PB6017, the range holds no bar of these symbols; else as `bars`.
        """
        wanted = [self._candles(symbol, timeframe) for symbol in sorted(set(symbols))]
        parts = [self._in_range(candles, since) for candles in wanted]
        if since is None and not any(len(part) for part in parts):
            raise self._nothing_in_range(wanted)
        loop = asyncio.get_running_loop()
        due, before = loop.time(), None
        for now, step in _steps([part for part in parts if len(part)]):
            due += self._pause_s(before, now)
            # Even at full speed the loop gets its turn, so that a stop request is heard.
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._now = before = now
            for bar in step:
                yield bar

    async def book(self, symbol: str) -> Book:
        """Return a book without levels: candles do not tell them."""
        self._candles(symbol, self._options.timeframe)
        return Book(symbol, self._now or 0, (), ())

    async def events(self, symbol: str) -> CorporateEvents:
        """Return all splits and dividends in the folder `events` beside the candles; maybe none.

        Raises:
            UserError: PB6021, no such symbol is stored.
            DataError: PB6003, PB6014, PB6330 to PB6332, they cannot be read.
        """
        self._known(symbol)
        found = events_beside(self._files[symbol].path, symbol)
        return make_events(symbol, ()) if found is None else found

    def _load(self) -> dict[str, Candles]:
        if not self._stored:
            options = self._options
            files = find_candles(
                [Path(options.path).expanduser()],
                symbol=options.symbol,
                timeframe=options.timeframe,
            )
            self._files = {file.symbol: file for file in files}
            self._stored = {file.symbol: read_candles(file) for file in files}
        return self._stored

    def _known(self, symbol: str) -> Candles:
        stored = self._load()
        if symbol not in stored:
            raise UserError(
                Diagnostic(
                    "PB6021",
                    f"`{self._options.path}` holds no {self._options.timeframe} bars of `{symbol}`",
                    expected=", ".join(sorted(stored)),
                    help=did_you_mean(symbol, stored),
                )
            )
        return stored[symbol]

    def _candles(self, symbol: str, timeframe: str) -> Candles:
        stored = self._known(symbol)
        tf_ms = _timeframe_ms(timeframe)
        key = (symbol, tf_ms)
        if key not in self._longer:
            self._longer[key] = _closed(resample(stored, tf_ms), stored)
        return self._longer[key]

    def _in_range(self, candles: Candles, since: int | None) -> Candles:
        first, stop = self._range.rows(candles)
        if since is not None:
            first = max(first, int(candles.ts.searchsorted(since)))
        return candles.slice(first, max(first, stop))

    def _nothing_in_range(self, wanted: Sequence[Candles]) -> UserError:
        start = min(int(candles.ts[0]) for candles in wanted)
        end = max(int(candles.ts[-1]) + candles.tf_ms for candles in wanted)
        return UserError(
            Diagnostic(
                "PB6017",
                f"`{self._options.timerange}` holds no bar",
                expected=f"a range inside {TimeRange(start, end)}",
            )
        )

    def _pause_s(self, before: int | None, now: int) -> float:
        speed = self._options.speed
        if speed == "max" or before is None:
            return 0.0
        return (now - before) / 1_000 if speed == "realtime" else 1 / speed


def _timeframe_ms(timeframe: str) -> int:
    try:
        return timeframe_ms(timeframe)
    except ValueError as error:
        raise UserError(Diagnostic("PB6002", str(error))) from None


def _closed(longer: Candles, candles: Candles) -> Candles:
    """Return `longer` without a last bar that the stored bars do not reach the end of."""
    end = int(candles.ts[-1]) + candles.tf_ms
    last_end = int(longer.ts[-1]) + longer.tf_ms
    return longer if last_end <= end else longer.slice(0, len(longer) - 1)


def _steps(series: Sequence[Candles]) -> Iterator[tuple[int, list[Bar]]]:
    """Yield (decision time, bars that close then, in the order of `series`)."""
    if not series:
        return
    grid = align(series)
    for step, now in enumerate(grid.times.tolist()):
        rows = grid.rows[:, step].tolist()
        yield now, [one.bar(row) for one, row in zip(series, rows, strict=True) if row >= 0]


@hookimpl
def register_exchanges() -> list[Component[Exchange]]:
    """Announce the replay exchange."""
    return [
        Component(
            name="replay",
            config=ReplayOptions,
            build=Replay,
            summary="plays stored candles back, at full speed or in real time",
        )
    ]
