"""Each trigger fires on the market it is about, with the strength and numbers it promises."""

from __future__ import annotations

import math
from typing import Any

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
