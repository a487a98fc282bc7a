"""Tickers: as facts, in files, asked of a source that may fail."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.api import Book, Diagnostic, RetryableError, Ticker
from paperbot_core.api.tickers import ticker_from_ccxt
from paperbot_core.diagnostics import DataError, PaperbotError, PluginError
from paperbot_core.market.universe.selection import candidates, select
from paperbot_core.market.universe.tickers import (
    Tickers,
    depth_of,
    facts_from_tickers,
    fetch_tickers,
    read_tickers,
    retrying,
    spread_pct,
    write_tickers,
)
from tests.universe_world import DAY, DAY_MS, NAN, universe

DISCOVERY = {"tiers": {"core": 100}, "max_symbols": 1}


def ticker(symbol: str, volume: float = 1e6, **more: Any) -> Ticker:
    return Ticker(symbol, **{"ts": DAY, "bid": 99.9, "ask": 100.1, "last": 100.0,
                             "quote_volume": volume, **more})  # fmt: skip


def facts(made: Any, *found: Ticker, seen: dict[str, int] | None = None) -> dict[str, Any]:
    taken = facts_from_tickers(made, Tickers(DAY, "test", found), seen or {})
    return {fact.symbol: fact for fact in taken}


def test_tickers_become_facts_of_those_who_could_be_members() -> None:
    made = universe(discovery=DISCOVERY, filters={"quotes": ["USDT"]})
    found = facts(made, ticker("A/USDT"), ticker("C/USDT"), ticker("D/EUR"))
    assert list(found) == ["A/USDT", "B/USDT", "C/USDT"]
    a, b = found["A/USDT"], found["B/USDT"]
    assert (a.quote_volume, a.traded) == (1e6, True)
    assert a.spread_pct == pytest.approx(0.2)
    assert math.isnan(a.depth)
    assert math.isnan(a.age_days)
    assert not b.traded


def test_age_comes_from_the_file_the_source_or_the_record() -> None:
    made = universe(instruments={"A/USDT": {"listed": "2024-01-05"}})
    told = ticker("B/USDT", listed_ts=DAY - 3 * DAY_MS)
    seen = {"A/USDT": DAY - DAY_MS, "B/USDT": DAY - DAY_MS}
    found = facts(made, ticker("A/USDT", listed_ts=1), told, seen=seen)
    assert [found[s].age_days for s in ("A/USDT", "B/USDT")] == [5.0, 3.0]
    assert facts(universe(), ticker("A/USDT"), seen=seen)["A/USDT"].age_days == 1.0


def test_what_is_not_traded_now_is_told() -> None:
    later = ticker("A/USDT", listed_ts=DAY + 1)
    found = facts(universe(), later, ticker("B/USDT", active=False))
    assert [found[s].traded for s in ("A/USDT", "B/USDT")] == [False, False]


def test_old_tickers_tell_nothing_of_today() -> None:
    found = facts(universe(), ticker("A/USDT", ts=DAY - DAY_MS - 1), ticker("B/USDT", ts=None))
    assert math.isnan(found["A/USDT"].quote_volume)
    assert math.isnan(found["A/USDT"].spread_pct)
    assert found["B/USDT"].quote_volume == 1e6


@pytest.mark.parametrize(("bid", "ask"), [(0.0, 1.0), (1.0, 0.0), (NAN, 1.0), (2.0, 1.0)])
def test_no_spread_without_two_sides(bid: float, ask: float) -> None:
    assert math.isnan(spread_pct(bid, ask))


def test_depth_is_the_thinner_side_within_one_percent() -> None:
    levels = [(Decimal(99), Decimal(2)), (Decimal(98), Decimal(100))]
    book = Book("A/USDT", 0, tuple(levels), ((Decimal(100), Decimal(9)),))
    assert depth_of(book) == 198.0
    assert math.isnan(depth_of(Book("A/USDT", 0, (), book.asks)))


@pytest.mark.parametrize(
    ("fields", "volume"),
    [
        ({"quoteVolume": 5.0, "baseVolume": 1.0}, 5.0),
        ({"baseVolume": 2.0, "vwap": 3.0, "last": 9.0}, 6.0),
        ({"baseVolume": 2.0, "last": 9}, 18.0),
        ({"quoteVolume": -1.0}, NAN), ({"quoteVolume": "7"}, NAN), ({"quoteVolume": True}, NAN),
        ({"quoteVolume": 10**400}, NAN), ({"quoteVolume": math.inf}, NAN), ({}, NAN),
    ],
)  # fmt: skip
def test_ccxt_tickers_are_read_with_care(fields: dict[str, Any], volume: float) -> None:
    made = ticker_from_ccxt("A/B", fields)
    assert made.quote_volume == pytest.approx(volume, nan_ok=True)
    assert made.active


def test_ccxt_markets_tell_whether_and_since_when() -> None:
    made = ticker_from_ccxt("A/B", {"timestamp": DAY}, {"active": False, "created": DAY - 1})
    assert (made.ts, made.active, made.listed_ts) == (DAY, False, DAY - 1)
    assert ticker_from_ccxt("A/B", {"timestamp": 10**20}, {"active": None}).ts is None


def test_a_file_keeps_what_it_was_given(tmp_path: Path) -> None:
    found = Tickers(DAY, "ccxt", (ticker("A/USDT", depth=3.5, listed_ts=5, active=False),))
    write_tickers(tmp_path / "state" / "t.json", found)
    assert read_tickers(tmp_path / "state" / "t.json") == found
    assert read_tickers(tmp_path / "state" / "t.json", DAY + 1).fetched == DAY + 1
    unknown = Tickers(DAY, "ccxt", (Ticker("A/USDT", depth=math.inf),))
    write_tickers(tmp_path / "t.json", unknown)
    assert math.isnan(read_tickers(tmp_path / "t.json").tickers[0].depth)


@pytest.mark.parametrize("shape", ["object", "list"])
def test_a_file_of_ccxt_is_read_too(tmp_path: Path, shape: str) -> None:
    rows = {s: {"symbol": s, "timestamp": DAY + k, "last": 1.0, "quoteVolume": 5.0}
            for k, s in enumerate(("A/USDT", "B/USDT"))}  # fmt: skip
    path = tmp_path / "ccxt.json"
    path.write_text(json.dumps(rows if shape == "object" else list(rows.values())))
    found = read_tickers(path)
    assert (found.fetched, found.source) == (DAY + 1, "ccxt.json")
    assert [one.symbol for one in found.tickers] == ["A/USDT", "B/USDT"]


def _ccxt(path: Path, **times: Any) -> Path:
    volume = {"last": 1.0, "quoteVolume": 5.0}
    rows = {f"{base}/USDT": {**volume, "timestamp": ts} for base, ts in times.items()}
    path.write_text(json.dumps(rows))
    return path


def test_a_clock_that_is_ahead_does_not_move_the_others(tmp_path: Path) -> None:
    path = _ccxt(tmp_path / "t.json", A=DAY, B=DAY + 400 * DAY_MS, C=DAY - 1)
    assert read_tickers(path, now=DAY + 5).fetched == DAY


@pytest.mark.parametrize(
    ("when", "fetched", "why"),
    [(DAY // 1_000, None, "before there were any"), (DAY, DAY + DAY_MS, "yet to come"),
     (DAY + DAY_MS, None, "nothing in it tells"), (DAY, -62_135_596_800_000, "before there")],
)  # fmt: skip
def test_a_time_that_cannot_be_is_refused(
    tmp_path: Path, when: int, fetched: int | None, why: str
) -> None:
    path = _ccxt(tmp_path / "t.json", A=when)
    with pytest.raises(DataError, match=why):
        read_tickers(path, fetched, now=DAY)
    write_tickers(path, Tickers(fetched or when, "s", ()))
    with pytest.raises(DataError, match="PB3505"):
        read_tickers(path, now=DAY)


@pytest.mark.parametrize("name", ["", "/", "A/", "/USDT", "A\n/USDT", "\ud800/USDT", "A/B:C:D",
                                  "\x1b[31m/USDT", "A B/USDT", "\u202eA/USDT", "A" * 200])
def test_what_is_no_name_never_joins(tmp_path: Path, name: str) -> None:
    rows = {s: {"last": 1.0, "quoteVolume": 5.0, "timestamp": DAY} for s in (name, "\u5e01/USDT")}
    path = tmp_path / "t.json"
    path.write_text(json.dumps(rows))
    assert [one.symbol for one in read_tickers(path).tickers] == ["\u5e01/USDT"]
    assert [t.symbol for t in fetch(Source([ticker(name), ticker("A/USDT")]), universe()).tickers
            ] == ["A/USDT"]  # fmt: skip
    assert candidates(universe(discovery=DISCOVERY), [name, "A/USDT"]) == ["A/USDT"]


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[" * 100_000, "7", '"x"', "[1]", '{"A/USDT": 3}', '{"A/USDT": {"bid": 1}}',
     '[{"last": 1}]', '{"A/USDT": {"last": 1}}', '{"tickers_of": "paperbot", "version": 2}',
     '{"tickers_of": "paperbot", "version": 1, "fetched": "x", "source": "s", "tickers": {}}',
     '{"tickers_of": "paperbot", "version": 1, "fetched": 5, "source": "s", "tickers": {"A": 1}}',
     '{"tickers_of": "paperbot", "version": 1, "fetched": 5, "source": "s",'
     ' "tickers": {"A": {"bid": -1}}}',
     '{"tickers_of": "paperbot", "version": 1, "fetched": 5, "source": "s",'
     ' "tickers": {"A": {"ts": true}}}'],
)  # fmt: skip
def test_a_file_without_tickers_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(DataError, match="PB3505"):
        read_tickers(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="PB3505"):
        read_tickers(tmp_path / "none.json")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="PB3505"):
        write_tickers(tmp_path / "file" / "t.json", Tickers(DAY, "s", ()))


class Source:
    """A source that answers what it is given, and notes whose book was asked for."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.books: list[str] = []

    async def tickers(self) -> Sequence[Ticker]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    async def book(self, symbol: str) -> Book:
        self.books.append(symbol)
        side = ((Decimal(100), Decimal(len(self.books))),)
        return Book(symbol, DAY, side, side)


def fetch(source: Source, made: Any, now: int = DAY) -> Tickers:
    async def sleep(seconds: float) -> None:
        assert seconds == 2.5

    patiently = retrying("test", 2, lambda n, asked: asked or n, sleep)
    return asyncio.run(fetch_tickers(source, "test", made, lambda: now, patiently))


def test_books_are_asked_for_only_where_they_decide() -> None:
    made = universe(
        filters={"min_depth": 150, "min_quote_volume": 50, "min_age_days": 10},
        discovery=DISCOVERY,
        tiers={"core": {"symbols": ["A/USDT"], "always_eligible": True},
               "event": {"symbols": ["B/USDT", "E/USDT"]}},
    )  # fmt: skip
    source = Source([ticker("A/USDT"), ticker("B/USDT"), ticker("C/USDT"), ticker("D/USDT", 10.0),
                     ticker("F/USDT", 200.0)])  # fmt: skip
    found = fetch(source, made)
    assert sorted(source.books) == ["B/USDT", "C/USDT", "F/USDT"]
    depths = {one.symbol: one.depth for one in found.tickers}
    assert {depths[s] for s in source.books} == {100.0, 200.0, 300.0}
    assert math.isnan(depths["A/USDT"])
    snapshot = select(made, DAY, facts_from_tickers(made, found, {"B/USDT": 0, "C/USDT": 0}),
                      candles=False)  # fmt: skip
    assert {"A/USDT"} < set(snapshot.tiers)


def test_a_failure_is_tried_again_after_the_pause_asked_for() -> None:
    busy = RetryableError(Diagnostic("PB6210", "busy"), retry_after_s=2.5)
    assert len(fetch(Source(busy, [ticker("A/USDT")]), universe()).tickers) == 1
    with pytest.raises(RetryableError):
        fetch(Source(busy, busy), universe())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [([], DataError), ({}, PluginError), ([1], PluginError), (7, PluginError),
     (KeyError("x"), PluginError)],
)  # fmt: skip
def test_an_answer_that_is_none_is_an_error(answer: Any, kind: type[PaperbotError]) -> None:
    with pytest.raises(kind, match="PB350"):
        fetch(Source(answer), universe())


def test_a_market_with_a_present_of_its_own_keeps_it() -> None:
    assert fetch(Source([ticker("A/USDT")]), universe(), DAY + DAY_MS).fetched == DAY + DAY_MS
    assert fetch(Source([ticker("A/USDT")]), universe(), DAY + DAY_MS + 1).fetched == DAY
