"""Components that raise, lie or overreach are contained."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.api import (
    AccountView,
    Action,
    EntryFact,
    EventFact,
    MarketView,
    PluginError,
    PolicyView,
    Side,
    Signal,
    TriggerFact,
    Verdict,
)
from paperbot_core.plugins import Plugins
from paperbot_core.plugins_guard import Deadline, SafeRiskCheck
from paperbot_core.testing.builders import (
    a_component,
    a_plugin,
    a_policy,
    a_view,
    an_account,
    an_entry,
    an_event,
)


def kind_plugin(hook: str, name: str, built: object) -> Any:
    return a_plugin(**{hook: lambda: [a_component(name, built)]})


@pytest.fixture
def view() -> MarketView:
    return a_view()


class Answers:
    """Gives a fixed answer to whatever it is asked, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def _give(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Any:
        return self._give()

    def signals(self, view: MarketView) -> Any:
        return self._give()

    def fires(self, view: MarketView) -> Any:
        return self._give()

    def on_event(self, event: EventFact) -> None:
        self._give()


def judged(answer: Any) -> Verdict:
    (check,) = Plugins.of(
        {"alpha": kind_plugin("register_risk_checks", "mood", Answers(answer))}
    ).risk_checks({"mood": {}})
    return check.check(an_entry(), an_account(), a_policy())


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        (Verdict.approve(), 2.0),
        (Verdict.shrink(0.5, "tired"), 0.5),
        (Verdict.shrink(2.0, "all"), 2.0),
        (Verdict.refuse("no"), 0.0),
        (Verdict.shrink(1, "int"), 1.0),
    ],
)
def test_a_risk_check_may_approve_shrink_or_refuse(answer: Verdict, allowed: float) -> None:
    assert judged(answer).allowed == allowed


@pytest.mark.parametrize(
    "answer",
    [
        Verdict.shrink(2.0000001, "more"),
        Verdict.shrink(math.inf, ""),
        Verdict.shrink(math.nan, ""),
        Verdict.shrink(-1, ""),
        Verdict(True),
        Verdict("2"),  # type: ignore[arg-type]
        *(None, True, 1.0, "approve"),
        *(ValueError("broken"), SystemExit(1), MemoryError(), RecursionError()),
    ],
)
def test_anything_else_from_a_risk_check_refuses_and_names_it(answer: Any) -> None:
    verdict = judged(answer)
    assert verdict.allowed == 0.0
    assert "mood (alpha 0)" in verdict.reason


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.decimals(),
    st.lists(st.integers(), max_size=2),
)


@given(
    answer=ANYTHING | st.builds(Verdict, allowed=ANYTHING, reason=ANYTHING),
    quantity=st.floats(1e-9, 1e12),
)
def test_whatever_it_answers_an_entry_never_grows(answer: Any, quantity: float) -> None:
    check = SafeRiskCheck("mood", "alpha 0", Answers(answer))
    verdict = check.check(an_entry(quantity=quantity), an_account(), a_policy())
    assert isinstance(verdict.allowed, float)
    assert 0.0 <= verdict.allowed <= quantity
    assert isinstance(verdict.reason, str)
    if type(answer) is not Verdict:
        assert verdict.allowed == 0.0


def test_the_user_can_always_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        judged(KeyboardInterrupt())


def test_secrets_in_an_exception_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHA_API_KEY", "topsecretvalue")
    reason = judged(ValueError("GET /x?signature=abc123 failed with topsecretvalue")).reason
    assert "topsecretvalue" not in reason
    assert "abc123" not in reason


def ask(answer: Any, view: MarketView, kind: str = "strategies") -> Any:
    module = kind_plugin(f"register_{kind}", "alpha.mood", Answers(answer))
    return Plugins.of({"alpha": module}).strategy("alpha.mood").ask(view)


def test_signals_arrive_normalised(view: MarketView) -> None:
    signal = Signal(view.ts, view.symbol, "other", Side.LONG, 1, "two\nlines", {"b": 2, "a": 1}, 3)
    (got,) = ask([signal], view).signals
    assert got.strategy == "mine"
    assert got.reason == "two lines"
    assert list(got.params.items()) == [("a", 1.0), ("b", 2.0)]
    assert isinstance(got.strength, float)
    assert got.stop_distance == 3.0


@pytest.mark.parametrize(
    "change",
    [
        {"ts": 1},
        {"symbol": "ETH/USDT"},
        {"side": 1},
        {"strength": math.nan},
        {"strength": 1.5},
        {"strength": True},
        {"stop_distance": 0.0},
        {"stop_distance": math.inf},
        {"params": {"a": "b"}},
        {"params": None},
        {"action": "enter"},
    ],
)
def test_signals_that_lie_are_dropped_all_together(
    view: MarketView, change: dict[str, Any]
) -> None:
    good: dict[str, Any] = {"ts": view.ts, "symbol": view.symbol, "strategy": "", "side": Side.LONG}
    answer = ask([Signal(**good), Signal(**(good | change))], view)
    assert answer.signals == ()
    assert answer.problem.code == "PB5030"
    assert "`alpha 0`" in answer.problem.message


@pytest.mark.parametrize(
    "junk", [None, "buy", 3, ["buy"], [None], [object()] * 17, ValueError("x")]
)
def test_garbage_from_a_strategy_is_a_problem_not_a_crash(view: MarketView, junk: Any) -> None:
    assert ask(junk, view).problem.code == "PB5030"


def test_a_trigger_is_a_strategy_that_enters(view: MarketView) -> None:
    (signal,) = ask(TriggerFact(Side.LONG, 0.4, "jump", {"x": 1.0}), view, "triggers").signals
    assert (signal.side, signal.strength, signal.action) == (Side.LONG, 0.4, Action.ENTER)
    assert ask(None, view, "triggers").signals == ()
    assert ask(True, view, "triggers").problem.code == "PB5030"


def test_an_observer_that_raises_is_a_warning() -> None:
    event = an_event()
    quiet, loud = (
        Plugins.of({"alpha": kind_plugin("register_observers", "eye", Answers(a))}).observers()[0]
        for a in (None, OSError("gone"))
    )
    assert quiet.tell(event) is None
    assert str(loud.tell(event).code) == "PB5031"  # type: ignore[union-attr]


def test_a_risk_check_that_cannot_be_built_stops_the_start() -> None:
    broken = kind_plugin("register_risk_checks", "mood", 3)
    with pytest.raises(PluginError, match="PB5010"):
        Plugins.of({"alpha": broken}).risk_checks({"mood": {}})


def test_a_check_that_hangs_refuses_and_is_not_asked_again_until_it_is_back() -> None:
    gate, calls = threading.Event(), []

    class Hanging:
        def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
            calls.append(entry)
            gate.wait(10)
            return Verdict.approve()

    check = SafeRiskCheck("slow", "alpha 0", Hanging(), Deadline(0.05))
    entry, account, policy = an_entry(), an_account(), a_policy()
    first, second = (check.check(entry, account, policy) for _ in range(2))
    assert (first.allowed, second.allowed) == (0.0, 0.0)
    assert "within 0.05 s" in first.reason
    assert "still has not come back" in second.reason
    assert len(calls) == 1
    gate.set()
    deadline = time.monotonic() + 5
    while check.check(entry, account, policy).allowed == 0.0:
        assert time.monotonic() < deadline


def test_a_deadline_hands_on_what_is_returned_and_raised() -> None:
    within = Deadline(5)
    assert within.call(max, 1, 2) == 2
    with pytest.raises(ZeroDivisionError):
        within.call(divmod, 1, 0)
