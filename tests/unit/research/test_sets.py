"""`--set`: values, ranges and what is wrong with them."""

from __future__ import annotations

import pytest

from paperbot_core.diagnostics import UserError
from paperbot_core.research.sets import SweepGrid, parse_single, parse_values

KNOWN = {"cross": ["fast", "slow"], "rsi": ["length"]}


def test_a_range_includes_its_stop_and_steps_in_decimals() -> None:
    assert parse_values("0.8:1.4:0.2", "") == [0.8, 1.0, 1.2, 1.4]
    assert parse_values("5:50:20", "") == [5.0, 25.0, 45.0]
    assert parse_values("3:1:-1", "") == [3.0, 2.0, 1.0]
    assert parse_values("7,3,5.5", "") == [7.0, 3.0, 5.5]
    assert parse_values("9", "") == [9.0]


@pytest.mark.parametrize(
    ("text", "code"),
    [("1:10:0", "PB6506"), ("10:1:1", "PB6506"), ("1:2", "PB6505"), ("a,b", "PB6505"),
     ("nan", "PB6505"), ("1:1e9:1", "PB6506"), ("", "PB6505")],
)  # fmt: skip
def test_a_bad_range_is_refused(text: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_values(text, text)
    assert caught.value.diagnostics[0].code == code


def test_the_first_parameter_changes_slowest() -> None:
    grid = SweepGrid(["cross.fast=1:2:1", "rsi.length=7,8"], KNOWN)
    assert len(grid) == 4
    assert list(grid) == [
        {"cross": {"fast": 1.0}, "rsi": {"length": 7.0}},
        {"cross": {"fast": 1.0}, "rsi": {"length": 8.0}},
        {"cross": {"fast": 2.0}, "rsi": {"length": 7.0}},
        {"cross": {"fast": 2.0}, "rsi": {"length": 8.0}},
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [("cross.fasst=3", "did you mean `fast`?"), ("cros.fast=3", "did you mean `cross`?"),
     ("cross.fast", "strategy.param=value"), ("=3", ""), ("fast=3", "")],
)  # fmt: skip
def test_a_set_that_fits_nothing_says_what_would(text: str, part: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_single([text], KNOWN)
    diagnostic = caught.value.diagnostics[0]
    assert diagnostic.code == "PB6505"
    assert part in diagnostic.message + diagnostic.help


def test_one_strategy_needs_no_name() -> None:
    assert parse_single(["fast=3", "cross.slow=9"], {"cross": ["fast", "slow"]}) == {
        "cross": {"fast": 3.0, "slow": 9.0}
    }


def test_varying_one_parameter_twice_is_refused() -> None:
    with pytest.raises(UserError):
        SweepGrid(["cross.fast=1,2", "cross.fast=3,4"], KNOWN)
