"""`paperbot backtest` and `sweep` through the command line, on synthetic candles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from paperbot_core.cli.backtest import backtest
from paperbot_core.cli.sweep import sweep
from paperbot_core.research.backtest import prepare, run_backtest
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.result import trade_table
from paperbot_core.research.sets import SweepGrid
from paperbot_core.research.simulate import Stage, simulate
from paperbot_core.research.sweep import sweep as run_sweep
from tests.candle_files import HOUR, START, write_walk

KEYS = {
    "run_id", "strategies", "symbols", "timeframe", "start", "end", "bars", "trades",
    "final_equity", "metrics", "rejections", "ambiguous_bars", "halted_at", "buy_and_hold_pct",
    "timing", "warnings",
}  # fmt: skip
TRADE_COLUMNS = [
    "symbol", "strategy", "side", "entry_ts", "entry_price", "quantity", "exit_ts", "exit_price",
    "fees", "pnl", "r_multiple", "exit_reason", "bars_held",
]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("paperbot.yaml", "policy.yaml", "universe.yaml"):
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "strategies.d", tmp_path / "strategies.d")
    for seed, name in enumerate(("BTC-USDT", "ETH-USDT")):
        write_walk(tmp_path, f"{name}_1h.parquet", 3000, seed=seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_json(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(backtest, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_answer_has_the_promised_keys_and_the_trades_file_the_columns(project: Path) -> None:
    facts = run_json("-s", "sma_cross", "--data", "BTC-USDT_1h.parquet", "--trades", "t.parquet")
    assert facts.keys() >= KEYS
    assert facts["trades"] > 10
    table = pq.read_table(project / "t.parquet")
    assert table.column_names == TRADE_COLUMNS
    assert table.num_rows == facts["trades"]
    assert (facts["start"], facts["bars"]) == (START, 3000)
    pnl = np.sum(table["pnl"].to_numpy())
    held = any("at the end" in warning for warning in facts["warnings"])
    if not held:
        assert facts["final_equity"] == pytest.approx(10_000 + pnl)


def test_a_time_range_warms_up_on_earlier_bars(project: Path) -> None:
    cut = START + 1000 * HOUR
    late = run_json("-s", "sma_cross", "--data", "BTC-USDT_1h.parquet", "--timerange", f"{cut}-")
    assert (late["start"], late["bars"]) == (cut, 2000)
    request = BacktestRequest(("sma_cross",), (Path("BTC-USDT_1h.parquet"),))
    whole = run_backtest(project, request)
    firsts = [t for t in whole.trades["entry_ts"].tolist() if t > cut + 200 * HOUR]
    assert firsts  # the cut lies inside the traded part
    assert late["trades"] >= len(firsts) - 1


def test_the_same_run_gives_the_same_answer_and_name(project: Path) -> None:
    one = run_json("-s", "donchian_atr", "--data", ".")
    two = run_json("-s", "donchian_atr", "--data", ".")
    for facts in (one, two):
        facts.pop("timing")
    assert one == two


def test_plain_and_compiled_backtests_agree_for_every_shipped_strategy(project: Path) -> None:
    names = tuple(sorted(p.stem for p in (project / "strategies.d").glob("*.yaml")))
    ready = prepare(project, BacktestRequest(names, (Path(),)))
    stage = Stage(ready.history, ready.strategies, ready.setup.span)
    plain = simulate(stage, ready.strategies, ready.setup, driver="plain")
    compiled = simulate(stage, ready.strategies, ready.setup, driver="compiled")
    assert plain.outputs.equity.tobytes() == compiled.outputs.equity.tobytes()
    for name in plain.outputs.trades.dtype.names or ():
        assert plain.outputs.trades[name].tobytes() == compiled.outputs.trades[name].tobytes()
    assert len(plain.outputs.trades) > 50


def test_row_k_of_a_sweep_equals_the_single_backtest_k(project: Path) -> None:
    paths = (Path("BTC-USDT_1h.parquet"), Path("ETH-USDT_1h.parquet"))
    ready = prepare(project, BacktestRequest(("sma_cross",), paths))
    grid = SweepGrid(["sma_cross.fast=10:30:10", "slow=60,90"], {"sma_cross": ["fast", "slow"]})
    rows = list(run_sweep(ready, grid, count=len(grid)))
    assert [row.number for row in rows] == list(range(6))
    for row, sets in zip(rows, grid, strict=True):
        single = run_backtest(project, BacktestRequest(("sma_cross",), paths, sets=sets))
        mine = trade_table(row.run.desk, row.run.outputs.trades)
        for name in TRADE_COLUMNS:
            assert np.array_equal(np.array(mine[name]), np.array(single.trades[name])), name
        assert row.facts["final_equity"] == single.facts["final_equity"]
        metrics = {k: v for k, v in single.facts["metrics"].items() if k != "by"}
        assert row.facts["metrics"] == metrics


def test_finer_candles_decide_inside_the_bar(project: Path) -> None:
    write_walk(project, "SOL-USDT_5m.parquet", 12 * 1500, seed=9, tf_ms=HOUR // 12)
    coarse = run_json("-s", "donchian_atr", "--data", "SOL-USDT_5m.parquet")
    fine = run_json(
        "-s", "donchian_atr", "--data", "SOL-USDT_5m.parquet", "--detail-timeframe", "5m"
    )
    assert coarse["bars"] == 1500
    assert fine["bars"] == 18_000
    assert fine["ambiguous_bars"] <= coarse["ambiguous_bars"]
    assert fine["trades"] > 0


def test_a_sweep_lists_the_best_first(project: Path) -> None:
    arguments = ["-s", "sma_cross", "--data", "BTC-USDT_1h.parquet", "--set",
                 "sma_cross.fast=10,20,30", "--top", "2", "--csv", "rows.csv",
                 "--json"]  # fmt: skip
    done = CliRunner().invoke(sweep, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["combinations"] == 3
    equities = [row["final_equity"] for row in answer["rows"]]
    assert equities == sorted(equities, reverse=True)
    assert len(equities) == 2
    lines = (project / "rows.csv").read_text().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("row,sma_cross.fast,trades,final_equity")


def test_holes_outside_the_time_range_are_nobodys_business(project: Path) -> None:
    table = pq.read_table(project / "BTC-USDT_1h.parquet")
    kept = [row for row in range(table.num_rows) if row not in range(500, 505)]
    pq.write_table(table.take(kept), project / "BTC-USDT_1h.parquet")
    whole = run_json("-s", "sma_cross", "--data", "BTC-USDT_1h.parquet")
    assert any("lacks 5 bars" in text for text in whole["warnings"])
    late = run_json(
        "-s", "sma_cross", "--data", "BTC-USDT_1h.parquet", "--timerange", f"{START + 900 * HOUR}-"
    )
    assert not any("lacks" in text for text in late["warnings"])


def test_a_symbol_in_another_currency_is_told(project: Path) -> None:
    write_walk(project, "ETH-BTC_1h.parquet", 300, seed=4)
    facts = run_json("-s", "sma_cross", "--data", "ETH-BTC_1h.parquet")
    assert any("another currency than the wallet's USDT: ETH/BTC" in w for w in facts["warnings"])


def test_warnings_of_strategies_that_do_not_run_are_not_told(project: Path) -> None:
    other = project / "strategies.d" / "rsi_reversion.yaml"
    text = other.read_text().replace("universe: [", "universe: [NEW/USDT, ", 1)
    other.write_text(text)
    facts = run_json("-s", "sma_cross", "--data", "BTC-USDT_1h.parquet")
    assert not any("NEW/USDT" in warning for warning in facts["warnings"])
    facts = run_json("-s", "rsi_reversion", "--data", "BTC-USDT_1h.parquet")
    assert any("NEW/USDT" in warning for warning in facts["warnings"])


def test_a_strategy_that_can_never_decide_says_which_value_it_lacks(project: Path) -> None:
    short = project / "short"
    short.mkdir()
    write_walk(short, "BTC-USDT_1h.parquet", 40, seed=5)
    facts = run_json("-s", "sma_cross", "--data", "short")
    told = [w for w in facts["warnings"] if "never had a value of entry.long.0" in w]
    assert told
    assert "the data has 40" in told[0]
    file = project / "strategies.d" / "blind.yaml"
    file.write_text(
        "name: blind\ntimeframe: 1h\nuniverse: [core]\nsize: {equity_pct: 5}\n"
        "entry: {long: {when: close / (close - close) > 1}}\n"
    )
    facts = run_json("-s", "blind", "--data", "BTC-USDT_1h.parquet")
    assert any("blind never had a value of entry.long.0" in w for w in facts["warnings"])
    facts = run_json("-s", "sma_cross", "--data", "BTC-USDT_1h.parquet")
    assert not any("never had a value" in w for w in facts["warnings"])
