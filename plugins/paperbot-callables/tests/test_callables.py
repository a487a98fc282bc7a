"""Plain functions trade: what they return, and what happens when they misbehave."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import paperbot_callables
import pytest

from paperbot_core.api import Action, Side, UserError
from paperbot_core.testing.builders import a_view, candles_of, plugins_of, random_candles
from paperbot_core.testing.contracts import StrategyContract

PLUGINS = plugins_of({"paperbot-callables": paperbot_callables})
README = Path(paperbot_callables.__file__).parents[1] / "README.md"


@pytest.fixture
def function(tmp_path: Path) -> Any:
    """Return a function that writes a decide() and builds the strategy that calls it."""

    def make(body: str, **options: Any) -> Any:
        path = tmp_path / "rules.py"
        path.write_text(f"def decide(context, **args):\n    {body}\n")
        return PLUGINS.strategy("callables.call", {"target": f"{path}:decide"} | options)

    return make


class TestCallContract(StrategyContract):
    @pytest.fixture(autouse=True)
    def _readme_example(self, tmp_path: Path) -> None:
        self.path = tmp_path / "my_rules.py"
        self.path.write_text(re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0])

    def make(self) -> Any:
        return PLUGINS.build("strategy", "callables.call", {"target": f"{self.path}:decide"})


def test_a_side_enters_and_closes_the_opposite(function: Any) -> None:
    for word, side in (("long", 1), ("buy", 1), ("SELL", -1), ("short", -1)):
        signals = function(f"return {word!r}").ask(a_view()).signals
        assert [(s.action, int(s.side)) for s in signals] == [
            (Action.ENTER, side),
            (Action.EXIT, -side),
        ]
    signals = function("from paperbot_core.api import Side; return Side.LONG").ask(a_view()).signals
    assert signals[0].side is Side.LONG
    assert signals[0].reason == "decide says long"


def test_without_shorts_a_short_answer_only_closes(function: Any) -> None:
    signals = function("return 'sell'", shorts="false").ask(a_view()).signals
    assert [(s.action, s.side) for s in signals] == [(Action.EXIT, Side.LONG)]
    assert len(function("return 'buy'", shorts=False).ask(a_view()).signals) == 2


def test_none_changes_nothing_unless_told(function: Any) -> None:
    assert function("return None").ask(a_view()).signals == ()
    exits = function("return None", none_exits=True).ask(a_view()).signals
    assert {(s.action, s.side) for s in exits} == {
        (Action.EXIT, Side.LONG),
        (Action.EXIT, Side.SHORT),
    }


@pytest.mark.parametrize("body", ["return 1", "return 'up'", "return True", "1 / 0", "return []"])
def test_anything_else_is_a_problem_of_that_bar(function: Any, body: str) -> None:
    answer = function(body).ask(a_view())
    assert answer.signals == ()
    assert answer.problem.code == "PB5030"


def test_the_context_ends_with_the_closed_bar(function: Any, tmp_path: Path) -> None:
    body = (
        "return 'long' if context.close == [2.0, 3.0] and context.price == 3.0"
        " and context.symbol == 'BTC/USDT' and context.features == {'f': 9.0} else 'short'"
    )
    candles = candles_of([1.0, 2.0, 3.0, 4.0])
    view = a_view(candles, 2, features={"f": candles.close * 3})
    assert function(body, bars=2).ask(view).signals[0].side is Side.LONG


def test_arguments_are_numbers_where_they_look_like_it(function: Any) -> None:
    body = "return 'long' if args == {'a': 2.5, 'b': 'x'} else None"
    assert function(body, args={"a": "2.5", "b": "x"}).ask(a_view()).signals


def test_a_module_on_the_path_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules_on_path.py").write_text("def decide(context): return 'long'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    strategy = PLUGINS.strategy("callables.call", {"target": "rules_on_path:decide"})
    assert strategy.ask(a_view(random_candles(3))).signals
    del sys.modules["rules_on_path"]


@pytest.mark.parametrize(
    ("target", "source", "code"),
    [
        ("no_such_module_xyz:decide", "", "PB5051"),
        ("missing.py:decide", "", "PB5051"),
        ("{file}:decide", "x = 1", "PB5051"),
        ("{file}:decide", "decide = 3", "PB5051"),
        ("{file}:decide", "raise RuntimeError('x')", "PB5051"),
        ("{file}:decide", "def decide(): ...", "PB5051"),
        ("{file}:decide", "def decide(context, needed): ...", "PB5051"),
        ("decide", "", "PB5009"),
        ("os:system('x')", "", "PB5009"),
    ],
)
def test_a_target_that_cannot_be_called_is_refused(
    tmp_path: Path, target: str, source: str, code: str
) -> None:
    (tmp_path / "rules.py").write_text(source)
    options = {"target": target.format(file=tmp_path / "rules.py")}
    with pytest.raises(UserError, match=code):
        PLUGINS.strategy("callables.call", options)
