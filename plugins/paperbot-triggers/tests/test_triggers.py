"""Each trigger fires on the market it is about, with the strength and numbers it promises."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import paperbot_triggers
import pytest

from paperbot_core.api import Candles, Side, TriggerFact, UserError
from paperbot_core.testing.builders import a_view, candles_of, plugins_of, random_candles
from paperbot_core.testing.contracts import TriggerContract

PLUGINS = plugins_of({"paperbot-triggers": paperbot_triggers})


def build(name: str, **options: Any) -> Any:
    return PLUGINS.build("trigger", f"triggers.{name}", options)


class TestVolumeSpikeContract(TriggerContract):
    def make(self) -> Any:
        return build("volume_spike")


class TestBreakoutContract(TriggerContract):
    def make(self) -> Any:
        return build("breakout", days=1, shorts=True)


class TestReversalContract(TriggerContract):
    def make(self) -> Any:
        return build("reversal")


class TestMomentumContract(TriggerContract):
    def make(self) -> Any:
        return build("momentum", shorts=True)


def fact(trigger: Any, candles: Candles) -> TriggerFact | None:
    found = trigger.fires(a_view(candles))
    assert found is None or isinstance(found, TriggerFact)
    return found


def sure(found: TriggerFact | None) -> TriggerFact:
    assert found is not None
    return found


def spike(last: float, close: float = 101.0, rows: int = 24) -> Candles:
    return candles_of([100.0] * rows + [close], volumes=[10.0] * rows + [last])


def test_a_volume_spike_has_the_strength_of_its_ratio() -> None:
    trigger = build("volume_spike")
    assert fact(trigger, spike(15.0)) is None  # 1.5 times is not above 1.5 times
    found = sure(fact(trigger, spike(22.5)))
    assert (found.side, found.strength) == (Side.LONG, 0.5)
    assert found.params == {"ratio": 2.25, "threshold": 1.5, "volume": 22.5, "mean": 10.0}
    assert sure(fact(trigger, spike(1e6))).strength == 1.0


def test_a_volume_spike_needs_a_rise_and_known_volumes() -> None:
    assert fact(build("volume_spike"), spike(50.0, close=99.0)) is None
    assert fact(build("volume_spike", rising=False), spike(50.0, close=99.0)) is not None
    assert fact(build("volume_spike"), spike(math.nan)) is None
    assert fact(build("volume_spike"), spike(50.0, rows=23)) is None
    silent = candles_of([100.0] * 24 + [101.0], volumes=[0.0] * 24 + [5.0])
    assert fact(build("volume_spike"), silent) is None


def test_a_breakout_is_a_close_beyond_the_days_before() -> None:
    trigger = build("breakout", shorts=True)
    flat = [100.0] * (7 * 24)  # highs at 100.1, lows at 99.9
    assert fact(trigger, candles_of([*flat, 100.1])) is None
    found = sure(fact(trigger, candles_of([*flat, 101.101])))
    assert (found.side, found.strength) == (Side.LONG, 0.5)
    assert found.params["level"] == pytest.approx(100.1)
    assert sure(fact(trigger, candles_of([*flat, 99.0]))).side is Side.SHORT
    assert fact(build("breakout"), candles_of([*flat, 99.0])) is None
    assert fact(trigger, candles_of([*flat[1:], 120.0])) is None  # too little history


def test_a_reversal_fires_on_the_bar_that_completes_the_bounce() -> None:
    trigger = build("reversal", window=10, fall_pct=4, bounce_pct=2)
    fall = [100.0, 100.0, 100.0, 99.0, 97.0, 95.0, 94.0, 94.5, 95.0]
    rows = [*fall, 95.5, 96.5]
    found = sure(fact(trigger, candles_of(rows)))
    low = 94.0 * 0.999
    assert found.params["low"] == pytest.approx(low)
    assert found.strength == pytest.approx((100 * (96.5 / low - 1) - 2) / 2, abs=1e-4)
    assert fact(trigger, candles_of([*rows, 97.0])) is None  # it has fired before
    assert fact(trigger, candles_of([100.0] * 10 + [103.0])) is None  # there was no fall


def test_momentum_needs_the_move_and_the_bars() -> None:
    trigger = build("momentum", window=10, move_pct=3, share=0.6, shorts=True)
    up = [100.0 + 0.5 * k for k in range(11)]
    found = sure(fact(trigger, candles_of(up)))
    assert (found.side, found.params["share"]) == (Side.LONG, 1.0)
    assert found.strength == pytest.approx(2 / 6, abs=1e-4)
    assert sure(fact(trigger, candles_of(up[::-1]))).side is Side.SHORT
    assert fact(build("momentum", window=10), candles_of(up[::-1])) is None
    assert fact(trigger, candles_of([100.0] * 10 + [110.0])) is None  # one jump is no trend
    assert fact(trigger, candles_of(up[:-1])) is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("volume_spike", {"ratio": 1}), ("volume_spike", {"window": 1}), ("breakout", {"days": 0}),
        ("reversal", {"fall_pct": 100}), ("momentum", {"share": 0.4}), ("momentum", {"mve": 1}),
    ],
)  # fmt: skip
def test_wrong_options_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="PB5009"):
        build(name, **options)


@pytest.mark.parametrize("name", ["volume_spike", "breakout", "reversal", "momentum"])
def test_a_trigger_enters_when_used_by_a_strategy_file(name: str) -> None:
    strategy = PLUGINS.strategy(f"triggers.{name}")
    candles = random_candles(600, seed=4)
    answers = [strategy.ask(a_view(candles, row)) for row in range(0, 600)]
    assert all(answer.problem is None for answer in answers)
    assert any(answer.signals for answer in answers)


def in_regime(candles: Candles, code: float) -> Candles:
    return replace(candles, regime=np.full(len(candles), code))


#: A market in which each trigger fires, its thresholds, and the same ones out of reach.
FIRING: list[tuple[str, dict[str, Any], list[float], str]] = [
    ("breakout", {"days": 2}, [100.0] * 60 + [103.0], "days"),
    ("reversal", {"window": 10, "fall_pct": 4}, [100, 99, 98, 97, 96, 95, 94, 94, 94, 94, 96],
     "fall_pct"),
    ("reversal", {"window": 10, "bounce_pct": 2}, [100, 99, 98, 97, 96, 95, 94, 94, 94, 94, 96],
     "bounce_pct"),
    ("momentum", {"window": 10, "move_pct": 3}, [100 + 0.5 * k for k in range(11)], "move_pct"),
    ("momentum", {"window": 10, "share": 0.6, "move_pct": 1},
     [100.0, 99.9, 99.8, 99.7, *(100 + 0.5 * k for k in range(7))], "share"),
    ("volume_spike", {"window": 5, "ratio": 1.5}, [100, 100, 100, 100, 100, 101], "ratio"),
]  # fmt: skip
TOO_MUCH = {"days": 30, "fall_pct": 50, "bounce_pct": 50, "move_pct": 50, "share": 1, "ratio": 9}
CALM, CRASH = 1.0, 4.0


@pytest.mark.parametrize(("name", "options", "closes", "option"), FIRING)
def test_a_threshold_depends_on_the_regime(
    name: str, options: dict[str, Any], closes: list[float], option: str
) -> None:
    volumes = [10.0] * (len(closes) - 1) + [20.0]
    candles = candles_of(closes, volumes=volumes)
    spread = {"default": options[option], "crash": TOO_MUCH[option]}
    trigger = build(name, **{**options, option: spread})
    usual = sure(fact(build(name, **options), candles))
    found = sure(fact(trigger, in_regime(candles, CALM)))
    assert (found.strength, found.params) == (usual.strength, usual.params)
    assert found.reason == usual.reason + " (calm)"
    assert fact(trigger, in_regime(candles, CRASH)) is None
    # Which threshold counts is not known: nothing fires on what is not known.
    assert fact(trigger, candles) is None
    assert fact(trigger, in_regime(candles, math.nan)) is None


def test_a_lower_threshold_in_one_regime() -> None:
    trigger = build("volume_spike", ratio={"default": 3.0, "trend": 1.5})
    assert fact(trigger, in_regime(spike(22.5), CALM)) is None
    found = sure(fact(trigger, in_regime(spike(22.5), 2.0)))
    assert (found.strength, found.params["threshold"]) == (0.5, 1.5)
    assert found.reason == "volume 2.25 times its mean of 24 bars, above 1.5 (trend)"


@pytest.mark.parametrize(
    ("spread", "words"),
    [
        ({"default": 1.5, "krash": 2}, "ratio.krash"), ({"crash": 2}, "ratio.default"),
        ({"default": 1.5, "crash": 0.5}, "ratio.crash"), ("much", "ratio.default"),
    ],
)  # fmt: skip
def test_wrong_thresholds_are_named(spread: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        build("volume_spike", ratio=spread)
