"""Klines by pages and trades by files: months as one file or days, each verified and kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np

from paperbot_binance_archive.klines import read_klines
from paperbot_binance_archive.places import Place, place_of, spot_symbol, trades_place_of
from paperbot_core.api import (
    Candles,
    DataError,
    Diagnostic,
    HistoryPage,
    RetryableError,
    timeframe_ms,
)
from paperbot_core.api.fetch import check_base_url, fetch, fetch_file, kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_binance_archive import BinanceArchiveOptions

_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_COLUMNS = ("ts", "open", "high", "low", "close", "volume")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_PREFIX = re.compile(r"<Prefix>[^<]*/klines/([^<>/]+)/</Prefix>")
_MARKER = re.compile(r"<NextMarker>([^<]+)</NextMarker>")


class BinanceArchive:
    """The source. One page is a month, or one day where the month has no file (yet)."""

    def __init__(
        self,
        options: BinanceArchiveOptions,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
    ) -> None:
        """Prepare; nothing is fetched yet. `now_ms` returns the present, UTC ms."""
        self._options = options
        self._base = check_base_url(options.base_url)
        self._listing = check_base_url(options.listing_url)
        self._folder = Path(options.cache_dir)
        self._now_ms = now_ms
        first = options.first_month
        self._begin = _ms(first.replace(day=1))
        self._fresh: set[str] = set()
        self._absent: set[str] = set()
        self._begun: set[Place] = set()

    async def symbols(self) -> Sequence[str]:
        """Return the spot markets of the archive.

        Raises:
            RetryableError: PB6210.
            DataError: PB6211, PB6221.
        """
        return await asyncio.to_thread(self._symbols)

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        """Return the bars of the month or day of `since`, whatever the limit: a file is a file.

        Raises:
            RetryableError: PB6210, PB6212, PB6221.
            DataError: PB6211, PB6220, PB6221.
            UserError: PB6222, no such market or timeframe.
        """
        return await asyncio.to_thread(self._page, symbol, timeframe, since)

    async def trade_file(self, symbol: str, day: int) -> Path | None:
        """Return the file with all trades of a day (days since 1970), or of its month.

        None: the day is not published yet, or lacking and may be left out.

        Raises:
            RetryableError: PB6210, PB6212.
            DataError: PB6211, PB6220.
            UserError: PB6222, no such market.
        """
        return await asyncio.to_thread(self._trade_file, symbol, day)

    def _page(self, symbol: str, timeframe: str, since: int) -> HistoryPage:
        place, tf_ms = place_of(symbol, timeframe), timeframe_ms(timeframe)
        since = max(since, self._begin)
        today = self._now_ms() // _DAY_MS
        if since // _DAY_MS >= today:
            return HistoryPage(_empty(symbol, tf_ms), None)
        day = datetime.fromtimestamp(since // 1_000, UTC).date()
        month_end = _ms(_next_month(day))
        if month_end // _DAY_MS <= today and (path := self._fetch(place.path(f"{day:%Y-%m}"))):
            bars = read_klines(path, symbol, tf_ms, place.volume)
            start, end = _ms(day.replace(day=1)), month_end
        else:
            found = self._of_day(symbol, place, day, today)
            if isinstance(found, HistoryPage):
                return found
            bars = read_klines(found, symbol, tf_ms, place.volume)
            start, end = _ms(day), _ms(day) + _DAY_MS
        self._begun.add(place)
        if int(bars.ts.min()) < start or int(bars.ts.max()) >= end:
            text = f"a file of {symbol} {timeframe} for {day} holds bars of another time"
            raise DataError(Diagnostic("PB6221", text))
        # A bar of days or weeks may begin in this file and end later than now.
        keep = (bars.ts >= since) & (bars.ts + tf_ms <= self._now_ms())
        return HistoryPage(_rows(bars, keep), end)

    def _of_day(
        self, symbol: str, place: Place, day: date, today: int
    ) -> Path | HistoryPage:
        """Return the file of a day, or the page that says why there is none."""
        if path := self._fetch(place.path(f"{day}")):
            return path
        begin = _ms(day)
        nothing = _empty(symbol, timeframe_ms(place.timeframe))
        if begin // _DAY_MS >= today - self._options.lag_days:
            return HistoryPage(nothing, None)
        if place not in self._begun:
            # Not listed yet. A month that lacks its last day as well has no day at all.
            month_end = _next_month(day)
            last = month_end - timedelta(days=1)
            past = _ms(month_end) // _DAY_MS < today - self._options.lag_days
            skip = past and self._fetch(place.path(f"{last}")) is None
            return HistoryPage(nothing, _ms(month_end) if skip else begin + _DAY_MS)
        if self._options.missing == "skip":
            note = f"no file for {place.native} {place.timeframe}: {day} was left out"
            return HistoryPage(nothing, begin + _DAY_MS, (note,))
        raise _absent(place.path(str(day)))

    def _trade_file(self, symbol: str, day: int) -> Path | None:
        today = self._now_ms() // _DAY_MS
        if day >= today:
            return None
        place = trades_place_of(symbol, self._options.trades)
        date_ = date.fromordinal(day + _EPOCH)
        if path := self._fetch(place.path(f"{date_}")):
            return path
        # Old days may only be in the file of their month, which takes all of them at once.
        month_over = _ms(_next_month(date_)) // _DAY_MS <= today
        if month_over and (path := self._fetch(place.path(f"{date_:%Y-%m}"))):
            return path
        if day >= today - self._options.lag_days or self._options.missing == "skip":
            return None
        raise _absent(place.path(f"{date_}"))

    def _fetch(self, name: str) -> Path | None:
        """Return the kept file of a month or day, verified; None if the archive has none."""
        if name in self._absent:
            return None
        path, url = self._folder / name, f"{self._base}/{name}"
        refresh = self._options.refresh and name not in self._fresh
        timeout_s = self._options.timeout_sec
        if refresh or not kept(path):
            digest = self._published(f"{url}.CHECKSUM")
            if not fetch_file(url, path, sha256=digest, timeout_s=timeout_s, refresh=refresh):
                self._absent.add(name)
                return None
        self._fresh.add(name)
        return path

    def _published(self, url: str) -> str | None:
        """Return the SHA-256 that the archive publishes for a file, None if it publishes none."""
        body = fetch(url, timeout_s=self._options.timeout_sec, bytes_max=10_000).body
        if body is None:
            return None
        match = _SHA256.match(body.decode("latin-1").strip())
        if match is None:
            raise RetryableError(Diagnostic("PB6212", f"`{url}` holds no checksum"))
        return match[0]

    def _symbols(self) -> list[str]:
        found: set[str] = set()
        marker = ""
        while True:
            query = {"delimiter": "/", "prefix": "data/spot/monthly/klines/", "marker": marker}
            answer = fetch(
                f"{self._listing}?{urlencode(query)}", timeout_s=self._options.timeout_sec
            )
            text = (answer.body or b"").decode("utf-8", "replace")
            natives = _PREFIX.findall(text)
            found.update(symbol for native in natives if (symbol := spot_symbol(native)))
            following = _MARKER.search(text)
            if not natives:
                raise DataError(Diagnostic("PB6221", f"`{self._listing}` lists no symbols"))
            if following is None or following[1] <= marker:
                return sorted(found)
            marker = following[1]


def _absent(name: str) -> DataError:
    return DataError(
        Diagnostic(
            "PB6220",
            f"the archive has no `{name}` although that day is past",
            help="with `--option missing=skip` the day is left out, and named",
        )
    )


def _ms(day: date) -> int:
    return (day.toordinal() - _EPOCH) * _DAY_MS


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _empty(symbol: str, tf_ms: int) -> Candles:
    return Candles(symbol, tf_ms, np.empty(0, np.int64), *(np.empty(0) for _ in range(5)))


def _rows(bars: Candles, keep: NDArray[np.bool_]) -> Candles:
    return Candles(bars.symbol, bars.tf_ms, *(getattr(bars, name)[keep] for name in _COLUMNS))
