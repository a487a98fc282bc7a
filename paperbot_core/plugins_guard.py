"""Stands between the core and components of plugins: what they raise or return cannot hurt."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from paperbot_core.api.facts import (
    AccountView,
    Action,
    EntryFact,
    EventFact,
    PolicyView,
    Signal,
    TriggerFact,
    Verdict,
)
from paperbot_core.diagnostics import Diagnostic, Severity
from paperbot_core.diagnostics.redact import describe_error, redact
from paperbot_core.domain.words import Side

if TYPE_CHECKING:
    from paperbot_core.api.protocols import Observer, RiskCheck, Strategy, Trigger
    from paperbot_core.api.view import MarketView

_REASON_MAX = 500
_SIGNALS_MAX = 16
#: How long a session waits for a plugin before it goes on without, in seconds.
PATIENCE_S = 5.0


class Deadline:
    """Calls that must come back: made in a thread of their own, and given up after some seconds.

    A call that was given up cannot be ended; until it comes back, no other one is made.
    """

    def __init__(self, seconds: float = PATIENCE_S) -> None:
        self.seconds = seconds
        self._stuck: threading.Thread | None = None

    def call(self, function: Callable[..., object], *args: object) -> object:
        """Return what `function` returns, or raise what it raises.

        Raises:
            TimeoutError: it did not come back in time, or the last one still has not.
        """
        if self._stuck is not None and self._stuck.is_alive():
            raise TimeoutError("still has not come back from an earlier call")
        outcome: list[tuple[object, BaseException | None]] = []

        def work() -> None:
            try:
                outcome.append((function(*args), None))
            except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
                outcome.append((None, error))

        thread = threading.Thread(target=work, name="plugin", daemon=True)
        thread.start()
        thread.join(self.seconds)
        if not outcome:
            self._stuck = thread
            raise TimeoutError(f"did not come back within {self.seconds:g} s")
        value, error = outcome[0]
        if error is not None:
            raise error
        return value


def _called(deadline: Deadline | None, function: Callable[..., object], *args: object) -> object:
    return function(*args) if deadline is None else deadline.call(function, *args)


@dataclass(frozen=True, slots=True)
class SafeRiskCheck:
    """A risk check that always answers: failure and garbage are refusals, growth is impossible."""

    name: str
    distribution: str
    inner: RiskCheck
    deadline: Deadline | None = None

    def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
        """Return a verdict whose `allowed` is a finite quantity in [0, entry.quantity]."""
        try:
            answer = _called(self.deadline, self.inner.check, entry, account, policy)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - not ours: contained and named
            return self._refuse(f"raised {describe_error(error)}")
        if type(answer) is not Verdict:
            return self._refuse(f"returned {type(answer).__name__} instead of Verdict")
        reason = _text(answer.reason)
        allowed = answer.allowed
        if allowed is None:
            return Verdict(entry.quantity, reason)
        if not _is_number(allowed) or not math.isfinite(allowed):
            return self._refuse("allowed a quantity that is not a finite number")
        if allowed < 0:
            return self._refuse("allowed a negative quantity")
        if allowed > entry.quantity:
            return self._refuse("tried to enlarge the entry")
        return Verdict(float(allowed), f"{self.name}: {reason}" if reason else self.name)

    def _refuse(self, text: str) -> Verdict:
        return Verdict(0.0, f"{self.name} ({self.distribution}) {text}")


@dataclass(frozen=True, slots=True)
class Answer:
    """The signals of one bar; `problem` is set, and signals are empty, if the plugin failed."""

    signals: tuple[Signal, ...] = ()
    problem: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class SafeStrategy:
    """A strategy whose failures are values and whose signals are checked."""

    name: str
    distribution: str
    inner: Strategy
    deadline: Deadline | None = None

    def ask(self, view: MarketView) -> Answer:
        """Return the checked signals of the latest closed bar; all of them or none."""
        try:
            answer = _called(self.deadline, self.inner.signals, view)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - not ours: contained and named
            return self._fail(f"raised {describe_error(error)}")
        if not isinstance(answer, list | tuple):
            return self._fail(f"returned {type(answer).__name__} instead of a list of Signal")
        if len(answer) > _SIGNALS_MAX:
            return self._fail(f"returned {len(answer)} signals for one bar, at most {_SIGNALS_MAX}")
        signals: list[Signal] = []
        for signal in answer:
            if mistake := _mistake(signal, view):
                return self._fail(f"returned {mistake}")
            signals.append(_normal(signal, view))
        return Answer(tuple(signals))

    def _fail(self, text: str) -> Answer:
        return Answer((), _problem("PB5030", f"strategy `{self.name}`", self.distribution, text))


@dataclass(frozen=True, slots=True)
class TriggerStrategy:
    """Enters whenever a trigger fires: what `uses: plugin.trigger` in a strategy file means."""

    inner: Trigger

    def signals(self, view: MarketView) -> list[Signal]:
        """Return one entry if the trigger fires on the latest closed bar.

        Raises:
            TypeError: the trigger returned something else than a TriggerFact or None.
        """
        fact: object = self.inner.fires(view)
        if fact is None:
            return []
        if type(fact) is not TriggerFact:
            raise TypeError(f"the trigger returned {type(fact).__name__} instead of TriggerFact")
        bar = view.bar
        return [
            Signal(
                bar.close_ts,
                bar.symbol,
                view.strategy,
                fact.side,
                fact.strength,
                fact.reason,
                fact.params,
            )
        ]


@dataclass(frozen=True, slots=True)
class SafeObserver:
    """An observer whose failures are values."""

    name: str
    distribution: str
    inner: Observer
    deadline: Deadline | None = None

    def tell(self, event: EventFact) -> Diagnostic | None:
        """Tell it of one event; return what went wrong, as a warning."""
        try:
            _called(self.deadline, self.inner.on_event, event)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - not ours: contained and named
            text = f"raised {describe_error(error)}"
            return _problem("PB5031", f"observer `{self.name}`", self.distribution, text)
        return None


def _problem(code: str, who: str, distribution: str, text: str) -> Diagnostic:
    return Diagnostic(code, f"{who} of `{distribution}` {text}", severity=Severity.WARNING)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return redact(" ".join(text.split()))[:_REASON_MAX]


def _mistake(signal: object, view: MarketView) -> str:
    """Return what is wrong with a signal, or the empty string."""
    if type(signal) is not Signal:
        return f"{type(signal).__name__} instead of Signal"
    return _field_mistake(signal, view)


def _field_mistake(
    signal: Any, view: MarketView
) -> str:  # Any: the fields may lie about their types
    if signal.symbol != view.symbol:
        return f"a signal for {signal.symbol!r} when asked about {view.symbol!r}"
    if signal.ts != view.ts:
        return f"a signal with ts {signal.ts!r} at decision time {view.ts}"
    if not isinstance(signal.side, Side) or not isinstance(signal.action, Action):
        return "a signal whose side or action is not one of the known words"
    if not _is_number(signal.strength) or not 0 <= signal.strength <= 1:
        return "a signal whose strength is not a number from 0 to 1"
    distance = signal.stop_distance
    if distance is not None and not (_is_number(distance) and 0 < distance < math.inf):
        return "a signal whose stop_distance is not a price distance above 0"
    if not isinstance(signal.params, Mapping) or not all(
        isinstance(name, str) and _is_number(value) for name, value in signal.params.items()
    ):
        return "a signal whose params are not names with numbers"
    return ""


def _normal(signal: Signal, view: MarketView) -> Signal:
    """Return the signal with plain floats, one-line reason and the name from the strategy file."""
    distance = signal.stop_distance
    return replace(
        signal,
        strategy=view.strategy,
        strength=float(signal.strength),
        reason=_text(signal.reason),
        params={name: float(value) for name, value in sorted(signal.params.items())},
        stop_distance=None if distance is None else float(distance),
    )
