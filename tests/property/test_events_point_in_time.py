"""Laws of adjusted prices: the past depends on no later event, and units are all that differs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.diagnostics import DataError
from paperbot_core.domain.market import DAY_MS, Candles
from paperbot_core.market.events.events import (
    CorporateEvents,
    adjusted,
    fault_of,
    forward_factor,
    forward_scaled,
    make_events,
)
from paperbot_core.market.events.table import read_events

DAYS = 30
HEADERS = [
    "date,split,dividend", "split,date", "ts,dividend", "Date,Dividends,Stock Splits",
    "date,price_factor,split_factor,ref_price", "",
]  # fmt: skip
fields = st.one_of(
    st.sampled_from(["", "2020-08-31", "20140606", "1598832000000", "4", "0.25", "-1", "inf", "x"]),
    st.floats(allow_nan=True).map(str),
    st.text(max_size=6),
)
ratios = st.sampled_from([0.125, 0.5, 1.0, 1.0027, 1.5, 2.0, 7.0])
rows = st.dictionaries(
    st.integers(-3, DAYS + 3), st.tuples(ratios, st.floats(0.0, 3.0)), max_size=6
)
closes = st.lists(st.floats(5.0, 500.0), min_size=1, max_size=DAYS)


def events_of(found: dict[int, tuple[float, float]]) -> CorporateEvents:
    return make_events("X", ((at * DAY_MS, *row) for at, row in found.items()))


def bars(values: list[float]) -> Candles:
    close = np.array(values)
    ts = DAY_MS * np.arange(len(close))
    return Candles("X", DAY_MS, ts, close, close, close, close, np.ones(len(close)))


@given(rows, closes, st.integers(0, DAYS))
def test_a_value_never_depends_on_events_after_it(
    found: dict[int, tuple[float, float]], values: list[float], at: int
) -> None:
    candles = bars(values)
    past = events_of({when: row for when, row in found.items() if when <= at})
    for dividends in (False, True):
        whole = forward_scaled(candles, events_of(found), dividends=dividends)
        known = forward_scaled(candles.slice(0, at + 1), past, dividends=dividends)
        assert whole.close[: at + 1].tolist() == known.close.tolist()
        assert whole.volume[: at + 1].tolist() == known.volume.tolist()
        now = (at + 1) * DAY_MS
        told = adjusted(candles, events_of(found), now, dividends=dividends)
        then = events_of({when: row for when, row in found.items() if when <= at + 1})
        again = adjusted(candles.slice(0, at + 1), then, now, dividends=dividends)
        assert told.close.tolist() == again.close.tolist()


@given(rows, closes)
def test_forward_and_back_differ_by_one_factor(
    found: dict[int, tuple[float, float]], values: list[float]
) -> None:
    candles, events = bars(values), events_of(found)
    for dividends in (False, True):
        forward = forward_scaled(candles, events, dividends=dividends)
        back = adjusted(candles, events, dividends=dividends)
        assert np.ptp(np.log(forward.close / back.close)) < 1e-9
        # Money that changed hands in a bar is the same in any unit.
        if not dividends:
            assert np.allclose(forward.close * forward.volume, candles.close * candles.volume)


@given(rows, closes, st.integers(0, DAYS))
def test_the_unit_does_not_depend_on_where_the_bars_begin(
    found: dict[int, tuple[float, float]], values: list[float], start: int
) -> None:
    candles, events = bars(values), events_of(found)
    whole = forward_factor(events, candles.ts)
    assert whole[start:].tolist() == forward_factor(events, candles.ts[start:]).tolist()


@given(
    st.sampled_from(HEADERS), st.lists(st.lists(fields, max_size=5).map(",".join), max_size=6)
)
def test_any_text_gives_events_or_says_what_is_wrong(header: str, lines: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "X.csv"
        path.write_text("\n".join((header, *lines)), encoding="utf-8")
        try:
            events, _layout = read_events(path, "X")
        except DataError:
            return
    assert fault_of(events) == ""
