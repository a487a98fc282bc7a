"""Pages of bars from the daily files of the archive; files are fetched, verified and kept."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from paperbot_bitmex.daily import DAY_MS
from paperbot_bitmex.trades import Trades, bars_of, no_trades, read_symbols, read_trades
from paperbot_core.api import (
    Candles,
    DataError,
    Diagnostic,
    HistoryPage,
    UserError,
    bucket_open,
    timeframe_ms,
)
from paperbot_core.api.fetch import check_base_url, fetch_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from paperbot_bitmex import BitmexOptions

_EPOCH = date(1970, 1, 1).toordinal()
_COLUMNS = {"home": "homeNotional", "foreign": "foreignNotional", "contracts": "size"}
#: A bar may end on the day after it began: two days are enough to build any page of shorter bars.
_DAYS_IN_MEMORY = 2


@dataclass(frozen=True, slots=True)
class _Day:
    """The trades of a day; `there` is False if the archive has no file of it."""

    trades: Trades
    there: bool


class BitmexArchive:
    """The source. One page is one day of bars, or one bar if it is longer than a day."""

    def __init__(
        self, options: BitmexOptions, now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6
    ) -> None:
        """Prepare; nothing is fetched yet. `now_ms` returns the present, UTC ms."""
        self._options = options
        self._base = check_base_url(options.base_url)
        self._folder = Path(options.cache_dir)
        self._now_ms = now_ms
        self._first_day = options.first_day.toordinal() - _EPOCH
        self._memory: OrderedDict[tuple[str, int], _Day] = OrderedDict()
        self._fresh: set[int] = set()
        self._traded: set[str] = set()

    async def symbols(self) -> Sequence[str]:
        """Return the symbols that were traded on the newest day of the archive.

        Raises:
            RetryableError: PB6210, PB6212, PB6221.
            DataError: PB6211, PB6220, PB6221.
        """
        return sorted(await asyncio.to_thread(self._newest_symbols))

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        """Return the bars of the day of `since`, whatever the limit: a file is a day.

        Raises:
            RetryableError: PB6210, PB6212, PB6221.
            DataError: PB6211, PB6220, PB6221.
            UserError: PB6222, the symbol was not traded where it was looked for.
        """
        return await asyncio.to_thread(self._page, symbol, timeframe_ms(timeframe), since)

    async def trade_file(self, symbol: str, day: int) -> Path | None:
        """Return the file with all trades of a day (days since 1970); it holds every symbol.

        None: the day is not published yet, or lacking and may be left out.

        Raises:
            RetryableError: PB6210, PB6212.
            DataError: PB6211, PB6220.
        """
        return await asyncio.to_thread(self._trade_file, day)

    def _page(self, symbol: str, tf_ms: int, since: int) -> HistoryPage:
        since = max(since, self._first_day * DAY_MS)
        first = bucket_open(since + tf_ms - 1, tf_ms)
        stop = max(first + tf_ms, (first // DAY_MS + 1) * DAY_MS)
        end = bucket_open(stop - 1, tf_ms) + tf_ms
        days: list[Trades] = []
        notes: list[str] = []
        holes: list[int] = []
        limit, following = end, bucket_open(stop + tf_ms - 1, tf_ms)
        for day in range(first // DAY_MS, -(-end // DAY_MS)):
            found = self._day(symbol, day)
            if found is None:
                limit = day * DAY_MS
                break
            if not found.there:
                holes.append(day)
                notes.append(f"no file for {_name(day)}: {_iso(day)} was left out")
            days.append(found.trades)
            notes.extend(found.trades.notes)
        if days:
            self._check_traded(symbol, days)
        bars = bars_of(symbol, tf_ms, days or [no_trades()])
        keep = (bars.ts >= first) & (bars.ts < stop) & (bars.ts + tf_ms <= limit)
        for day in holes:
            # A bar that only partly has its trades is not that bar.
            keep &= (bars.ts + tf_ms <= day * DAY_MS) | (bars.ts >= (day + 1) * DAY_MS)
        return HistoryPage(_rows(bars, keep), following if limit == end else None, tuple(notes))

    def _day(self, symbol: str, day: int) -> _Day | None:
        """Return a day, or None if the archive has not come that far."""
        if (symbol, day) in self._memory:
            return self._memory[symbol, day]
        today = self._now_ms() // DAY_MS
        if day >= today:
            return None
        path = self._fetch(day)
        if path is not None:
            column = _COLUMNS[self._options.volume]
            found = _Day(read_trades(path, day, symbol, column), there=True)
        elif day >= today - self._options.lag_days:
            return None
        elif self._options.missing == "skip":
            found = _Day(no_trades(), there=False)
        else:
            raise _absent(day)
        self._memory[symbol, day] = found
        while len(self._memory) > _DAYS_IN_MEMORY:
            self._memory.popitem(last=False)
        return found

    def _trade_file(self, day: int) -> Path | None:
        today = self._now_ms() // DAY_MS
        if day >= today:
            return None
        path = self._fetch(day)
        late = day >= today - self._options.lag_days
        if path is None and not late and self._options.missing != "skip":
            raise _absent(day)
        return path

    def _fetch(self, day: int) -> Path | None:
        path = self._folder / "trade" / _name(day)
        url = f"{self._base}/trade/{_name(day)}"
        refresh = self._options.refresh and day not in self._fresh
        if not fetch_file(url, path, timeout_s=self._options.timeout_sec, refresh=refresh):
            return None
        self._fresh.add(day)
        return path

    def _check_traded(self, symbol: str, days: Sequence[Trades]) -> None:
        """Refuse a symbol that is neither in these days nor in the newest: it is a mistake.

        Otherwise years of files would be fetched for nothing.
        """
        if symbol in self._traded:
            return
        if not any(len(day.ts) for day in days) and symbol not in self._newest_symbols():
            raise UserError(
                Diagnostic(
                    "PB6222",
                    f"`{symbol[:40]}` was traded neither at the begin nor on the newest day",
                    expected="a symbol as BitMEX writes it, such as XBTUSD",
                    help="for one that has expired give `--since` with a day on which it traded",
                )
            )
        self._traded.add(symbol)

    def _newest_symbols(self) -> set[str]:
        today = self._now_ms() // DAY_MS
        for day in range(today - 1, today - self._options.lag_days - 2, -1):
            if (path := self._fetch(day)) is not None:
                return read_symbols(path)
        text = f"the archive has none of its newest files, such as `{_name(today - 1)}`"
        raise DataError(Diagnostic("PB6220", text, help="is `base_url` right?"))


def _rows(bars: Candles, keep: NDArray[np.bool_]) -> Candles:
    names = ("ts", "open", "high", "low", "close", "volume")
    return Candles(bars.symbol, bars.tf_ms, *(getattr(bars, name)[keep] for name in names))


def _absent(day: int) -> DataError:
    return DataError(
        Diagnostic(
            "PB6220",
            f"the archive has no `{_name(day)}` although {_iso(day)} is past",
            help="with `--option missing=skip` the day is left out, and named",
        )
    )


def _iso(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"


def _name(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y%m%d}.csv.gz"
