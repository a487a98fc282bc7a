"""Backtests of real candles equal the oracle: an independent reading of the fill rules and policy.

Fills, trades, the equity curve, refusals, shrinks and the halt have to agree.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.market.timerange import TimeRange, parse_time
from paperbot_core.research.backtest import prepare
from paperbot_core.research.request import BacktestRequest
from tests.oracle.compare import compare
from tests.oracle.simulator import Outcome
from tests.oracle.strategies import write_project

SHIPPED = (
    "breakout_7d", "donchian_atr", "mean_reversion", "reversal", "roc_momentum", "rsi_momentum",
    "rsi_reversion", "sma_cross", "volume_spike",
)  # fmt: skip
LONG = tuple(f"binance_spot_long/{c}-USDT_1h.parquet" for c in ("BTC", "ETH", "SOL", "DOGE"))
PERP = ("binance_perp/BTC-USDT-USDT_1h.parquet", "binance_perp/XRP-USDT-USDT_1h.parquet")
CRASH = ("binance_spot_crash/BTC-USDT_1m.parquet", "binance_spot_crash/DOGE-USDT_1m.parquet")
HOURS = ("lean_equity/AAPL_1h.parquet", "lean_equity/SPY_1h.parquet")
DAYS = ("lean_equity/AAPL_1d.parquet", "lean_equity/SPY_1d.parquet")


def check(
    directory: Path, data: Path, names: tuple[str, ...], files: tuple[str, ...], start: str,
    end: str, *, at_least: int, policy: str | None = None, share: float = 0.0, **asked: Any,
) -> Outcome:  # fmt: skip
    span = TimeRange(parse_time(start), parse_time(end))
    request = BacktestRequest(names, tuple(data / f for f in files), span=span, **asked)
    limits = None if policy is None else directory / f"{policy}.yaml"
    ready = prepare(directory, request, policy=limits)
    if share:
        fills = replace(ready.setup.fills, volume_share_pct=share)
        ready = replace(ready, setup=replace(ready.setup, fills=fills))
    found = compare(ready)
    assert found.differences == []
    assert len(found.oracle.trades) >= at_least
    return found.oracle


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    write_project(tmp_path, root)
    return tmp_path


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_strategy(name: str, root: Path, market_data: Path) -> None:
    check(root, market_data, (name,), LONG[:2], "20210401", "20210701", at_least=10)


def test_all_shipped_strategies_together(root: Path, market_data: Path) -> None:
    check(root, market_data, SHIPPED, LONG[1:], "20210410", "20210520", at_least=60)


@pytest.mark.parametrize("policy", ["wide", "tight"])
def test_shorts_limits_ladders_and_slow_bars(
    policy: str, project: Path, market_data: Path
) -> None:
    names = ("slow", "limits", "breakout")
    check(project, market_data, names, LONG[:1] + PERP, "20210410", "20210520", policy=policy,
          at_least=30)  # fmt: skip


def test_a_daily_stop_and_a_halt(project: Path, market_data: Path) -> None:
    text = (project / "tight.yaml").read_text()
    text = text.replace("max_drawdown_pct: 6.0", "max_drawdown_pct: 1.0")
    (project / "halt.yaml").write_text(text.replace("loss_pct: 0.3", "loss_pct: 0.2"))
    names = ("limits", "breakout")
    told = check(
        project, market_data, names, PERP, "20210401", "20210501", policy="halt", at_least=5
    )
    assert told.halted_at is not None
    assert told.rejections["DAILY_STOP_LOSS_PCT"] > 0


def test_parameters_fees_slippage_and_little_cash(root: Path, market_data: Path) -> None:
    check(root, market_data, ("donchian_atr",), LONG, "20210401", "20210701", at_least=20,
          sets={"donchian_atr": {"length": 10, "k_stop": 0.8}}, fee_bps=Decimal(0),
          slippage_bps=9.0, cash=Decimal(300))  # fmt: skip


def test_a_share_of_the_volume(project: Path, market_data: Path) -> None:
    check(project, market_data, ("limits", "breakout"), PERP, "20210401", "20210601", at_least=50,
          share=0.02, cash=Decimal(3_000_000))  # fmt: skip


def test_stocks_by_the_hour_and_by_the_day(project: Path, market_data: Path) -> None:
    check(project, market_data, ("slow", "limits", "breakout"), HOURS, "20180601", "20190601",
          at_least=100, cash=Decimal(100_000))  # fmt: skip
    check(project, market_data, ("breakout_day", "limits_day"), DAYS, "20100101", "20200101",
          at_least=100, policy="tight", cash=Decimal(100_000))  # fmt: skip
    check(project, market_data, ("breakout_day", "breakout"), HOURS + DAYS[:1], "20180101",
          "20190601", at_least=100, cash=Decimal(100_000))  # fmt: skip


def test_stocks_over_twenty_years_of_splits_and_dividends(
    project: Path, market_data: Path
) -> None:
    names = tuple(f"lean_equity/{s}_1d.parquet" for s in ("AAPL", "SPY", "IBM", "USO", "EEM"))
    told = check(project, market_data, ("breakout_day", "limits_day"), names, "19990101",
                 "20200815", at_least=2000, cash=Decimal(100_000))  # fmt: skip
    assert told.met["dividend of a short"] > 5
    check(project, market_data, ("limits_week", "limits_day"), names[:4], "20100104", "20200817",
          at_least=500, cash=Decimal(100_000))  # fmt: skip


def test_stocks_by_the_hour_over_a_split(project: Path, market_data: Path) -> None:
    check(project, market_data, ("slow", "limits", "breakout"), HOURS, "20140526", "20140630",
          at_least=30, cash=Decimal(100_000))  # fmt: skip


def test_minutes_around_a_hole_and_finer_bars_that_decide(
    project: Path, market_data: Path
) -> None:
    names = ("breakout_five", "limits_minute")
    check(project, market_data, names, CRASH, "20210424", "20210426T120000", at_least=100)
    check(project, market_data, ("breakout", "slow"), CRASH, "20210421", "20210501", at_least=10,
          detail=60_000)  # fmt: skip
