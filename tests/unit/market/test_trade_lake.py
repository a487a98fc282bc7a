"""Trades in the lake: merged by day, complete where an archive says so, and bars that follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from paperbot_core.diagnostics import DataError, UserError
from paperbot_core.domain.market import Candles
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.checks.checks import Verdict
from paperbot_core.market.lake.check import check_stored
from paperbot_core.market.lake.dataset import Kind, find_manifest
from paperbot_core.market.lake.files import write_candles
from paperbot_core.market.lake.gold import build_gold
from paperbot_core.market.lake.intake import Imported, ImportRequest, import_file
from paperbot_core.market.lake.layout import Lake
from paperbot_core.market.lake.prune import find_waste, remove
from paperbot_core.market.lake.sql import query
from paperbot_core.market.lake.trades import (
    covered,
    import_trades,
    stored_trades,
    trades_key,
    trades_table,
)
from paperbot_core.market.lake.trades_bars import build_bars, event_file, lake_bars, refresh_bars
from paperbot_core.market.trades.bars import (
    COLUMNS,
    BarKind,
    BarRule,
    TradeBars,
    tick_bars,
    time_bars,
)
from paperbot_core.market.trades.trades import Trades, joined
from tests.trade_files import DAY, START, binance_csv, walk, zipped

KEY = trades_key("sim", "BTC/USDT")
MINUTE, HOUR = 60_000, 3_600_000
DAYS = [walk(day=day) for day in range(3)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def archive(folder: Path, day: int, trades: Trades | None = None, kind: str = "spot") -> Path:
    word = "aggTrades" if kind.startswith("agg") else "trades"
    path = folder / f"BTCUSDT-{word}-2024-08-{8 + day:02d}.zip"
    path.write_bytes(zipped(binance_csv(DAYS[day] if trades is None else trades, kind=kind)))
    return path


def plain(folder: Path, trades: Trades, name: str = "x.parquet", *, ids: bool = True) -> Path:
    table = trades_table(trades)
    parquet.write_table(table if ids else table.drop_columns(["id"]), folder / name)
    return folder / name


def take(lake: Lake, path: Path, **said: Any) -> Imported:
    said.setdefault("symbol", "BTC/USDT")
    return import_trades(lake, path, ImportRequest("sim", START, **said))


def manifest_of(lake: Lake) -> dict[str, Any]:
    found = find_manifest(lake, KEY)
    assert found is not None
    return found


def stored(lake: Lake) -> Trades:
    return joined(list(stored_trades(lake, KEY, manifest_of(lake))))


def listed(trades: Trades) -> list[list[float]]:
    return [column.tolist() for column in trades.columns()]


def rows_of(bars: TradeBars) -> list[list[float]]:
    return [getattr(bars, name).tolist() for name in COLUMNS]


def counts(done: Imported) -> tuple[int, int, int] | None:
    return (done.merge.added, done.merge.changed, done.merge.same) if done.merge else None


def built(lake: Lake, kind: BarKind, size: float) -> Any:
    with lake.writing():
        return build_bars(lake, KEY, BarRule(kind, size))


def test_days_are_kept_as_they_came_and_imported_once(lake: Lake, tmp_path: Path) -> None:
    for day in (2, 0, 1):
        assert counts(take(lake, archive(tmp_path, day))) == (600, 0, 0)
    before = manifest_of(lake)
    assert counts(take(lake, archive(tmp_path, 1))) is None
    assert manifest_of(lake) == before
    assert listed(stored(lake)) == listed(joined(DAYS))
    assert covered(before) == [(START, START + 3 * DAY)]
    assert [part["period"] for part in before["parts"]] == [
        f"2024-08-{8 + day:02d}" for day in range(3)
    ]
    raw = lake.bronze("sim") / before["sources"][0]["sha256"]
    assert sorted(path.name for path in raw.iterdir()) == [
        "BTCUSDT-trades-2024-08-10.zip", "manifest.json"
    ]  # fmt: skip


def test_overlaps_are_merged_by_id_in_any_order(lake: Lake, tmp_path: Path) -> None:
    whole = joined(DAYS[:2])
    halves = [whole.slice(0, 700), whole.slice(500, 1_200)]
    assert counts(take(lake, plain(tmp_path, halves[1]))) == (700, 0, 0)
    assert counts(take(lake, plain(tmp_path, halves[0]))) == (500, 0, 200)
    assert listed(stored(lake)) == listed(whole)
    corrected = whole.slice(500, 510)
    corrected.price[3] += 1.0
    whole.price[503] = corrected.price[3]
    assert counts(take(lake, plain(tmp_path, corrected))) == (0, 1, 9)
    assert listed(stored(lake)) == listed(whole)


def test_aggregates_are_not_counted_with_single_trades(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, 0))
    with pytest.raises(DataError, match=r"PB6305.*`aggregate`, not `trade`"):
        take(lake, archive(tmp_path, 1, kind="agg-spot"))


def test_without_ids_the_same_time_must_be_the_same_trades(lake: Lake, tmp_path: Path) -> None:
    trades = DAYS[0]
    first, second = trades.slice(0, 400), trades.slice(300, 600)
    take(lake, plain(tmp_path, first, ids=False))
    assert counts(take(lake, plain(tmp_path, second, ids=False))) == (200, 0, 100)
    assert listed(stored(lake))[:4] == listed(trades)[:4]
    assert counts(take(lake, plain(tmp_path, trades.slice(50, 80), ids=False))) == (0, 0, 30)
    later = walk(50, seed=4, day=1)
    assert counts(take(lake, plain(tmp_path, later.slice(20, 50), ids=False))) == (30, 0, 0)
    assert counts(take(lake, plain(tmp_path, later.slice(0, 40), ids=False))) == (20, 0, 20)
    assert listed(stored(lake))[:4] == listed(joined([trades, later]))[:4]
    other = trades.slice(100, 200)
    other.price[5] += 1.0
    before = manifest_of(lake)
    with pytest.raises(DataError, match=r"PB6305.*no ids"):
        take(lake, plain(tmp_path, other, ids=False))
    assert manifest_of(lake) == before


def test_faults_refuse_a_file_unless_they_may_go(lake: Lake, tmp_path: Path) -> None:
    bad = walk()
    bad.amount[7] = 0.0
    with pytest.raises(DataError, match=r"PB6303.*1 row is no trade"):
        take(lake, archive(tmp_path, 0, bad))
    assert find_manifest(lake, KEY) is None
    done = take(lake, archive(tmp_path, 0, bad), repair=True)
    assert done.as_row()["left_out"]["bad"] == 1
    assert manifest_of(lake)["sources"][0]["left_out"] == 1
    with pytest.raises(UserError, match="PB6112"):
        take(lake, archive(tmp_path, 0), symbol="../x")


def test_a_damaged_part_is_found(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, 0))
    (report,) = check_stored(lake, Kind.TRADES)
    assert (report.verdict, report.rows) == (Verdict.OK, 600)
    part = lake.silver(KEY) / manifest_of(lake)["parts"][0]["file"]
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="PB6105"):
        lake_bars(lake, KEY, BarRule(BarKind.TICKS, 10))
    (report,) = check_stored(lake, Kind.TRADES)
    assert (report.verdict, "PB6105" in report.findings[0].text) == (Verdict.FAIL, True)
    part.unlink()
    with pytest.raises(DataError, match=r"PB6105.*missing"):
        lake_bars(lake, KEY, BarRule(BarKind.TICKS, 10))


def test_time_bars_are_candle_files(lake: Lake, tmp_path: Path) -> None:
    for day in (0, 1):
        take(lake, archive(tmp_path, day))
    done = built(lake, BarKind.TIME, HOUR)
    (file,) = find_candles([lake.root / "gold/sim"])
    candles = read_candles(file)
    wanted = time_bars(joined(DAYS[:2]), HOUR).candles(HOUR)
    assert (file.symbol, file.timeframe, done.rows) == ("BTC/USDT", "1h", 48)
    for name in ("ts", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(candles, name), getattr(wanted, name))
    meta = json.loads((done.path.parent / ".meta/BTC-USDT_1h.json").read_text())
    assert (meta["made_from"], meta["silver_digest"]) == ("trades", manifest_of(lake)["digest"])


def test_a_time_bar_needs_all_of_its_time(lake: Lake, tmp_path: Path) -> None:
    part = DAYS[0].take(DAYS[0].ts < START + 3 * HOUR + HOUR // 2)
    take(lake, plain(tmp_path, part))
    bars, _notes = lake_bars(lake, KEY, BarRule(BarKind.TIME, HOUR))
    # Nobody knows whether there were trades before the first one: the first hour is not whole.
    assert bars.ts.tolist() == [START + HOUR, START + 2 * HOUR]
    with pytest.raises(DataError, match=r"PB6311.*1d"):
        lake_bars(lake, KEY, BarRule(BarKind.TIME, DAY))


def test_holes_are_told_and_time_bars_keep_clear_of_them(lake: Lake, tmp_path: Path) -> None:
    for day in (0, 2):
        take(lake, archive(tmp_path, day))
    bars, notes = lake_bars(lake, KEY, BarRule(BarKind.TIME, 12 * HOUR))
    assert ((bars.ts - START) // (12 * HOUR)).tolist() == [0, 1, 4, 5]
    assert notes == ("no trades are stored from 2024-08-09T00:00:00Z to 2024-08-10T00:00:00Z",)


def test_event_bars_have_a_place_of_their_own_and_follow(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, 0))
    first = built(lake, BarKind.TICKS, 50)
    assert first.path == lake.root / "gold/sim/event_bars/BTC-USDT_ticks50.parquet"
    assert (first.written, first.rows) == (True, 12)
    assert not built(lake, BarKind.TICKS, 50).written
    hours = built(lake, BarKind.TIME, HOUR)
    take(lake, archive(tmp_path, 1))
    with lake.writing():
        assert refresh_bars(lake, KEY) == [hours.path, first.path]
        assert refresh_bars(lake, KEY) == []
    table = parquet.read_table(first.path)
    assert table.column_names == list(COLUMNS)
    wanted = tick_bars(joined(DAYS[:2]), 50)
    assert [table.column(name).to_pylist() for name in COLUMNS] == rows_of(wanted)
    first.path.write_bytes(b"damaged")
    assert built(lake, BarKind.TICKS, 50).written


@pytest.mark.parametrize(
    ("kind", "size", "name"),
    [("dollar", 1e6, "dollar1000000"), ("volume", 0.5, "volume0.5"), ("ticks", 5, "ticks5")],
)
def test_event_bars_are_no_candles_by_their_name(
    lake: Lake, kind: str, size: float, name: str
) -> None:
    from paperbot_core.market.candles.names import parse_candle_name

    path = event_file(lake, KEY, BarRule(BarKind(kind), size))
    assert path.name == f"BTC-USDT_{name}.parquet"
    assert parse_candle_name(path) is None


def test_bars_of_the_venue_are_not_replaced(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, 0))
    bars = time_bars(DAYS[0], HOUR).candles(HOUR)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    write_candles(tmp_path / "BTC-USDT_1h.parquet", Candles("BTC/USDT", HOUR, bars.ts, *columns))
    import_file(lake, tmp_path / "BTC-USDT_1h.parquet", ImportRequest("sim", START))
    with lake.writing():
        for key, manifest in lake.series():
            build_gold(lake, key, manifest)
    with pytest.raises(UserError, match="PB6308"):
        built(lake, BarKind.TIME, HOUR)
    with pytest.raises(UserError, match="PB6306"):
        lake_bars(lake, trades_key("sim", "X/Y"), BarRule(BarKind.TICKS, 1))


def test_prune_keeps_what_trades_need(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, 0))
    kept = [built(lake, BarKind.TIME, HOUR).path, built(lake, BarKind.VOLUME, 1.0).path]
    changed = walk()
    changed.price[0] += 1.0
    take(lake, plain(tmp_path, changed))
    with lake.writing():
        waste = find_waste(lake, bronze=True)
        remove(waste)
    assert [one.why for one in waste] == ["no manifest names this part"]
    assert all(path.exists() for path in kept)
    assert len(stored(lake)) == 600


def test_sql_sees_trades(lake: Lake, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    text = "select symbol, count(*), sum(side), min(ts) from trades group by symbol"
    lake.root.mkdir()
    assert query(lake, text).rows == []
    take(lake, archive(tmp_path, 0))
    built(lake, BarKind.TIME, HOUR)
    side, first = int(DAYS[0].side.sum()), int(DAYS[0].ts[0])
    assert query(lake, text).rows == [("BTC/USDT", 600, side, first)]
    assert query(lake, "select count(*) from gold where timeframe = '1h'").rows == [(24,)]
