"""`paperbot data import|list --events|export --adjusted` of shares, made up and on real shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from paperbot_core.market.candles.arrow import to_array
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.checks.moves import find_splits
from paperbot_core.market.events.events import adjusted, forward_factor, forward_scaled
from paperbot_core.market.events.files import events_beside
from tests.candle_files import walk_table
from tests.lake_commands import json_of, run

DAY = 86_400_000
JAN_1_2024 = 1_704_067_200_000
#: Splits as companies made them: symbol, first session in new shares, ratio.
SPLITS = [
    ("AAPL", "2000-06-21", 2.0),
    ("AAPL", "2005-02-28", 2.0),
    ("AAPL", "2014-06-09", 7.0),
    ("AAPL", "2020-08-31", 4.0),
    ("BAC", "2004-08-30", 2.0),
    ("EEM", "2005-06-09", 3.0),
    ("EEM", "2008-07-24", 3.0),
    ("IBM", "1999-05-27", 2.0),
    ("USO", "2020-04-29", 0.125),
]


def day(ts: int) -> str:
    return str(np.datetime64(ts, "ms"))[:10]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with 40 days of X, of which a share became four on 21 January."""
    table = walk_table(40, seed=3, tf_ms=DAY)
    prices = [to_array(table.column(name)).copy() for name in ("open", "high", "low", "close")]
    for column in prices:
        column[20:] /= 4
    for at, column in enumerate(prices, start=1):
        table = table.set_column(at, table.column_names[at], [column])
    parquet.write_table(table, tmp_path / "X_1d.parquet")
    done = run("import", tmp_path / "X_1d.parquet", "--venue", "sim", lake=tmp_path / "lake")
    assert done.exit_code == 0, done.output
    return tmp_path / "lake"


def events_file(folder: Path, *rows: str, name: str = "X_events.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(("date,split,dividend", *rows, "")))
    return path


def test_events_of_a_market_are_taken_merged_and_used(lake: Path, tmp_path: Path) -> None:
    assert [row["kind"] for row in json_of(run("list", "--json", lake=lake))] == ["candles"]
    assert len(json_of(run("check", "--json", lake=lake))[0]["splits"]) == 1
    refused = run("export", tmp_path / "none", "--adjusted", lake=lake)
    assert refused.exit_code == 1
    assert "PB6336" in refused.output

    file = events_file(tmp_path, "2024-01-21,4,", "2024-01-10,,0.5")
    done = run("import", file, "--venue", "sim", "--json", lake=lake)
    assert done.exit_code == 0, done.output
    row = json_of(done)["imported"][0]
    assert (row["symbol"], row["layout"], row["known"]) == ("X", "events", False)
    assert (row["added"], row["splits"], row["dividends"]) == (2, 1, 1)
    again = run("import", file, "--venue", "sim", lake=lake)
    assert "known already" in again.output
    more = events_file(tmp_path, "2024-01-21,4,", "2024-01-10,,0.6", "2024-02-01,,0.7")
    row = json_of(run("import", more, "--venue", "sim", "--json", lake=lake))["imported"][0]
    assert (row["added"], row["changed"], row["same"]) == (1, 1, 1)

    told = json_of(run("list", "--events", "--json", lake=lake))
    assert [(one["date"], one["split"], one["dividend"]) for one in told] == [
        ("2024-01-10", 1.0, 0.6),
        ("2024-01-21", 4.0, 0.0),
        ("2024-02-01", 1.0, 0.7),
    ]
    assert "2024-01-21  4 for 1" in run("list", "--events", "--symbol", "X", lake=lake).output
    assert "no splits" in run("list", "--events", "--venue", "nyse", lake=lake).output
    assert "2 sources, 1 split, 2 dividends" in run("list", lake=lake).output
    assert json_of(run("check", "--json", lake=lake))[0]["splits"] == []
    # The same for the files of gold by themselves: the events lie beside them.
    assert json_of(run("check", lake / "gold", "--json", lake=lake))[0]["splits"] == []
    waste = json_of(run("prune", "--bronze", "--json", lake=lake))["files"]
    assert [one["why"] for one in waste] == ["no manifest names this part"]
    assert len(json_of(run("list", "--events", "--json", lake=lake))) == 3
    assert run("sql", "select count(*) as n from gold", "--json", lake=lake).exit_code == 0


def test_an_export_is_adjusted_as_it_was_known_then(lake: Path, tmp_path: Path) -> None:
    file = events_file(tmp_path, "2024-01-21,4,", "2024-01-10,,0.5")
    assert run("import", file, "--venue", "sim", lake=lake).exit_code == 0
    candles = {}
    for name, options in {
        "raw": [],
        "all": ["--adjusted"],
        "cash": ["--adjusted", "--dividends"],
        "early": ["--adjusted", "--as-of", "2024-01-20"],
        "on_the_day": ["--adjusted", "--as-of", "2024-01-21"],
    }.items():
        out = tmp_path / name
        done = run("export", out, *options, lake=lake)
        assert done.exit_code == 0, done.output
        candles[name] = read_candles(find_candles([out])[0])
    raw = candles["raw"].close
    assert candles["all"].close.tolist() == pytest.approx([*raw[:20] / 4, *raw[20:]])
    assert candles["all"].volume[0] == candles["raw"].volume[0] * 4
    kept = (raw[8] - 0.5) / raw[8]
    wanted = [*raw[:9] / 4 * kept, *raw[9:20] / 4, *raw[20:]]
    assert candles["cash"].close.tolist() == pytest.approx(wanted)
    assert candles["early"].close.tolist() == raw[:19].tolist()
    assert candles["on_the_day"].close.tolist() == pytest.approx((raw[:20] / 4).tolist())
    assert run("export", tmp_path / "x", "--dividends", lake=lake).exit_code == 2
    before = run("export", tmp_path / "y", "--adjusted", "--as-of", "2020-01-01", lake=lake)
    assert (before.exit_code, "PB6337" in before.output) == (1, True)


def test_one_event_on_two_days_is_refused(lake: Path, tmp_path: Path) -> None:
    first = events_file(tmp_path, "2024-01-19,4,")
    assert run("import", first, "--venue", "sim", lake=lake).exit_code == 0
    second = events_file(tmp_path, "2024-01-21,4,")
    refused = run("import", second, "--venue", "sim", "--json", lake=lake)
    assert refused.exit_code == 1
    assert json_of(refused)["diagnostics"][0]["code"] == "PB6334"
    assert run("import", second, "--venue", "sim", "--replace", lake=lake).exit_code == 0
    (event,) = json_of(run("list", "--events", "--json", lake=lake))
    assert event["date"] == "2024-01-21"
    waste = json_of(run("prune", "--bronze", "--json", lake=lake))["files"]
    assert sorted(Path(one["path"]).name for one in waste)[0].endswith(".parquet")
    assert any(one["path"].endswith("X_events.csv") for one in waste)
    assert json_of(run("check", "--json", lake=lake))[0]["splits"] == []


def test_wrong_files_are_refused_and_the_others_go_on(lake: Path, tmp_path: Path) -> None:
    good = events_file(tmp_path, "2024-01-21,4,")
    bad = events_file(tmp_path, "2024-01-21,four,", name="Y_events.csv")
    far = events_file(tmp_path, name="A B.csv")
    mixed = run("import", good, bad, far, "--venue", "sim", "--json", lake=lake)
    assert mixed.exit_code == 1
    assert [one["symbol"] for one in json_of(mixed)["imported"]] == ["X"]
    assert [one["code"] for one in json_of(mixed)["diagnostics"]] == ["PB6112", "PB6331"]
    for symbol in ("..", "../x", "a b"):
        wrong = run("import", good, "--venue", "sim", "--symbol", symbol, lake=lake)
        assert (wrong.exit_code, "PB6112" in wrong.output) == (1, True)
    both = run("import", good, bad, "--venue", "sim", "--symbol", "X", lake=lake)
    assert (both.exit_code, "second file of events" in both.output) == (1, True)
    part = next((lake / "silver/sim/X/events").glob("*.parquet"))
    part.chmod(0o644)
    part.write_bytes(part.read_bytes() + b"!")
    damaged = run("list", "--events", lake=lake)
    assert (damaged.exit_code, "PB6105" in damaged.output) == (1, True)


def test_a_folder_of_candles_brings_its_events(tmp_path: Path) -> None:
    folder = tmp_path / "candles"
    (folder / "events").mkdir(parents=True)
    parquet.write_table(walk_table(40, seed=3, tf_ms=DAY), folder / "X_1d.parquet")
    events_file(folder / "events", "2024-01-21,4,")
    lake = tmp_path / "lake"
    done = run("import", folder, "--venue", "sim", lake=lake)
    assert (done.exit_code, "2 files imported, 0 refused" in done.output) == (0, True)
    assert "sim X events (events): 1 event added; 1 split and 0 dividends" in done.output
    rows = json_of(run("import", folder, "--venue", "sim", "--json", lake=lake))["imported"]
    assert [(row["kind"], row["timeframe"], row["known"]) for row in rows] == [
        ("candles", "1d", True), ("events", None, True)
    ]  # fmt: skip


# Real shares


def test_real_splits_and_what_is_left_after_them(market_data: Path) -> None:
    found = []
    for file in find_candles([market_data / "lean_equity"]):
        events = events_beside(file.path, file.symbol)
        assert events is not None
        candles = read_candles(file)
        raw, scaled = find_splits(candles), find_splits(forward_scaled(candles, events))
        assert scaled == ()
        if file.timeframe == "1d":
            big = np.flatnonzero((events.split != 1) & (np.abs(events.split - 1) > 0.01))
            days = [(file.symbol, day(int(events.ts[at])), events.split[at]) for at in big]
            found += [one for one in days if one[1] >= day(int(candles.ts[0]))]
            assert {(day(s.ts), s.ratio) for s in raw} == {one[1:] for one in found
                                                          if one[0] == file.symbol}
            inside = events.ts[events.ts >= candles.ts[0]]
            assert np.isin(inside, candles.ts).all(), "an event on a day that is no session"
    assert found == SPLITS


@pytest.mark.parametrize("symbol", ["AAPL", "BAC", "EEM", "GOOG", "IBM", "QQQ", "SPY", "USO"])
def test_real_dividends_and_factors(market_data: Path, symbol: str) -> None:
    folder = market_data / "lean_equity"
    table = parquet.read_table(folder / f"events/{symbol}_factors.parquet").to_pylist()[:-1]
    events = events_beside(folder / f"{symbol}_1d.parquet", symbol)
    assert events is not None
    cash = [row["dividend"] for row in table if row["dividend"]]
    assert events.dividend[events.dividend > 0].tolist() == pytest.approx(cash, abs=1e-4)
    ratios = [row["split_ratio"] for row in table if abs(row["split_ratio"] - 1) > 1e-5]
    assert events.split[events.split != 1].tolist() == pytest.approx(ratios, rel=1e-5)
    # Adjusted prices are LEAN's: raw x price_factor x split_factor of the row that applies.
    candles = read_candles(find_candles([folder / f"{symbol}_1d.parquet"])[0])
    whole = parquet.read_table(folder / f"events/{symbol}_factors.parquet").to_pylist()
    rows = np.searchsorted([row["ts"] for row in whole], candles.ts, side="left")
    factor = np.array([row["price_factor"] * row["split_factor"] for row in whole])[rows]
    ours = adjusted(candles, events, dividends=True)
    # LEAN's last rows may be of a later day than the last bar: then it adjusts everything by them.
    factor /= factor[-1]
    assert np.allclose(ours.close, candles.close * factor, rtol=2e-4)
    shares = forward_factor(events, candles.ts)
    assert shares[-1] / shares[0] == pytest.approx(
        np.prod(events.split[(events.ts > candles.ts[0]) & (events.ts <= candles.ts[-1])])
    )
