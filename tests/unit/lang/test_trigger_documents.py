"""docs/triggers.md and docs/regimes.md: every example works, and both ways of a trigger agree."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paperbot_triggers
import pytest

from paperbot_core.config.selection import Regime, RegimeRules
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.universe import UniverseFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.market import Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.strategy import CompiledStrategy, batch_signals, compile_strategy
from paperbot_core.market.universe.regime import RegimeDetector
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.testing.builders import plugins_of, random_candles

DOCS = Path(__file__).parents[3] / "docs"
_FENCE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    return _FENCE.findall((DOCS / page).read_text("utf-8"))


def compiled(text: str) -> CompiledStrategy:
    document = parse_yaml(text, "docs")
    return compile_strategy(StrategyFile.model_validate(document.data), places=document.places)


STRATEGIES = {one.file.name: one for one in map(compiled, blocks("triggers.md"))}


def market() -> Candles:
    """Return a walk whose regime changes every 50 bars, unknown at first."""
    candles = random_candles(1200, seed=11)
    codes = np.repeat(np.random.default_rng(3).integers(1, 5, 24), 50).astype(np.float64)
    codes[:40] = np.nan
    return replace(candles, regime=codes)


def test_every_trigger_is_shown_both_ways() -> None:
    shipped = {name.partition(".")[2] for name in ("triggers.volume_spike", "triggers.breakout",
                                                   "triggers.reversal", "triggers.momentum")}
    used = {(one.file.uses or "").partition(".")[2] for one in STRATEGIES.values()}
    assert used - {""} == shipped
    assert {c.name.partition(".")[2] for c in paperbot_triggers.register_triggers()} == shipped
    assert all(one.warnings == () for one in STRATEGIES.values())


@pytest.mark.parametrize("name", ["spike", "breakout", "momentum", "bounce"])
def test_expressions_and_plugin_fire_on_the_same_bars(name: str) -> None:
    columns = Columns(market())
    rules, plugin = STRATEGIES[name], STRATEGIES[f"{name}_by_plugin"]
    own = batch_signals(rules, columns)
    source = SignalSource(plugins_of({"paperbot-triggers": paperbot_triggers}))
    theirs = source.batch(plugin, columns)
    first = max(columns.ready_row(rules.deciding), columns.ready_row(plugin.deciding))
    mine, other = (set(np.flatnonzero(s.bits[first:] & 1).tolist()) for s in (own, theirs))
    assert not source.faults.warnings()
    assert len(other) >= 5
    if name == "bounce":
        # The expression's high may come after the low: it can only see larger falls.
        assert other <= mine
        return
    assert mine == other
    both = sorted(row + first for row in mine)
    strength = np.broadcast_to(own.strength, len(columns))[both]
    np.testing.assert_allclose(strength, np.asarray(theirs.strength)[both], atol=1e-4)


def test_no_trigger_with_thresholds_by_regime_fires_while_it_is_unknown() -> None:
    columns = Columns(replace(market(), regime=None))
    plugins = plugins_of({"paperbot-triggers": paperbot_triggers})
    for name, strategy in STRATEGIES.items():
        signals = SignalSource(plugins).batch(strategy, columns)
        assert not (np.asarray(signals.bits) & 0xFFFF).any(), name


@pytest.mark.parametrize("text", blocks("regimes.md"))
def test_the_universes_of_the_regimes_page(text: str) -> None:
    document = parse_yaml(text, "docs")
    file = UniverseFile.model_validate(document.data)
    assert list(file.problems()) == []
    assert file.regime is not None
    assert RegimeDetector(file.regime, document.places).warmup > 20


def test_the_page_shows_the_shipped_rules_and_their_warmup() -> None:
    text = (DOCS / "regimes.md").read_text("utf-8")
    rules: dict[str, Any] = RegimeRules().model_dump()
    assert [name for name, rule in rules.items() if f"| {name} | `{rule}` |" not in text] == []
    assert f"({RegimeDetector(Regime(symbol='BTC/USDT')).warmup} bars" in text
