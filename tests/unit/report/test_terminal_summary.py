"""The summary in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from paperbot_core.report.run import SavedRun
from paperbot_core.report.terminal import render_summary, sparkline
from paperbot_core.report.wording import metric, moment, money, notices, number, percent, period

MakeRun = Callable[..., SavedRun]


def test_the_whole_story_in_plain_text(make_run: MakeRun) -> None:
    text = render_summary(make_run(), width=80, unicode=False)
    assert text.isascii()
    assert text.splitlines()[:4] == [
        "sma_cross  backtest",
        "BTC/USDT, ETH/USDT | 1h",
        "2021-01-01 - 2021-01-03 | 2 days | 100 bars | from 1,000.00 USDT",
        "run 20240101T000000-abc",
    ]
    assert "+10.00 %   equity 1,100.00   max drawdown -5.00 %   buy and hold +50.00 %" in text
    assert re.search(r"^.*Sharpe \(daily\) +-( |$)", text, re.M)
    assert "stop          1     0 %   -10.00" in text
    assert "MAX_GROSS_PCT         7        -" in text
    assert "CASH                  -        2" in text
    assert "LOT" not in text
    assert "! one <b>`big`</b> thing" in text


@pytest.mark.parametrize("width", [1, 40, 60, 80, 100, 500])
def test_no_line_is_wider_than_the_terminal(make_run: MakeRun, width: int) -> None:
    run = make_run(warnings=["word " * 60])
    longest = max(len(line) for line in render_summary(run, width=width).splitlines())
    assert longest <= max(43, min(width, 100))


def test_the_same_of_many_symbols_is_said_once(make_run: MakeRun) -> None:
    run = make_run(warnings=["A is odd", "B is odd", "one word", "C is odd", "alone"], halted_at=0)
    assert notices(run) == [
        (True, "halted at 1970-01-01 00:00 UTC: no entry after that"),
        (False, "A (and 2 more) is odd"),
        (False, "one word"),
        (False, "alone"),
    ]


def test_colour_only_when_asked(make_run: MakeRun) -> None:
    assert "\x1b" not in render_summary(make_run())
    assert "\x1b[32m" in render_summary(make_run(), color=True)


def test_a_run_that_says_little(make_run: MakeRun) -> None:
    bare = SavedRun({"run_id": "x"}, *(getattr(make_run(trades=0, marks=0), name)
                                       for name in ("trades", "fills", "equity")))
    assert render_summary(bare) == "x  backtest\nrun x\n\nNo trades.\n"


def test_sparklines_reach_from_bottom_to_top() -> None:
    assert sparkline([0.0, 1.0], 2, rows=2) == [" █", "▁█"]
    assert sparkline([5.0, 5.0], 3, rows=2) == ["   ", "███"]
    assert len(sparkline(list(range(1_000)), 20)[0]) == 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(-0.001), "0.00"),
        (number(-1_234.5), "−1,234.50"),  # noqa: RUF001 - the sign we write
        (number(float("nan")), "–"),  # noqa: RUF001
        (percent(12.345), "+12.35 %"),
        (percent(123_456.7), "+123,457 %"),
        (money(0.01234), "0.0123"),
        (metric("win_rate", 0.5), "50.00 %"),
        (metric("max_drawdown_pct", 5.0), "−5.00 %"),  # noqa: RUF001
        (metric("max_drawdown_pct", 0.0), "0.00 %"),
        (metric("sharpe", None), "–"),  # noqa: RUF001
        (metric("max_win_streak", 4), "4"),
    ],
)
def test_numbers_as_people_read_them(text: str, expected: str) -> None:
    assert text == expected


def test_moments_and_periods(make_run: MakeRun) -> None:
    assert moment("2021-01-01") == moment(1_609_459_200_000) == 1_609_459_200_000
    assert moment("never") is None
    assert moment(None) is None
    short = make_run(end=1_609_459_200_000 + 3_600_000 * 5)
    assert "5 hours" in period(short)
    assert period(make_run(start=None)) == ""
