"""The pages of `why` are exactly those on record: wide, narrow, with and without Unicode.

PAPERBOT_UPDATE_GOLDEN=1 records what the program says now.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from paperbot_core.report.run import SavedRun
from paperbot_core.report.why_text import render_why
from paperbot_core.research.why import explain_bar
from tests.why_world import HOUR, backtest, make_project

HERE = Path(__file__).parent / "why"
START = 1_704_067_200_000

#: Name of the record: strategy, hours from the start of the market, width, line characters.
PAGES = {
    "granted": ("donchian_atr", 184, 100, True),
    "refused": ("donchian_atr", 187, 100, True),
    "held": ("donchian_atr", 188, 80, True),
    "blocked": ("donchian_atr", 191, 80, True),
    "exit": ("mean_reversion", 210, 80, False),
    "no_signal": ("mean_reversion", 200, 60, False),
    "warming_up": ("donchian_atr", 5, 80, True),
    "absent": ("donchian_atr", 10_000, 80, True),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SavedRun:
    project = make_project(tmp_path_factory.mktemp("why"), bars=700)
    return backtest(project, strategies=("donchian_atr", "mean_reversion"))


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, run: SavedRun) -> None:
    strategy, hours, width, unicode = PAGES[name]
    answer = explain_bar(run.facts, run.trades, "BTC/USDT", START + hours * HOUR, [strategy])
    assert answer["strategies"][0]["outcome"] == name
    # The id of a run is a digest of its files, which may change in their comments.
    page = render_why({**answer, "run_id": "bt-0"}, width=width, unicode=unicode)
    record = HERE / f"{name}.txt"
    if "PAPERBOT_UPDATE_GOLDEN" in os.environ:
        record.write_text(page, "utf-8")
    assert page == record.read_text("utf-8")
    assert max(len(line) for line in page.splitlines()) <= width
    assert unicode or page.isascii()


def test_colour_changes_no_letter(run: SavedRun) -> None:
    answer = explain_bar(run.facts, run.trades, "BTC/USDT", START + 184 * HOUR, ["donchian_atr"])
    plain = render_why(answer, width=100)
    coloured = render_why(answer, width=100, color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
