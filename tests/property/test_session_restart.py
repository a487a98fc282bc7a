"""Stopped and started again anywhere, with any policy, an account decides as if undisturbed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.ledger.verify import verify
from paperbot_core.trade.status import account_trades
from tests import session_world as sw

NAMES = ["donchian_atr", "mean_reversion", "rsi_reversion"]


@settings(max_examples=8)
@given(
    seed=st.integers(0, 1_000), gaps=st.sampled_from([0.0, 0.1]),
    cuts=st.lists(st.integers(1, 60), max_size=4),
    daily=st.sampled_from(["0.3", "50.0"]), cap=st.sampled_from(["5.0", "30.0"]),
)  # fmt: skip
def test_a_restart_changes_nothing(
    seed: int, gaps: float, cuts: list[int], daily: str, cap: str
) -> None:
    policy = sw.WIDE_POLICY.replace("daily_stop_loss_pct: 50.0", f"daily_stop_loss_pct: {daily}")
    policy = policy.replace("max_position_size_pct: 30.0", f"max_position_size_pct: {cap}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        for number, symbol in enumerate(("BTC/USDT", "SOL/USDT")):
            sw.write_candles(data, sw.walk(symbol, 150, seed + number, gaps=gaps, sigma=0.02))
        exchange = f"{{plugin: replay, path: {data}, timeframe: 1h}}"
        project = sw.make_project(folder / "p", NAMES, exchange, policy=policy)
        sw.run_session(sw.replay_setup(project, data, folder / "whole"))
        for bars in cuts:
            sw.run_session(sw.replay_setup(project, data, folder / "parts"), bars=bars)
        sw.run_session(sw.replay_setup(project, data, folder / "parts"))
        whole, parts = (folder / n / "journal.sqlite" for n in ("whole", "parts"))
        assert verify(whole).content_hash == verify(parts).content_hash
        expected = sw.backtest_trades(project, NAMES, [data])
        assert sw.plain(account_trades(parts)) == sw.plain(expected)
