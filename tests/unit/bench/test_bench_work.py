"""The benchmark's own parts: its bars, its project, its judgement of an answer, its tables."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import data
from bench.driver import measure
from bench.processes import ProcessFailedError, run_process
from bench.run import keep
from bench.steps import Session, step_all
from bench.table import figures_table, works_table
from bench.work import (
    STRATEGY,
    WORKS,
    Answer,
    as_facts,
    check_answer,
    grid,
    load_project,
    prepare,
    run_backtest,
)
from paperbot_core.kernel.plain import PlainKernel


def some_bars(count: int = 2_000) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return data.draw(np.random.default_rng(data.SEED), count)


def test_the_bars_are_valid_candles() -> None:
    opened, high, low, close, volume = some_bars()
    assert (low <= np.minimum(opened, close)).all()
    assert (high >= np.maximum(opened, close)).all()
    assert (low > 0.0).all()
    assert (volume > 0.0).all()


def test_the_bars_of_the_minute_year_are_the_published_ones() -> None:
    try:
        candles = data.minute_year()
    except data.WrongDataError as error:
        pytest.skip(str(error))
    assert len(candles) == data.BARS_W1
    assert candles.ts[0] == data.START_MS


def test_other_bars_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "SEED", 8)
    with pytest.raises(data.WrongDataError, match="numpy"):
        data.minute_year()


def test_our_project_says_what_the_peers_project_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not os.environ.get("PAPERBOT_PEER_BENCH"):
        pytest.skip("PAPERBOT_PEER_BENCH does not name the folder of the peer benchmark")
    theirs = load_project()
    monkeypatch.delenv("PAPERBOT_PEER_BENCH")
    ours = load_project()
    assert ours.project.policy.risk == theirs.project.policy.risk
    assert ours.project.policy.entry == theirs.project.policy.entry
    assert ours.project.universe == theirs.project.universe
    own, other = ours.compiled[STRATEGY], theirs.compiled[STRATEGY]
    assert own.params == other.params
    assert {k: n.key for k, n in own.roots.items()} == {k: n.key for k, n in other.roots.items()}


def test_a_backtest_of_a_few_bars_trades() -> None:
    answer = run_backtest(prepare([data.candles(data.SYMBOL_W1, some_bars())]))
    assert answer.trades > 10
    assert answer.stops is not None
    assert 0 < answer.stops < answer.trades
    assert set(answer.parts) == {"stage", "simulate", "metrics"}


def test_the_grid_is_whole_or_taken_evenly() -> None:
    assert len(grid()) == 100
    assert grid()[0] == {"w1": {"fast": 5.0, "slow": 60.0}}
    assert grid()[-1] == {"w1": {"fast": 50.0, "slow": 240.0}}
    assert grid(4) == [grid()[k] for k in (0, 25, 50, 75)]


EXPECTED = Answer(10, 1_000.0, stops=4)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (EXPECTED, None),
        (dataclasses.replace(EXPECTED, final_equity=1_000.0 + 9e-7), None),
        (dataclasses.replace(EXPECTED, trades=11), "trades 11, expected 10"),
        (dataclasses.replace(EXPECTED, stops=5), "stops 5, expected 4"),
        (
            dataclasses.replace(EXPECTED, final_equity=1_000.00001),
            "final equity 1000.00001, expected 1000.0",
        ),
    ],
)
def test_an_answer_is_judged_to_a_billionth(found: Answer, wrong: str | None) -> None:
    assert check_answer(found, EXPECTED) == wrong


def test_a_wrong_answer_is_told_and_the_best_run_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([Answer(1, 2.0), Answer(3, 4.0)])
    work = dataclasses.replace(
        WORKS["w1"], load=lambda: prepare([data.candles(data.SYMBOL_W1, some_bars(100))]),
        run=lambda _: next(answers),
    )
    monkeypatch.setitem(WORKS, "w1", work)
    line = measure("w1", 1, warm_up=True)
    assert line["wrong"] == "trades 3, expected 5847"
    assert len(line["all_seconds"]) == 1
    assert line["trades"] == 3


def test_facts_leave_out_what_does_not_apply() -> None:
    assert as_facts(Answer(1, 2.0)) == {"trades": 1, "final_equity": 2.0}
    assert as_facts(Answer(1, 2.0, stops=0, pairs=5))["pairs"] == 5


def test_every_step_driver_makes_the_same_trades() -> None:
    session = Session(60)
    session.run(PlainKernel.step)
    quiet = session.trades
    session.run(step_all)
    assert session.trades == quiet > 0


def test_a_failed_process_says_what_it_said() -> None:
    with pytest.raises(ProcessFailedError, match="No module named"):
        run_process([sys.executable, "-m", "bench.no_such_module"], {})


def line(peer: str, seconds: float, **more: float) -> dict[str, object]:
    return {
        "peer": peer, "label": peer, "workload": "w1", "seconds": seconds, "bars_per_s": 5_000_000,
        "cold_wall_s": 3.0, "peak_rss_mb": 200.0, "trades": 7, "final_equity": 1.5, **more,
    }  # fmt: skip


def test_the_table_compares_with_ours() -> None:
    text = works_table([line("paperbot", 0.05, warm_wall_s=1.0), line("other", 0.1)])
    assert "x ours" in text
    assert text.splitlines()[3].split()[4] == "2.00"


def test_an_import_of_numba_shows_in_the_figures() -> None:
    figure = {"workload": "step_1", "us_per_bar": 3.25, "goal": 10.0, "numba_imported": True}
    text = figures_table([figure])
    assert "3.25 us a bar" in text
    assert "imports numba!" in text


def test_lines_are_printed_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.run.OUT", tmp_path / "out" / "results.jsonl")
    keep([line("paperbot", 0.05)])
    keep([line("other", 0.1)])
    kept = (tmp_path / "out" / "results.jsonl").read_text(encoding="utf-8")
    assert [json.loads(text)["peer"] for text in kept.splitlines()] == ["paperbot", "other"]
    assert capsys.readouterr().out == kept
