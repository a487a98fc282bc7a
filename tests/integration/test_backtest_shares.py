"""Backtests over splits and dividends: cash to the cent, decisions that no split changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paperbot_core.domain.market import DAY_MS, Candles
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.events.events import adjusted, make_events
from paperbot_core.market.events.files import events_beside, events_path
from paperbot_core.market.events.table import write_events
from paperbot_core.market.lake.files import write_candles
from paperbot_core.market.timerange import TimeRange, parse_time
from paperbot_core.research.backtest import BacktestResult, prepare, run_backtest
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.simulate import Stage, simulate

MONDAY = 1_704_067_200_000  # 2024-01-01

POLICY = """version: 1
modes: {highest: PAPER}
entry: {max_slippage_pct: 1}
risk:
  daily_stop_loss_pct: 1000
  max_drawdown_pct: 1000
  max_position_size_pct: 100
  max_gross_pct: 100
  max_net_pct: 100
  max_cluster_pct: 100
  max_tier_pct: {core: 100, rotational: 100, event: 100}
  position_cap: {equity_multiple: 1000, min: 0, max: 1000000000}
  max_open_positions: 8
  max_trades_per_day: 100
  max_trades_per_hour: 100
  cooldown_after_loss_min: 0
"""
UNIVERSE = """tiers: {core: {symbols: [X, AAPL]}}
instruments: {AAPL: {shortable: true}}
"""
GUARD = "data: {max_move_pct: 10, min_volume_ratio: 1.5, max_stale_bars: 3, recovery_bars: 2}\n"
HOLD = """name: hold
timeframe: {timeframe}
universe: [core]
entry: {{long: {{when: close > 0}}}}
size: {{equity_pct: 50}}
protect: {{max_bars: {bars}}}
"""
STOP = """name: stop
timeframe: 1d
universe: [core]
entry: {long: {when: close > 0}}
size: {equity_pct: 50}
protect: {stop: 0.1 * close}
"""
RULES = {
    "cross": """name: cross
timeframe: 1d
universe: [core]
entry:
  long: {when: "sma(close, 10) > sma(close, 30) and volume_ratio(20) > 0.5"}
  short: {when: "crosses_below(sma(close, 10), sma(close, 30))"}
exit:
  long: {when: "crosses_below(sma(close, 10), sma(close, 30))"}
size: {risk_pct: 1, per: 2 * atr(14)}
protect:
  stop: 2 * atr(14)
  trail: {after_r: 1, distance: 2 * atr(14)}
""",
    "dips": """name: dips
timeframe: 1d
universe: [core]
entry:
  long: {when: "close > sma(close, 50)", limit: "close - 0.5 * atr(10)", limit_bars: 3}
size: {equity_pct: 20}
protect:
  stop: 3 * atr(10)
  max_bars: 40
  breakeven_after_r: 1
  take_profit: [{at_r: 2, fraction: 0.5}]
pyramid: [{at_r: 0.5, add: 0.5}]
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "universe.yaml").write_text(UNIVERSE)
    (tmp_path / "paperbot.yaml").write_text("wallet: {quote: USD, cash: 10000}\n")
    (tmp_path / "strategies.d").mkdir()
    return tmp_path


def rule(project: Path, name: str, text: str) -> None:
    (project / f"strategies.d/{name}.yaml").write_text(text)


def store(
    folder: Path, closes: Sequence[float], *events: tuple[int, float, float],
    lows: dict[int, float] | None = None,
) -> Path:  # fmt: skip
    """Write days of X from Monday on, each open at the close before, and `(row, split, cash)`."""
    close = np.array(closes, dtype=np.float64)
    opens = close.copy()
    low = close.copy()
    for row, price in (lows or {}).items():
        low[row] = price
    ts = MONDAY + DAY_MS * np.arange(len(close))
    volume = np.full(len(close), 1e6)
    folder.mkdir(exist_ok=True)
    candles = Candles("X", DAY_MS, ts, opens, close, low, close, volume)
    write_candles(folder / "X_1d.parquet", candles)
    rows = [(MONDAY + DAY_MS * row, split, cash) for row, split, cash in events]
    write_events(events_path(folder, "X"), make_events("X", rows))
    return folder


def run(project: Path, name: str, data: Path, **how: Any) -> BacktestResult:
    how = {"fee_bps": 0, "slippage_bps": 0.0, **how}
    return run_backtest(project, BacktestRequest((name,), (data,), **how))


def rows_of(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)
    ]


def test_a_split_and_dividends_to_the_cent(project: Path) -> None:
    # 50 shares at 100; 2 each on day 3; 2 for 1 on day 5; 1 on each of the 100 on day 7.
    data = store(
        project / "data", [100] * 5 + [50] * 5, (3, 1.0, 2.0), (5, 2.0, 0.0), (7, 1.0, 1.0)
    )
    rule(project, "hold", HOLD.format(timeframe="1d", bars=7))
    done = run(project, "hold", data)
    assert done.equity["cash"].tolist() == [
        10_000, 5_000, 5_000, 5_100, 5_100, 5_100, 5_100, 5_200, 10_200, 5_100
    ]  # fmt: skip
    assert done.equity["equity"].tolist()[:9] == [
        10_000, 10_000, 10_000, 10_100, 10_100, 10_100, 10_100, 10_200, 10_200
    ]  # fmt: skip
    (trade,) = rows_of(done.trades)
    assert (trade["quantity"], trade["entry_price"], trade["exit_price"]) == (100, 50, 50)
    assert trade["pnl"] == 200
    buy, sell = rows_of(done.fills)[:2]
    assert (buy["quantity"], buy["price"]) == (50, 100)
    assert (sell["quantity"], sell["price"]) == (100, 50)
    # One share of 100 is two of 50 and has paid 2 and twice 1.
    assert done.facts["buy_and_hold_pct"] == pytest.approx(4.0)
    assert done.candles[0].close.tolist() == [100] * 5 + [50] * 5


def test_split_and_dividend_on_one_day_pay_the_old_shares(project: Path) -> None:
    data = store(project / "data", [100] * 4 + [49] * 4, (4, 2.0, 2.0))
    rule(project, "hold", HOLD.format(timeframe="1d", bars=100))
    done = run(project, "hold", data)
    assert done.facts["final_equity"] == 5_000 + 50 * 2 + 100 * 49


def test_what_nobody_held_is_not_paid(project: Path) -> None:
    data = store(project / "data", [100] * 4, (-3, 2.0, 5.0), (0, 4.0, 5.0), (1, 1.0, 5.0))
    rule(project, "hold", HOLD.format(timeframe="1d", bars=100))
    done = run(project, "hold", data)
    assert done.facts["final_equity"] == 10_000
    assert done.facts["buy_and_hold_pct"] == pytest.approx(5.0)


def test_stops_are_in_the_money_of_the_day(project: Path) -> None:
    rule(project, "stop", STOP)
    # Bought at 100 with a stop 10 below: 45 after the split.
    data = store(project / "a", [100] * 4 + [50] * 6, (4, 2.0, 0.0), lows={6: 45.5, 8: 44.0})
    (trade,) = rows_of(run(project, "stop", data).trades)
    assert (trade["exit_reason"], trade["exit_price"]) == ("stop", 45)
    assert trade["exit_ts"] == MONDAY + 8 * DAY_MS
    assert trade["r_multiple"] == pytest.approx(-1)
    # Bought after the split at 50, with a stop 10 % below: rules see 100 there, orders 50.
    data = store(project / "b", [100] + [50] * 6, (1, 2.0, 0.0), lows={3: 45.5, 5: 44.0})
    (trade,) = rows_of(run(project, "stop", data, span=TimeRange(MONDAY + DAY_MS)).trades)
    assert (trade["entry_price"], trade["exit_price"]) == (50, 45)


def test_a_week_with_a_split_in_it_is_told_in_the_new_shares(project: Path) -> None:
    rule(project, "hold", HOLD.format(timeframe="1w", bars=100))
    data = store(project / "data", [100] * 16 + [25] * 19, (16, 4.0, 0.0))
    done = run(project, "hold", data)
    assert done.candles[0].open.tolist() == [100, 100, 25, 25, 25]
    assert done.facts["final_equity"] == 10_000
    fine = run(project, "hold", data, detail=DAY_MS)
    assert fine.facts["final_equity"] == 10_000


def test_the_guard_of_ticks_knows_of_splits(project: Path) -> None:
    rule(project, "hold", HOLD.format(timeframe="1d", bars=100))
    (project / "policy.yaml").write_text(POLICY + GUARD)
    data = store(project / "data", [100] * 30 + [25] * 30, (30, 4.0, 0.0))
    assert run(project, "hold", data).facts["conditions"]["refused_bars"] == {}
    events_path(data, "X").unlink()
    assert run(project, "hold", data).facts["conditions"]["refused_bars"] == {"X": 3}


def shares(market_data: Path, first: str, end: str) -> Candles:
    file = CandleFile(market_data / "lean_equity/AAPL_1d.parquet", "AAPL", "1d")
    candles = read_candles(file)
    start, stop = candles.ts.searchsorted([parse_time(first), parse_time(end)])
    return candles.slice(int(start), int(stop))


def aapl(market_data: Path, folder: Path, candles: Candles, *, dividends: bool) -> Path:
    events = events_beside(market_data / "lean_equity/AAPL_1d.parquet", "AAPL")
    assert events is not None
    cash = events.dividend if dividends else np.zeros(len(events))
    rows = zip(events.ts.tolist(), events.split.tolist(), cash.tolist(), strict=True)
    folder.mkdir()
    write_candles(folder / "AAPL_1d.parquet", candles)
    write_events(events_path(folder, "AAPL"), make_events("AAPL", rows))
    return folder


def test_holding_aapl_earns_its_splits_and_dividends(project: Path, market_data: Path) -> None:
    candles = shares(market_data, "2012-01-01", "2021-04-01")
    data = aapl(market_data, project / "data", candles, dividends=True)
    rule(project, "hold", HOLD.format(timeframe="1d", bars=100_000))
    done = run(project, "hold", data)
    (buy,) = rows_of(done.fills)
    events = events_beside(data / "AAPL_1d.parquet", "AAPL")
    assert events is not None
    cash, quantity = 10_000 - buy["quantity"] * buy["price"], buy["quantity"]
    days = zip(events.ts.tolist(), events.split.tolist(), events.dividend.tolist(), strict=True)
    for ts, split, dividend in days:
        if buy["ts"] < ts <= candles.ts[-1]:
            cash += quantity * dividend
            quantity *= split
    assert quantity == pytest.approx(28 * buy["quantity"])
    wanted = cash + quantity * float(candles.close[-1])
    assert done.facts["final_equity"] == pytest.approx(wanted, rel=1e-12)
    # Dividends kept as cash lie between the prices alone and dividends put into more shares.
    growth = (wanted - 10_000) / (buy["quantity"] * buy["price"])
    row = int(candles.ts.searchsorted(buy["ts"]))
    alone, put = (adjusted(candles, events, dividends=d) for d in (False, True))
    low, high = (float(c.close[-1] / c.open[row]) - 1 for c in (alone, put))
    assert low < growth < high
    assert (round(low, 2), round(growth, 2), round(high, 2)) == (7.34, 7.69, 8.68)


@pytest.mark.parametrize("name", sorted(RULES))
def test_decisions_are_those_on_adjusted_prices(
    project: Path, market_data: Path, name: str
) -> None:
    candles = shares(market_data, "2004-01-01", "2021-04-01")
    rule(project, name, RULES[name])
    raw = aapl(market_data, project / "raw", candles, dividends=False)
    events = events_beside(raw / "AAPL_1d.parquet", "AAPL")
    assert events is not None
    back = project / "back"
    write_candles(back / "AAPL_1d.parquet", adjusted(candles, events))
    ours, theirs = (rows_of(run(project, name, data).trades) for data in (raw, back))
    assert len(ours) == len(theirs) > 30
    for mine, other in zip(ours, theirs, strict=True):
        for key in ("side", "entry_ts", "exit_ts", "exit_reason", "bars_held"):
            assert mine[key] == other[key]
        assert mine["pnl"] == pytest.approx(other["pnl"], rel=1e-6, abs=1e-6)
        assert mine["r_multiple"] == pytest.approx(other["r_multiple"], rel=1e-6, abs=1e-9)
    days = events.ts[(events.split != 1) & (events.ts > candles.ts[0])].tolist()
    across = [t for t in ours for day in days if t["entry_ts"] < day <= t["exit_ts"]]
    assert across, "no position was held over a split: the test proves too little"


def test_no_decision_knows_of_a_later_event(project: Path, market_data: Path) -> None:
    candles = shares(market_data, "2004-01-01", "2020-06-01")
    rule(project, "cross", RULES["cross"])
    data = aapl(market_data, project / "data", candles, dividends=True)
    whole = run(project, "cross", data)
    path = events_path(data, "AAPL")
    events = events_beside(data / "AAPL_1d.parquet", "AAPL")
    assert events is not None
    write_events(path, events.until(int(candles.ts[-1])))
    known = run(project, "cross", data)
    assert len(events) > len(events.until(int(candles.ts[-1])))
    assert whole.equity["equity"].tobytes() == known.equity["equity"].tobytes()
    assert whole.facts["run_id"] == known.facts["run_id"]
    write_events(path, replace(events, split=np.ones(len(events))))
    assert run(project, "cross", data).facts["run_id"] != known.facts["run_id"]


def test_plain_and_compiled_agree_over_events(project: Path, market_data: Path) -> None:
    candles = shares(market_data, "2012-01-01", "2021-04-01")
    data = aapl(market_data, project / "data", candles, dividends=True)
    store(project / "data", [100] * 30 + [25] * 30, (30, 4.0, 0.0))
    for name, text in RULES.items():
        rule(project, name, text)
    ready = prepare(project, BacktestRequest(tuple(RULES), (data,)))
    stage = Stage(ready.history, ready.strategies, ready.setup.span)
    assert stage.splits.shape == stage.bars[0].shape
    plain, compiled = (
        simulate(stage, ready.strategies, ready.setup, driver=driver)
        for driver in ("plain", "compiled")
    )
    assert plain.outputs.equity.tobytes() == compiled.outputs.equity.tobytes()
    assert len(plain.outputs.trades) > 30
