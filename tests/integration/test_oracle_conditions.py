"""Backtests of real candles in universes that change equal the oracle's reading of their rules.

Members, regimes and believed bars are worked out by the oracle itself: a plain loop over bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from paperbot_core.market.timerange import TimeRange, parse_time
from paperbot_core.research.backtest import Prepared, prepare
from paperbot_core.research.request import BacktestRequest
from tests.oracle.compare import Found, compare
from tests.oracle.strategies import write_project

UNIVERSE = """
tiers:
  core: {{symbols: [BTC/USDT, ETH/USDT], always_eligible: true}}
  rotational: {{symbols: [ADA/USDT, LINK/USDT], regimes: [trend, chop]}}
  event: {{symbols: [XRP/USDT], max_hold_hours: 30, regimes: [trend, chop, crash]}}
  perp: {{symbols: []}}
  stocks: {{symbols: []}}
filters: {{min_quote_volume: {least}, min_age_days: 20, quotes: [USDT], blacklist: ["MA*"]}}
discovery:
  tiers: {{rotational: {high}, event: {low}}}
  max_symbols: {most}
  refresh_hours: 8
regime: {{symbol: BTC/USDT, size_factor: {{crash: 0.25, chop: 0.5}}}}
instruments:
  BTC/USDT: {{tick: 0.01, lot: 0.00001, min_notional: 5, cluster: majors}}
  ETH/USDT: {{tick: 0.01, lot: 0.0001, min_notional: 5, cluster: majors, fee_asset: base}}
  ADA/USDT: {{listed: {listed}, delisted: {delisted}, shortable: true}}
  LINK/USDT: {{shortable: true, cluster: majors}}
  SOL/USDT: {{tick: 0.01, lot: 0.1}}
  XRP/USDT: {{shortable: true}}
"""
STATIC = """
tiers:
  core: {symbols: [BTC/USDT, ETH/USDT]}
  rotational: {symbols: [ADA/USDT, LINK/USDT], regimes: [trend, chop]}
  event: {symbols: [XRP/USDT], max_hold_hours: 30, regimes: [crash]}
  perp: {symbols: []}
  stocks: {symbols: []}
regime: {symbol: BTC/USDT, size_factor: {calm: 0.3, chop: 0}}
"""
#: Tighter than anyone's, so that many good bars are not believed.
GUARDS = "data: {max_move_pct: %s, min_volume_ratio: 0.9, max_stale_bars: 2, recovery_bars: 3}\n"
COINS = (
    "BTC", "ETH", "ADA", "LINK", "XRP", "SOL", "LUNA", "DOGE", "MATIC", "TKO", "COCOS", "DOT",
    "SAND",
)  # fmt: skip
SPRING = tuple(f"binance_spot_2021/{c}-USDT_1h.parquet" for c in COINS)
YEARS = tuple(f"binance_spot_long/{c}-USDT_1h.parquet" for c in (*COINS[:5], "BCH"))
FIVES, HOURS = (
    tuple(f"binance_spot_2021/{c}-USDT_{tf}.parquet" for c in ("BTC", "XRP", "SOL", "LUNA"))
    for tf in ("5m", "1h")
)


def changing(
    least: str = "30000000", high: str = "150000000", low: str = "50000000", most: int = 6,
    listed: str = "2021-04-20", delisted: str = "2021-05-25",
) -> str:  # fmt: skip
    """Return a universe with filters, discovery, dates and regimes."""
    return UNIVERSE.format(
        least=least, high=high, low=low, most=most, listed=listed, delisted=delisted
    )


@dataclass(frozen=True)
class Bench:
    """A folder for the project, and the market data."""

    folder: Path
    root: Path
    data: Path

    def run(
        self, names: tuple[str, ...], files: tuple[str, ...], start: str, end: str, universe: str,
        *, move_pct: float | None = None, policy: str = "wide", detail: int | None = None,
    ) -> tuple[Prepared, Found]:  # fmt: skip
        """Run both over real candles; `move_pct` is that of the guards, None is no guards."""
        write_project(
            self.folder, self.root, universe, "" if move_pct is None else GUARDS % move_pct
        )
        span = TimeRange(parse_time(start), parse_time(end))
        request = BacktestRequest(
            names, tuple(self.data / f for f in files), span=span, detail=detail
        )
        ready = prepare(self.folder, request, policy=self.folder / f"{policy}.yaml")
        return ready, compare(ready)


@pytest.fixture
def bench(tmp_path: Path, root: Path, market_data: Path) -> Bench:
    return Bench(tmp_path, root, market_data)


@pytest.mark.parametrize("policy", ["wide", "tight"])
def test_a_spring_of_discovery_regimes_and_bars_not_believed(bench: Bench, policy: str) -> None:
    ready, found = bench.run(
        ("limits", "breakout"), SPRING, "20210412", "20210601", changing(), move_pct=4,
        policy=policy,
    )  # fmt: skip
    assert found.differences == []
    assert len(ready.history.refused) > 1000
    rules = found.oracle.rejections
    assert min(rules[r] for r in ("NOT_IN_UNIVERSE", "REGIME", "MAX_STALE_BARS")) > 100
    assert len({row["symbol"] for row in found.oracle.trades}) > 8


def test_the_crash_of_2020_with_a_listing_and_a_delisting(bench: Bench) -> None:
    universe = changing("5000000", "60000000", "10000000", 3, "2020-03-01", "2020-03-28")
    _, found = bench.run(
        ("limits", "breakout"), YEARS, "20200225", "20200405", universe, move_pct=4
    )
    assert found.differences == []
    first, last = parse_time("20200301"), parse_time("20200328")
    traded = [row for row in found.oracle.trades if row["symbol"] == "ADA/USDT"]
    # Decided before midnight, bought at the open of the day's first hour.
    assert all(first <= int(str(row["entry_ts"])) < last for row in traded)


def test_a_universe_that_never_changes_has_a_regime(bench: Bench) -> None:
    _, found = bench.run(
        ("limits", "breakout"), SPRING, "20210512", "20210601", STATIC, move_pct=6
    )
    assert found.differences == []
    assert found.oracle.rejections["REGIME"] > 1000


def test_bars_of_five_minutes(bench: Bench) -> None:
    ready, found = bench.run(
        ("breakout_five",), FIVES, "20210513", "20210519", changing(), move_pct=1.2
    )
    assert found.differences == []
    assert len(ready.history.refused) > 1000
    assert len(found.oracle.trades) > 50


def test_strategies_of_three_timeframes(bench: Bench) -> None:
    _, found = bench.run(
        ("breakout_five", "breakout", "slow"), FIVES, "20210515", "20210520", changing()
    )
    assert found.differences == []


def test_bars_of_five_minutes_that_decide_what_fills_in_an_hour(bench: Bench) -> None:
    _, found = bench.run(
        ("breakout", "limits"), FIVES + HOURS, "20210514", "20210524", changing(),
        detail=300_000,
    )  # fmt: skip
    assert found.differences == []
