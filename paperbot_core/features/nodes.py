"""The running state of everything that is not a recurrence: windows, lags, compositions."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from paperbot_core.features.arrays import clean, pack, unpack
from paperbot_core.features.function import FALSE, TRUE, UNKNOWN, Node


class PureNode:
    """A function of this bar alone; it remembers nothing."""

    __slots__ = ("_rule",)

    def __init__(self, rule: Callable[..., float]) -> None:
        self._rule = rule

    def update(self, *values: float) -> float:
        """Return the rule's value for this bar."""
        return clean(self._rule(*values))

    def state(self) -> list[Any]:
        """Return nothing."""
        return []

    def restore(self, state: Sequence[Any]) -> None:
        """Take nothing back."""


class WindowNode:
    """A rule over the last n values, this bar's included; O(n) a bar."""

    __slots__ = ("_rule", "_values")

    def __init__(self, n: int, rule: Callable[[list[float]], float]) -> None:
        self._values: deque[float] = deque(maxlen=n)
        self._rule = rule

    def update(self, *values: float) -> float:
        """Take one value and return the rule's value, NaN until the window is full."""
        self._values.append(values[0])
        if len(self._values) != self._values.maxlen:
            return math.nan
        return clean(self._rule(list(self._values)))

    def state(self) -> list[Any]:
        """Return the window, oldest first."""
        return pack(self._values)

    def restore(self, state: Sequence[Any]) -> None:
        """Fill the window."""
        self._values.clear()
        self._values.extend(unpack(state))


class LagNode:
    """A rule over this bar's value and the one `lag` bars ago."""

    __slots__ = ("_rule", "_values")

    def __init__(self, lag: int, rule: Callable[[float, float], float]) -> None:
        self._values: deque[float] = deque(maxlen=lag)
        self._rule = rule

    def update(self, *values: float) -> float:
        """Take one value and return the rule's value, NaN on the first `lag` bars."""
        full = len(self._values) == self._values.maxlen
        before = self._values[0] if full else math.nan
        self._values.append(values[0])
        return clean(self._rule(values[0], before))

    def state(self) -> list[Any]:
        """Return the last `lag` values, oldest first."""
        return pack(self._values)

    def restore(self, state: Sequence[Any]) -> None:
        """Set the last values."""
        self._values.clear()
        self._values.extend(unpack(state))


class ExtremeNode:
    """The largest (sign 1) or smallest (sign -1) of the last n values; O(1) a bar on average.

    Keeps only the values that can still become the extreme: each smaller than the one before it.
    """

    __slots__ = ("_bars", "_candidates", "_n", "_sign", "_unknown_until")

    def __init__(self, n: int, sign: float) -> None:
        self._n = n
        self._sign = sign
        self._bars = 0
        self._unknown_until = n - 1  # the first bar whose whole window is known
        self._candidates: deque[tuple[int, float]] = deque()

    def update(self, *values: float) -> float:
        """Take one value and return the extreme, NaN while the window has an unknown value."""
        bar = self._bars
        self._bars += 1
        value = values[0] * self._sign
        if math.isnan(value):
            self._unknown_until = max(self._unknown_until, bar + self._n)
        else:
            while self._candidates and self._candidates[-1][1] <= value:
                self._candidates.pop()
            self._candidates.append((bar, value))
        while self._candidates and self._candidates[0][0] <= bar - self._n:
            self._candidates.popleft()
        if bar < self._unknown_until:
            return math.nan
        return clean(self._candidates[0][1] * self._sign)

    def state(self) -> list[Any]:
        """Return the bars seen, the end of the unknown, and the candidates as bars and values."""
        bars = [bar for bar, _ in self._candidates]
        return [self._bars, self._unknown_until, bars, [value for _, value in self._candidates]]

    def restore(self, state: Sequence[Any]) -> None:
        """Set what `state` returned."""
        self._bars, self._unknown_until, bars, values = state
        self._candidates = deque(zip(bars, values, strict=True))


class CombinedNode:
    """A rule over other nodes: it gets them and this bar's values, and updates each one once."""

    __slots__ = ("_nodes", "_rule")

    def __init__(self, nodes: Sequence[Node], rule: Callable[..., float]) -> None:
        self._nodes = tuple(nodes)
        self._rule = rule

    def update(self, *values: float) -> float:
        """Return the rule's value for this bar."""
        return clean(self._rule(*self._nodes, *values))

    def state(self) -> list[Any]:
        """Return the states of the nodes, in order."""
        return [node.state() for node in self._nodes]

    def restore(self, state: Sequence[Any]) -> None:
        """Set the states of the nodes."""
        for node, part in zip(self._nodes, state, strict=True):
            node.restore(part)


class CrossNode:
    """Whether a went from not above b to above b (sign 1), or the mirror of it (sign -1)."""

    __slots__ = ("_before", "_sign")

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._before = math.nan

    def update(self, *values: float) -> float:
        """Take a and b; unknown if either is, now or one bar ago."""
        now = compare(values[0], values[1]) * self._sign
        before, self._before = self._before, now
        if math.isnan(now) or math.isnan(before):
            return UNKNOWN
        return TRUE if now > 0.0 >= before else FALSE

    def state(self) -> list[Any]:
        """Return the last bar's comparison."""
        return pack([self._before])

    def restore(self, state: Sequence[Any]) -> None:
        """Set the last bar's comparison."""
        (self._before,) = unpack(state)


def compare(a: float, b: float) -> float:
    """Return 1 if a > b, -1 if a < b, 0 if equal, NaN if either is unknown."""
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return float((a > b) - (a < b))


class SinceNode:
    """Bars since a condition was last true: 0 on the bar itself, NaN before the first time."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = math.nan

    def update(self, *values: float) -> float:
        """Take a condition; an unknown one gives NaN, and the bar counts as passed."""
        self._since = 0.0 if values[0] == TRUE else self._since + 1.0
        return math.nan if values[0] == UNKNOWN else self._since

    def state(self) -> list[Any]:
        """Return the bars since."""
        return pack([self._since])

    def restore(self, state: Sequence[Any]) -> None:
        """Set the bars since."""
        (self._since,) = unpack(state)


class CountNode:
    """How many of the last n conditions are true; NaN while one of them is unknown."""

    __slots__ = ("_known", "_true", "_values")

    def __init__(self, n: int) -> None:
        self._values: deque[int] = deque([UNKNOWN] * n, maxlen=n)
        self._known = 0
        self._true = 0

    def update(self, *values: float) -> float:
        """Take a condition and return the count."""
        gone = self._values[0]
        value = int(values[0])
        self._values.append(value)
        self._known += (value != UNKNOWN) - (gone != UNKNOWN)
        self._true += (value == TRUE) - (gone == TRUE)
        return float(self._true) if self._known == self._values.maxlen else math.nan

    def state(self) -> list[Any]:
        """Return the window, oldest first."""
        return list(self._values)

    def restore(self, state: Sequence[Any]) -> None:
        """Fill the window."""
        self._values.extend(state)
        self._known = len(self._values) - self._values.count(UNKNOWN)
        self._true = self._values.count(TRUE)


class HysteresisNode:
    """True from `on` until `off`, which wins; unknown while either is, but the state goes on."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = FALSE

    def update(self, *values: float) -> float:
        """Take the two conditions."""
        on, off = values
        if off == TRUE:
            self._held = FALSE
        elif on == TRUE and off == FALSE:
            self._held = TRUE
        return UNKNOWN if UNKNOWN in (on, off) else self._held

    def state(self) -> list[Any]:
        """Return 1 while held, else 0."""
        return [self._held]

    def restore(self, state: Sequence[Any]) -> None:
        """Set whether it is held."""
        (self._held,) = state
