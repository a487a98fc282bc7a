"""Values for tests, each with sensible defaults: say only what the test is about."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.api import (
    AccountView,
    Bar,
    Candles,
    Component,
    EntryFact,
    EventFact,
    MarketView,
    Mode,
    NoOptions,
    Notice,
    PolicyView,
    Side,
    StrictModel,
    TradingState,
    hookimpl,
    timeframe_ms,
)

if TYPE_CHECKING:
    from paperbot_core.plugins import Plugins

#: 2024-01-01 00:00 UTC, a Monday: where made-up markets begin.
START_TS = 1_704_067_200_000


def a_bar(close: float = 100.0, **changes: Any) -> Bar:
    """Return an hourly bar of BTC/USDT that closed at `close`."""
    bar = Bar(
        "BTC/USDT", START_TS, 3_600_000, close, close * 1.001, close * 0.999, close, volume=10.0
    )
    return replace(bar, **changes)


def candles_of(
    closes: Iterable[float],
    *,
    volumes: Iterable[float] | None = None,
    symbol: str = "BTC/USDT",
    timeframe: str = "1h",
    start_ts: int = START_TS,
) -> Candles:
    """Return candles with these closes: each opens at the last close, wicks reach 0.1 % further."""
    close = np.array(list(closes), dtype=np.float64)
    open_ = np.concatenate((close[:1], close[:-1]))
    tf_ms = timeframe_ms(timeframe)
    volume = np.full(len(close), 10.0) if volumes is None else np.array(list(volumes), np.float64)
    return Candles(
        symbol,
        tf_ms,
        start_ts + tf_ms * np.arange(len(close), dtype=np.int64),
        open_,
        np.maximum(open_, close) * 1.001,
        np.minimum(open_, close) * 0.999,
        close,
        volume,
    )


def random_candles(rows: int = 300, seed: int = 1, **where: Any) -> Candles:
    """Return a random walk of 1 % steps from 100; `where` goes to `candles_of`."""
    chance = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(chance.normal(0.0, 0.01, rows)))
    return candles_of(closes, volumes=chance.lognormal(3.0, 0.6, rows), **where)


def a_view(
    candles: Candles | None = None,
    row: int | None = None,
    *,
    features: Mapping[str, Any] | None = None,
    strategy: str = "mine",
) -> MarketView:
    """Return the view at `row` (the last one) of `candles` (300 random ones)."""
    market = random_candles() if candles is None else candles
    return MarketView(
        market, len(market) - 1 if row is None else row, features=features, strategy=strategy
    )


def an_entry(**changes: Any) -> EntryFact:
    """Return an entry that asks for 2 BTC at 100, on an equity of 10,000."""
    entry = EntryFact(
        START_TS, "BTC/USDT", "mine", Side.LONG, "entry", 2.0, 100.5, 100.0, 1.0, "", 5.0, 10_000.0
    )
    return replace(entry, **changes)


def an_account(**changes: Any) -> AccountView:
    """Return an account of 10,000 in cash without positions."""
    account = AccountView(
        START_TS, 10_000.0, 10_000.0, 10_000.0, 10_000.0, 0.0, 0.0, 0, 0, TradingState.ACTIVE
    )
    return replace(account, **changes)


def a_policy(**changes: Any) -> PolicyView:
    """Return the limits of the policy that ships with Paperbot."""
    policy = PolicyView(
        highest_mode=Mode.PAPER,
        max_slippage_pct=0.5,
        daily_stop_loss_pct=2.0,
        max_drawdown_pct=10.0,
        max_position_size_pct=5.0,
        max_gross_pct=50.0,
        max_net_pct=50.0,
        max_cluster_pct=15.0,
        max_tier_pct={"core": 40.0, "rotational": 20.0, "event": 10.0},
        position_cap_equity_multiple=2.0,
        position_cap_min=10.0,
        position_cap_max=25_000.0,
        max_open_positions=8,
        max_trades_per_day=10,
        max_trades_per_hour=4,
        cooldown_after_loss_min=60,
    )
    return replace(policy, **changes)


def a_notice(**changes: Any) -> Notice:
    """Return the notice of a fill."""
    notice = Notice("fill", "bought 2 BTC/USDT at 100", facts={"strategy": "mine", "price": "100"})
    return replace(notice, **changes)


def an_event(**changes: Any) -> EventFact:
    """Return a committed fill."""
    body = {"symbol": "BTC/USDT", "quantity": "2", "price": "100"}
    return replace(EventFact(1, "run-1", START_TS, "FillBooked", body), **changes)


def a_component(
    name: str, built: object, config: type[StrictModel] = NoOptions, summary: str = "for a test"
) -> Component[Any]:
    """Return a component that builds `built`, whatever its options are."""
    return Component(name=name, config=config, build=lambda _options: built, summary=summary)


def a_plugin(**hooks: Callable[[], object]) -> types.ModuleType:
    """Return a plugin module with these functions as its hooks, e.g. `register_features=f`."""
    module = types.ModuleType("a_plugin")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def plugins_of(modules: Mapping[str, object]) -> Plugins:
    """Register plugin modules as if they were installed: distribution name -> module."""
    from paperbot_core.plugins import Plugins

    return Plugins.of(modules)
