"""Bars of shares, bar by bar: those of the backtest over the whole history, to the bit."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.api import CorporateEvents
from paperbot_core.diagnostics import DataError, Diagnostic, PluginError, RetryableError
from paperbot_core.domain.market import DAY_MS, HOUR_MS, Bar, Candles
from paperbot_core.market.events.events import make_events
from paperbot_core.research.shares import as_traded, in_first_shares, payouts, share_factor
from paperbot_core.trade.shares import KnownShares, PaidBar, ShareLadder
from tests import session_world as sw

WEEK = 7 * DAY_MS
Made = list[tuple[Bar, PaidBar]]


def build(candles: Candles, events: CorporateEvents, lengths: list[int]) -> dict[int, Made]:
    """Feed candles as a session does: what ended between two bars closes first."""
    ladder = ShareLadder(candles.tf_ms, lengths, events)
    made: dict[int, Made] = {tf: [] for tf in lengths}

    def close(now: int) -> None:
        for bar in ladder.close(now):
            made[bar.tf_ms].append((bar, ladder.believe(bar.tf_ms)))

    for row in range(len(candles)):
        bar = candles.bar(row)
        for end in sorted(set(ladder.ends())):
            if end < bar.close_ts:
                close(end)
        ladder.take(bar)
        close(bar.close_ts)
    close(2**50)
    return made


def columns(bars: list[Bar]) -> list[list[float]]:
    names = ("ts", "open", "high", "low", "close", "volume")
    return [[getattr(bar, name) for name in names] for bar in bars]


def rows(candles: Candles) -> list[list[float]]:
    return columns([candles.bar(row) for row in range(len(candles))])


EVENT = st.tuples(
    st.integers(0, 35), st.sampled_from([1.0, 2.0, 7.0, 1 / 3, 1.1, 0.125]),
    st.sampled_from([0.0, 0.3, 1.27]),
)  # fmt: skip


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.0, 0.6), st.lists(EVENT, max_size=6),
       st.sampled_from([4 * HOUR_MS, DAY_MS, 5 * HOUR_MS]))  # fmt: skip
def test_bars_are_those_of_the_backtest(
    seed: int, gaps: float, found: list[tuple[int, float, float]], feed_ms: int
) -> None:
    candles = sw.walk("A", 34 * DAY_MS // feed_ms, seed, tf_ms=feed_ms, gaps=gaps)
    if feed_ms == 5 * HOUR_MS:
        keep = candles.ts % feed_ms == 0
        candles = Candles("A", feed_ms, *(
            getattr(candles, n)[keep] for n in ("ts", "open", "high", "low", "close", "volume")
        ))  # fmt: skip
    if not len(candles):
        return
    events = make_events(
        "A", [(sw.START + d * DAY_MS, s, c) for d, s, c in {e[0]: e for e in found}.values()]
    )
    lengths = [feed_ms, 2 * feed_ms, DAY_MS, WEEK]
    lengths = sorted({tf for tf in lengths if tf % feed_ms == 0})
    made = build(candles, events, lengths)
    for tf in lengths:
        bars = in_first_shares(candles, events, tf)
        assert columns([bar for bar, _ in made[tf]]) == rows(bars)
        paid = [one for _, one in made[tf]]
        assert columns([one.bar for one in paid]) == rows(as_traded(candles, events, bars))
        assert [one.factor for one in paid] == share_factor(candles, events, bars).tolist()
        due = payouts(candles, events, bars)
        assert [one.split for one in paid] == due.splits.tolist()
        assert [one.dividend for one in paid] == due.dividends.tolist()


def a_bar(day: int, tf_ms: int = DAY_MS) -> Bar:
    return Bar("A", sw.START + day * DAY_MS, tf_ms, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_a_week_into_which_an_event_falls_is_refused() -> None:
    ladder = ShareLadder(WEEK, [WEEK], make_events("A", [(sw.START + 9 * DAY_MS, 2.0, 0.0)]))
    ladder.take(a_bar(0, WEEK))
    with pytest.raises(DataError, match="PB6335"):
        ladder.take(a_bar(7, WEEK))


def test_an_event_that_becomes_known_too_late_is_not_paid() -> None:
    ladder = ShareLadder(DAY_MS, [DAY_MS], make_events("A", ()))
    paid = []
    for day in range(4):
        if day == 2:
            rows_ = [(sw.START + d * DAY_MS, 1.0, 0.5) for d in (1, 3)]
            ladder.learn(make_events("A", rows_))
        ladder.take(a_bar(day))
        ladder.close(a_bar(day).close_ts)
        paid.append(ladder.believe(DAY_MS).dividend)
    assert paid == [0.0, 0.0, 0.0, 0.5]


class Source:
    """An exchange as far as it knows events; `answers` are told one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def events(self, symbol: str) -> CorporateEvents:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        found: CorporateEvents = answer
        return found


@pytest.mark.parametrize("answer", [
    KeyError("x"), 7, CorporateEvents("A", np.array([1]), np.array([2.0]), np.array([0.0])),
])  # fmt: skip
def test_what_an_exchange_tells_is_checked(answer: Any) -> None:
    source: Any = Source(answer)
    with pytest.raises(PluginError, match="PB8014"):
        asyncio.run(KnownShares(source).ask(["A"]))


def test_a_market_in_real_time_is_asked_again_once_a_day() -> None:
    one = make_events("A", [(0, 2.0, 0.0)])
    failure = RetryableError(Diagnostic("PB8014", "not now"))
    source: Any = Source(make_events("A", ()), failure, one, one)
    shares = KnownShares(source)
    told: list[int] = []

    async def days() -> list[int]:
        await shares.ask(["A"])
        return [
            len(await shares.renew(now, lambda found: told.append(len(found["A"]))))
            for now in (DAY_MS, DAY_MS + 1, DAY_MS + 2, 2 * DAY_MS)
        ]

    # The failure is a warning, and the next close asks again.
    assert asyncio.run(days()) == [1, 0, 0, 0]
    assert (told, source.asked, len(shares.some)) == ([1, 1], 4, 1)


def test_an_exchange_that_knows_no_events_has_none() -> None:
    exchange: Any = object()
    shares = KnownShares(exchange)
    asyncio.run(shares.ask(["A"]))
    assert shares.events == {}
    assert asyncio.run(shares.renew(DAY_MS, lambda _: None)) == []
    assert asyncio.run(shares.feed_ms(WEEK)) == WEEK
