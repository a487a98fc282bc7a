"""What every component of a kind must do, as tests to inherit.

    from paperbot_core.testing.contracts import NotifierContract

    class TestPigeon(NotifierContract):
        def make(self):
            return Pigeon(...)

pytest runs the inherited tests. One that does not apply is overridden, with a reason, in the open.
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Coroutine, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from paperbot_core.api import (
    AccountView,
    Bar,
    Candles,
    Capabilities,
    DataSource,
    EntryFact,
    Exchange,
    Feature,
    HistoryPage,
    Instrument,
    Notice,
    Notifier,
    Observer,
    RiskCheck,
    Signal,
    Strategy,
    Trigger,
    TriggerFact,
    Verdict,
    timeframe_ms,
)
from paperbot_core.plugins_features import FeatureGuard
from paperbot_core.plugins_guard import SafeRiskCheck, SafeStrategy, TriggerStrategy
from paperbot_core.plugins_trial import accept
from paperbot_core.testing.builders import (
    a_notice,
    a_policy,
    a_view,
    an_account,
    an_entry,
    an_event,
    random_candles,
)

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], limit_s: float = 20.0) -> T:
    """Run a coroutine to its end, at most `limit_s` seconds."""

    async def limited() -> T:
        return await asyncio.wait_for(work, limit_s)

    return asyncio.run(limited())


async def first_bars(exchange: Exchange, symbols: Sequence[str], timeframe: str, count: int,
                     since: int | None = None) -> list[Bar]:  # fmt: skip
    """Return the first `count` bars of a stream, fewer if it ends."""
    bars: list[Bar] = []
    stream = exchange.stream_bars(symbols, timeframe, since)
    async for bar in stream:
        bars.append(bar)
        if len(bars) == count:
            break
    return bars


class ExchangeContract:
    """An exchange: override `make`, and the symbols, timeframe and `BARS` it can stream."""

    SYMBOLS: tuple[str, ...] = ("BTC/USDT",)
    TIMEFRAME = "1h"
    BARS = 60

    def make(self) -> Exchange:
        """Return a fresh exchange."""
        raise NotImplementedError("return an exchange")

    def stream(self, count: int, since: int | None = None) -> list[Bar]:
        """Return the first `count` bars of a fresh exchange's stream."""
        return run(first_bars(self.make(), self.SYMBOLS, self.TIMEFRAME, count, since))

    def test_it_has_the_shape_of_an_exchange(self) -> None:
        exchange = self.make()
        assert isinstance(exchange, Exchange)
        assert isinstance(exchange.capabilities, Capabilities)

    def test_instruments_have_a_grid_and_known_symbols(self) -> None:
        instruments = run(self.make().instruments())
        assert all(isinstance(instrument, Instrument) for instrument in instruments)
        assert len({i.symbol for i in instruments}) == len(instruments)
        assert all(i.tick >= 0 and i.lot >= 0 and i.min_notional >= 0 for i in instruments)

    def test_bars_are_whole_and_on_the_grid_of_the_timeframe(self) -> None:
        bars = self.stream(self.BARS)
        assert bars, "the stream is empty"
        for bar in bars:
            assert bar.symbol in self.SYMBOLS
            assert bar.tf_ms == timeframe_ms(self.TIMEFRAME)
            assert 0 < bar.low <= min(bar.open, bar.close)
            assert max(bar.open, bar.close) <= bar.high < math.inf
            assert math.isnan(bar.volume) or bar.volume >= 0

    def test_the_stream_ascends_by_close_and_symbol_without_repetition(self) -> None:
        keys = [(bar.close_ts, bar.symbol) for bar in self.stream(self.BARS)]
        assert all(earlier < later for earlier, later in pairwise(keys))

    def test_the_stream_goes_on_where_it_is_told(self) -> None:
        bars = self.stream(self.BARS)
        middle = bars[len(bars) // 2].ts
        rest = [bar for bar in bars if bar.ts >= middle]
        assert self.stream(len(rest), since=middle) == rest

    def test_the_same_market_twice_gives_the_same_bars(self) -> None:
        assert self.stream(self.BARS) == self.stream(self.BARS)

    def test_pages_ascend_and_begin_where_asked(self) -> None:
        since = self.stream(self.BARS)[0].ts
        page = run(self.make().bars(self.SYMBOLS[0], self.TIMEFRAME, since))
        assert all(bar.ts >= since and bar.symbol == self.SYMBOLS[0] for bar in page)
        assert all(earlier.ts < later.ts for earlier, later in pairwise(page))

    def test_pages_keep_back_what_the_stream_will_tell(self) -> None:
        exchange, symbol = self.make(), self.SYMBOLS[0]
        since = self.stream(self.BARS)[0].ts

        async def both() -> tuple[list[Bar], list[Bar]]:
            page = list(await exchange.bars(symbol, self.TIMEFRAME, since))
            return page, await first_bars(exchange, [symbol], self.TIMEFRAME, self.BARS)

        page, streamed = run(both())
        assert {bar.ts for bar in page}.isdisjoint({bar.ts for bar in streamed})

    def test_the_book_is_in_order(self) -> None:
        book = run(self.make().book(self.SYMBOLS[0]))
        bids, asks = [p for p, _ in book.bids], [p for p, _ in book.asks]
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert not bids or not asks or bids[0] < asks[0]


class FeatureContract:
    """A feature: override `make`; `NAME` and `PARAMS` say how users call it."""

    NAME = "plugin.feature"
    #: Parameter lists to compute with, besides the trial values of the arguments.
    PARAMS: tuple[tuple[float, ...], ...] = ()

    def make(self) -> Feature:
        """Return the feature."""
        raise NotImplementedError("return a feature")

    def test_it_passes_the_trial_of_the_core(self) -> None:
        accept(FeatureGuard(self.NAME, self.make(), "under test"), "a feature")

    def test_it_passes_the_trial_with_other_parameters(self) -> None:
        for params in self.PARAMS:
            accept(FeatureGuard(self.NAME, self.make(), "under test"), "a feature", params)


class _ViewContract:
    """What triggers and strategies share: pure functions of closed bars."""

    def candles(self) -> Candles:
        """Return a market with something to react to."""
        return random_candles(400)

    def safe(self) -> SafeStrategy:
        """Return the component behind the guard of the core."""
        raise NotImplementedError

    def answers(self, candles: Candles) -> list[tuple[Signal, ...]]:
        """Return the checked signals of every bar."""
        safe = self.safe()
        found = []
        for row in range(len(candles)):
            answer = safe.ask(a_view(candles, row))
            assert answer.problem is None, answer.problem.message
            found.append(answer.signals)
        return found

    def test_it_answers_on_every_bar_from_the_first(self) -> None:
        self.answers(self.candles())

    def test_it_reacts_at_least_once(self) -> None:
        assert any(self.answers(self.candles())), "give `candles` that make it react"

    def test_later_bars_change_nothing(self) -> None:
        candles = self.candles()
        half = len(candles) // 2
        assert self.answers(candles)[:half] == self.answers(candles.slice(0, half))

    def test_the_same_view_twice_gives_the_same_answer(self) -> None:
        safe, candles = self.safe(), self.candles()
        rows = range(0, len(candles), 7)
        first = [safe.ask(a_view(candles, row)) for row in rows]
        assert first == [safe.ask(a_view(candles, row)) for row in rows]


class TriggerContract(_ViewContract):
    """A trigger: override `make`, and `candles` with a market in which it fires."""

    def make(self) -> Trigger:
        """Return the trigger."""
        raise NotImplementedError("return a trigger")

    def safe(self) -> SafeStrategy:
        """Return the trigger as the core runs it."""
        return SafeStrategy("plugin.trigger", "under test", TriggerStrategy(self.make()))

    def facts(self, candles: Candles) -> list[TriggerFact | None]:
        """Return what the trigger says on every bar."""
        trigger = self.make()
        return [trigger.fires(a_view(candles, row)) for row in range(len(candles))]

    def test_it_gives_a_reason_and_its_numbers(self) -> None:
        for fact in self.facts(self.candles()):
            assert fact is None or (fact.reason.strip() and 0 <= fact.strength <= 1)


class StrategyContract(_ViewContract):
    """A strategy: override `make`, and `candles` with a market in which it trades."""

    def make(self) -> Strategy:
        """Return the strategy."""
        raise NotImplementedError("return a strategy")

    def safe(self) -> SafeStrategy:
        """Return the strategy as the core runs it."""
        return SafeStrategy("plugin.strategy", "under test", self.make())


class RiskCheckContract:
    """A risk check: override `make`; add entries that it must refuse with `refused`."""

    def make(self) -> RiskCheck:
        """Return the check."""
        raise NotImplementedError("return a risk check")

    def entries(self) -> list[tuple[EntryFact, AccountView]]:
        """Return entries to judge, with their accounts."""
        return [(an_entry(quantity=q), an_account()) for q in (1e-8, 0.5, 2.0, 1e6)]

    def refused(self) -> list[tuple[EntryFact, AccountView]]:
        """Return entries that it must refuse."""
        return []

    def test_its_verdicts_never_enlarge_and_never_fail(self) -> None:
        inner = self.make()
        for entry, account in self.entries():
            verdict = inner.check(entry, account, a_policy())
            assert type(verdict) is Verdict
            safe = SafeRiskCheck("check", "under test", inner).check(entry, account, a_policy())
            wished = entry.quantity if verdict.allowed is None else verdict.allowed
            assert safe.allowed == wished <= entry.quantity

    def test_it_refuses_what_it_must(self) -> None:
        for entry, account in self.refused():
            verdict = self.make().check(entry, account, a_policy())
            assert verdict.allowed == 0, verdict
            assert verdict.reason.strip()


class NotifierContract:
    """A notifier: override `make` with one that delivers to a stand-in, and `delivered`."""

    def make(self) -> Notifier:
        """Return a notifier whose service is a stand-in under the test's control."""
        raise NotImplementedError("return a notifier")

    def delivered(self) -> list[str]:
        """Return the texts that arrived so far."""
        raise NotImplementedError("return what arrived")

    def notices(self) -> list[Notice]:
        """Return notices of all kinds, some of them unpleasant."""
        kinds = ("start", "stop", "fill", "refusal", "halt", "summary", "error", "something_else")
        plain = [a_notice(kind=kind, title=f"title of {kind}") for kind in kinds]
        return [
            *plain,
            a_notice(title="no facts", text="", facts={}),
            a_notice(title="marks <b>&amp;</b> `x` *y*", text="line\nline\n" * 50),
            a_notice(title="long " * 2_000, facts={f"name {k}": "value " * 300 for k in range(80)}),
        ]

    def test_every_notice_arrives_with_its_title(self) -> None:
        notifier = self.make()
        for notice in self.notices():
            before = len(self.delivered())
            run(notifier.notify(notice))
            arrived = self.delivered()
            assert len(arrived) == before + 1
            assert notice.title.split()[0] in arrived[-1]


class DataSourceContract:
    """A source of history: override `make`, the symbol, timeframe and a time it has bars after."""

    SYMBOL = "BTC/USDT"
    TIMEFRAME = "1h"
    SINCE = 0

    def make(self) -> DataSource:
        """Return the source."""
        raise NotImplementedError("return a data source")

    def test_it_lists_its_symbols_or_none_at_all(self) -> None:
        symbols = run(self.make().symbols())
        assert not symbols or self.SYMBOL in symbols

    def page(self, since: int, limit: int = 10) -> HistoryPage:
        """Return one page of a fresh source."""
        return run(self.make().page(self.SYMBOL, self.TIMEFRAME, since, limit))

    def test_a_page_holds_closed_bars_from_the_time_asked_for(self) -> None:
        page = self.page(self.SINCE)
        bars = page.candles
        assert len(bars), "give a SINCE that has bars after it"
        assert (bars.symbol, bars.tf_ms) == (self.SYMBOL, timeframe_ms(self.TIMEFRAME))
        assert (np.diff(bars.ts) > 0).all()
        assert int(bars.ts[0]) >= self.SINCE
        assert int(bars.ts[-1]) + bars.tf_ms <= time.time() * 1_000
        assert page.following is None or page.following > int(bars.ts[-1])

    def test_pages_join_without_gap_or_overlap(self) -> None:
        page = self.page(self.SINCE)
        middle = int(page.candles.ts[len(page.candles) // 2])
        again = self.page(middle).candles
        rest = page.candles.ts[page.candles.ts >= middle]
        assert (again.ts[: len(rest)] == rest[: len(again)]).all()
        if page.following is not None:
            second = self.page(page.following).candles
            assert not len(second) or int(second.ts[0]) >= page.following

    def test_the_same_page_twice_has_the_same_bars(self) -> None:
        first, second = self.page(self.SINCE).candles, self.page(self.SINCE).candles
        for name in ("ts", "open", "high", "low", "close", "volume"):
            assert np.array_equal(getattr(first, name), getattr(second, name), equal_nan=True)

    def test_it_ends(self) -> None:
        page = self.page(2**52)
        assert page.following is None
        assert not len(page.candles)


class ObserverContract:
    """An observer: override `make`."""

    def make(self) -> Observer:
        """Return the observer."""
        raise NotImplementedError("return an observer")

    def test_it_takes_every_event_and_changes_none(self) -> None:
        observer = self.make()
        for kind in ("RunStarted", "FillBooked", "RunStopped", "SomethingNew"):
            event = an_event(kind=kind)
            before = json.dumps(dict(event.body))
            observer.on_event(event)
            assert json.dumps(dict(event.body)) == before
