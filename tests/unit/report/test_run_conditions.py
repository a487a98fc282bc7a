"""Regimes, members and barred entries of a run, in the terminal and on the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from paperbot_core.report.conditions import (
    barred_entries,
    members_range,
    refused_by_limits,
    regime_shares,
    regime_spans,
    tier_lines,
)
from paperbot_core.report.html import render_html
from paperbot_core.report.run import SavedRun
from paperbot_core.report.terminal import render_summary

HOUR, START = 3_600_000, 1_609_459_200_000
MakeRun = Callable[..., SavedRun]

KNOWN: dict[str, Any] = {
    # The first change lies before the run: what held at its start counts from there.
    "regimes": [[START - 9 * HOUR, "calm"], [START + HOUR, "crash"], [START + 26 * HOUR, None]],
    "universe": {
        "BTC/USDT": [[START + HOUR, "core"]],
        "ETH/USDT": [[START + 10 * HOUR, "event"], [START + 20 * HOUR, "core"],
                     [START + 30 * HOUR, None]],
        "XRP/USDT": [],
    },
    "refused_bars": {"BTC/USDT": 1},
    "modes": {},
}  # fmt: skip
REFUSED = {"NOT_IN_UNIVERSE": 2_478, "REGIME": 12, "MAX_STALE_BARS": 0, "MAX_GROSS_PCT": 7}


@pytest.fixture
def run(make_run: MakeRun) -> SavedRun:
    return make_run(conditions=KNOWN, rejections=REFUSED)


def test_regimes_cover_the_run(run: SavedRun) -> None:
    spans = regime_spans(run)
    assert [(s.name, (s.start - START) // HOUR, (s.end - START) // HOUR) for s in spans] == [
        ("calm", 0, 1), ("crash", 1, 26), ("unknown", 26, 50)
    ]  # fmt: skip


def test_a_trade_belongs_to_the_regime_it_was_opened_in(run: SavedRun) -> None:
    assert [(s.name, s.time_pct, s.trades, s.pnl) for s in regime_shares(run)] == [
        ("calm", 2.0, 1, 20.0), ("crash", 50.0, 2, 10.0), ("unknown", 48.0, 0, 0.0)
    ]  # fmt: skip


def test_members_are_counted_by_tier(run: SavedRun) -> None:
    core, event = tier_lines(run)
    now = START + HOUR * np.array([0, 1, 10, 20, 29, 30])
    assert core.at(now).tolist() == [0, 1, 1, 2, 2, 1]
    assert event.at(now).tolist() == [0, 0, 1, 0, 0, 0]
    assert members_range(run) == [("core", 1, 2), ("event", 0, 1)]


def test_what_the_market_bars_is_told_apart_from_the_limits(run: SavedRun) -> None:
    assert barred_entries(run) == [("NOT_IN_UNIVERSE", 2_478), ("REGIME", 12)]
    assert refused_by_limits(run) == {"MAX_GROSS_PCT": 7}


def test_the_summary_tells_them(run: SavedRun) -> None:
    text = render_summary(run, width=80)
    assert re.search(r"^crash +50 % +2 +\+10.00$", text, re.M)
    barred = r"^No entry because of +signals\nNOT_IN_UNIVERSE +2,478\nREGIME +12$"
    assert re.search(barred, text, re.M)
    assert "Members: core 1 to 2, event 0 to 1\nNot believed: 1 bar (BTC/USDT 1)" in text
    assert text.count("NOT_IN_UNIVERSE") == 1


def test_the_page_draws_them(run: SavedRun) -> None:
    page = render_html(run)
    assert page.count('<rect class="r-') == 3
    assert '<path class="t0" d="M0,' in page
    assert '<path class="t1" d="M0,' in page
    assert "1 bar was not believed" in page


@pytest.mark.parametrize("start", [None, START + 50 * HOUR])
def test_a_run_without_time_has_no_pictures(make_run: MakeRun, start: int | None) -> None:
    run = make_run(conditions=KNOWN, start=start)
    assert not regime_shares(run)
    assert not members_range(run)
    assert "<svg" not in render_html(run)


def test_a_run_that_knows_no_conditions_says_nothing(make_run: MakeRun) -> None:
    run = make_run()
    assert "Conditions" not in render_html(run)
    assert "Regime" not in render_summary(run)
