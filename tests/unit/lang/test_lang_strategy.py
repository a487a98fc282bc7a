"""A strategy's file becomes roots, sizes, a warm-up, and signals that mean what the file says."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from paperbot_core.domain.market import HOUR_MS, MINUTE_MS, Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.graph import Node, in_order
from paperbot_core.lang.strategy import CompiledStrategy, LiveSignals, batch_signals, share_live

Compile = Callable[..., CompiledStrategy]
Walk = Callable[..., Candles]

FULL = """
params:
  length: {default: 20, min: 10, max: 60}
  risk: {default: 0.5, min: 0.1, max: 2}
features:
  upper: highest(high, length)
  lower: lowest(low, length)
  range: atr(14)
entry:
  long:
    - when: close > upper[1] and rsi(14, timeframe="4h") < 75
      strength: (close - upper[1]) / range
      reason: "close {close} broke {upper[1]} {{braces}}"
    - when: close > close[1]
      limit: close - 0.5 * range
  short: close < lower[1]
exit:
  long:
    - when: close < lower[1]
    - when: rsi(14) > 80
      min_r: 1
  short: close > upper[1]
protect:
  stop: 2 * range
  trail: {after_r: 1, distance: 3 * range}
"""
RISK = "size: {risk_pct: risk}\n"


def test_everything_has_a_name(compile_text: Compile) -> None:
    compiled = compile_text(FULL, size=RISK)
    assert set(compiled.roots) == {
        "feature.upper", "feature.lower", "feature.range",
        "entry.long.0", "entry.long.1", "entry.short.0",
        "exit.long.0", "exit.long.1", "exit.short.0",
        "strength.long.0", "strength.long.1", "strength.short.0", "limit.long.1",
        "reason.entry.long.0.0", "reason.entry.long.0.1", "per", "stop", "trail",
    }  # fmt: skip
    assert compiled.timeframe_ms == HOUR_MS
    assert compiled.params == {"length": 20.0, "risk": 0.5}
    assert compiled.risk_pct == 0.5
    assert compiled.equity_pct is None
    assert compiled.root("per") is compiled.root("stop")
    assert compiled.root("limit.long.0") is None


def test_equal_parts_are_one_node(compile_text: Compile) -> None:
    body = "entry: {long: 'sma(close, 9) > open'}\nexit: {long: 'sma(close, 3 * 3) < open'}\n"
    compiled = compile_text(body)
    first, second = compiled.roots["entry.long.0"], compiled.roots["exit.long.0"]
    assert first.args[0] is second.args[0]
    again = compile_text(body)
    assert again.roots["entry.long.0"].key == first.key


def test_parameters_are_folded_into_constants(
    compile_text: Compile,
) -> None:
    body = (
        "params: {n: {default: 5, min: 1, max: 50}}\n"
        "entry: {long: 'close > sma(close, min(2 * n, 40) + 1)'}\n"
        "size: {equity_pct: 'n / 2'}\n"
    )
    mean = compile_text(body, size="").roots["entry.long.0"].args[1]
    assert list(mean.params) == [11]
    compiled = compile_text(body, size="", params={"n": 30})
    assert list(compiled.roots["entry.long.0"].args[1].params) == [41]
    assert compiled.equity_pct == 15.0
    assert compiled.warmup == 40


def test_a_size_for_each_tier_is_passed_on(compile_text: Compile) -> None:
    compiled = compile_text("entry: {long: close > open}\n",
                            size="size: {equity_pct: {core: 5, event: 1}}\n")  # fmt: skip
    assert compiled.equity_pct == {"core": 5.0, "event": 1.0}


def test_the_warm_up_is_the_longest_of_what_decides(
    compile_text: Compile,
) -> None:
    body = (
        "features: {slow: 'sma(close, 500)', used: 'sma(close, 30)'}\n"
        "entry: {long: {when: 'used[5] > open', reason: 'slow is {slow}'}}\n"
    )
    assert compile_text(body).warmup == 34
    longer = "entry: {long: 'rsi(14, timeframe=\"4h\") > 50 and sma(close, 30) > open'}\n"
    assert compile_text(longer).warmup == 15 * 4 - 1


def test_signals_are_silent_until_all_is_warm_and_where_something_is_unknown(
    compile_text: Compile, walk: Walk
) -> None:
    # Always true, but for the warm-up: `not ready` is not `false`.
    compiled = compile_text(
        "entry: {long: 'not (close < 0)'}\nexit: {long: 'volume > 1e300'}\n"
        "protect: {stop: atr(14)}\n"
    )
    candles = walk(60)
    candles.volume[40] = np.nan
    signals = batch_signals(compiled, Columns(candles))
    assert np.flatnonzero(signals.bits).tolist() == list(range(13, 60))
    compiled = compile_text("entry: {long: 'not (volume < 0)'}\n")
    signals = batch_signals(compiled, Columns(candles))
    assert np.flatnonzero(signals.bits == 0).tolist() == [40]


def test_a_longer_timeframe_is_ready_at_its_own_bar(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text("entry: {long: 'rsi(3, timeframe=\"4h\") >= 0'}\n")
    assert compiled.warmup == 15
    # From 02:00 on the first bar of 4h has two hours; the fourth one closes with row 13.
    signals = batch_signals(compiled, Columns(walk(30, start=2 * HOUR_MS)))
    assert np.flatnonzero(signals.bits)[0] == 13


def test_bits_name_the_rules(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(
        "entry: {long: [1 > 0, 1 < 0, 1 > 0], short: [1 < 0, 1 > 0]}\n"
        "exit: {long: 1 > 0, short: [1 < 0, 1 < 0, 1 > 0]}\n"
    )
    signals = batch_signals(compiled, Columns(walk(3)))
    assert signals.bits.tolist() == [0b00000100_00000001_00000010_00000101] * 3
    assert signals.strength == 1.0
    for value in (signals.per, signals.stop, signals.trail, signals.limit):
        assert isinstance(value, float)
        assert math.isnan(value)


def test_strength_and_limit_belong_to_the_first_true_rule(
    compile_text: Compile, walk: Walk
) -> None:
    compiled = compile_text(
        "entry:\n"
        "  long:\n"
        "    - {when: 'hour == 1', strength: '-1'}\n"
        "    - {when: 'hour <= 2', strength: 'hour / 4', limit: low}\n"
        "  short:\n"
        "    - {when: 'hour <= 3', strength: 'hour'}\n"
    )
    candles = walk(5)
    signals = batch_signals(compiled, Columns(candles))
    assert isinstance(signals.strength, np.ndarray)
    assert isinstance(signals.limit, np.ndarray)
    assert signals.strength[:4].tolist() == [0.0, 0.0, 0.5, 1.0]
    assert signals.limit[2] == candles.low[2]
    assert np.isnan(signals.limit[[1, 3]]).all()


@pytest.mark.parametrize("size", [RISK, "size: {equity_pct: 5}\n"])
def test_live_signals_are_those_of_history(compile_text: Compile, walk: Walk, size: str) -> None:
    compiled = compile_text(FULL, size=size)
    candles = walk(400)
    candles.volume[100:120] = np.nan
    signals = batch_signals(compiled, Columns(candles))
    assert np.count_nonzero(signals.bits) > 100
    live = LiveSignals(compiled)
    for row in range(len(candles)):
        now = live.update(candles.bar(row))
        assert now.bits == signals.bits[row]
        for name in ("strength", "per", "stop", "trail", "limit"):
            column = getattr(signals, name)
            value = column[row] if isinstance(column, np.ndarray) else column
            assert np.array_equal(getattr(now, name), value, equal_nan=True), (name, row)


def test_reasons_show_the_values_of_the_bar(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(FULL, size=RISK)
    candles = walk(100)
    columns = Columns(candles)
    live = LiveSignals(compiled)
    for row in range(80):
        live.update(candles.bar(row))
    upper = candles.high[59:79].max()
    expected = f"close {candles.close[79]:.8g} broke {upper:.8g} {{braces}}"
    assert live.reason("entry.long.0") == expected
    assert compiled.reasons["entry.long.0"].text(lambda n: columns.value(n, 79)) == expected
    assert live.reason("exit.long.1") == "rsi(14) > 80"


def test_strategies_of_one_symbol_share_their_work(compile_text: Compile, walk: Walk) -> None:
    one = compile_text("entry: {long: 'close > sma(close, 9)'}\n")
    two = compile_text("entry: {short: 'close < sma(close, 9)'}\n")
    live, both = share_live([one, two])
    assert len(live.values) == len({n.key for s in (one, two) for n in _nodes(s)})
    candles = walk(50)
    columns = Columns(candles)
    for row in range(50):
        live.advance(candles.bar(row))
        for compiled, signals in zip((one, two), both, strict=True):
            assert signals.row().bits == batch_signals(compiled, columns).bits[row]


def _nodes(compiled: CompiledStrategy) -> list[Node]:
    return in_order(compiled.roots.values())


def test_a_plugin_strategy_has_no_rules(compile_text: Compile) -> None:
    compiled = compile_text("uses: my_plugin.my_strategy\nwith: {a: 1}\n"
                            "protect: {stop: 2 * atr(14), breakeven_after_r: 1}\n")  # fmt: skip
    assert set(compiled.roots) == {"stop"}
    assert compiled.warmup == 13


def test_other_timeframes_count_from_the_strategys_own(compile_text: Compile, walk: Walk) -> None:
    head = "name: test\ntimeframe: 5m\nuniverse: [core]\n"
    compiled = compile_text("entry: {long: 'at(\"15m\", close > close[1])'}\n", head=head)
    assert compiled.timeframe_ms == 5 * MINUTE_MS
    assert compiled.warmup == 5
    candles = walk(30, 5 * MINUTE_MS)
    bits = batch_signals(compiled, Columns(candles)).bits
    quarter = candles.close[2::3]
    expected = np.repeat(quarter > np.concatenate([[np.inf], quarter[:-1]]), 3)[:28]
    assert bits[2:].tolist() == expected.astype(int).tolist()
