"""The regime of a made market: what the rules say, when it is known, and mistakes in the rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from paperbot_core.config.selection import REGIMES, Regime
from paperbot_core.config.universe import UniverseFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.diagnostics import UserError
from paperbot_core.domain.market import Candles
from paperbot_core.lang.regimes import regime_name
from paperbot_core.market.universe.regime import ORDER, OTHERWISE, RegimeDetector, regime_at
from paperbot_core.testing.builders import candles_of

NAN = float("nan")
WARMUP = 256


def detector(**rules: str) -> RegimeDetector:
    return RegimeDetector(Regime(symbol="BTC/USDT", timeframe="4h", rules=rules))  # type: ignore[arg-type]  # pydantic reads a dict


def names(candles: Candles, **rules: str) -> list[str | None]:
    _times, codes = detector(**rules).batch(candles)
    return [regime_name(code) for code in codes.tolist()]


def market(*moves: tuple[int, float, float], **more: Any) -> Candles:
    """Return 4h bars: (bars, drift, noise) a stretch, as fractions; the noise alternates."""
    steps = [
        drift + noise * (1 if k % 2 else -1) for bars, drift, noise in moves for k in range(bars)
    ]
    closes = 100.0 * np.exp(np.cumsum(steps))
    return candles_of(closes.tolist(), timeframe="4h", **more)


def test_every_regime_has_its_place() -> None:
    assert {*ORDER, OTHERWISE} == set(REGIMES)


def test_the_shipped_rules_know_each_regime_when_they_see_it() -> None:
    told = names(market(
        (300, 0.0, 0.01),  # to and fro
        (90, 0.01, 0.002),  # up
        (6, -0.05, 0.0),  # down by a quarter in a day
        (300, 0.0, 0.01),
        (120, 0.0, 0.001),  # hardly any movement
    ))  # fmt: skip
    assert told[:WARMUP] == [None] * WARMUP
    assert set(told[WARMUP:300]) == {"chop"}
    assert told[385] == "trend"
    assert told[395] == "crash"
    assert told[400] == "crash"  # and for two days after it
    assert told[420] != "crash"
    assert told[690] == "chop"
    assert told[-1] == "calm"


def test_the_first_true_rule_counts() -> None:
    rules = {"crash": "close < 95", "trend": "close < 98", "calm": "close < 101"}
    assert names(candles_of([94, 97, 100, 105], timeframe="4h"), **rules) == [
        "crash", "trend", "calm", "chop",
    ]  # fmt: skip


def test_a_rule_that_is_unknown_leaves_the_regime_unknown() -> None:
    rules = {"crash": "close < 95", "trend": "volume > 5", "calm": "close < 101"}
    candles = candles_of([100, 100, 94], volumes=[1.0, NAN, NAN], timeframe="4h")
    assert names(candles, **rules) == ["calm", None, "crash"]


def test_live_is_equal_and_warm_at_the_same_bar() -> None:
    candles = market((300, 0.001, 0.01), (6, -0.05, 0.0), (60, 0.0, 0.002))
    found = detector()
    times, codes = found.batch(candles)
    live = found.live()
    assert np.isnan(live.code)
    told = [live.update(candles.bar(row)) for row in range(len(candles))]
    np.testing.assert_array_equal(told, codes)
    np.testing.assert_array_equal(times, candles.ts + candles.tf_ms)
    assert live.code == told[-1]
    assert found.warmup == WARMUP == int(np.isnan(codes).sum())


def test_what_was_known_when() -> None:
    times, codes = np.array([10, 20, 30]), np.array([NAN, 2.0, 4.0])
    now = np.array([5, 10, 19, 20, 29, 30, 99])
    np.testing.assert_array_equal(
        regime_at(times, codes, now), [NAN, NAN, NAN, 2.0, 2.0, 4.0, 4.0]
    )
    nothing = regime_at(times[:0], codes[:0], now)
    assert len(nothing) == len(now)
    assert np.isnan(nothing).all()
    assert regime_at(times, codes, now[:0]).shape == (0,)


def test_no_bars_no_regime() -> None:
    times, codes = detector().batch(candles_of([], timeframe="4h"))
    assert (len(times), len(codes)) == (0, 0)


def test_bars_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="bars of 4h, not of 1h"):
        detector().batch(candles_of([100.0]))


@pytest.mark.parametrize(
    ("rule", "code", "column"),
    [
        ("clsoe > 1", "PB2120", 13),
        ("close > volume", "PB2132", 13),
        ("rsi(14)", "PB2130", 13),
        ("close > open and regime(\"calm\")", "PB2151", 30),
        ("close >", "PB2101", 19),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_stands(rule: str, code: str, column: int) -> None:
    text = (
        "tiers: {core: {symbols: [BTC/USDT]}}\nregime:\n  symbol: BTC/USDT\n  rules:\n"
        f"    crash: '{rule}'\n"
    )
    document = parse_yaml(text, "universe.yaml")
    file = UniverseFile.model_validate(document.data)
    assert file.regime is not None
    with pytest.raises(UserError) as error:
        RegimeDetector(file.regime, document.places)
    [told] = error.value.diagnostics
    assert told.code == code
    assert told.span is not None
    assert (told.span.file, told.span.line, told.span.column) == ("universe.yaml", 5, column)


def test_mistakes_in_all_rules_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        detector(crash="a > 1", trend="b > 1", calm="c")
    assert [d.code for d in error.value.diagnostics] == ["PB2120"] * 3
