"""Sessions equal backtests in worlds nobody would set up: odd timeframes, holes, gone tiers."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from paperbot_core.domain.market import HOUR_MS
from paperbot_core.ledger.verify import verify
from paperbot_core.market.resample import resample
from paperbot_core.market.universe.membership_record import RECORD_NAME
from paperbot_core.research.backtest import prepare
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.simulate import PRICES
from paperbot_core.trade.session import SessionSetup
from paperbot_core.trade.status import account_trades
from tests import session_world as sw
from tests.odd_worlds import World, make_world


def _setup(world: World, state: Path) -> SessionSetup:
    setup = sw.replay_setup(world.project, world.candles, state, timeframe=world.timeframe)
    record = world.project / "state" / RECORD_NAME
    return replace(setup, admit_unlisted=True, record=record)


def check(world: World, folder: Path, seed: int) -> int:
    """Hold a session, whole and interrupted, to the backtest; return how many trades it made."""
    expected = sw.plain(sw.backtest_trades(world.project, world.names, [world.candles]))
    whole, parts = folder / "whole", folder / "parts"
    sw.run_session(_setup(world, whole))
    rng = random.Random(seed)
    while True:
        result = sw.run_session(_setup(world, parts), bars=rng.randint(1, 300))
        if result.reason == "the market ended":
            break
    journals = [state / "journal.sqlite" for state in (whole, parts)]
    for journal in journals:
        assert sw.plain(account_trades(journal)) == expected
    reports = [verify(journal) for journal in journals]
    assert [report.ok for report in reports] == [True, True], reports
    assert reports[0].content_hash == reports[1].content_hash
    return len(expected)


@pytest.mark.parametrize("seed", [400, 402, 403])
def test_a_session_equals_the_backtest_in_an_odd_world(seed: int, tmp_path: Path) -> None:
    check(make_world(tmp_path, seed), tmp_path, seed)


UNIVERSE = """\
tiers: {core: {symbols: [ODD/USDT], always_eligible: true}}
regime:
  symbol: BTC/USDT
  timeframe: 1h
  rules: {crash: close < 0, trend: close > 0, calm: close < 0}
instruments: {ODD/USDT: {DATES}}
"""
RULES = """\
name: NAME
timeframe: LENGTH
universe: [core]
entry: {long: {when: "close > 0"}}
size: {equity_pct: 9}
protect: {max_bars: 1}
"""


def _odd_market(folder: Path, dates: str, lost: range) -> World:
    """Write a market that begins three hours after its leader and lacks the bars `lost`."""
    data, project = folder / "candles", folder / "p"
    exchange = f"{{plugin: replay, path: {data}, timeframe: 1h}}"
    sw.make_project(project, ["short", "long"], exchange)
    (project / "universe.yaml").write_text(UNIVERSE.replace("DATES", dates))
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for name, length in (("short", "1h"), ("long", "4h")):
        text = RULES.replace("NAME", name).replace("LENGTH", length)
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    sw.write_candles(data, sw.walk("BTC/USDT", 96, 1))
    odd = sw.walk("ODD/USDT", 96, 2)
    rows = [row for row in range(3, 96) if row not in lost]
    kept = {name: getattr(odd, name)[rows] for name in ("ts", *PRICES)}
    sw.write_candles(data, replace(odd, **kept))
    return World(project, data, ("short", "long"), "1h")


@pytest.mark.parametrize("guards", ["", "data: {max_move_pct: 50, min_volume_ratio: 0.1,"
                                    " max_stale_bars: 9, recovery_bars: 1}\n"])  # fmt: skip
def test_longer_bars_are_made_of_the_bars_of_a_session(guards: str, tmp_path: Path) -> None:
    """Candles of 30m make bars of 1h, and these those of 4h: volumes are sums to the last bit."""
    world = _odd_market(tmp_path, "listed: null", range(0))
    policy = world.project / "policy.yaml"
    policy.write_text(policy.read_text() + guards)
    (world.candles / "ODD-USDT_1h.parquet").unlink()
    fine = sw.walk("ODD/USDT", 192, 2, tf_ms=HOUR_MS // 2)
    fine = replace(fine, volume=fine.volume / 3)
    sw.write_candles(world.candles, fine)
    history = prepare(world.project, BacktestRequest(world.names, (world.candles,))).history
    made = resample(resample(fine, HOUR_MS), 4 * HOUR_MS)
    assert made.volume.tolist() != resample(fine, 4 * HOUR_MS).volume.tolist()
    assert history.own["ODD/USDT", 4 * HOUR_MS].volume.tolist() == made.volume.tolist()


def test_bars_of_the_leader_alone_decide_nothing(tmp_path: Path) -> None:
    world = _odd_market(tmp_path, "listed: null, delisted: 2024-01-04", range(0))
    assert check(world, tmp_path, 1) > 40
    first = sw.backtest_trades(world.project, ["short"], [world.candles])[0]
    assert first["entry_ts"] == sw.START + 4 * HOUR_MS


def test_a_longer_bar_may_end_where_no_short_one_is(tmp_path: Path) -> None:
    """At 00:00 of the day it is listed only the bar of 4h ends, which decides by the new choice."""
    world = _odd_market(tmp_path, "listed: 2024-01-02", range(23, 48))
    check(world, tmp_path, 2)
