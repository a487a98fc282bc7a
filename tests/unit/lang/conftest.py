"""Strategies from text, as a project would read them, and candles to run them on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.market import HOUR_MS, Candles
from paperbot_core.features.function import Function
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.strategy import CompiledStrategy, compile_strategy

HEAD = "name: test\ntimeframe: 1h\nuniverse: [core]\n"
SIZE = "size: {equity_pct: 5}\n"

Compile = Callable[..., CompiledStrategy]


@pytest.fixture
def compile_text() -> Compile:
    """Return what compiles the body of a strategy file; head and size are added."""

    def run(
        body: str,
        *,
        params: Mapping[str, float] | None = None,
        functions: Mapping[str, Function] = FUNCTIONS,
        head: str = HEAD,
        size: str = SIZE,
    ) -> CompiledStrategy:
        document = parse_yaml(head + size + body, "test.yaml")
        file = StrategyFile.model_validate(document.data)
        return compile_strategy(file, places=document.places, params=params, functions=functions)

    return run


@pytest.fixture
def walk() -> Callable[..., Candles]:
    """Return what makes candles of a random walk without gaps."""

    def run(bars: int = 300, tf_ms: int = HOUR_MS, start: int = 0, seed: int = 1) -> Candles:
        rng = np.random.default_rng(seed)
        close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
        ts = start + np.arange(bars, dtype=np.int64) * tf_ms
        spread = 1 + np.abs(rng.normal(0, 0.005, bars))
        volume = rng.lognormal(3, 1, bars)
        return Candles("X/Y", tf_ms, ts, close, close * spread, close / spread, close, volume)

    return run
