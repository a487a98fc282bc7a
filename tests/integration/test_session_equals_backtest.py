"""The law of sessions: PAPER over a replay makes the trades of the backtest, to the last bit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.verify import verify
from paperbot_core.plugins import Plugins
from paperbot_core.trade.status import account_trades
from tests import session_world as sw
from tests.inline_plugin import Alpha

SHIPPED = sorted(path.stem for path in (sw.ROOT / "strategies.d").glob("*.yaml"))
SYMBOLS = ("BTC/USDT", "SOL/USDT", "DOGE/USDT")
ROWS = 600


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three markets with holes in them."""
    folder = tmp_path_factory.mktemp("candles")
    for seed, symbol in enumerate(SYMBOLS):
        sw.write_candles(folder, sw.walk(symbol, ROWS, seed + 3, gaps=0.02))
    return folder


def _project(folder: Path, data: Path, names: list[str]) -> Path:
    return sw.make_project(folder, names, f"{{plugin: replay, path: {data}, timeframe: 1h}}")


@pytest.mark.parametrize("name", SHIPPED)
def test_paper_over_a_replay_equals_the_backtest(name: str, candles: Path, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", candles, [name])
    sw.run_session(sw.replay_setup(project, candles, tmp_path / "s"))
    expected = sw.backtest_trades(project, [name], [candles])
    assert sw.plain(account_trades(tmp_path / "s" / "journal.sqlite")) == sw.plain(expected)
    assert expected


def test_all_strategies_on_one_account_interrupted_at_random_bars(
    candles: Path, tmp_path: Path
) -> None:
    project = _project(tmp_path / "p", candles, SHIPPED)
    expected = sw.backtest_trades(project, SHIPPED, [candles])
    sw.run_session(sw.replay_setup(project, candles, tmp_path / "whole"))
    rng = random.Random(4)
    while True:
        setup = sw.replay_setup(project, candles, tmp_path / "parts")
        result = sw.run_session(setup, bars=rng.randint(1, 150))
        if result.reason == "the market ended":
            break
    whole, parts = (tmp_path / n / "journal.sqlite" for n in ("whole", "parts"))
    assert sw.plain(account_trades(whole)) == sw.plain(expected)
    assert sw.plain(account_trades(parts)) == sw.plain(expected)
    assert len(expected) > 100
    reports = verify(whole), verify(parts)
    assert [r.ok for r in reports] == [True, True], reports
    assert reports[0].content_hash == reports[1].content_hash


MIXED = {
    "slow": """\
name: slow
timeframe: 4h
universe: [BTC/USDT, SOL/USDT]
entry:
  long: {when: "close > sma(close, 5)", limit: close - 0.3 * atr(5), limit_bars: 2}
  short: {when: "close < sma(close, 5)"}
exit:
  long: {when: "close < sma(close, 8)"}
  short: {when: "close > sma(close, 8)"}
size: {equity_pct: 20}
protect: {stop: 2 * atr(5), max_bars: 6}
""",
    "lone": """\
name: lone
timeframe: 2h
universe: [DOGE/USDT]
entry:
  long: {when: "close > sma(close, 4) and rsi(4, timeframe='6h') > 40"}
exit:
  long: {when: "close < sma(close, 6)"}
size: {equity_pct: 15}
protect:
  stop: 1.5 * atr(4)
  trail: {after_r: 0.5, distance: atr(4)}
  take_profit: [{at_r: 1, fraction: 0.4}, {at_r: 2, fraction: 0.6}]
pyramid: [{at_r: 0.5, add: 0.5}]
""",
    "quick": """\
name: quick
timeframe: 1h
universe: [BTC/USDT, SOL/USDT]
entry:
  long: {when: "crosses_above(close, sma(close, 7))", strength: "clip(rsi(5) / 100, 0, 1)"}
exit:
  long: {when: "crosses_below(close, sma(close, 7))", min_bars: 2}
size: {risk_pct: 0.5, per: 2 * atr(7)}
protect: {stop: 2 * atr(7), breakeven_after_r: 1, cooldown_bars: 3}
""",
}
MIXED_UNIVERSE = """\
tiers:
  core: {symbols: [BTC/USDT]}
  rotational: {symbols: [SOL/USDT]}
  event: {symbols: [DOGE/USDT], max_hold_hours: 20}
instruments:
  BTC/USDT: {tick: 0.01, lot: 0.00001, min_notional: 5, cluster: a, shortable: true}
  SOL/USDT: {tick: 0.01, lot: 0.1, min_notional: 5, cluster: b, shortable: true, fee_asset: base}
  DOGE/USDT: {tick: 0, lot: 0, min_notional: 0, maker_bps: 2, taker_bps: 7, cluster: c}
"""


def test_mixed_timeframes_shorts_limits_ladders_and_volume(candles: Path, tmp_path: Path) -> None:
    project = sw.make_project(
        tmp_path / "p", ["slow", "lone", "quick"],
        f"{{plugin: replay, path: {candles}, timeframe: 1h}}",
        more="simulation: {slippage_bps: 7, volume_share_pct: 3}\n",
    )
    (project / "universe.yaml").write_text(MIXED_UNIVERSE)
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for name, text in MIXED.items():
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    expected = sw.backtest_trades(project, ["slow", "lone", "quick"], [candles])
    rng = random.Random(5)
    state = tmp_path / "s"
    while True:
        result = sw.run_session(sw.replay_setup(project, candles, state), bars=rng.randint(1, 99))
        if result.reason == "the market ended":
            break
    assert sw.plain(account_trades(state / "journal.sqlite")) == sw.plain(expected)
    assert {(row["strategy"], row["side"]) for row in expected} == {
        ("slow", "long"), ("slow", "short"), ("lone", "long"), ("quick", "long"),
    }  # fmt: skip
    assert verify(state / "journal.sqlite").ok


PLUGGED = """\
name: plugged
timeframe: 2h
universe: [BTC/USDT, SOL/USDT]
uses: alpha.both
size: {risk_pct: 0.5}
protect: {stop: 2 * atr(7)}
"""


def test_strategies_and_risk_checks_of_plugins(candles: Path, tmp_path: Path) -> None:
    # The check decides by every digit of every fact it sees, texts included.
    project = sw.make_project(
        tmp_path / "p", ["donchian_atr", "plugged"],
        f"{{plugin: replay, path: {candles}, timeframe: 1h}}", more="risk_checks: {nosy: {}}\n",
    )
    (project / "universe.yaml").write_text(MIXED_UNIVERSE)
    (project / "strategies.d" / "plugged.yaml").write_text(PLUGGED)

    def load(_: object) -> Plugins:
        return Plugins.of({"paperbot-alpha": Alpha()})

    expected = sw.backtest_trades(
        project, ["donchian_atr", "plugged"], [candles], plugins=load
    )
    state = tmp_path / "s"
    while True:
        setup = sw.replay_setup(project, candles, state, plugins=load)
        if sw.run_session(setup, bars=211).reason == "the market ended":
            break
    assert sw.plain(account_trades(state / "journal.sqlite")) == sw.plain(expected)
    assert {row["strategy"] for row in expected} == {"donchian_atr", "plugged"}
    with JournalReader(state / "journal.sqlite") as reader:
        texts = [r["reason"] for r in reader.table("verdicts") if r["rule"] == "RISK_CHECK"]
    assert texts
    assert all("nosy: 0." in text for text in texts)


def test_real_candles(market_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for symbol in ("BTC", "DOGE"):
        (data / f"{symbol}-USDT_1h.parquet").symlink_to(
            market_data / "binance_spot_2021" / f"{symbol}-USDT_1h.parquet"
        )
    names = ["donchian_atr", "rsi_momentum"]
    project = _project(tmp_path / "p", data, names)
    span = "20210101-20210301"
    state = tmp_path / "s"
    sw.run_session(sw.replay_setup(project, data, state, timerange=span))
    expected = sw.backtest_trades(project, names, [data], span=span)
    assert sw.plain(account_trades(state / "journal.sqlite")) == sw.plain(expected)
    assert expected
