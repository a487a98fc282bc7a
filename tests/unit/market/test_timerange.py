"""Times and ranges as typed."""

from __future__ import annotations

import numpy as np
import pytest

from paperbot_core.diagnostics import UserError
from paperbot_core.domain.market import Candles
from paperbot_core.market.timerange import TimeRange, iso_time, parse_time, parse_timerange

JAN, JUN = 1_704_067_200_000, 1_717_200_000_000  # 2024-01-01, 2024-06-01


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240101-20240601", (JAN, JUN)),
        ("20240101-", (JAN, None)),
        ("-20240601", (None, JUN)),
        ("2024-01-01-2024-06-01", (JAN, JUN)),
        ("2024-01-01-", (JAN, None)),
        ("-2024-06-01", (None, JUN)),
        ("2024-01-01/2024-06-01", (JAN, JUN)),
        ("2024-01-01T00:00Z..2024-06-01T02:00+02:00", (JAN, JUN)),
        ("..2024-06-01", (None, JUN)),
        (f"{JAN}-{JUN}", (JAN, JUN)),
        (f"{JAN // 1000}-{JUN // 1000}", (JAN, JUN)),
        ("20240101T0030-20240601", (JAN + 30 * 60_000, JUN)),
    ],
)
def test_ranges(text: str, expected: tuple[int | None, int | None]) -> None:
    assert parse_timerange(text) == TimeRange(*expected)


@pytest.mark.parametrize(
    "text",
    ["", "-", "..", "2024", "20240601-20240101", "20240101-20240101", "20241301-", "a-b", "1-2",
     "20240101", "2024-01-01", "x" * 10_000, "99999999-", "٢٠٢٤٠١٠١-"],
)
def test_no_ranges(text: str) -> None:
    with pytest.raises(UserError, match="PB6016"):
        parse_timerange(text)


def test_times() -> None:
    assert parse_time("2024-01-01") == parse_time("20240101") == parse_time(str(JAN)) == JAN
    assert parse_time("1969-12-31T23:59:59.999Z") == -1
    assert iso_time(JAN) == "2024-01-01T00:00:00Z"
    assert iso_time(JAN + 7) == "2024-01-01T00:00:00.007Z"
    assert iso_time(10**18) == f"{10**18} ms"
    for text in ("", "now", "2024-02-30", "123", "0001-01-01T00:00+23:59x"):
        with pytest.raises(UserError, match="PB6016"):
            parse_time(text)


def test_rows_are_half_open() -> None:
    ones = np.ones(4)
    ts = JAN + 10 * np.arange(4, dtype=np.int64)
    candles = Candles("X", 10, ts, ones, ones, ones, ones, ones)
    assert TimeRange(JAN + 10, JAN + 30).rows(candles) == (1, 3)
    assert TimeRange(JAN + 5, None).rows(candles) == (1, 4)
    assert TimeRange(None, JAN).rows(candles) == (0, 0)
    assert TimeRange(JAN + 99, None).rows(candles) == (4, 4)
    assert str(TimeRange(JAN, None)) == "2024-01-01T00:00:00Z.."
