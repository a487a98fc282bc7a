"""Splits and dividends: files of them, factors forward and back, and what a check makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from paperbot_core.config.settings import DataGates
from paperbot_core.diagnostics import DataError, UserError
from paperbot_core.domain.market import DAY_MS, Candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.checks.checks import Verdict, check_file
from paperbot_core.market.events.events import adjusted, forward_factor, forward_scaled, make_events
from paperbot_core.market.events.files import (
    events_beside,
    events_path,
    is_events_name,
    symbol_of,
)
from paperbot_core.market.events.lean import FactorRow, events_of_factors, next_session
from paperbot_core.market.events.table import events_table, read_events, write_events
from paperbot_core.market.lake.contract import check_schema
from paperbot_core.market.lake.files import write_candles


def day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


def bars(closes: list[float], first: str = "2024-01-01", tf_ms: int = DAY_MS) -> Candles:
    close = np.array(closes)
    ts = day(first) + tf_ms * np.arange(len(close))
    volume = np.full(len(close), 100.0)
    return Candles("X", tf_ms, ts, close, close * 1.01, close * 0.99, close, volume)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def rows_of(path: Path) -> tuple[list[tuple[str, float, float]], str]:
    events, layout = read_events(path, "X")
    days = [str(t)[:10] for t in events.ts.astype("datetime64[ms]")]
    return list(zip(days, events.split.tolist(), events.dividend.tolist(), strict=True)), layout


# What a factor is


def test_a_factor_counts_first_shares_from_the_day_of_the_split_on() -> None:
    events = make_events("X", [(day("2024-01-03"), 2.0, 0.0), (day("2024-01-05"), 0.25, 0.0)])
    candles = bars([100, 102, 51, 52, 208, 210])
    assert forward_factor(events, candles.ts).tolist() == [1, 1, 2, 2, 0.5, 0.5]
    scaled = forward_scaled(candles, events)
    assert scaled.close.tolist() == [100, 102, 102, 104, 104, 105]
    assert scaled.volume.tolist() == [100, 100, 50, 50, 200, 200]
    # Before the first bar they count too: the unit does not depend on where bars begin.
    assert forward_factor(events, candles.ts[3:]).tolist() == [2, 0.5, 0.5]


def test_a_dividend_is_put_into_shares_at_the_close_before_it() -> None:
    # 2 a share before a split of 2: whoever holds 1 at 100 gets 2 in cash and 2 shares at 49.
    events = make_events("X", [(day("2024-01-02"), 2.0, 2.0)])
    candles = bars([100, 49, 50])
    factor = forward_factor(events, candles.ts, candles.close)
    assert factor * candles.close == pytest.approx([100, 100, 102.0408163])
    scaled = forward_scaled(candles, events, dividends=True)
    assert scaled.volume.tolist() == [100, 50, 50]
    # Its day is the first bar: no price to put it in at.
    assert forward_factor(events, candles.ts[1:], candles.close[1:]).tolist() == [2, 2]


def test_a_dividend_above_the_price_is_an_error() -> None:
    events = make_events("X", [(day("2024-01-02"), 1.0, 100.0)])
    candles = bars([100, 100])
    with pytest.raises(DataError, match=r"PB6332.*X on 2024-01-02 is 100"):
        forward_factor(events, candles.ts, candles.close)


def test_bars_are_adjusted_to_the_share_of_a_day_and_no_later_one() -> None:
    events = make_events("X", [(day("2024-01-03"), 2.0, 0.0), (day("2024-01-05"), 5.0, 0.0)])
    candles = bars([100, 102, 51, 52, 10, 11])
    assert adjusted(candles, events).close.tolist() == pytest.approx([10, 10.2, 10.2, 10.4, 10, 11])
    # A bar that closes on the day of a split is told in new shares then, an hour earlier in old.
    then = adjusted(candles, events, day("2024-01-03"))
    assert then.close.tolist() == [50, 51]
    assert then.volume.tolist() == [200, 200]
    assert adjusted(candles, events, day("2024-01-03") - 1).close.tolist() == [100]
    assert adjusted(candles, events, day("2024-01-04")).close.tolist() == [50, 51, 51]
    assert len(adjusted(candles, events, day("2023-01-04"))) == 0
    assert len(adjusted(candles.slice(0, 0), events)) == 0


def test_adjusted_for_dividends_too() -> None:
    events = make_events("X", [(day("2024-01-03"), 1.0, 10.0)])
    found = adjusted(bars([100, 100, 90]), events, dividends=True)
    assert found.close.tolist() == pytest.approx([90, 90, 90])
    assert found.volume.tolist() == [100, 100, 100]
    # In force, and no bar after it yet.
    found = adjusted(bars([100, 100]), events, day("2024-01-03"), dividends=True)
    assert found.close.tolist() == pytest.approx([90, 90])


def test_a_bar_with_prices_of_two_shares_is_refused() -> None:
    events = make_events("X", [(day("2024-01-10"), 2.0, 0.0)])
    weeks = bars([100, 51, 52], tf_ms=7 * DAY_MS)
    for scale in (forward_scaled, adjusted):
        with pytest.raises(DataError, match=r"PB6335.*1w of X.*2024-01-10"):
            scale(weeks, events)
    monday = make_events("X", [(day("2024-01-08"), 2.0, 0.0)])
    assert forward_scaled(weeks, monday).close.tolist() == [100, 102, 104]
    assert adjusted(weeks, events, day("2024-01-09")).close.tolist() == [100]


# Files


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("date,split,dividend\n2020-08-31,4,\n2020-08-07,,0.82\n2020-01-01,1,0\n",
         [("2020-08-07", 1.0, 0.82), ("2020-08-31", 4.0, 0.0)]),
        ("Date,Split\n20200831,4\n", [("2020-08-31", 4.0, 0.0)]),
        (f"ts,dividend\n{day('2020-08-07')},0.82\n", [("2020-08-07", 1.0, 0.82)]),
        ("date,split,dividend\n", []),
    ],
)  # fmt: skip
def test_a_plain_file(tmp_path: Path, text: str, wanted: list[tuple[str, float, float]]) -> None:
    assert rows_of(written(tmp_path, "X.csv", text)) == (wanted, "events")


def test_the_actions_of_yfinance_are_told_in_shares_of_today(tmp_path: Path) -> None:
    text = (
        "Date,Dividends,Stock Splits\n"
        "2014-05-08 00:00:00-04:00,0.1175,0.0\n"
        "2014-06-09 00:00:00-04:00,0.0,7.0\n"
        "2020-08-07 00:00:00-04:00,0.205,0.0\n"
        "2020-08-31 00:00:00-04:00,0.0,4.0\n"
        "2020-11-06 00:00:00-05:00,0.205,0.0\n"
    )
    rows, layout = rows_of(written(tmp_path, "AAPL.csv", text))
    assert layout == "yfinance"
    assert [row[:2] for row in rows if row[1] != 1] == [("2014-06-09", 7), ("2020-08-31", 4)]
    assert [round(row[2], 6) for row in rows] == [3.29, 0, 0.82, 0, 0.205]


def test_dates_of_parquet_files(tmp_path: Path) -> None:
    midnight = pa.array([day("2020-08-31") + 4 * 3_600_000], pa.timestamp("ms", "America/New_York"))
    date = pa.array([day("2020-08-31") // DAY_MS], pa.int32()).cast(pa.date32())
    for column in (midnight, date):
        path = tmp_path / "X_events.parquet"
        parquet.write_table(pa.table({"date": column, "split": [4.0]}), path)
        assert rows_of(path) == ([("2020-08-31", 4.0, 0.0)], "events")


def test_lean_factors_without_a_header(tmp_path: Path) -> None:
    text = (
        "19980102,0.5,inf,1\n20140606,0.98,0.142857,645.57\n20140806,0.98,1,94.96\n20501231,1,1,0\n"
    )
    rows, layout = rows_of(written(tmp_path, "aapl.csv", text))
    assert layout == "lean"
    assert rows == [("2014-06-09", 7.0, 0.0), ("2014-08-07", 1.0, 1.8992)]


def test_rounding_of_factors_makes_no_event() -> None:
    rows = [
        FactorRow(day("2014-06-05"), 0.9304792, 0.1428571, 94.0),
        FactorRow(day("2014-06-06"), 0.9304793, 0.142857, 95.0),
        FactorRow(day("2015-04-24"), 0.9304793, 1.0, 96.0),
        FactorRow(day("2050-12-31"), 0.9304793, 1.0027, 0.0),
    ]
    wanted = [(day("2014-06-09"), 7.0, 0.0), (day("2015-04-27"), 1.0027, 0.0)]
    assert events_of_factors(rows[::-1], "x") == wanted


@pytest.mark.parametrize(
    ("before", "after"),
    [("2014-06-06", "2014-06-09"), ("2012-10-26", "2012-10-31"), ("2001-09-10", "2001-09-17")],
)
def test_the_next_session(before: str, after: str) -> None:
    assert next_session(day(before)) == day(after)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("X.csv", "", "PB6330"),
        ("X.csv", "date,open,close\n2020-08-31,1,2\n", "PB6330"),
        ("X.csv", "date,split,split\n", "PB6330"),
        ("X.csv", "date,split\n2020-08-31,four\n", r"PB6331.*row 1.*`split` is `four`"),
        ("X.csv", "date,split\n2020-08-31,-4\n", "PB6331.*below 0"),
        ("X.csv", "date,split\n2020-08-31,inf\n", "PB6331.*infinite"),
        ("X.csv", "date,split\n31.8.2020,4\n", r"PB6331.*`31.8.2020` is no date"),
        ("X.csv", "date,split\n,4\n", "PB6331.*no date"),
        ("X.csv", f"ts,split\n{day('2020-08-31') + 5},4\n", "PB6331.*00:00 UTC"),
        ("X.csv", "date,split\n2020-08-31,4\n2020-08-31,4\n", "PB6331.*twice"),
        ("X.csv", "20140606,0.9,1\n20501231,1,1\n", "PB6332.*no price"),
        ("X.csv", "20140606,1,1,9\n20501231,0.9,1,0\n", "PB6332.*falls"),
        ("X.csv", "20140606,0,1,9\n20501231,1,1,0\n", "PB6331.*factor"),
        ("X.csv", "20140606,1,1,9\n20140606,1,1,0\n", "PB6331.*twice"),
        ("X.csv", "20140606\n", "PB6330"),
        ("X.csv", "date,split\n\xff\x00", "PB6331|PB6003"),
        ("X.csv", f"date,split\n{''.join(f'2020-08-{d},1e6{chr(10)}' for d in range(10, 20))}",
         "PB6331.*so much in the splits"),
        ("X.csv", f"date,split\n{''.join(f'2020-08-{d},1e-6{chr(10)}' for d in range(10, 20))}",
         "PB6331.*or the reverse"),
        ("X.csv", "date,dividend\n2020-08-31,1e300\n", "PB6331.*dividend above"),
        ("X.csv", "date,symbol,split\n2020-08-31,Y,4\n", "PB6331.*row 1.*about Y, not about X"),
        ("X.parquet", "no parquet", "PB6003"),
    ],
)
def test_what_is_no_file_of_events(tmp_path: Path, name: str, text: str, code: str) -> None:
    with pytest.raises(DataError, match=code):
        read_events(written(tmp_path, name, text), "X")


@pytest.mark.parametrize("about", ["BRK-B", "brk.b", "BRK B", ""])
def test_a_file_may_name_its_share(tmp_path: Path, about: str) -> None:
    path = written(tmp_path, "X.csv", f"date,ticker,split\n2020-08-31,{about},50\n")
    assert read_events(path, "BRK/B")[0].split.tolist() == [50.0]


def test_what_is_written_is_read_and_keeps_its_contract(tmp_path: Path) -> None:
    events = make_events("BRK/B", [(day("2010-01-21"), 50.0, 0.0)])
    path = events_path(tmp_path, "BRK/B")
    write_events(path, events)
    assert path.name == "BRK-B_events.parquet"
    check_schema("events.v1", events_table(events), path)
    found = events_beside(tmp_path / "BRK-B_1d.parquet", "BRK/B")
    assert found is not None
    assert (found.ts.tolist(), found.split.tolist()) == (events.ts.tolist(), [50.0])
    empty = make_events("X", [])
    write_events(events_path(tmp_path, "X"), empty)
    found = events_beside(tmp_path / "X_1d.parquet", "X")
    assert found is not None
    assert len(found) == 0
    assert events_beside(tmp_path / "Y_1d.parquet", "Y") is None


def test_names_of_files() -> None:
    assert symbol_of(Path("AAPL_factors.parquet")) == "AAPL"
    assert symbol_of(Path("lean/factor_files/aapl.csv")) == "AAPL"
    assert symbol_of(Path("BRK-B_events.csv")) == "BRK/B"
    with pytest.raises(UserError, match="PB6112"):
        symbol_of(Path("what is this.csv"))
    assert is_events_name(Path("AAPL_events.csv"))
    assert not is_events_name(Path("AAPL_1d.csv"))


# Checks


def test_a_check_takes_events_into_account(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.005, 40)))
    closes[20:] /= 4
    path = tmp_path / "X_1d.parquet"
    write_candles(path, bars(closes.tolist()))
    file = CandleFile(path, "X", "1d")

    def splits() -> list[tuple[str, float]]:
        row = check_file(file, DataGates(), sessions=False).as_row()
        return [(str(np.datetime64(s["ts"], "ms"))[:10], s["ratio"]) for s in row["splits"]]

    assert splits() == [("2024-01-21", 4.0)]
    written(tmp_path, "events/X_events.csv", "date,split\n2024-01-21,4\n")
    assert splits() == []
    # On the wrong day it explains nothing, and there is a second jump.
    written(tmp_path, "events/X_events.csv", "date,split\n2024-01-25,4\n")
    assert splits() == [("2024-01-21", 4.0), ("2024-01-25", 0.25)]
    written(tmp_path, "events/X_events.csv", "date,split\n2024-01-25,x\n")
    report = check_file(file, DataGates(), sessions=False)
    assert report.verdict is Verdict.FAIL
    assert any(finding.key == "events" and "PB6331" in finding.text for finding in report.findings)


def test_bars_longer_than_a_day_are_judged_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "X_1w.parquet"
    write_candles(path, bars([100, 101, 102, 103], tf_ms=7 * DAY_MS))
    written(tmp_path, "events/X_events.csv", "date,split\n2024-01-10,4\n")
    report = check_file(CandleFile(path, "X", "1w"), DataGates(), sessions=False)
    assert report.moves is not None
    assert report.moves.splits == ()
