"""The lake: what an import leaves behind, what it refuses, and that nothing is lost half-way."""

from __future__ import annotations

import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from paperbot_core.config.settings import DataGates
from paperbot_core.diagnostics import DataError, RetryableError, UserError
from paperbot_core.market.candles.columns import VALUES
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.checks.checks import Verdict
from paperbot_core.market.lake.check import check_series
from paperbot_core.market.lake.contract import CANDLES, load_contract
from paperbot_core.market.lake.export import export, select
from paperbot_core.market.lake.files import sha256_of, write_atomically, write_candles
from paperbot_core.market.lake.gold import is_current
from paperbot_core.market.lake.layout import Lake, SeriesKey, check_venue
from paperbot_core.market.lake.packed import open_packed, packed_path
from paperbot_core.market.lake.prune import find_waste, remove
from tests.candle_files import HOUR
from tests.lake_world import KEY, ROWS, bars, build, same, store, stored, take


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_an_import_keeps_the_bytes_and_the_bars(lake: Lake, tmp_path: Path) -> None:
    path = store(tmp_path, bars())
    done = take(lake, path)
    assert done.merge is not None
    assert (done.key, done.merge.added) == (KEY, ROWS)
    raw = lake.bronze("sim") / sha256_of(path) / path.name
    assert raw.read_bytes() == path.read_bytes()
    assert not raw.stat().st_mode & 0o222
    assert same(stored(lake), bars())
    manifest = dict(lake.series())[KEY]
    assert [part["period"] for part in manifest["parts"]] == ["2024-01", "2024-02"]
    assert manifest["sources"][0]["sha256"] == sha256_of(path)


def test_importing_again_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    path = store(tmp_path, bars())
    take(lake, path)
    before = {p: p.stat().st_mtime_ns for p in lake.root.rglob("*") if p.is_file()}
    assert take(lake, path).merge is None
    assert {p: p.stat().st_mtime_ns for p in lake.root.rglob("*") if p.is_file()} == before


def test_later_bars_are_merged_and_win(lake: Lake, tmp_path: Path) -> None:
    take(lake, store(tmp_path, bars(600)))
    late = bars(500, first=500)
    late.volume[10] += 1.0
    merge = take(lake, store(tmp_path, late, "BTC_USDT-1h.parquet")).merge
    assert merge is not None
    assert (merge.added, merge.changed, merge.same) == (400, 1, 99)
    whole = stored(lake)
    assert len(whole) == ROWS
    assert whole.volume[510] == late.volume[10]
    assert (np.diff(whole.ts) > 0).all()


def test_months_that_do_not_change_are_not_written_again(lake: Lake, tmp_path: Path) -> None:
    take(lake, store(tmp_path, bars(800)))  # ends in February
    january = next(lake.silver(KEY).glob("2024-01.*"))
    written = january.stat().st_mtime_ns
    take(lake, store(tmp_path, bars(200, first=780), "BTC_USDT-1h.parquet"))
    assert january.stat().st_mtime_ns == written


def test_faulty_rows_refuse_a_file_unless_told_to_leave_them_out(
    lake: Lake, tmp_path: Path
) -> None:
    broken = bars()
    broken.low[7] = 0.0
    broken.ts[9] += 1
    path = store(tmp_path, broken)
    with pytest.raises(DataError, match="1 row is no bar; 1 open time is not on the 1h grid"):
        take(lake, path)
    assert not lake.root.exists()
    done = take(lake, path, repair=True)
    assert done.rows == ROWS - 2
    assert "1 row is no bar" in done.notes


def test_a_wrong_timeframe_is_never_taken(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="they lie 1h apart"):
        take(lake, store(tmp_path, bars(), "BTC-USDT_5m.parquet"), repair=True)


def test_what_nobody_knows_must_be_said(lake: Lake, tmp_path: Path) -> None:
    path = store(tmp_path, bars(), "prices.parquet")
    with pytest.raises(UserError, match="PB6112"):
        take(lake, path)
    done = take(lake, path, symbol="BTC/USDT")
    assert done.key == KEY
    assert "most bars lie 1h apart: taken for the timeframe" in done.notes


@pytest.mark.parametrize("venue", ["", "Binance", "a b", "../up", ".hidden"])
def test_a_venue_must_be_a_folder_name(venue: str) -> None:
    with pytest.raises(UserError, match="PB6106"):
        check_venue(venue)


def test_a_folder_with_other_files_is_no_lake(tmp_path: Path) -> None:
    path = store(tmp_path, bars())
    with pytest.raises(UserError, match="PB6103"):
        take(Lake(tmp_path), path)


def test_a_crash_before_the_manifest_leaves_the_series_as_it_was(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(lake, store(tmp_path, bars(600)))
    late = store(tmp_path, bars(500, first=500), "BTC_USDT-1h.parquet")

    def crash(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("paperbot_core.market.lake.dataset.write_manifest", crash)
        with pytest.raises(KeyboardInterrupt):
            take(lake, late)
    assert same(stored(lake), bars(600))
    with lake.writing():
        waste = find_waste(lake)
        assert {one.why for one in waste} == {"no manifest names this part"}
        remove(waste)
        assert find_waste(lake) == []
    # The import is simply started again.
    assert take(lake, late).merge is not None
    assert len(stored(lake)) == ROWS


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(temp: Path) -> None:
        temp.write_text("ha")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_damage_is_found_by_its_hash(lake: Lake, tmp_path: Path) -> None:
    take(lake, store(tmp_path, bars()))
    part = next(lake.silver(KEY).glob("2024-01.*"))
    write_candles(part, bars(3))
    with pytest.raises(DataError, match="PB6105"):
        stored(lake)
    report = check_series(lake, KEY, dict(lake.series())[KEY], DataGates())
    assert report.verdict is Verdict.FAIL
    part.unlink()
    with pytest.raises(DataError, match="it is missing"):
        stored(lake)


def test_the_contract_is_what_is_written(lake: Lake, tmp_path: Path) -> None:
    take(lake, store(tmp_path, bars()))
    wanted = [(c["name"], c["type"]) for c in load_contract(CANDLES)["columns"]]
    for part in lake.silver(KEY).glob("*.parquet"):
        assert [(f.name, str(f.type)) for f in parquet.read_schema(part)] == wanted


def _hold(root: Path, held: Any) -> None:
    with Lake(root).writing():
        held.set()
        time.sleep(30)


def test_two_processes_take_turns(lake: Lake) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    other = context.Process(target=_hold, args=(lake.root, held))
    other.start()
    try:
        assert held.wait(20)
        with pytest.raises(RetryableError, match="PB6104"), lake.writing(wait_s=0.1):
            pass
        other.kill()  # the lock of a dead process frees itself
        other.join(20)
        with lake.writing(wait_s=5.0):
            pass
    finally:
        other.kill()
        other.join(20)


def test_gold_is_a_folder_of_candle_files(lake: Lake, tmp_path: Path) -> None:
    take(lake, store(tmp_path, bars()))
    written = build(lake, "4h")
    assert [path.name for path in written] == ["BTC-USDT_1h.parquet", "BTC-USDT_4h.parquet"]
    hourly, four = find_candles([lake.root / "gold/sim"])
    assert same(read_candles(hourly), bars())
    longer = read_candles(four)
    assert len(longer) == ROWS // 4
    assert longer.volume[0] == pytest.approx(bars().volume[:4].sum())
    meta = json.loads(lake.gold_meta(KEY).read_text("utf-8"))
    assert meta["silver_digest"] == dict(lake.series())[KEY]["digest"]
    assert build(lake) == []


def test_gold_follows_its_series(lake: Lake, tmp_path: Path) -> None:
    take(lake, store(tmp_path, bars(602)))
    build(lake, "4h")
    four = SeriesKey("sim", "BTC/USDT", "4h")
    # The last bar of 4h has only two of its hours: it is not made yet.
    assert len(parquet.read_table(lake.gold(four))) == 150
    take(lake, store(tmp_path, bars(398, first=602), "BTC_USDT-1h.parquet"))
    digest = str(dict(lake.series())[KEY]["digest"])
    assert not is_current(lake, KEY, "1h", digest)
    build(lake)
    assert is_current(lake, four, "1h", digest)
    assert len(parquet.read_table(lake.gold(four))) == 250


def test_damaged_bars_are_found_and_made_again(lake: Lake, tmp_path: Path) -> None:
    path = store(tmp_path, bars())
    take(lake, path)
    build(lake)
    gold = lake.gold(KEY)
    write_candles(gold, bars(30))
    report = check_series(lake, KEY, dict(lake.series())[KEY], DataGates())
    assert [finding.key for finding in report.findings if finding.verdict is Verdict.FAIL] == [
        "gold"
    ]
    build(lake)  # as an import does, even of a file that is known
    assert same(read_candles(find_candles([gold])[0]), bars())
    assert check_series(lake, KEY, dict(lake.series())[KEY], DataGates()).verdict is Verdict.OK


@pytest.mark.parametrize("symbol", ["BTC-USDT", "../x", "..", "", "BTC/", "A B", "x\0y"])
def test_a_symbol_must_be_one(lake: Lake, tmp_path: Path, symbol: str) -> None:
    path = store(tmp_path, bars(), "prices.parquet")
    with pytest.raises(UserError, match="PB6112"):
        take(lake, path, symbol=symbol)
    assert not lake.root.exists()


def test_one_timeframe_has_one_name(lake: Lake, tmp_path: Path) -> None:
    assert take(lake, store(tmp_path, bars(), "BTC-USDT_60m.parquet")).key == KEY


def test_packed_bars_are_the_same_bars_and_can_be_written_to(lake: Lake, tmp_path: Path) -> None:
    take(lake, store(tmp_path, bars()))
    build(lake)
    gold = lake.gold(KEY)
    mapped = open_packed(gold, "BTC/USDT", HOUR)
    assert mapped is not None
    assert same(mapped, bars())
    mapped.close[0] = -1.0
    again = open_packed(gold, "BTC/USDT", HOUR)
    assert again is not None
    assert again.close[0] == bars().close[0]


@pytest.mark.parametrize("damage", ["gone", "short", "magic", "header", "older", "other"])
def test_a_packed_copy_that_does_not_fit_is_ignored(
    lake: Lake, tmp_path: Path, damage: str
) -> None:
    take(lake, store(tmp_path, bars()))
    build(lake)
    gold = lake.gold(KEY)
    packed = packed_path(gold)
    content = packed.read_bytes()
    if damage == "gone":
        packed.unlink()
    elif damage == "older":
        write_candles(gold, bars(20))
    else:
        packed.write_bytes(
            {
                "short": content[:-8],
                "magic": b"X" + content[1:],
                "header": content[:16] + b"\0" + content[17:],
                "other": content.replace(b"BTC/USDT", b"ETH/USDT"),
            }[damage]
        )
    assert open_packed(gold, "BTC/USDT", HOUR) is None
    assert len(read_candles(find_candles([gold])[0])) == (20 if damage == "older" else ROWS)


def test_export_writes_what_freqtrade_reads(lake: Lake, tmp_path: Path) -> None:
    take(lake, store(tmp_path, bars()))
    take(lake, store(tmp_path, bars(), "ETH-USDT-USDT_1h.parquet"))
    series = select(lake, venue="sim", symbol=None, timeframe="1h")
    paths = export(lake, series, tmp_path / "out", "freqtrade")
    names = [str(path.relative_to(tmp_path / "out")) for path in paths]
    assert names == ["BTC_USDT-1h.feather", "futures/ETH_USDT_USDT-1h-futures.feather"]
    table = feather.read_table(paths[0])
    assert table.column_names == ["date", *VALUES]
    assert table.schema.field("date").type == pa.timestamp("ms", tz="UTC")
    back = read_candles(find_candles([tmp_path / "out"])[0])
    assert same(back, bars())


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_what_was_exported_is_read_back(lake: Lake, tmp_path: Path, kind: str) -> None:
    take(lake, store(tmp_path, bars()))
    series = select(lake, venue=None, symbol="BTC/USDT", timeframe=None)
    export(lake, series, tmp_path / "out", kind)
    assert same(read_candles(find_candles([tmp_path / "out"])[0]), bars())
    with pytest.raises(UserError, match="PB6101"):
        export(lake, series, tmp_path / "out", kind)


def test_asking_for_what_is_not_there(lake: Lake) -> None:
    with pytest.raises(UserError, match="PB6107"):
        select(lake, venue=None, symbol="XRP/USDT", timeframe=None)


def test_prune_removes_bars_whose_series_is_gone(lake: Lake, tmp_path: Path) -> None:
    import shutil

    take(lake, store(tmp_path, bars()))
    build(lake)
    shutil.rmtree(lake.silver(KEY))
    with lake.writing():
        kinds = {one.path.suffix for one in find_waste(lake)}
        assert kinds == {".parquet", ".json", ".bars"}
        everything = find_waste(lake, bronze=True)
        remove(everything)
        assert [one.why for one in everything].count("no series was made of it") == 2
    assert not list(lake.root.glob("gold/sim/*.parquet"))
