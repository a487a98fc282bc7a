"""Shorts, limits, ladders, adds, gaps, volume, three timeframes: every bar is told, and truly."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from paperbot_core.report.run import SavedRun
from paperbot_core.report.store import RunStore
from paperbot_core.report.why_text import render_why
from paperbot_core.research.why import explain_bar
from tests import session_world as sw
from tests.integration.test_session_equals_backtest import MIXED, MIXED_UNIVERSE
from tests.unit.research_why.test_why_answers import every_answer
from tests.why_world import paperbot


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SavedRun:
    folder = tmp_path_factory.mktemp("mixed")
    for seed, symbol in enumerate(("BTC/USDT", "SOL/USDT", "DOGE/USDT")):
        sw.write_candles(folder / "candles", sw.walk(symbol, 400, seed + 3, gaps=0.02))
    project = sw.make_project(
        folder / "project", list(MIXED), "{plugin: sandbox}",
        more="simulation: {slippage_bps: 7, volume_share_pct: 3}\n",
    )  # fmt: skip
    for path in (project / "strategies.d").glob("*.yaml"):
        path.unlink()
    for name, text in MIXED.items():
        (project / "strategies.d" / f"{name}.yaml").write_text(text)
    (project / "universe.yaml").write_text(MIXED_UNIVERSE)
    words = [word for name in MIXED for word in ("-s", name)]
    result = paperbot(project, "backtest", *words, "--data", str(folder / "candles"))
    assert result.exit_code == 0, result.output
    return RunStore(project / "state").load()


@pytest.fixture(scope="module")
def answers(run: SavedRun) -> list[dict[str, Any]]:
    return every_answer(run)


def test_every_outcome_has_its_reasons(answers: list[dict[str, Any]]) -> None:
    seen = Counter(answer["outcome"] for answer in answers)
    assert set(seen) == {
        "warming_up", "no_signal", "blocked", "granted", "refused", "held", "exit", "waiting",
    }  # fmt: skip
    assert [a for a in answers if not a["because"]] == []
    told = " ".join(reason for a in answers for reason in a["because"])
    for part in (
        "a limit entry rests at", "waits for volume", "cooldown_bars 3", "min_bars is 2",
        "max_bars 6 reached", "(trail)", "(breakeven)", "the next add is at", "bought back",
        "no entry against it", "refused by OPPOSITE_SLOT_OPEN",
    ):  # fmt: skip
        assert part in told, part


def test_fills_and_refusals_agree_with_the_run(
    run: SavedRun, answers: list[dict[str, Any]]
) -> None:
    legs = [(a, leg) for a in answers for leg in a["during"]]
    told = Counter(
        (leg["bar_ts"], a["symbol"], a["strategy"], leg["quantity"], leg["price"])
        for a, leg in legs if leg["kind"] != "released"
    )  # fmt: skip
    fills: Any = run.fills
    assert told == Counter(
        zip(fills["ts"].tolist(), fills["symbol"], fills["strategy"],
            fills["quantity"].tolist(), fills["price"].tolist(), strict=True)
    )  # fmt: skip
    refused = Counter(a["verdict"]["rule"] for a in answers if a["outcome"] == "refused")
    results = [leg for a in answers if a["order"] for leg in a["order"]["results"]]
    released = Counter(leg["reason"] for leg in results if leg["kind"] == "released")
    assert dict(refused + released) == dict(run.facts["rejections"])


def test_an_order_that_met_no_bar_is_told_there(
    run: SavedRun, answers: list[dict[str, Any]]
) -> None:
    answer, leg = next(
        (a, leg)
        for a in answers if a["order"]
        for leg in a["order"]["results"] if leg["reason"] == "BAR_ABSENT"
    )  # fmt: skip
    told = explain_bar(run.facts, run.trades, answer["symbol"], leg["step"] - 1)
    slot = next(s for s in told["strategies"] if s["strategy"] == answer["strategy"])
    assert slot["outcome"] == "absent"
    assert slot["during"] == [leg]
    assert "released, not filled: BAR_ABSENT" in render_why(told)


def test_the_position_goes_on_from_bar_to_bar(answers: list[dict[str, Any]]) -> None:
    last: dict[tuple[str, str], Any] = {}
    for answer in answers:
        slot = (answer["strategy"], answer["symbol"])
        before, after = answer["position"]["before"], answer["position"]["after"]
        if slot in last:
            known = last[slot]
            assert (before is None) == (known is None)
            if before is not None:
                assert before["quantity"] == known["quantity"]
                assert before["stop"] == known["stop"]
        last[slot] = after


def test_any_answer_fits_a_narrow_terminal(answers: list[dict[str, Any]]) -> None:
    for answer in answers[::7]:
        page = render_why(
            {"run_id": "bt-0", "mode": "backtest", "strategies": [answer]}, width=1, unicode=False
        )
        assert page.isascii()
        assert max(len(line) for line in page.splitlines()) <= 70
