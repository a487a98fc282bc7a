"""Runs on disk: what goes in comes out; half a run is none; nothing is overwritten by accident."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from paperbot_core.diagnostics import DataError, UserError
from paperbot_core.domain.market import Candles
from paperbot_core.report.run import TABLES, SavedRun, empty_columns
from paperbot_core.report.store import RunStore, thin_out

MakeRun = Callable[..., SavedRun]
HOUR = 3_600_000


def test_a_run_comes_back_as_it_was(tmp_path: Path, make_run: MakeRun) -> None:
    run = make_run()
    folder = RunStore(tmp_path).save(run)
    assert folder == tmp_path / "runs" / run.run_id
    assert [path.name for path in folder.parent.iterdir()] == [run.run_id]
    loaded = RunStore(tmp_path).load(run.run_id)
    assert loaded.facts == {"format": 1, **run.facts}
    for table, columns in TABLES.items():
        for name in columns:
            expected, found = getattr(run, table)[name], getattr(loaded, table)[name]
            np.testing.assert_array_equal(found, expected)
    for stored, candles in zip(loaded.bars, run.bars, strict=True):
        assert (stored.symbol, stored.tf_ms) == (candles.symbol, candles.tf_ms)
        for name in ("ts", "open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(getattr(stored, name), getattr(candles, name))


def test_numbers_json_does_not_know_are_null(tmp_path: Path, make_run: MakeRun) -> None:
    run = make_run(metrics={"sharpe": float("nan"), "trades": np.int64(3)}, halted_at=None)
    RunStore(tmp_path).save(run)
    assert RunStore(tmp_path).load().metrics == {"sharpe": None, "trades": 3}


def test_the_newest_is_the_default_and_a_beginning_is_enough(
    tmp_path: Path, make_run: MakeRun
) -> None:
    store = RunStore(tmp_path)
    store.save(make_run(run_id="b-1", created="2024-01-02T00:00:00Z"))
    store.save(make_run(run_id="a-2", created="2024-01-03T00:00:00Z"))
    store.save(make_run(run_id="b-3", created="2024-01-01T00:00:00Z"))
    assert [entry.run_id for entry in store.list()] == ["a-2", "b-1", "b-3"]
    assert store.load().run_id == "a-2"
    assert store.load("b-3").run_id == "b-3"
    assert store.load("a").run_id == "a-2"
    with pytest.raises(UserError, match="PB6030: there is no run `b`") as caught:
        store.load("b")
    assert caught.value.diagnostics[0].expected == "a-2, b-1, b-3"
    with pytest.raises(UserError, match="PB6030"):
        store.load("../runs/a-2")
    with pytest.raises(UserError, match="PB6030: there is no stored run yet"):
        RunStore(tmp_path / "elsewhere").load()


def test_nothing_is_overwritten_unless_asked(tmp_path: Path, make_run: MakeRun) -> None:
    store = RunStore(tmp_path)
    store.save(make_run())
    with pytest.raises(UserError, match="is stored already"):
        store.save(make_run())
    store.save(make_run(mode="PAPER"), replace=True)
    assert store.load().get("mode") == "PAPER"
    assert len(list(store.root.iterdir())) == 1
    for name in ("", "..", "a/b", ".hidden", "x" * 200):
        with pytest.raises(UserError, match="PB6032"):
            store.save(make_run(run_id=name))


def test_a_failed_save_leaves_nothing(tmp_path: Path, make_run: MakeRun) -> None:
    (tmp_path / "runs").write_text("a file where a folder belongs")
    with pytest.raises(UserError, match="cannot be stored"):
        RunStore(tmp_path).save(make_run())


@pytest.mark.parametrize("name", ["trades.parquet", "equity.parquet", "bars.parquet", "run.json"])
def test_damage_is_named(tmp_path: Path, make_run: MakeRun, name: str) -> None:
    store = RunStore(tmp_path)
    folder = store.save(make_run())
    (folder / name).write_bytes(b"{")
    with pytest.raises(DataError, match="PB6031"):
        store.load("20240101T000000-abc")


def test_a_run_of_another_version_is_refused(tmp_path: Path, make_run: MakeRun) -> None:
    folder = RunStore(tmp_path).save(make_run())
    (folder / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(DataError, match="another version"):
        RunStore(tmp_path).load("20240101T000000-abc")


def test_a_run_without_trades_or_bars(tmp_path: Path, make_run: MakeRun) -> None:
    trades, fills, equity = map(empty_columns, ("trades", "fills", "equity"))
    run = SavedRun(make_run().facts, trades, fills, equity)
    RunStore(tmp_path).save(run)
    loaded = RunStore(tmp_path).load()
    assert [loaded.count(name) for name in TABLES] == [0, 0, 0]
    assert list(loaded.bars) == []


def test_bars_are_thinned_to_round_timeframes() -> None:
    n = 100_000
    ones = np.ones(n)
    ts = HOUR * np.arange(n, dtype=np.int64)
    one = Candles("X", HOUR, ts, ones, ones, ones, ones, ones)
    assert [(c.tf_ms // HOUR, len(c)) for c in thin_out([one])] == [(6, 16_667)]
    many = thin_out([one] * 10)
    assert {(c.tf_ms // HOUR, len(c)) for c in many} == {(24, 4_167)}
    odd = Candles("X", 7 * HOUR, ts * 7, ones, ones, ones, ones, ones)
    assert thin_out([odd])[0].tf_ms % (7 * HOUR) == 0
    assert len(thin_out([odd])[0]) <= 20_000
    assert thin_out([one.slice(0, 50)])[0].tf_ms == HOUR
    assert thin_out([]) == []


def test_storing_loads_no_pandas(tmp_path: Path, make_run: MakeRun) -> None:
    RunStore(tmp_path).save(make_run())
    code = (
        "import sys; from pathlib import Path\n"
        "from paperbot_core.report.html import render_html\n"
        "from paperbot_core.report.store import RunStore\n"
        f"store = RunStore(Path({str(tmp_path)!r})); run = store.load()\n"
        "store.save(run, replace=True); render_html(run)\n"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
