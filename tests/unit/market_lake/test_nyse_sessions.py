"""The calendar of the New York exchanges: known days, half days, daylight saving, real data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from paperbot_core.domain.market import DAY_MS, HOUR_MS
from paperbot_core.market.candles.arrow import to_array
from paperbot_core.market.equities import expected_opens, is_half_day, session_of, sessions


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    "day",
    [
        "2021-01-01",
        "2021-01-18",
        "2021-02-15",
        "2021-04-02",
        "2021-05-31",
        "2021-07-05",
        "2021-09-06",
        "2021-11-25",
        "2021-12-24",
        "2022-06-20",
        "2020-07-03",
        "2023-01-02",
        "2001-09-11",
        "2012-10-29",
        "2018-12-05",
        "2024-03-29",
        "2024-01-06",
    ],
)
def test_closed_days(day: str) -> None:
    assert session_of(date.fromisoformat(day)) is None


@pytest.mark.parametrize("day", ["2021-12-31", "2021-06-18", "1997-01-20", "2022-01-03"])
def test_open_days_that_look_like_holidays(day: str) -> None:
    # New Year 2022 was a Saturday and not moved; Juneteenth and King's day came later.
    assert session_of(date.fromisoformat(day)) is not None


@pytest.mark.parametrize(
    ("day", "half"),
    [
        ("2020-11-27", True),
        ("2020-12-24", True),
        ("2019-07-03", True),
        ("2002-07-05", True),
        ("2002-07-03", False),
        ("2020-07-02", False),
        ("1999-12-31", True),
        ("2021-12-31", False),
    ],
)
def test_half_days(day: str, half: bool) -> None:
    assert is_half_day(date.fromisoformat(day)) is half


def test_the_opening_bell_follows_daylight_saving() -> None:
    winter, summer = session_of(date(2021, 3, 12)), session_of(date(2021, 3, 15))
    assert winter is not None
    assert summer is not None
    assert winter.open == at("2021-03-12T14:30")
    assert summer.open == at("2021-03-15T13:30")
    assert summer.close == at("2021-03-15T20:00")


def test_bars_of_an_hour_begin_with_the_one_that_holds_the_bell() -> None:
    first = at("2020-11-27T00:00")  # a half day
    opens = expected_opens(first, first + DAY_MS - 1, HOUR_MS)
    assert list(opens) == [at(f"2020-11-27T{hour}:00") for hour in (14, 15, 16, 17)]


def test_a_year_has_its_usual_number_of_sessions() -> None:
    days = {year: len(sessions(at(f"{year}-01-01"), at(f"{year}-12-31"))) for year in (2019, 2020)}
    assert days == {2019: 252, 2020: 253}


def test_every_stored_day_of_a_real_stock_is_a_session(market_data: Path) -> None:
    ts = to_array(parquet.read_table(market_data / "lean_equity/AAPL_1d.parquet").column("ts"))
    assert np.array_equal(ts, expected_opens(int(ts[0]), int(ts[-1]), DAY_MS))
