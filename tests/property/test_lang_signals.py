"""The signals of any strategy are the same over history and live, and silent until warm."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.config.strategy import StrategyFile
from paperbot_core.diagnostics import Span
from paperbot_core.domain.market import Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.scope import Path
from paperbot_core.lang.strategy import (
    CompiledStrategy,
    LiveSignals,
    batch_signals,
    compile_strategy,
    share_live,
)
from paperbot_core.testing.expressions import candle_columns, expressions


class _NoPlaces:
    def span(self, path: Path, start: int = 0, end: int = 0) -> Span:
        return Span("/".join(map(str, path)), 1, start + 1, end + 1)


@st.composite
def strategies_of_rules(draw: st.DrawFn) -> CompiledStrategy:
    """Draw a compiled strategy with a few random rules on each side."""
    conditions = expressions("condition", depth=2)

    def entry() -> dict[str, str]:
        rule = {"when": draw(conditions), "strength": draw(st.sampled_from(strengths))}
        return rule | ({"limit": "close - 0.1 * atr(3)"} if draw(st.booleans()) else {})

    strengths = ("1", "0.5", "where(close > open, 2, 0.2)", "rsi(3) / 100", "volume_ratio(3) - 1")
    data = {
        "name": "drawn",
        "timeframe": "1h",
        "universe": ["core"],
        "entry": {"long": [entry() for _ in range(draw(st.integers(1, 3)))]},
        "exit": {"long": [{"when": draw(conditions)} for _ in range(draw(st.integers(1, 2)))]},
        "size": {"risk_pct": 1.0},
        "protect": {"stop": draw(st.sampled_from(("5", "2 * atr(7)", "0.02 * close")))},
    }
    if draw(st.booleans()):
        data["entry"] |= {"short": [entry()]}  # type: ignore[operator]  # a dict of lists
    return compile_strategy(StrategyFile.model_validate(data), places=_NoPlaces())


@given(strategies_of_rules(), candle_columns())
def test_signals_live_equal_signals_over_history(
    compiled: CompiledStrategy, candles: Candles
) -> None:
    columns = Columns(candles)
    signals = batch_signals(compiled, columns)
    live = LiveSignals(compiled)
    for row in range(len(candles)):
        now = live.update(candles.bar(row))
        assert now.bits == signals.bits[row]
        for name in ("strength", "per", "stop", "trail", "limit"):
            column = getattr(signals, name)
            value = column[row] if isinstance(column, np.ndarray) else column
            assert np.array_equal(getattr(now, name), value, equal_nan=True), (name, row)
    assert not signals.bits[: columns.ready_row(compiled.deciding)].any()


@given(strategies_of_rules(), strategies_of_rules(), candle_columns(bars_max=60))
def test_sharing_the_work_changes_no_signal(
    one: CompiledStrategy, two: CompiledStrategy, candles: Candles
) -> None:
    columns = Columns(candles)
    live, both = share_live([one, two])
    for row in range(len(candles)):
        live.advance(candles.bar(row))
        for compiled, signals in zip((one, two), both, strict=True):
            assert signals.row().bits == batch_signals(compiled, columns).bits[row]


@given(strategies_of_rules(), candle_columns(gaps=False))
def test_without_gaps_the_warm_up_is_enough(compiled: CompiledStrategy, candles: Candles) -> None:
    assert Columns(candles).ready_row(compiled.deciding) <= compiled.warmup
