"""What `why` says of each bar agrees with what the run did, for every bar of a run."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.diagnostics import DataError, UserError
from paperbot_core.report.run import SavedRun
from paperbot_core.research.why import _explained, _own, _steps, explain_bar, rebuild
from paperbot_core.research.why_rerun import rerun
from tests.why_world import HOUR, backtest, facts_without, make_project, write_csv

NAMES = ("donchian_atr", "mean_reversion")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("why"), bars=700)


@pytest.fixture(scope="module")
def run(project: Path) -> SavedRun:
    return backtest(project, strategies=NAMES)


def every_answer(run: SavedRun, slots: int = 100) -> list[dict[str, Any]]:
    """Explain every bar of the first slots over one second run."""
    with tempfile.TemporaryDirectory() as folder:
        world = rebuild(run.facts, Path(folder))
    done = rerun(world.desk, world.inputs, range(len(world.inputs.times)), world.make_review)
    found = []
    for slot in range(min(slots, len(world.desk.slots))):
        own = _own(world, slot)
        for row in range(len(own)):
            steps = _steps(world, slot, row)
            found.append(_explained(world, done, slot, row, steps, int(own.ts[row])))
    return found


@pytest.fixture(scope="module")
def answers(run: SavedRun) -> list[dict[str, Any]]:
    return every_answer(run)


def test_every_kind_of_bar_is_there(answers: list[dict[str, Any]]) -> None:
    seen = Counter(answer["outcome"] for answer in answers)
    assert set(seen) == {
        "warming_up", "no_signal", "blocked", "granted", "refused", "held", "exit",
    }  # fmt: skip


def test_every_bar_has_a_reason(answers: list[dict[str, Any]]) -> None:
    assert [a for a in answers if not a["because"]] == []


def test_fills_of_the_run_are_told_once_each(
    run: SavedRun, answers: list[dict[str, Any]]
) -> None:
    told = Counter(
        (leg["bar_ts"], a["symbol"], a["strategy"], leg["quantity"], leg["price"])
        for a in answers for leg in a["during"] if leg["kind"] != "released"
    )  # fmt: skip
    fills = run.fills
    stored = Counter(
        zip(
            fills["ts"].tolist(), fills["symbol"], fills["strategy"],  # type: ignore[union-attr]
            fills["quantity"].tolist(), fills["price"].tolist(), strict=True,  # type: ignore[union-attr]
        )
    )  # fmt: skip
    assert told == stored


def test_refusals_add_up_to_the_rejections_of_the_run(
    run: SavedRun, answers: list[dict[str, Any]]
) -> None:
    refused = Counter(a["verdict"]["rule"] for a in answers if a["outcome"] == "refused")
    released = Counter(
        leg["reason"] for a in answers for leg in a["during"] if leg["kind"] == "released"
    )
    assert dict(refused + released) == dict(run.facts["rejections"])


def test_a_granted_order_says_what_became_of_it(
    run: SavedRun, answers: list[dict[str, Any]]
) -> None:
    for answer in answers:
        if answer["outcome"] in {"granted", "exit"}:
            at_the_end = answer["bar"]["close_ts"] == run.facts["end"]
            assert answer["order"]["results"] or at_the_end
        else:
            assert answer["order"] is None


def test_verdicts_are_in_the_units_of_the_policy(answers: list[dict[str, Any]]) -> None:
    judged = [a for a in answers if a["verdict"]]
    for answer in judged:
        rows = {row["rule"]: row for row in answer["verdict"]["rules"]}
        assert all(row["answer"] in {"passed", "shrunk", "refused"} for row in rows.values())
        if row := rows.get("MAX_POSITION_SIZE_PCT"):
            assert row["limit"] == 5.0
            assert row["unit"] == "%"
            assert row["policy"].startswith("policy.yaml:")
            assert (row["observed"] > 5.0) == (row["answer"] != "passed")
        approved = answer["verdict"]["approved"]
        assert approved == (answer["outcome"] == "granted")
        assert answer["verdict"]["allowed"] <= answer["verdict"]["asked"]


def test_no_signal_names_a_part_that_is_not_true(answers: list[dict[str, Any]]) -> None:
    quiet = [a for a in answers if a["outcome"] == "no_signal"]
    assert quiet
    for answer in quiet:
        entries = [c for c in answer["conditions"] if c["rule"].startswith("entry.")]
        assert not any(c["signal"] for c in entries)
        assert answer["because"][0].startswith("entry.long.0: `")


def test_a_bar_is_found_by_any_moment_in_it(run: SavedRun) -> None:
    start = run.facts["start"] + 400 * HOUR
    asked = [explain_bar(run.facts, run.trades, "BTC/USDT", t)["strategies"]
             for t in (start, start + 1, start + HOUR - 1)]  # fmt: skip
    assert asked[0] == asked[1] == asked[2]
    assert [slot["strategy"] for slot in asked[0]] == list(NAMES)
    after = explain_bar(run.facts, run.trades, "BTC/USDT", start + HOUR)["strategies"]
    assert after[0]["bar"]["ts"] == start + HOUR


def test_a_time_without_a_bar(run: SavedRun) -> None:
    slot = explain_bar(run.facts, run.trades, "BTC/USDT", 0, ["donchian_atr"])["strategies"][0]
    assert slot["outcome"] == "absent"
    assert slot["bar"] is None
    assert "no 1h bar of BTC/USDT contains 1970-01-01T00:00:00Z" in slot["because"][0]


def test_a_bar_before_the_time_range(project: Path) -> None:
    run = backtest(project, "--timerange", "20240115-20240201")
    found = explain_bar(run.facts, run.trades, "ETH/USDT", 1_704_067_200_000)
    slot = found["strategies"][0]
    assert slot["outcome"] == "outside"
    assert "decides from 2024-01-15T01:00:00Z" in slot["because"][0]


def test_names_that_are_not_in_the_run(run: SavedRun) -> None:
    with pytest.raises(UserError, match="PB6604: the run has no symbol `BTCUSDT`"):
        explain_bar(run.facts, run.trades, "BTCUSDT", 0)
    with pytest.raises(UserError, match="PB6604: the run has no strategy `donchian`"):
        explain_bar(run.facts, run.trades, "BTC/USDT", 0, ["donchian"])


def test_a_run_without_its_files(run: SavedRun) -> None:
    for facts in (
        facts_without(run, "request"), facts_without(run, "config"), facts_without(run, "candles"),
        {**run.facts, "request": {**run.facts["request"], "cash": "much"}},
        {**run.facts, "request": {"directory": 3}},
    ):  # fmt: skip
        with pytest.raises(UserError, match="PB6601"):
            explain_bar(facts, run.trades, "BTC/USDT", 0)


def test_a_stored_name_cannot_leave_the_project(run: SavedRun) -> None:
    facts = {**run.facts, "config": {"../../evil.yaml": "x"}}
    with pytest.raises(UserError, match=r"PB6601.*no file of a project"):
        explain_bar(facts, run.trades, "BTC/USDT", 0)


def test_other_trades_than_stored(run: SavedRun) -> None:
    trades = {**run.trades, "exit_price": run.trades["exit_price"] * 1.5}  # type: ignore[operator]
    with pytest.raises(DataError, match=r"PB6603.*`exit_price` of trade 1"):
        explain_bar(run.facts, trades, "BTC/USDT", 0)
    fewer = {name: column[:-1] for name, column in run.trades.items()}
    with pytest.raises(DataError, match=r"PB6603.*trades were computed again"):
        explain_bar(run.facts, fewer, "BTC/USDT", 0)


def test_candles_that_changed_or_went(tmp_path: Path) -> None:
    project = make_project(tmp_path, bars=300)
    run = backtest(project)
    path = project / "candles" / "BTC-USDT_1h.csv"
    path.write_text(path.read_text() + "1735689600000,100,101,99,100,5\n")
    with pytest.raises(DataError, match=r"PB6602: `BTC-USDT_1h.csv` has changed"):
        explain_bar(run.facts, run.trades, "BTC/USDT", 0)
    path.unlink()
    with pytest.raises(UserError, match="PB6602: the candles of the run are gone"):
        explain_bar(run.facts, run.trades, "BTC/USDT", 0)


def test_the_files_as_they_were_count_not_as_they_are(tmp_path: Path) -> None:
    project = make_project(tmp_path, bars=400)
    run = backtest(project, "--set", "length=30", "--fee-bps", "20", "--cash", "5000")
    before = explain_bar(run.facts, run.trades, "BTC/USDT", run.facts["start"] + 300 * HOUR)
    (project / "policy.yaml").write_text("version: 1\n")
    (project / "strategies.d" / "donchian_atr.yaml").unlink()
    after = explain_bar(run.facts, run.trades, "BTC/USDT", run.facts["start"] + 300 * HOUR)
    assert after == before


def test_another_policy_is_named(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "strict.yaml"
    text = (project / "policy.yaml").read_text()
    other.write_text(text.replace("max_trades_per_day: 10", "max_trades_per_day: 0").replace(
        "max_trades_per_hour: 4", "max_trades_per_hour: 0"))  # fmt: skip
    run = backtest(project, "--policy", str(other))
    refused = next(a for a in every_answer(run, 1) if a["outcome"] == "refused")
    assert refused["verdict"]["rule"] == "MAX_TRADES_PER_DAY"
    assert "limit 0" in refused["because"][0]
    assert f"{other}:" in refused["because"][0]


def test_finer_bars_are_told_inside_the_bar_they_belong_to(tmp_path: Path) -> None:
    project = make_project(tmp_path, bars=300)
    for path in (project / "candles").iterdir():
        path.unlink()
    from paperbot_core.research.baseline_market import market

    write_csv(market("BTC/USDT", HOUR // 4, bars=2_400), project / "candles")
    run = backtest(project, "--detail-timeframe", "15m")
    told = [leg for a in every_answer(run, 1) for leg in a["during"] if leg["kind"] != "released"]
    assert len(told) == len(run.fills["ts"])
    assert any(leg["bar_ts"] % HOUR for leg in told)
