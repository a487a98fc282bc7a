"""Plugins and the regime: what a view says of it, the same over history and bar by bar."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from paperbot_core import plugins_signals
from paperbot_core.api import Candles, MarketView, Side, Signal
from paperbot_core.config.selection import REGIMES
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.strategy import CompiledStrategy, compile_strategy
from paperbot_core.plugins import Plugins
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.testing.builders import a_component, a_plugin, a_view, random_candles

HEAD = "name: mine\ntimeframe: 1h\nuniverse: [core]\nuses: alpha.mood\n"
BODY = "features: {fast: 'ema(close, 5)'}\nsize: {equity_pct: 5}\n"


class Mood:
    """Enters in trends, stronger the more of the last bars were trends."""

    def signals(self, view: MarketView) -> list[Signal]:
        """Answer from everything a view says of the regime."""
        past = view.bars(10).regime
        if view.regime not in {"trend", "crash"} or past is None:
            return []
        share = float((past == past[-1]).mean())
        side = Side.LONG if view.regime == "trend" else Side.SHORT
        return [Signal(view.ts, view.symbol, "", side, share, view.regime, {"share": share})]


def source() -> SignalSource:
    module = a_plugin(register_strategies=lambda: [a_component("alpha.mood", Mood())])
    return SignalSource(Plugins.of({"alpha": module}))


def compiled() -> CompiledStrategy:
    document = parse_yaml(HEAD + BODY, "mine.yaml")
    return compile_strategy(StrategyFile.model_validate(document.data), places=document.places)


def moody_market(rows: int = 600) -> Candles:
    chance = np.random.default_rng(7)
    codes = np.repeat(chance.integers(1, 5, rows // 20), 20).astype(np.float64)
    codes[:30] = np.nan
    return replace(random_candles(rows), regime=codes)


def test_a_view_names_the_regime() -> None:
    candles = replace(random_candles(5), regime=np.array([math.nan, 1.0, 2.0, 3.0, 4.0]))
    assert [a_view(candles, row).regime for row in range(5)] == [None, *REGIMES]
    assert a_view(random_candles(3)).regime is None
    bars = a_view(candles).bars(2)
    assert bars.regime is not None
    bars.regime[0] = 1.0  # a copy: nothing can be changed behind the view's back
    assert a_view(candles, 3).regime == "chop"


@pytest.mark.parametrize("history", [100_000, 32])
def test_history_and_bar_by_bar_agree(history: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins_signals, "HISTORY_BARS", history)
    strategy, candles = compiled(), moody_market()
    batch, live = source(), source()
    signals = batch.batch(strategy, Columns(candles))
    bars = live.live(strategy)
    rows = [bars.update(candles.bar(row)) for row in range(len(candles))]
    np.testing.assert_array_equal([row.bits for row in rows], signals.bits)
    np.testing.assert_array_equal([row.strength for row in rows], signals.strength)
    assert {1, 1 << 8} <= set(signals.bits.tolist())
    assert not signals.bits[:30].any()


def test_what_was_said_can_be_asked_for_later() -> None:
    strategy, columns = compiled(), Columns(moody_market())
    asked = source()
    row = int(np.flatnonzero(asked.batch(strategy, columns).bits == 1)[0])
    said = asked.said(strategy, columns, "entry.long.0", row)
    assert said is not None
    assert said.params == {"share": said.strength}
    assert asked.reason(strategy, columns, "entry.long.0", row) == "trend"
    assert asked.said(strategy, columns, "entry.short.0", row) is None
    assert asked.reason(strategy, columns, "entry.short.0", row) == ""
