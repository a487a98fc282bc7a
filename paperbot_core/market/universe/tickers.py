"""Tickers: kept in a file, read from one, asked of a source, and as facts about symbols."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.api.facts import Ticker
from paperbot_core.api.tickers import ticker_from_ccxt
from paperbot_core.config.universe import day_ms
from paperbot_core.diagnostics import (
    DataError,
    Diagnostic,
    PluginError,
    Span,
)
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.download.patience import persist
from paperbot_core.market.lake.files import write_bytes
from paperbot_core.market.timerange import iso_time
from paperbot_core.market.universe.selection import (
    MarketFacts,
    age_days,
    candidates,
    dates_refuse,
    is_market_name,
    select,
)

if TYPE_CHECKING:
    from paperbot_core.api.orders import Book
    from paperbot_core.api.protocols import TickerSource
    from paperbot_core.config.universe import UniverseFile

#: Calls a function until it answers.
Patiently = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]

TICKERS_NAME = "tickers.json"
#: A file beyond this holds no tickers: 10,000 of them are some 5 MB.
BYTES_MAX = 256 << 20
#: How far from the middle the book counts as depth.
DEPTH_SHARE = 0.01

_FORMAT = {"tickers_of": "paperbot", "version": 1}
_NUMBER_END = 1e300
_TIME_END = 10**14
#: 2000-01-01: no exchange of this kind was there before, so the time is in another unit.
_FETCHED_START = 946_684_800_000
#: Clocks differ; what is further ahead was not fetched then.
_AHEAD_MS = 3_600_000
_NUMBERS = ("bid", "ask", "last", "quote_volume", "depth")


@dataclass(frozen=True, slots=True)
class Tickers:
    """What one source said at one time: `fetched` in UTC ms, tickers by symbol."""

    fetched: int
    source: str
    tickers: tuple[Ticker, ...]


def facts_from_tickers(
    universe: UniverseFile, found: Tickers, seen: Mapping[str, int]
) -> list[MarketFacts]:
    """Return facts at the time the tickers were fetched, for every symbol that could be a member.

    A symbol that a tier lists and the source does not have is not traded. Prices and volume that
    ended more than 24 h before are not known. The age counts from `listed` of universe.yaml, else
    from the date that the source tells, else from when it was first seen, which is at least so old.

    Args:
        universe: tiers, dates, and what a name must satisfy.
        found: the tickers; of two with one symbol the later counts.
        seen: symbol -> UTC ms of its first snapshot in the record.
    """
    now = found.fetched
    by_symbol = {ticker.symbol: ticker for ticker in found.tickers}
    listed = {symbol for tier in universe.tiers.values() for symbol in tier.symbols}
    return [
        _facts(universe, by_symbol.get(symbol), symbol, now, seen.get(symbol))
        for symbol in candidates(universe, listed | by_symbol.keys())
    ]


def spread_pct(bid: float, ask: float) -> float:
    """Return the spread in percent of the middle; NaN if a side is missing or they cross."""
    if not 0 < bid <= ask:
        return math.nan
    return (ask - bid) / ((ask + bid) / 2) * 100


def depth_of(book: Book) -> float:
    """Return the quote currency within 1 % of the middle, on the thinner side; NaN if one is empty.

    A book cut short before that tells less than there is.
    """
    if not book.bids or not book.asks:
        return math.nan
    middle = (float(book.bids[0][0]) + float(book.asks[0][0])) / 2
    low, high = middle * (1 - DEPTH_SHARE), middle * (1 + DEPTH_SHARE)
    sides = (
        [float(p) * float(q) for p, q in book.bids if float(p) >= low],
        [float(p) * float(q) for p, q in book.asks if float(p) <= high],
    )
    return min(math.fsum(side) for side in sides)


async def fetch_tickers(
    source: TickerSource,
    name: str,
    universe: UniverseFile,
    now_ms: Callable[[], int],
    patiently: Patiently,
) -> Tickers:
    """Ask a source for its tickers and, where `min_depth` needs them, for order books.

    Books are asked for only of symbols that everything else lets pass. They count as fetched now;
    if the latest ticker is more than a day old, the market has a present of its own (a synthetic
    one) and they count as of that.

    Args:
        source: whom to ask.
        name: what users call it.
        universe: whose filters say what is needed.
        now_ms: the present, UTC ms.
        patiently: see `retrying`.

    Raises:
        PluginError: PB3506, an answer that is none.
        DataError: PB3507, it has no tickers at all.
    """
    answer = await patiently(source.tickers)
    if not isinstance(answer, Sequence) or not all(isinstance(one, Ticker) for one in answer):
        raise broken_source(name, f"answered {type(answer).__name__} instead of tickers")
    if not answer:
        raise DataError(Diagnostic("PB3507", f"`{name}` answered without one ticker"))
    sound = [ticker for ticker in answer if is_market_name(ticker.symbol)]
    found = Tickers(_present(answer, now_ms()), name, tuple(sound))
    if universe.filters is None or universe.filters.min_depth is None:
        return found
    depths: dict[str, float] = {}
    for symbol in _worth_a_book(universe, found):
        depths[symbol] = depth_of(await patiently(partial(source.book, symbol)))
    deep = tuple(replace(t, depth=depths.get(t.symbol, t.depth)) for t in found.tickers)
    # The books came last: before them this universe could not have been known.
    return Tickers(_present(answer, now_ms()), name, deep)


def retrying(
    name: str,
    tries: int,
    pause_s: Callable[[int, float | None], float],
    sleep: Callable[[float], Awaitable[None]],
) -> Patiently:
    """Return a function that calls another until it answers.

    What it raises that is none of our errors is a PluginError (PB3506) of the source.

    Args:
        name: of the source.
        tries: attempts; what the last one raises is raised.
        pause_s: the pause after the n-th failure, given what the other side asked for, if anything.
        sleep: waits for a number of seconds.
    """

    async def patiently(ask: Callable[[], Awaitable[Any]]) -> Any:
        return await persist(ask, tries, pause_s, sleep, partial(broken_source, name))

    return patiently


def write_tickers(path: Path, found: Tickers) -> None:
    """Keep tickers in a file, whole or not at all.

    Raises:
        DataError: PB3505, the file cannot be written.
    """
    rows = {
        ticker.symbol: {
            "ts": ticker.ts,
            **{name: _or_none(getattr(ticker, name)) for name in _NUMBERS},
            "active": ticker.active,
            "listed_ts": ticker.listed_ts,
        }
        for ticker in found.tickers
    }
    document = {**_FORMAT, "fetched": found.fetched, "source": found.source, "tickers": rows}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        write_bytes(path, text.encode("utf-8"))
    except OSError as error:
        raise _no_tickers(path, error.strerror or type(error).__name__) from error


def read_tickers(
    path: Path, fetched: int | None = None, *, now: int | None = None
) -> Tickers:
    """Return the tickers in a file of `write_tickers`, or in one of ccxt's `fetch_tickers`.

    The latter is what ccxt answered, as JSON: an object by symbol, or a list. What is no name of a
    market is left out.

    Args:
        path: the file.
        fetched: UTC ms at which they were fetched. Without it the file says so, or the latest
            time of its tickers counts.
        now: UTC ms; nothing was fetched after it. None believes any time.

    Raises:
        DataError: PB3505, the file cannot be read, is none of these, or tells no time or one that
            cannot be.
    """
    found = _read(path, fetched, math.inf if now is None else now + _AHEAD_MS)
    if found.fetched < _FETCHED_START:
        raise _no_tickers(
            path, f"they were fetched {iso_time(found.fetched)}, before there were any",
            help="times are in milliseconds; give `--at TIME`",
        )  # fmt: skip
    if now is not None and found.fetched > now + _AHEAD_MS:
        raise _no_tickers(
            path, f"they were fetched {iso_time(found.fetched)}, which is yet to come",
            help="give `--at TIME`",
        )  # fmt: skip
    return replace(found, tickers=tuple(t for t in found.tickers if is_market_name(t.symbol)))


def _read(path: Path, fetched: int | None, latest: float) -> Tickers:
    """Return what a file says; times of tickers after `latest` are not taken for its own."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise _no_tickers(path, f"it is longer than {BYTES_MAX:,} bytes")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise _no_tickers(path, error.strerror or type(error).__name__) from error
    except (ValueError, RecursionError) as error:
        raise _no_tickers(path, f"it is no JSON ({str(error)[:100]})") from error
    if isinstance(document, dict) and document.get("tickers_of") == _FORMAT["tickers_of"]:
        return _own(path, document, fetched)
    found = tuple(_foreign(path, document))
    times = [ticker.ts for ticker in found if ticker.ts is not None and ticker.ts <= latest]
    if fetched is None and not times:
        raise _no_tickers(path, "nothing in it tells when it was fetched", help="give `--at TIME`")
    return Tickers(max(times) if fetched is None else fetched, path.name, found)


def _own(path: Path, document: dict[str, Any], fetched: int | None) -> Tickers:
    rows, time, source = (document.get(name) for name in ("tickers", "fetched", "source"))
    known = document.get("version") == _FORMAT["version"]
    sound = isinstance(source, str) and source.isprintable()
    if not (known and isinstance(rows, dict) and isinstance(source, str) and sound):
        raise _no_tickers(path, "it is damaged, or of another version")
    at = _time(path, time) if fetched is None else fetched
    found = []
    for symbol, row in rows.items():
        if not isinstance(row, dict):
            raise _no_tickers(path, f"`{symbol[:40]}` is {type(row).__name__}")
        ts, listed_ts = (_time_or_none(path, row.get(name)) for name in ("ts", "listed_ts"))
        numbers = {name: _number(path, symbol, name, row.get(name)) for name in _NUMBERS}
        active = row.get("active") is not False
        found.append(Ticker(symbol, ts, **numbers, active=active, listed_ts=listed_ts))
    return Tickers(at, source, tuple(found))


def _foreign(path: Path, document: object) -> list[Ticker]:
    if isinstance(document, dict):
        pairs = list(document.items())
    elif isinstance(document, list):
        pairs = [(row.get("symbol") if isinstance(row, dict) else None, row) for row in document]
    else:
        raise _no_tickers(path, f"it holds {type(document).__name__}")
    found = []
    for symbol, row in pairs:
        if not isinstance(symbol, str) or not isinstance(row, dict) or "last" not in row:
            what = f"`{symbol[:40]}`" if isinstance(symbol, str) else "an entry"
            raise _no_tickers(path, f"{what} is no ticker as ccxt gives them")
        found.append(ticker_from_ccxt(symbol, row))
    return found


def _facts(
    universe: UniverseFile, ticker: Ticker | None, symbol: str, now: int, seen: int | None
) -> MarketFacts:
    dates = universe.instruments.get(symbol)
    told = ticker.listed_ts if ticker else None
    start = day_ms(dates.listed) if dates is not None and dates.listed else told
    if start is None:
        start = seen
    age = math.nan if start is None else age_days(start, now)
    if ticker is None:
        return MarketFacts(symbol, math.nan, math.nan, math.nan, age, traded=False)
    begun = start is None or start <= now
    traded = ticker.active and begun and dates_refuse(universe, symbol, now) is None
    if ticker.ts is not None and ticker.ts < now - DAY_MS:
        return MarketFacts(symbol, math.nan, math.nan, math.nan, age, traded)
    spread = spread_pct(ticker.bid, ticker.ask)
    return MarketFacts(symbol, ticker.quote_volume, spread, ticker.depth, age, traded)


def _present(answer: Sequence[Ticker], now: int) -> int:
    latest = max((ticker.ts for ticker in answer if ticker.ts is not None), default=now)
    return latest if latest < now - DAY_MS else now


def _worth_a_book(universe: UniverseFile, found: Tickers) -> list[str]:
    """Return who would be a member if all books were deep and there were places for all."""
    deep = [
        replace(fact, depth=math.inf) for fact in facts_from_tickers(universe, found, {})
    ]
    filters = universe.filters
    if filters is not None:
        # How long a symbol has been seen is in the record, which is not looked at here.
        filters = filters.model_copy(update={"min_age_days": None})
    discovery = universe.discovery
    if discovery is not None:
        discovery = discovery.model_copy(update={"max_symbols": len(deep)})
    wide = universe.model_copy(update={"filters": filters, "discovery": discovery})
    members = select(wide, found.fetched, deep, candles=False).tiers
    return [
        symbol for symbol, tier in members.items() if not universe.tiers[tier].always_eligible
        or universe.tier_of(symbol) != tier
    ]  # fmt: skip


def _time(path: Path, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _TIME_END:
        raise _no_tickers(path, f"a time in it is {str(value)[:40]}")
    return value


def _time_or_none(path: Path, value: object) -> int | None:
    return None if value is None else _time(path, value)


def _number(path: Path, symbol: str, name: str, value: object) -> float:
    if value is None:
        return math.nan
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0 <= float(str(value)) < _NUMBER_END):
        raise _no_tickers(path, f"`{name}` of `{symbol[:40]}` is no amount")
    return float(str(value))


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _no_tickers(path: Path, why: str, help: str = "") -> DataError:
    text = f"`{path.name}` gives no tickers: {why}"
    return DataError(Diagnostic("PB3505", text, Span(str(path)), help=help))


def broken_source(name: str, why: str) -> PluginError:
    """Return the error of a source that answers what is no answer (PB3506)."""
    return PluginError(Diagnostic("PB3506", f"`{name}` {why}"))
