"""However a stream of trades is cut, its bars are the same to the bit, and what a loop makes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.domain.market import bucket_open
from paperbot_core.market.trades.bars import (
    COLUMNS,
    BarBuilder,
    BarKind,
    BarRule,
    TradeBars,
    joined_bars,
)
from paperbot_core.market.trades.trades import Ids, Trades, tidy

amounts = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, 1.0, 1e-8, 7.7]),
    st.floats(1e-9, 1e9, allow_nan=False),
)
rows = st.lists(
    st.tuples(st.integers(0, 40_000), amounts, amounts, st.sampled_from([-1, 0, 1])), max_size=60
)
rules = st.one_of(
    st.builds(BarRule, st.just(BarKind.TIME), st.sampled_from([1_000, 7_000, 60_000, 604_800_000])),
    st.builds(BarRule, st.just(BarKind.TICKS), st.integers(1, 9)),
    st.builds(
        BarRule,
        st.sampled_from([BarKind.VOLUME, BarKind.DOLLAR]),
        st.one_of(st.sampled_from([0.3, 1.0, 0.6000000000000001]), st.floats(1e-6, 1e12)),
    ),
)


def trades_of(found: list[tuple[int, float, float, int]]) -> Trades:
    steps, price, amount, side = zip(*found, strict=True) if found else ((), (), (), ())
    return Trades(
        "A/B",
        np.cumsum(np.array(steps, np.int64) // 3, dtype=np.int64),
        np.array(price, np.float64),
        np.array(amount, np.float64),
        np.array(side, np.int8),
        np.arange(len(found), dtype=np.int64),
    )


def by_hand(trades: Trades, rule: BarRule) -> tuple[list[list[float]], list[list[float]]]:
    """Return the bars that are full and the one that is not, trade after trade."""
    full: list[list[float]] = []
    bar: list[float] = []
    for ts, price, amount, side, _id in zip(*(c.tolist() for c in trades.columns()), strict=True):
        tf_ms = int(rule.size)
        if rule.kind is BarKind.TIME and bar and bucket_open(ts, tf_ms) != bar[0]:
            full.append(bar)
            bar = []
        if not bar:
            bar = [ts, ts, price, price, price, price, 0.0, 0.0, 0, 0.0]
            if rule.kind is BarKind.TIME:
                bar[0] = bucket_open(ts, tf_ms)
        bar[1] = bar[0] + tf_ms if rule.kind is BarKind.TIME else ts
        bar[3:6] = [max(bar[3], price), min(bar[4], price), price]
        bar[6] += amount
        bar[7] += price * amount
        bar[8] += 1
        bar[9] += amount if side > 0 else 0.0
        size = {BarKind.TICKS: bar[8], BarKind.VOLUME: bar[6], BarKind.DOLLAR: bar[7]}
        if size.get(rule.kind, -1.0) >= rule.size:
            full.append(bar)
            bar = []
    return full, [bar] if bar else []


def listed(bars: TradeBars) -> list[list[float]]:
    return [list(row) for row in zip(*(getattr(bars, n).tolist() for n in COLUMNS), strict=True)]


@given(rows, rules, st.lists(st.integers(0, 60), max_size=8))
def test_any_cut_makes_the_bars_of_a_plain_loop(
    found: list[tuple[int, float, float, int]], rule: BarRule, cuts: list[int]
) -> None:
    trades = trades_of(found)
    full, rest = by_hand(trades, rule)
    ends = sorted({min(cut, len(trades)) for cut in cuts} | {0, len(trades)})
    for bounds in (ends, [0, len(trades)], range(len(trades) + 1)):
        builder = BarBuilder("A/B", rule)
        parts = [
            builder.feed(trades.slice(start, stop))
            for start, stop in zip([0, *bounds], bounds, strict=False)
        ]
        assert listed(joined_bars(parts)) == full
        assert listed(builder.rest()) == rest


@given(rows, st.randoms(use_true_random=False))
def test_rows_in_any_order_and_twice_are_the_same_trades(
    found: list[tuple[int, float, float, int]], chance: object
) -> None:
    trades = trades_of(found)
    numbers = list(range(len(trades))) * 2
    chance.shuffle(numbers)  # type: ignore[attr-defined]
    none = np.zeros(len(numbers), dtype=np.bool_)
    mixed = trades.take(np.array(numbers, dtype=np.int64))
    clean, log = tidy(mixed, Ids.TRADE, none, none)
    assert [column.tolist() for column in clean.columns()] == [
        column.tolist() for column in trades.columns()
    ]
    assert (log.duplicates, log.conflicting, log.bad) == (len(trades), 0, 0)
