"""Pages of bars from Yahoo Finance, through yfinance in a thread.

yfinance answers an empty table for a wrong symbol, a time out of reach and a dead network alike,
unless it is told not to hide its errors; empty is never taken for history here.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.api import (
    Candles,
    CorporateEvents,
    DataError,
    Diagnostic,
    HistoryPage,
    RetryableError,
    UserError,
    timeframe_ms,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paperbot_yahoo import YahooOptions

_DAY_MS = 86_400_000
#: Days that Yahoo answers at once, and days that it keeps; None is everything.
_REACH: dict[str, tuple[int, int] | None] = {
    "1m": (7, 29), "2m": (59, 59), "5m": (59, 59), "15m": (59, 59), "30m": (59, 59),
    "1h": (729, 729), "1d": None,
}  # fmt: skip
_FIELDS = ("Open", "High", "Low", "Close", "Volume")
#: Indices and currencies are not traded in one place: Yahoo writes 0 where nobody knows.
_WITHOUT_VOLUME = re.compile(r"\^.*|.*=X")
_SYMBOL = re.compile(r"[A-Za-z0-9.^=$]+(?:/[A-Za-z0-9.]+)?")
#: The errors of yfinance that say: there is nothing, as opposed to: it did not work.
_NOTHING = ("YFPricesMissingError", "YFTzMissingError", "YFTickerMissingError")
_ACTIONS = ("Dividends", "Stock Splits")
#: Yahoo's prices are of single precision: they are this near (relative) to what was paid.
_NOISE = 2.0**-24 * 1.02
_DIGITS_MAX = 9
_FAR_FUTURE_MS = 253_402_300_800_000

# The switch that makes yfinance raise is one for the whole process.
_SWITCH = threading.Lock()


class YahooHistory:
    """The source. One page is as much as Yahoo answers at once."""

    def __init__(
        self, options: YahooOptions, now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6
    ) -> None:
        """Prepare; nothing is asked for yet. `now_ms` returns the present, UTC ms."""
        self._options = options
        self._now_ms = now_ms
        self._answered: set[tuple[str, str]] = set()
        self._actions: dict[str, CorporateEvents] = {}

    async def symbols(self) -> Sequence[str]:
        """Return nothing: Yahoo has no list of what it has."""
        return []

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        """Return the bars from `since` on that Yahoo answers at once, whatever the limit.

        Raises:
            RetryableError: PB6210, the network failed, or too many requests.
            DataError: PB6201, an empty answer; PB6221, a table that is not as known.
            UserError: PB6222, a symbol that cannot be, or a timeframe that Yahoo has not.
        """
        return await asyncio.to_thread(self._page, symbol, timeframe, since)

    async def events(self, symbol: str) -> CorporateEvents:
        """Return the splits and dividends that bars of these options are not adjusted for.

        Raises:
            RetryableError, DataError, UserError: as `page`.
        """
        told = await asyncio.to_thread(self._told_actions, symbol)
        none = np.ones(len(told))
        if self._options.adjust == "none":
            return raw_actions(told)
        if self._options.adjust == "splits":
            paid = told.dividend > 0
            return CorporateEvents(symbol, told.ts[paid], none[paid], told.dividend[paid])
        return CorporateEvents(symbol, told.ts[:0], none[:0], none[:0])

    def _told_actions(self, symbol: str) -> CorporateEvents:
        """Return all splits and dividends as Yahoo tells them: cash in shares of today."""
        if symbol not in self._actions:
            self._check(symbol, "1d")
            stop = self._now_ms() + _DAY_MS
            self._actions[symbol] = actions_of(self._ask(symbol, "1d", 0, stop, True), symbol)
        return self._actions[symbol]

    def _page(self, symbol: str, timeframe: str, since: int) -> HistoryPage:
        self._check(symbol, timeframe)
        tf_ms, now = timeframe_ms(timeframe), self._now_ms()
        if since + tf_ms > now:
            return HistoryPage(_empty(symbol, tf_ms), None)
        notes: tuple[str, ...] = ()
        stop = now + _DAY_MS
        if reach := _REACH[timeframe]:
            at_once, kept = (days * _DAY_MS for days in reach)
            oldest = now - kept
            if since < oldest:
                notes = (f"Yahoo keeps bars of {timeframe} for {reach[1]} days only",)
                since = -(-oldest // tf_ms) * tf_ms
            stop = min(stop, since + at_once)
        bars = self._bars(symbol, timeframe, since, stop)
        keep = (bars.ts >= since) & (bars.ts < stop) & (bars.ts + tf_ms <= now)
        following = stop if stop + tf_ms <= now else None
        return HistoryPage(_rows(bars, keep), following, notes)

    def _check(self, symbol: str, timeframe: str) -> None:
        if timeframe not in _REACH or not _SYMBOL.fullmatch(symbol):
            raise UserError(
                Diagnostic(
                    "PB6222",
                    f"Yahoo has no bars of {timeframe} of `{symbol[:40]}`",
                    expected=f"one of {', '.join(_REACH)}; AAPL, BRK/B, BTC/USD, ^GSPC, EURUSD=X",
                )
            )

    def _bars(self, symbol: str, timeframe: str, since: int, stop: int) -> Candles:
        try:
            table = self._ask(symbol, timeframe, since, stop, False)
        except DataError:
            # A holiday may fill a whole page; one in which nothing is at the begin is a mistake.
            if (symbol, timeframe) not in self._answered:
                raise
            return _empty(symbol, timeframe_ms(timeframe))
        self._answered.add((symbol, timeframe))
        bars = candles_of(table, symbol, timeframe)
        if self._options.adjust == "none":
            return raw_bars(bars, self._told_actions(symbol))
        return bars

    def _ask(self, symbol: str, timeframe: str, since: int, stop: int, actions: bool) -> Any:
        import yfinance
        from yfinance.exceptions import YFRateLimitError

        native = symbol.replace("/", "-")
        nothing = DataError(
            Diagnostic(
                "PB6201",
                f"Yahoo answered no bars of `{native}` {timeframe}",
                help="check the symbol as Yahoo writes it, and the time",
            )
        )
        with _SWITCH:
            hidden = yfinance.config.debug.hide_exceptions
            yfinance.config.debug.hide_exceptions = False
            try:
                table = yfinance.Ticker(native).history(
                    start=_moment(since),
                    end=_moment(stop),
                    interval=timeframe,
                    auto_adjust=self._options.adjust == "all",
                    actions=actions,
                    prepost=self._options.prepost,
                    timeout=self._options.timeout_sec,
                )
            except YFRateLimitError:
                text = f"Yahoo is asked too often (for `{native}`)"
                raise RetryableError(Diagnostic("PB6210", text)) from None
            except Exception as error:  # noqa: BLE001 - whatever its HTTP library raises
                # Only the kind is repeated: the text may hold an address with a token.
                kind = type(error).__name__
                if kind in _NOTHING:
                    raise nothing from None
                text = f"Yahoo did not answer for `{native}` ({kind})"
                raise RetryableError(Diagnostic("PB6210", text)) from None
            finally:
                yfinance.config.debug.hide_exceptions = hidden
        if table is None or not len(table):
            raise nothing
        return table


def candles_of(table: Any, symbol: str, timeframe: str) -> Candles:
    """Return the table of yfinance as bars; a day is its session's date at 00:00 UTC.

    Raises:
        DataError: PB6221, columns or times are not as known.
    """
    if lacking := [name for name in _FIELDS if name not in table.columns]:
        raise _format(symbol, f"has no column `{'`, `'.join(lacking)}`")
    index = table.index
    if getattr(index, "tz", None) is None:
        raise _format(symbol, "has times without a zone")
    # A daily bar carries midnight of its exchange; what counts is the date.
    local = index if timeframe == "1d" else index.tz_convert("UTC")
    times = local.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64)
    tf_ms = timeframe_ms(timeframe)
    if timeframe == "1d":
        times = times // _DAY_MS * _DAY_MS
    elif (times % tf_ms != 0).any():
        raise DataError(
            Diagnostic(
                "PB6222",
                f"Yahoo's {timeframe} bars of `{symbol}` do not begin on the {timeframe} grid",
                help="this market opens at half past; take 30m bars",
            )
        )
    columns = [table[name].to_numpy(dtype=np.float64, copy=True) for name in _FIELDS]
    if _WITHOUT_VOLUME.fullmatch(symbol):
        columns[-1][columns[-1] == 0.0] = np.nan
    return Candles(symbol, tf_ms, times, *(np.ascontiguousarray(column) for column in columns))


def actions_of(table: Any, symbol: str) -> CorporateEvents:
    """Return the splits and dividends of a daily table of yfinance, as it tells them.

    Raises:
        DataError: PB6221, columns or times are not as known.
    """
    if lacking := [name for name in _ACTIONS if name not in table.columns]:
        raise _format(symbol, f"has no column `{'`, `'.join(lacking)}`")
    if getattr(table.index, "tz", None) is None:
        raise _format(symbol, "has times without a zone")
    cash, split = (table[name].to_numpy(dtype=np.float64, copy=True) for name in _ACTIONS)
    if "Capital Gains" in table.columns:
        cash += table["Capital Gains"].to_numpy(dtype=np.float64)
    split[split == 0.0] = 1.0
    local = table.index.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64)
    rows = (split != 1.0) | (cash != 0.0)
    return CorporateEvents(symbol, local[rows] // _DAY_MS * _DAY_MS, split[rows], cash[rows])


def raw_actions(told: CorporateEvents) -> CorporateEvents:
    """Return dividends as cash for a share of their own day, before a split of that day."""
    later = np.cumprod(told.split[::-1])[::-1]
    return CorporateEvents(told.symbol, told.ts, told.split, _rounded(told.dividend * later))


def raw_bars(bars: Candles, told: CorporateEvents) -> Candles:
    """Return bars that are adjusted for splits as they were: prices paid, shares traded.

    Yahoo's noise of single precision is rounded away, so that a later split leaves them the same.
    """
    after = np.append(np.cumprod(told.split[::-1])[::-1], 1.0)
    later = after[np.searchsorted(told.ts, bars.ts, side="right")]
    return replace(
        bars,
        open=_rounded(bars.open * later),
        high=_rounded(bars.high * later),
        low=_rounded(bars.low * later),
        close=_rounded(bars.close * later),
        volume=np.where(later == 1.0, bars.volume, np.rint(bars.volume / later)),
    )


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each value the shortest decimal that it may stand for."""
    return np.array([_shortest(value) for value in values.tolist()], dtype=np.float64)


def _shortest(value: float) -> float:
    for digits in range(1, _DIGITS_MAX):
        near = float(f"{value:.{digits}g}")
        if abs(near - value) <= _NOISE * abs(value):
            return near
    return value


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=min(ms, _FAR_FUTURE_MS))


def _empty(symbol: str, tf_ms: int) -> Candles:
    return Candles(symbol, tf_ms, np.empty(0, np.int64), *(np.empty(0) for _ in range(5)))


def _rows(bars: Candles, keep: NDArray[np.bool_]) -> Candles:
    names = ("ts", "open", "high", "low", "close", "volume")
    return Candles(bars.symbol, bars.tf_ms, *(getattr(bars, name)[keep] for name in names))


def _format(symbol: str, text: str) -> DataError:
    return DataError(Diagnostic("PB6221", f"the table of yfinance for `{symbol}` {text}"))
