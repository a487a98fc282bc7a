"""Strategies of plugins: the same over history and bar by bar, warm-up, stops, failures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from paperbot_core import plugins_signals
from paperbot_core.api import (
    Action,
    Component,
    MarketView,
    Side,
    Signal,
    StrictModel,
    TriggerFact,
    UserError,
)
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.market import Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.strategy import CompiledStrategy, Signals, compile_strategy
from paperbot_core.plugins import Plugins
from paperbot_core.plugins_signals import PluginSignals, SignalSource
from paperbot_core.testing.builders import a_component, a_plugin, random_candles

HEAD = "name: mine\ntimeframe: 1h\nuniverse: [core]\nuses: alpha.mood\n"
Say = Callable[[MarketView], Any]


def compiled_of(body: str = "size: {equity_pct: 5}\n", **params: float) -> CompiledStrategy:
    document = parse_yaml(HEAD + body, "mine.yaml")
    file = StrategyFile.model_validate(document.data)
    return compile_strategy(file, places=document.places, params=params)


class Says:
    """A strategy made of a function; `signals` of it are whatever the function returns."""

    def __init__(self, say: Say) -> None:
        self.signals = say


def source_of(say: Say) -> SignalSource:
    module = a_plugin(register_strategies=lambda: [a_component("alpha.mood", Says(say))])
    return SignalSource(Plugins.of({"alpha": module}))


def wish(view: MarketView, side: Side = Side.LONG, **fields: Any) -> Signal:
    return Signal(view.ts, view.symbol, "", side, **fields)


def live_rows(live: Any, candles: Candles) -> list[tuple[float, ...]]:
    rows = [live.update(candles.bar(row)) for row in range(len(candles))]
    return [(r.bits, r.strength, r.per, r.stop, r.trail, r.limit) for r in rows]


def batch_rows(signals: Signals) -> list[tuple[float, ...]]:
    size = len(signals.bits)
    fields = ("bits", "strength", "per", "stop", "trail", "limit")
    columns = [np.broadcast_to(getattr(signals, name), size).tolist() for name in fields]
    return list(zip(*columns, strict=True))


def assert_same(left: list[tuple[float, ...]], right: list[tuple[float, ...]]) -> None:
    np.testing.assert_array_equal(np.array(left), np.array(right))


def moody(view: MarketView) -> list[Signal]:
    """React to everything a view has: bars, features, their past, the length of history."""
    bars = view.bars(5)
    fast, slow = view.feature("fast"), view.feature("slow", ago=1)
    if len(view) % 17 == 3:
        raise ValueError(f"tired at {len(view)}")
    signals = []
    if fast > slow and view.feature("up") == 1.0:
        strength = min(1.0, float(bars.high.max() - bars.low.min()) / 10)
        signals.append(wish(view, strength=strength, stop_distance=fast * 0.01 + len(view) / 1e3))
    if fast < slow:
        signals.append(wish(view, Side.SHORT, strength=0.5, reason=f"below {slow:.3f}"))
    if math.isfinite(slow) and float(bars.close[-1]) < slow:
        signals.append(wish(view, action=Action.EXIT))
    return signals


FEATURES = """\
features: {fast: 'ema(close, 5)', slow: 'sma(close, 20, timeframe="4h")', up: 'close > close[1]'}
size: {risk_pct: 1}
protect: {stop: 2 * atr(14), trail: {distance: 3 * atr(10)}}
"""


@pytest.mark.parametrize("history", [100_000, 64])
def test_history_and_bar_by_bar_agree_to_the_bit(
    history: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins_signals, "HISTORY_BARS", history)
    compiled, candles = compiled_of(FEATURES), random_candles(900)
    batch, live = source_of(moody), source_of(moody)
    signals = batch.batch(compiled, Columns(candles))
    assert_same(batch_rows(signals), live_rows(live.live(compiled), candles))
    assert {1, 1 << 8, 1 << 16} & set(signals.bits.tolist())
    assert len(batch.faults) == len(live.faults)
    assert [d.message for d in batch.faults.warnings()] == [
        d.message for d in live.faults.warnings()
    ]


def test_the_plugin_waits_for_its_named_features() -> None:
    asked: list[int] = []

    def say(view: MarketView) -> list[Signal]:
        asked.append(len(view))
        assert math.isfinite(view.feature("slow"))
        return []

    compiled = compiled_of("features: {slow: 'sma(close, 30)'}\nsize: {equity_pct: 5}\n")
    assert compiled.warmup == 29
    source, candles = source_of(say), random_candles(40)
    source.batch(compiled, Columns(candles))
    assert asked == list(range(30, 41))
    live_rows(source.live(compiled), candles)
    assert asked == 2 * list(range(30, 41))
    assert not source.faults.warnings()


def test_the_view_ends_with_the_closed_bar_even_behind_its_back() -> None:
    seen: list[tuple[int, int]] = []

    def say(view: MarketView) -> list[Signal]:
        seen.append((len(view), len(view._candles)))
        return []

    source_of(say).batch(compiled_of(), Columns(random_candles(6)))
    assert seen == [(n, n) for n in range(1, 7)]


def test_bits_strength_and_reasons() -> None:
    answers: dict[int, Callable[[MarketView], list[Signal]]] = {
        1: lambda v: [wish(v, strength=0.25, reason="up we go")],
        2: lambda v: [wish(v, Side.SHORT, strength=0.5), wish(v, action=Action.EXIT, reason="out")],
        3: lambda v: [wish(v, Side.SHORT, action=Action.EXIT)],
        4: lambda v: [wish(v, Side.SHORT, strength=0.5), wish(v, strength=0.75)],
    }
    compiled, candles = compiled_of(), random_candles(5)
    source = source_of(lambda view: answers[len(view)](view) if len(view) in answers else [])
    columns = Columns(candles)
    signals = source.batch(compiled, columns)
    assert signals.bits.tolist() == [1, 1 << 8 | 1 << 16, 1 << 24, 1 | 1 << 8, 0]
    np.testing.assert_array_equal(signals.strength, [0.25, 0.5, math.nan, 0.75, math.nan])
    assert source.reason(compiled, columns, "entry.long.0", 0) == "up we go"
    assert source.reason(compiled, columns, "exit.long.0", 1) == "out"
    assert source.reason(compiled, columns, "entry.long.0", 4) == ""
    live = source.live(compiled)
    assert isinstance(live, PluginSignals)
    live.update(candles.bar(0))
    assert live.reason("entry.long.0") == "up we go"
    assert [s.strategy for s in live.signals] == ["mine"]


def test_the_plugins_stop_comes_before_that_of_the_file() -> None:
    def say(view: MarketView) -> list[Signal]:
        return [wish(view, stop_distance=7.0 if len(view) == 4 else None)]

    candles = random_candles(6)
    sized = compiled_of("size: {risk_pct: 1}\nprotect: {stop: 3}\n")
    signals = source_of(say).batch(sized, Columns(candles))
    assert np.asarray(signals.stop).tolist() == [3.0, 3.0, 3.0, 7.0, 3.0, 3.0]
    np.testing.assert_array_equal(signals.per, signals.stop)
    own = compiled_of("size: {risk_pct: 1, per: 2}\nprotect: {stop: 3}\n")
    assert source_of(say).batch(own, Columns(candles)).per == 2.0


def test_a_stop_that_the_file_does_not_know_drops_the_entry() -> None:
    source = source_of(lambda view: [wish(view, stop_distance=1.0)])
    signals = source.batch(compiled_of(), Columns(random_candles(3)))
    assert not signals.bits.any()
    (warning,) = source.faults.warnings()
    assert warning.code == "PB5101"
    assert "3 bars" in warning.message
    assert "no `protect.stop`" in warning.message


@pytest.mark.parametrize("junk", [None, "buy", [3], ValueError("broken"), SystemExit(1)])
def test_failures_are_counted_and_named_and_nothing_stops(junk: Any) -> None:
    def say(view: MarketView) -> Any:
        if len(view) > 2:
            return [wish(view)]
        if isinstance(junk, BaseException):
            raise junk
        return junk

    source = source_of(say)
    signals = source.batch(compiled_of(), Columns(random_candles(4)))
    assert signals.bits.tolist() == [0, 0, 1, 1]
    (warning,) = source.faults.warnings()
    assert "`mine` had no signal on 2 bars" in warning.message
    assert "`alpha.mood` of `alpha 0`" in warning.message


class Options(StrictModel):
    """How sure, and how often."""

    strength: float = Field(description="of every entry")
    nested: Mapping[str, float] = Field(default_factory=dict, description="more")


def test_options_may_name_parameters() -> None:
    def build(options: Options) -> Says:
        return Says(lambda view: [wish(view, strength=options.strength * options.nested["x"])])

    component: Component[Any] = Component("alpha.mood", Options, build, "for a test")
    source = SignalSource(Plugins.of({"alpha": a_plugin(register_strategies=lambda: [component])}))
    body = (
        "with: {strength: sure, nested: {x: 0.5}}\nsize: {equity_pct: 5}\n"
        "params: {sure: {default: 1, min: 0, max: 1}}\n"
    )
    for sure in (1.0, 0.5):
        signals = source.batch(compiled_of(body, sure=sure), Columns(random_candles(2)))
        assert np.asarray(signals.strength).tolist() == [sure / 2, sure / 2]


def test_each_symbol_has_a_plugin_of_its_own() -> None:
    class Counts:
        def __init__(self) -> None:
            self.calls = 0

        def signals(self, view: MarketView) -> list[Signal]:
            self.calls += 1
            return [wish(view, strength=self.calls / 10)]

    component: Component[Any] = Component("alpha.mood", StrictModel, lambda _: Counts(), "counts")
    source = SignalSource(Plugins.of({"alpha": a_plugin(register_strategies=lambda: [component])}))
    for symbol in ("A/USDT", "B/USDT"):
        signals = source.batch(compiled_of(), Columns(random_candles(3, symbol=symbol)))
        assert np.asarray(signals.strength).tolist() == [0.1, 0.2, 0.3]


def test_a_trigger_enters() -> None:
    class Jump:
        def fires(self, view: MarketView) -> TriggerFact | None:
            return TriggerFact(Side.LONG, 0.5, "jump") if len(view) == 2 else None

    module = a_plugin(register_triggers=lambda: [a_component("alpha.mood", Jump())])
    source = SignalSource(Plugins.of({"alpha": module}))
    assert source.batch(compiled_of(), Columns(random_candles(3))).bits.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "body",
    [
        "size: {risk_pct: 1}\n",
        "size: {equity_pct: 1}\nprotect: {trail: {distance: 2 * atr(14)}}\n",
        "size: {equity_pct: 1}\nprotect: {take_profit: [{at_r: 1, fraction: 1}]}\n",
    ],
)
def test_what_counts_in_r_needs_a_stop_in_the_file(body: str) -> None:
    with pytest.raises(UserError, match="PB2160"):
        compiled_of(body)
