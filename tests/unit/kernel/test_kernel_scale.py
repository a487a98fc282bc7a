"""A position of one unit, or of half a unit, is worked like one of ten: same rows, same prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.kernel.fill_world import Result, Row, Says, play

FLAT = (100.0, 101.0, 99.0, 100.0)
CENTS = {"tick": Decimal("0.01")}
TRAIL = {"has_trail": True, "trail_after_r": 1.0}

#: Bars as a long sees them, what it asks for besides, and why it leaves.
STORIES: dict[str, tuple[list[Row], dict[str, Any], dict[str, Any], list[str]]] = {
    "signal": ([FLAT] * 4, {"exit": [1]}, {}, ["signal"]),
    "stop": ([FLAT, FLAT, (100.0, 101.0, 89.0, 95.0)], {}, {}, ["stop"]),
    "gap": ([FLAT, FLAT, (85.0, 95.0, 84.0, 95.0)], {}, {}, ["stop"]),
    "targets": (
        [FLAT, FLAT, (100.0, 111.0, 99.0, 110.0), (125.0, 126.0, 124.0, 125.0)], {},
        {"rungs": [(0.9, 0.5), (2.0, 0.5)]}, ["target", "target"],
    ),
    "trail": (
        [FLAT, (100.0, 112.0, 99.0, 111.0), (111.0, 115.0, 109.5, 114.0),
         (114.0, 114.5, 105.0, 106.0)], {"trail": 5.0}, TRAIL, ["trail"],
    ),
    "breakeven": (
        [FLAT, (100.0, 106.0, 99.0, 104.0), (104.0, 105.0, 99.5, 101.0)], {},
        {"breakeven_after_r": 0.5}, ["breakeven"],
    ),
    "add": (
        [FLAT, (100.0, 107.0, 99.0, 106.0), (106.0, 107.0, 105.0, 106.0), FLAT],
        {"exit": [2]}, {"adds": [(0.5, 0.5)]}, ["add", "signal"],
    ),
    "gate": (
        [FLAT, (100.0, 107.0, 99.0, 106.0), (106.0, 107.0, 105.0, 106.0), FLAT],
        {"exit": [0, 1]}, {"gated": 0x101, "min_r": [0.5] * 16}, ["signal"],
    ),
    "limit": (
        [FLAT, (100.0, 101.0, 96.0, 98.0), (98.0, 99.0, 85.0, 90.0)], {"limit": 97.0},
        {"limit_bars": [1] * 16}, ["stop"],
    ),
}  # fmt: skip


def _mirror(row: Row) -> Row:
    """Return a bar with up and down exchanged around 100."""
    if row is None:
        return None
    opened, high, low, close = row
    return (200.0 - opened, 200.0 - low, 200.0 - high, 200.0 - close)


def _played(story: str, size: float, side: str) -> Result:
    bars, asked, plan, _ = STORIES[story]
    said: dict[str, Any] = {side: [0], f"exit_{side}": asked.get("exit", [])}
    said |= {key: value for key, value in asked.items() if key != "exit"}
    if side == "short":
        bars = [_mirror(row) for row in bars]
        if "limit" in said:
            said["limit"] = 200.0 - said["limit"]
    return play(
        bars, Says(**said), plan={"size": size, **plan}, instrument=CENTS, slippage_bps=10.0
    )


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize("story", STORIES)
def test_the_size_of_a_position_changes_no_row_reason_or_price(story: str, side: str) -> None:
    ten = _played(story, 0.1, side)
    assert [reason for _, reason, _, _ in ten.told] == ["entry", *STORIES[story][3]]
    for size in (0.01, 0.005):
        small = _played(story, size, side)
        expected: list[Any] = [
            (row, reason, pytest.approx(qty * size * 10.0), price)
            for row, reason, qty, price in ten.told
        ]
        assert small.told == expected
        assert small.trades[0]["r_multiple"] == pytest.approx(ten.trades[0]["r_multiple"])
        assert [leg["side"] for leg in small.legs] == [leg["side"] for leg in ten.legs]


@pytest.mark.parametrize("story", STORIES)
def test_a_short_is_the_mirror_of_a_long(story: str) -> None:
    long, short = _played(story, 0.1, "long"), _played(story, 0.1, "short")
    assert [t[:2] for t in short.told] == [t[:2] for t in long.told]
    # Slippage is a part of the price, so mirrored prices differ by up to 10 bps of 50.
    mirrored = [200.0 - price for _, _, _, price in long.told]
    assert [price for _, _, _, price in short.told] == pytest.approx(mirrored, abs=0.06)
