"""The regime, and what depends on it: equal over history and live, and blind to the future."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.config.selection import REGIMES, Regime
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.market import Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.live import Live
from paperbot_core.lang.strategy import LiveSignals, batch_signals, compile_strategy
from paperbot_core.market.universe.regime import RegimeDetector, regime_at
from paperbot_core.testing.expressions import candle_columns, expressions

STRATEGY = """\
name: x
timeframe: 1h
universe: [core]
params:
  least: {default: 1, min: -5, max: 9, regimes: {trend: 0.5, crash: 3, chop: -1}}
features:
  rise: roc(close, 2)
  longer: at("4h", rise > least)
entry:
  long: {when: rise > least, strength: 'clip(rise / least, 0, 1)'}
  short: {when: 'longer and not regime("crash")', limit: close + least}
exit:
  long: 'regime("crash")[1] or bars_since(regime("calm")) > 3'
size: {risk_pct: 1}
protect: {stop: 'max(least, 0.1) * atr(3)'}
"""

RULES = st.fixed_dictionaries({
    name: expressions("condition", depth=2, frames=("4h",)).filter(
        lambda text: "regime" not in text and len(text) < 4_000
    )
    for name in ("crash", "trend", "calm")
})  # fmt: skip


@settings(max_examples=40)
@given(RULES, candle_columns(), st.data())
def test_any_rules_are_equal_both_ways_and_blind_to_the_future(
    rules: dict[str, Any], candles: Candles, data: st.DataObject
) -> None:
    detector = RegimeDetector(Regime(symbol="TEST/USDT", timeframe="1h", rules=rules))  # type: ignore[arg-type]  # pydantic reads a dict
    times, codes = detector.batch(candles)
    live = detector.live()
    told = [live.update(candles.bar(row)) for row in range(len(candles))]
    np.testing.assert_array_equal(told, codes)
    assert set(codes[~np.isnan(codes)]) <= {k + 1.0 for k in range(len(REGIMES))}
    cut = data.draw(st.integers(1, len(candles)))
    np.testing.assert_array_equal(detector.batch(candles.slice(0, cut))[1], codes[:cut])
    # What is known at the close of a bar is what the live detector said at that close.
    np.testing.assert_array_equal(regime_at(times, codes, times), codes)


@settings(max_examples=40)
@given(candle_columns(), st.data())
def test_what_depends_on_the_regime_is_equal_both_ways(
    candles: Candles, data: st.DataObject
) -> None:
    document = parse_yaml(STRATEGY, "x.yaml")
    compiled = compile_strategy(
        StrategyFile.model_validate(document.data), places=document.places
    )
    signals = batch_signals(compiled, Columns(candles))
    live = LiveSignals(compiled)
    rows = [live.update(candles.bar(row)) for row in range(len(candles))]
    for name in ("bits", "strength", "stop", "limit"):
        expected = np.broadcast_to(getattr(signals, name), len(candles))
        np.testing.assert_array_equal([getattr(row, name) for row in rows], expected)
    cut = data.draw(st.integers(1, len(candles)))
    before = batch_signals(compiled, Columns(candles.slice(0, cut)))
    np.testing.assert_array_equal(before.bits, signals.bits[:cut])
    np.testing.assert_array_equal(before.stop, np.broadcast_to(signals.stop, len(candles))[:cut])


@settings(max_examples=40)
@given(candle_columns())
def test_an_unknown_regime_never_trades(candles: Candles) -> None:
    document = parse_yaml(STRATEGY, "x.yaml")
    compiled = compile_strategy(
        StrategyFile.model_validate(document.data), places=document.places
    )
    blind = replace(candles, regime=None)
    assert not batch_signals(compiled, Columns(blind)).bits.any()
    live = Live(compiled.roots.values(), compiled.timeframe_ms)
    for row in range(len(blind)):
        live.advance(blind.bar(row))
    assert all(live.values[live.slot(node)] != 1 for node in compiled.conditions("entry", "long"))
