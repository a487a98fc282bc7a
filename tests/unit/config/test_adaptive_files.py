"""One file with modes is several strategies: their names, values and mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from paperbot_core.config.adaptive import known_params, spread_sets
from paperbot_core.config.project import load_project
from paperbot_core.diagnostics import UserError
from paperbot_core.research.check import check_project
from paperbot_core.research.sets import SweepGrid, parse_single
from tests import session_world as sw

TURNS = """\
name: turns
timeframe: 1h
universe: [core]
params:
  length: {default: 8, min: 2, max: 50}
  margin: {default: 1, min: 0.5, max: 2, step: 0.1}
entry:
  long: {when: "close > margin * sma(close, length)"}
exit:
  long: {when: "close < sma(close, length)"}
size: {SIZE}
protect: {stop: 2 * atr(5)}
adaptive:
  every: 1d
  modes:
    swing: {weights: {trend: 1}, timeframe: 4h, params: {length: 12}}
    fast: {weights: {volatility: 1}, size_factor: 0.25}
"""
LONE = """\
name: lone
timeframe: 1h
universe: [core]
params: {bottom: {default: 30, min: 10, max: 50}}
entry: {long: {when: "rsi(7) < bottom"}}
exit: {long: {when: "rsi(7) > 60"}}
size: {equity_pct: 5}
"""

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def project(text: str = TURNS, size: str = "equity_pct: 8", named: str = "turns") -> Path:
        folder = sw.make_project(tmp_path / "p", [named], "{plugin: sandbox}")
        for path in (folder / "strategies.d").glob("*.yaml"):
            path.unlink()
        (folder / "strategies.d" / "turns.yaml").write_text(text.replace("SIZE", size))
        (folder / "strategies.d" / "lone.yaml").write_text(LONE)
        return folder

    return project


def test_a_mode_is_a_strategy_with_values_of_its_own(make: Make) -> None:
    project = load_project(make())
    assert list(project.strategies) == ["lone", "turns@swing", "turns@fast"]
    swing, fast = project.strategies["turns@swing"].file, project.strategies["turns@fast"].file
    assert (swing.timeframe, fast.timeframe) == ("4h", "1h")
    assert (swing.params["length"].default, fast.params["length"].default) == (12.0, 8.0)
    assert [one.name for one in project.enabled] == ["turns@swing", "turns@fast"]


def test_modes_run_in_the_order_of_their_file_where_none_is_named(make: Make) -> None:
    folder = make()
    (folder / "paperbot.yaml").write_text("mode: DRY_RUN\nexchange: {plugin: sandbox}\n")
    names = [one.name for one in load_project(folder).enabled]
    assert names == ["lone", "turns@swing", "turns@fast"]


def test_names_of_strategies_and_of_modes(make: Make) -> None:
    project = load_project(make(named="turns@fast, lone"))
    assert [one.name for one in project.enabled] == ["turns@fast", "lone"]
    assert project.names_of(["turns@fast", "turns"]) == ("turns@fast", "turns@swing")
    with pytest.raises(UserError, match=r"PB3005") as caught:
        project.names_of(["turns@fats"])
    assert "turns@fast" in caught.value.diagnostics[0].help


@pytest.mark.parametrize(
    ("named", "code"),
    [("turns, turns@fast", "PB3002"), ("turns@none", "PB3005"), ("turns@", "PB2006")],
)
def test_wrong_names_in_the_settings(make: Make, named: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        load_project(make(named=named))
    assert [d.code for d in caught.value.diagnostics] == [code]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("equity_pct: 8", 2.0),
        ("risk_pct: 4 * margin", 1.0),
        ("equity_pct: {core: 8, event: 4}", {"core": 2.0, "event": 1.0}),
    ],
)
def test_sizes_are_multiplied(make: Make, size: str, expected: object) -> None:
    compiled = check_project(make(size=size)).compiled["turns@fast"]
    assert expected in (compiled.equity_pct, compiled.risk_pct)


def test_a_mistake_is_told_once(make: Make) -> None:
    wrong = TURNS.replace("close < sma(close, length)", "close < smaa(close, length)")
    with pytest.raises(UserError) as caught:
        check_project(make(wrong))
    assert [(d.code, d.help) for d in caught.value.diagnostics] == [
        ("PB2121", "did you mean `sma`?")
    ]


def test_a_mistake_of_one_mode_names_it(make: Make) -> None:
    wrong = TURNS.replace("close < sma(close, length)", "close < at('2h', sma(close, length))")
    with pytest.raises(UserError) as caught:
        check_project(make(wrong))
    (found,) = caught.value.diagnostics
    assert (found.code, found.help) == ("PB2141", "this is so in mode `swing`")


def test_values_go_to_the_modes_that_have_none_of_their_own(make: Make) -> None:
    project = load_project(make())
    files = {name: loaded.file for name, loaded in project.strategies.items()}
    known = known_params(files)
    assert {name: sorted(params) for name, params in known.items()} == {
        "lone": ["bottom"], "turns": ["length", "margin"], "turns@swing": ["length", "margin"],
        "turns@fast": ["length", "margin"],
    }  # fmt: skip
    sets = parse_single(["turns.length=20", "turns.margin=1.5", "turns@fast.margin=2"], known)
    assert spread_sets(files, sets) == {
        "turns@swing": {"margin": 1.5},
        "turns@fast": {"length": 20.0, "margin": 2.0},
    }
    assert spread_sets(files, {}) == {}


def test_the_name_may_be_left_out_where_one_strategy_runs(make: Make) -> None:
    project = load_project(make())
    files = {n: s.file for n, s in project.strategies.items() if n != "lone"}
    assert parse_single(["length=20"], known_params(files)) == {"turns": {"length": 20.0}}
    grid = SweepGrid(["length=10,20", "turns@swing.length=30"], known_params(files))
    assert [spread_sets(files, sets) for sets in grid] == [
        {"turns@swing": {"length": 30.0}, "turns@fast": {"length": value}} for value in (10.0, 20.0)
    ]


def test_a_value_that_no_mode_takes_is_refused(make: Make) -> None:
    own = TURNS.replace("size_factor: 0.25", "params: {length: 5}")
    project = load_project(make(own))
    known = known_params({name: loaded.file for name, loaded in project.strategies.items()})
    with pytest.raises(UserError, match="no parameter `length`"):
        parse_single(["turns.length=20"], known)
