"""The synthetic market: the same everywhere, from any point, and believable."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import paperbot_sandbox
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from paperbot_sandbox.command import sandbox as command
from paperbot_sandbox.exchange import Sandbox
from paperbot_sandbox.market import DEFAULT_SYMBOLS, _exp, candles, listing
from paperbot_sandbox.options import SandboxOptions

from paperbot_core.api import Candles, TickerSource, UserError, bucket_open, timeframe_ms
from paperbot_core.testing.builders import plugins_of
from paperbot_core.testing.contracts import ExchangeContract, first_bars, run

HOUR = 3_600_000
START = 1_704_067_200_000
COLUMNS = ("ts", "open", "high", "low", "close", "volume")

#: Of 500 hourly bars of BTC/USDT, seed 7. If this changes, every recorded run on it is void.
DIGEST = "6d7d3300e4aed295b0fb8de6e5ceef9977acb4f917eb50c9c92298ca73a97359"


def digest(made: Candles) -> str:
    return hashlib.sha256(b"".join(getattr(made, name).tobytes() for name in COLUMNS)).hexdigest()


class TestSandboxContract(ExchangeContract):
    SYMBOLS = ("BTC/USDT", "ETH/USDT", "XRP/USDT")

    def make(self) -> Sandbox:
        return Sandbox(SandboxOptions(seed=3))


class TestSandboxOfOneSymbol(ExchangeContract):
    TIMEFRAME = "1m"
    SYMBOLS = ("NEW/USDT:USDT",)

    def make(self) -> Sandbox:
        return Sandbox(SandboxOptions(seed=3, symbols=["NEW/USDT:USDT"], bars=100))


def test_the_bytes_are_those_of_every_machine() -> None:
    assert digest(candles(7, "BTC/USDT", HOUR, START, 500)) == DIGEST


def test_another_process_makes_the_same_bytes() -> None:
    code = (
        "import hashlib;from paperbot_sandbox.market import candles\n"
        f"c=candles(7,'BTC/USDT',{HOUR},{START},500)\n"
        f"print(hashlib.sha256(b''.join(getattr(c,n).tobytes() for n in {COLUMNS})).hexdigest())"
    )
    env = os.environ | {"PYTHONHASHSEED": "99", "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == DIGEST


@given(
    seed=st.integers(0, 2**63 - 1),
    symbol=st.sampled_from([*DEFAULT_SYMBOLS, "FOO/BAR", "AAPL", "X/Y:Y"]),
    timeframe=st.sampled_from(["1s", "1m", "5m", "1h", "4h", "1d", "1w"]),
    at=st.integers(0, 4_000_000_000_000),
    count=st.integers(1, 60),
    cut=st.integers(0, 59),
)
def test_bars_can_be_made_from_any_point(
    seed: int, symbol: str, timeframe: str, at: int, count: int, cut: int
) -> None:
    length = timeframe_ms(timeframe)
    first = bucket_open(at, length)
    whole = candles(seed, symbol, length, first, count)
    cut = cut % count
    part = candles(seed, symbol, length, first + cut * length, count - cut)
    assert digest(whole.slice(cut, count)) == digest(part)
    assert (whole.low > 0).all()
    assert (whole.low <= np.minimum(whole.open, whole.close)).all()
    assert (whole.high >= np.maximum(whole.open, whole.close)).all()
    assert (whole.volume > 0).all()
    assert np.isfinite(whole.high).all()
    tick = listing(symbol).instrument.tick
    assert all(Decimal(repr(price)) % tick == 0 for price in whole.close.tolist())


def test_bars_join_and_timeframes_agree() -> None:
    hours = candles(7, "ETH/USDT", HOUR, START, 240)
    days = candles(7, "ETH/USDT", 24 * HOUR, START, 10)
    assert (hours.open[1:] == hours.close[:-1]).all()
    assert (days.open == hours.open[::24]).all()
    assert (days.close == hours.close[23::24]).all()


def test_another_seed_or_symbol_is_another_market() -> None:
    made = {
        digest(candles(seed, symbol, HOUR, START, 50))
        for seed in (1, 2)
        for symbol in ("AAA/USDT", "BBB/USDT")
    }
    assert len(made) == 4


@pytest.mark.parametrize("symbol", ["BTC/USDT", "DOGE/USDT", "FOO/USDT"])
def test_the_market_is_believable(symbol: str) -> None:
    year = candles(7, symbol, HOUR, START, 8_760)
    returns = np.diff(np.log(year.close))
    yearly = returns.std() * np.sqrt(8_760)
    assert 0.6 < yearly / listing(symbol).volatility < 1.6
    size = np.abs(returns)
    assert np.corrcoef(size[:-1], size[1:])[0, 1] > 0.1  # wild hours come together
    assert abs(np.corrcoef(returns[:-1], returns[1:])[0, 1]) < 0.1  # but tell no direction
    kurtosis = ((returns - returns.mean()) ** 4).mean() / returns.var() ** 2
    assert kurtosis > 4  # fatter tails than normal ones
    weeks = year.close[167::168] / year.open[: -167 - 8_760 % 168 : 168][:52]
    assert weeks.max() > 1.05
    assert weeks.min() < 0.95
    average = np.convolve(year.volume, np.ones(20) / 20, "valid")[:-1]
    assert 0.005 < (year.volume[20:] > 2.5 * average).mean() < 0.1


def test_exp_is_the_exponential() -> None:
    x = np.linspace(-9, 9, 1_001)
    assert np.allclose(_exp(x), np.exp(x), rtol=1e-12, atol=0)


def test_the_market_ends_where_it_is_told_also_when_resumed() -> None:
    def stream(since: int | None) -> list[int]:
        options = SandboxOptions(bars=30)
        bars = run(first_bars(Sandbox(options), ["BTC/USDT"], "1h", 1_000, since))
        return [bar.ts for bar in bars]

    assert len(stream(None)) == 30
    assert stream(START + 20 * HOUR) == stream(None)[20:]


def test_history_ends_where_the_stream_begins() -> None:
    async def both() -> tuple[list[Any], list[Any], list[Any]]:
        market = Sandbox(SandboxOptions(history=10))
        before = list(await market.bars("BTC/USDT", "1h", 0))
        streamed = await first_bars(market, ["BTC/USDT"], "1h", 5)
        return before, streamed, list(await market.bars("BTC/USDT", "1h", 0))

    before, streamed, after = run(both())
    assert len(before) == 10
    assert before[-1].close_ts == streamed[0].ts == START
    assert after == before + streamed


def test_real_time_waits_for_the_close() -> None:
    now = [START / 1_000 + 0.95]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    market = Sandbox(SandboxOptions(speed="realtime"), lambda: now[0], sleep)
    bars = run(first_bars(market, ["BTC/USDT"], "1s", 3))
    assert [bar.ts for bar in bars] == [START + 1_000, START + 2_000, START + 3_000]
    assert bars[-1].close_ts / 1_000 <= now[0] < bars[-1].close_ts / 1_000 + 1


@pytest.mark.parametrize("symbol", ["", "btc/usdt", "BTC/USDT/X", "A B", "../x"])
def test_what_is_no_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(UserError, match="PB5050"):
        run(Sandbox(SandboxOptions()).bars(symbol, "1h", 0))


def test_only_listed_symbols_exist() -> None:
    market = Sandbox(SandboxOptions(symbols=["A/B"]))
    with pytest.raises(UserError, match="PB5050"):
        run(first_bars(market, ["A/C"], "1h", 1))
    assert [i.symbol for i in run(market.instruments())] == ["A/B"]


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1}, {"sede": 1}, {"speed": "fast"}, {"history": -1}, {"bars": 0},
        {"start": "soon"}, {"symbols": ["A", "A"]}, {"speed": "realtime", "start": "2024-01-01"},
    ],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="PB5009"):
        plugins_of({"paperbot-sandbox": paperbot_sandbox}).build("exchange", "sandbox", options)


def test_options_may_be_text_as_in_yaml() -> None:
    plugins = plugins_of({"paperbot-sandbox": paperbot_sandbox})
    options = {"seed": "7", "bars": "3", "start": "2024-02-01"}
    market = plugins.build("exchange", "sandbox", options)
    bars = run(first_bars(market, ["BTC/USDT"], "1h", 9))
    assert [bar.ts for bar in bars] == [1_706_745_600_000 + k * HOUR for k in range(3)]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_command_writes_files_twice_the_same(tmp_path: Path, kind: str) -> None:
    made = []
    for folder in ("a", "b"):
        args = ["--out", str(tmp_path / folder), "--symbol", "X/Y:Y", "--bars", "30"]
        result = CliRunner().invoke(command, [*args, "--format", kind])
        assert result.exit_code == 0, result.output
        made.append((tmp_path / folder / f"X-Y-Y_1h.{kind}").read_bytes())
    assert made[0] == made[1]


def test_listing_plugins_does_not_load_numpy() -> None:
    code = (
        "import sys, paperbot_sandbox as p; p.register_exchanges(); print('numpy' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert json.loads(made.stdout.strip().lower()) is False


def test_tickers_are_those_of_its_present() -> None:
    made = Sandbox(SandboxOptions(seed=7, symbols=["BTC/USDT", "X/Y"]))
    assert isinstance(made, TickerSource)
    btc, other = run(made.tickers())
    assert (btc.symbol, other.symbol, btc.ts) == ("BTC/USDT", "X/Y", START)
    assert btc.bid < btc.last < btc.ask
    day = candles(7, "BTC/USDT", HOUR, START - 24 * HOUR, 24)
    assert btc.quote_volume == pytest.approx(float((day.close * day.volume).sum()))
