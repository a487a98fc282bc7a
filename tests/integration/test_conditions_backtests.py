"""Who may enter what when, in backtests of candles made by hand; the oracle checks each of them.

Hours count from 2024-01-01 00:00 UTC, cash is 10,000, nothing costs anything. BTC/USDT tells the
regime: below 50 a crash, above 150 a trend, below 80 calm, else chop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paperbot_core.research.backtest import BacktestResult, prepare, run_backtest
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.why import explain_bar
from tests.candle_files import HOUR, START
from tests.oracle.compare import compare
from tests.oracle.strategies import write_project

#: Open, high, low, close, volume; None is an hour without a bar.
Hour = tuple[float, ...] | None

FLAT = (100.0, 101.0, 99.0, 100.0, 1000.0)
DAY = 24
TIERS = """
tiers:
  core: {{symbols: [BTC/USDT]}}
  rotational: {{symbols: [{rotational}] {more}}}
  event: {{symbols: []}}
  perp: {{symbols: []}}
  stocks: {{symbols: []}}
"""
REGIME = """
regime:
  symbol: BTC/USDT
  timeframe: 1h
  rules: {crash: close < 50, trend: close > 150, calm: close < 80}
"""
#: Enters whenever it may and leaves after a bar.
ALWAYS = """
entry: {long: close > 0}
size: {equity_pct: 10}
protect: {stop: 0.1 * close, max_bars: 1}
"""


def tiers(rotational: str = "A/USDT", more: str = "") -> str:
    """Return the five tiers with symbols and rules of `rotational`."""
    return TIERS.format(rotational=rotational, more=more and f", {more}")


def at(close: float) -> Hour:
    """Return an hour in which nothing happens but this price."""
    return (close, close, close, close, 1000.0)


class Scene:
    """A project in a folder of its own, and the candles it is tried on."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root

    def play(
        self, candles: Mapping[str, Sequence[Hour]], universe: str, rules: str = ALWAYS, *,
        timeframe: str = "1h", data: str = "", detail: int | None = None, oracle: bool = True,
        wanted: str = "[rotational]", event_pct: int = 1000,
    ) -> BacktestResult:  # fmt: skip
        """Run the strategy `one` over the candles, and the oracle beside it."""
        write_project(self.folder, self.root, universe, data)
        head = f"name: one\ntimeframe: {timeframe}\nuniverse: {wanted}\n"
        policy = self.folder / "policy.yaml"
        policy.write_text(policy.read_text().replace("event: 1000", f"event: {event_pct}"))
        (self.folder / "strategies.d" / "one.yaml").write_text(head + rules)
        paths = []
        for symbol, hours in candles.items():
            rows = [(START + HOUR * k, *hour) for k, hour in enumerate(hours) if hour is not None]
            names = ("ts", "open", "high", "low", "close", "volume")
            columns = dict(zip(names, zip(*rows, strict=True), strict=True))
            paths.append(self.folder / f"{symbol.replace('/', '-')}_1h.parquet")
            pq.write_table(pa.table(columns), paths[-1])
        request = BacktestRequest(
            ("one",), tuple(paths), fee_bps=Decimal(0), slippage_bps=0.0, cash=Decimal(10_000),
            detail=detail,
        )  # fmt: skip
        if oracle:
            assert compare(prepare(self.folder, request)).differences == []
        return run_backtest(self.folder, request)


@pytest.fixture
def scene(tmp_path: Path, root: Path) -> Scene:
    return Scene(tmp_path, root)


def born_at(hour: int) -> dict[str, list[Hour]]:
    """Return eighty hours of two coins, of which A/USDT has its first bar at `hour`."""
    return {"BTC/USDT": [FLAT] * 80, "A/USDT": [*[None] * hour, *[FLAT] * (80 - hour)]}


def entries(result: BacktestResult, symbol: str = "A/USDT") -> list[int]:
    """Return the hours in which a symbol was bought; an hour after each decision's own."""
    fills = [dict(zip(result.fills, row, strict=True))
             for row in zip(*result.fills.values(), strict=True)]
    return [
        (int(f["ts"]) - START) // HOUR
        for f in fills
        if f["symbol"] == symbol and f["side"] == "buy"
    ]


def exits(result: BacktestResult, symbol: str = "A/USDT") -> list[tuple[int, str, float]]:
    """Return the ends of a symbol's trades as (hour, reason, price)."""
    t = result.trades
    rows = zip(t["symbol"], t["exit_ts"], t["exit_reason"], t["exit_price"], strict=True)
    return [((int(ts) - START) // HOUR, why, float(price)) for s, ts, why, price in rows
            if s == symbol]  # fmt: skip


def refused(result: BacktestResult) -> dict[str, int]:
    """Return how often each rule refused."""
    found: dict[str, int] = result.facts["rejections"]
    return found


# The universe.


def test_a_symbol_is_traded_from_its_listing_to_its_delisting(scene: Scene) -> None:
    dates = "instruments: {A/USDT: {listed: 2024-01-02, delisted: 2024-01-03}}"
    told = scene.play({"A/USDT": [FLAT] * 80}, tiers() + dates)
    hours = entries(told)
    assert (hours[0], hours[-1]) == (DAY, 2 * DAY - 2)
    assert set(refused(told)) == {"NOT_IN_UNIVERSE"}


def test_a_symbol_joins_when_its_first_day_of_volume_is_known(scene: Scene) -> None:
    # Born at hour 5, so a day of volume is known at hour 29; before, however much is traded.
    hourly = "discovery: {tiers: {rotational: 1000}, refresh_hours: 1}"
    assert entries(scene.play(born_at(5), tiers("") + hourly))[0] == 5 + DAY


def test_a_symbol_joins_at_the_next_choice_only(scene: Scene) -> None:
    daily = "discovery: {tiers: {rotational: 1000}, refresh_hours: 24}"
    told = scene.play(born_at(5), tiers("") + daily)
    assert entries(told)[0] == 2 * DAY
    assert told.facts["conditions"]["universe"]["A/USDT"] == [[START + 48 * HOUR, "rotational"]]


def test_a_listed_symbol_too_waits_for_the_volume_a_filter_asks_for(scene: Scene) -> None:
    bars = {"A/USDT": [FLAT] * 60 + [(*FLAT[:4], 1.0)] * 40}
    told = scene.play(bars, tiers() + "filters: {min_quote_volume: 1000000}")
    # Known at hour 24; at hour 72 the day before had 12 x 100,000 + 12 x 100, at 96 it had 2,400.
    assert (entries(told)[0], entries(told)[-1]) == (DAY, 4 * DAY - 2)


def test_who_changes_to_a_tier_that_the_strategy_does_not_trade_is_barred(scene: Scene) -> None:
    loud, quiet = (*FLAT[:4], 5000.0), (*FLAT[:4], 500.0)
    bars = {"BTC/USDT": [FLAT] * 100, "A/USDT": [quiet] * 48 + [loud] * 52}
    steps = "discovery: {tiers: {rotational: 1000000, event: 5000000}, refresh_hours: 24}"
    told = scene.play(bars, tiers("") + steps)
    assert (entries(told)[0], entries(told)[-1]) == (DAY, 3 * DAY - 2)
    changes = told.facts["conditions"]["universe"]["A/USDT"]
    assert [tier for _, tier in changes] == ["rotational", "event"]
    assert set(refused(told)) == {"NOT_IN_UNIVERSE"}


def test_what_is_held_counts_in_the_tier_that_its_symbol_is_in_now(scene: Scene) -> None:
    # A/USDT, bought as rotational, is event from hour 72 on: of the 1,500 of that tier it holds
    # 1,000, and B/USDT gets the rest: 500 at the collar of 105.
    loud, quiet = (*FLAT[:4], 5000.0), (*FLAT[:4], 500.0)
    bars = {
        "A/USDT": [quiet] * 48 + [loud] * 32,
        "B/USDT": [(90.0, 90.0, 90.0, 90.0, 9000.0)] * 74 + [loud] * 6,
    }
    steps = "discovery: {tiers: {rotational: 1000000, event: 5000000}, refresh_hours: 24}"
    told = scene.play(
        bars, tiers("") + steps, ONCE + "protect: {stop: 0.2 * close}",
        wanted="[rotational, event]", event_pct=15,
    )  # fmt: skip
    assert (entries(told), entries(told, "B/USDT")) == ([24], [75])
    assert [float(q) for q in told.fills["quantity"]] == pytest.approx([10.0, 500 / 105])
    assert told.facts["shrunk"] == {"MAX_TIER_PCT": 1}


LEFT = "instruments: {A/USDT: {delisted: 2024-01-02}}"
#: Bought at hour 23 at 100 with a stop of 10, out of the universe from hour 24 on.
BOUGHT = [at(1.0)] * 22 + [at(100.0)] * 3
ONCE = "entry: {long: close >= 100}\nsize: {equity_pct: 10}\n"
EXITS = {
    "signal": ("exit: {long: close > 105}\nprotect: {stop: 0.1 * close}", [106, 104],
               (26, 104.0)),
    "stop": ("protect: {stop: 0.1 * close}", [95, 89], (26, 89.0)),
    "target": ("protect: {stop: 0.1 * close, take_profit: [{at_r: 1, fraction: 1}]}", [105, 112],
               (26, 112.0)),
    "trail": ("protect: {stop: 0.1 * close, trail: {after_r: 1, distance: 0.05 * close}}",
              [120, 113], (26, 113.0)),
    "breakeven": ("protect: {stop: 0.1 * close, breakeven_after_r: 1}", [120, 99], (26, 99.0)),
    "time": ("protect: {stop: 0.1 * close, max_bars: 3}", [101, 102], (26, 102.0)),
}  # fmt: skip


@pytest.mark.parametrize("reason", EXITS)
def test_what_is_held_when_its_symbol_leaves_gets_out_by_every_exit(
    scene: Scene, reason: str
) -> None:
    rules, prices, (hour, price) = EXITS[reason]
    bars = [*BOUGHT, *(at(float(p)) for p in prices), at(100.0), at(100.0)]
    told = scene.play({"A/USDT": bars}, tiers() + LEFT, ONCE + rules)
    assert entries(told) == [23]
    assert exits(told) == [(hour, reason, price)]
    assert set(refused(told)) <= {"NOT_IN_UNIVERSE"}


def test_what_is_held_when_its_symbol_leaves_keeps_the_hold_of_its_tier(scene: Scene) -> None:
    told = scene.play(
        {"A/USDT": [*BOUGHT, *[at(100.0)] * 9]}, tiers(more="max_hold_hours: 6") + LEFT,
        ONCE + "protect: {stop: 0.1 * close}",
    )  # fmt: skip
    assert exits(told) == [(29, "time", 100.0)]


def test_an_entry_that_rests_when_its_symbol_leaves_still_fills(scene: Scene) -> None:
    rules = """
entry: {long: {when: close >= 100, limit: 0.95 * close, limit_bars: 6}}
size: {equity_pct: 10}
protect: {stop: 0.1 * close}
"""
    told = scene.play({"A/USDT": [*BOUGHT, at(94.0), at(94.0)]}, tiers() + LEFT, rules)
    assert entries(told) == [25]


# The regime.


def test_nothing_enters_a_tier_in_a_regime_that_it_does_not_name(scene: Scene) -> None:
    lead = [at(p) for p in (100.0, 160.0, 160.0, 40.0, 70.0, 160.0, 100.0, 100.0)]
    told = scene.play(
        {"BTC/USDT": lead, "A/USDT": [FLAT] * 8}, tiers(more="regimes: [trend]") + REGIME
    )
    # Decided at the closes of hours 1 and 5 (the position of hour 2 is sold at 3).
    assert entries(told) == [2, 6]
    assert told.facts["conditions"]["regime"] == {"calm": 1, "chop": 3, "crash": 1, "trend": 3}


def test_a_size_is_multiplied_by_the_factor_of_the_regime(scene: Scene) -> None:
    factors = REGIME + "  size_factor: {crash: 0.25, chop: 0.5, calm: 0}\n"
    lead = [at(p) for p in (100.0, 160.0, 160.0, 160.0, 40.0, 160.0, 70.0, 70.0)]
    told = scene.play({"BTC/USDT": lead, "A/USDT": [at(100.0)] * 8}, tiers() + factors)
    bought = [float(q) for q, side in zip(told.fills["quantity"], told.fills["side"], strict=True)
              if side == "buy"]  # fmt: skip
    # In the hours 1 (chop), 3 (trend), 5 (crash); at the close of hour 6 it is calm.
    assert (entries(told), bought) == ([1, 3, 5], [5.0, 10.0, 2.5])
    assert refused(told) == {"REGIME": 2}


def test_adds_are_barred_too_and_used_up(scene: Scene) -> None:
    rules = """
entry: {long: close == 100}
size: {equity_pct: 10}
protect: {stop: 10 * close / 100}
pyramid: [{at_r: 0.5, add: 0.5}, {at_r: 1, add: 0.5}]
"""
    lead = [at(160.0)] * 2 + [at(100.0)] * 2 + [at(160.0)] * 3
    own = [at(p) for p in (100.0, 100.0, 106.0, 106.0, 106.0, 111.0, 111.0)]
    told = scene.play(
        {"BTC/USDT": lead, "A/USDT": own}, tiers(more="regimes: [trend]") + REGIME, rules
    )
    # The level of 105 is refused at the close of hour 2 and does not come back; that of 110 does.
    assert entries(told) == [1, 6]
    assert refused(told) == {"REGIME": 1}


def test_a_regime_that_is_not_known_enters_nothing(scene: Scene) -> None:
    lead = [None] * 5 + [at(160.0)] * 5
    told = scene.play(
        {"BTC/USDT": lead, "A/USDT": [FLAT] * 10}, tiers(more="regimes: [trend]") + REGIME
    )
    assert entries(told)[0] == 6
    assert refused(told) == {"REGIME": 5}


# The guards.

GUARDS = "data: {max_move_pct: 10, min_volume_ratio: 0.25, max_stale_bars: 1, recovery_bars: 3}\n"


def test_a_bad_tick_is_no_price_and_opens_the_breaker(scene: Scene) -> None:
    rules = "entry: {long: close == 100}\nsize: {equity_pct: 10}\nprotect: {stop: 0.1 * close}\n"
    bars: list[Any] = [FLAT] * 12
    bars[3] = (100.0, 100.0, 40.0, 41.0, 1.0)
    held = scene.play({"A/USDT": bars}, tiers(), rules, data=GUARDS)
    assert (entries(held), exits(held)) == ([1], [])
    assert held.facts["conditions"]["refused_bars"] == {"A/USDT": 1}
    (told,) = explain_bar(held.facts, held.trades, "A/USDT", START + 3 * HOUR)["strategies"]
    assert told["outcome"] == "absent"
    assert told["because"][0].endswith(
        "was not believed: it reached 60.00 % from the last close 100 with 0.001 times the usual "
        "volume"
    )


def test_after_a_bad_tick_entries_wait_for_bars_in_a_row(scene: Scene) -> None:
    bars: list[Any] = [FLAT] * 12
    bars[3] = (100.0, 100.0, 40.0, 41.0, 1.0)
    told = scene.play({"A/USDT": bars}, tiers(), data=GUARDS)
    # Bought at 1, sold at 2, asked for at the close of 2: hour 3 is no bar. The closes of 4 and
    # 5 are refused, that of 6 is the third in a row.
    assert entries(told)[:2] == [1, 7]
    assert refused(told) == {"BAR_ABSENT": 1, "MAX_STALE_BARS": 2}


def test_a_bar_and_the_finer_ones_in_it_are_believed_alike(scene: Scene) -> None:
    # Hour 7 jumps by 12 % on a hundredth of the volume. As an hour it is refused, as a part of
    # four hours it is not: the signal sees a close of 112, size and collar go by the 100 of hour 6.
    rules = "entry: {long: close > 105}\nsize: {equity_pct: 10}\nprotect: {stop: 0.1 * close}\n"
    bars = [*[FLAT] * 7, (100.0, 112.0, 100.0, 112.0, 10.0), *[at(112.0)] * 8]
    told = scene.play(
        {"A/USDT": bars}, tiers(), rules, timeframe="4h", data=GUARDS, detail=HOUR, oracle=False
    )
    assert "COLLAR_MISSED" not in refused(told)
