"""Bar by bar: the same graph as `columns`, one bar at a time, with equal results to the bit.

A flat plan is made once: slots for values, and steps that read slots and write one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from paperbot_core.diagnostics import DataError, Diagnostic
from paperbot_core.domain.market import Bar, bucket_open, timeframe_text
from paperbot_core.lang.graph import Node, Op, constant_value, in_order
from paperbot_core.lang.operators import OPERATORS
from paperbot_core.lang.ready import ready_row
from paperbot_core.lang.series import COLUMNS


@dataclass(slots=True)
class _Frame:
    """What runs when a bar of one timeframe closes, and the bar that is being built until then."""

    timeframe: int
    rows: int = 0
    series: list[tuple[int, Callable[[Bar], float]]] = field(default_factory=list)
    steps: list[tuple[int, Callable[..., float], tuple[int, ...]]] = field(default_factory=list)
    waiting: list[Node] = field(default_factory=list)
    looked: int = -1
    building: Bar | None = None

    def run(self, bar: Bar, values: list[float]) -> None:
        """Work out every node of this timeframe on a closed bar of it."""
        self.rows += 1
        for slot, read in self.series:
            values[slot] = read(bar)
        for slot, update, args in self.steps:
            if len(args) == 2:
                values[slot] = update(values[args[0]], values[args[1]])
            elif len(args) == 1:
                values[slot] = update(values[args[0]])
            else:
                values[slot] = update(*[values[arg] for arg in args])

    def take(self, bar: Bar) -> list[Bar]:
        """Add a shorter bar; return the bars of this timeframe that are closed by its close.

        A bar that reaches past the end of the one being built closes that one too: a gap in
        the data delays a close, it never loses one.
        """
        closed: list[Bar] = []
        opened = bucket_open(bar.ts, self.timeframe)
        now = self.building
        if now is not None and now.ts != opened:
            closed.append(now)
            now = None
        if now is None:
            now = Bar(
                bar.symbol,
                opened,
                self.timeframe,
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                bar.volume,
                bar.regime,
            )
        else:
            now = Bar(
                now.symbol,
                opened,
                self.timeframe,
                now.open,
                max(now.high, bar.high),
                min(now.low, bar.low),
                bar.close,
                now.volume + bar.volume,
                bar.regime,
            )
        if now.close_ts <= bar.close_ts:
            closed.append(now)
            now = None
        self.building = now
        return closed


class Live:
    """The running state of some nodes of one symbol; feed it every closed bar, in order."""

    def __init__(self, roots: Iterable[Node], timeframe: int) -> None:
        """Make the plan for `roots`, all of `timeframe` (ms) or constant."""
        self._roots = list(roots)
        self._slots: dict[str, int] = {}
        self._own = _Frame(timeframe)
        self._frames: dict[int, _Frame] = {timeframe: self._own}
        self._align_rows: dict[str, int] = {}
        self._end = 0
        self._closes = 0
        self.values: list[float] = []
        for node in in_order(self._roots):
            self._plan(node)
        self._longer = [frame for tf, frame in sorted(self._frames.items()) if tf != timeframe]
        self._out = [self._slots[root.key] for root in self._roots]

    @property
    def rows(self) -> int:
        """Return how many bars were taken."""
        return self._own.rows

    def slot(self, node: Node) -> int:
        """Return where in `values` a planned node's last value stands."""
        return self._slots[node.key]

    def update(self, bar: Bar) -> list[float]:
        """Take one closed bar and return the values of the roots, in order; see `advance`."""
        self.advance(bar)
        values = self.values
        return [values[slot] for slot in self._out]

    def advance(self, bar: Bar) -> None:
        """Take one closed bar; `values` then holds every planned node's value, see `slot`.

        Numbers are NaN and conditions -1 while unknown.

        Raises:
            DataError: PB2401, the bar starts before the last one ended.
        """
        if bar.ts < self._end:
            raise DataError(
                Diagnostic(
                    "PB2401",
                    f"the bar of {bar.symbol} at {bar.ts} starts before the last one ended",
                    expected=f"bars in order, one per {timeframe_text(self._own.timeframe)}",
                )
            )
        self._end = bar.ts + bar.tf_ms
        if self._longer:
            self._close_longer(bar)
        self._run(self._own, bar)

    def ready_row(self, roots: Iterable[Node]) -> int | None:
        """Return the first row at which planned `roots` are warm; None while that is not known."""
        return ready_row(roots, lambda node, _row: self._align_rows.get(node.key))

    def _close_longer(self, bar: Bar) -> None:
        closed = [(made, frame) for frame in self._longer for made in frame.take(bar)]
        # By the time they ended; at the same instant the longer bar counts for the shorter one.
        closed.sort(key=lambda item: (item[0].close_ts, -item[1].timeframe))
        for made, frame in closed:
            self._run(frame, made)

    def _run(self, frame: _Frame, bar: Bar) -> None:
        frame.run(bar, self.values)
        if frame is not self._own:
            self._closes += 1
        if frame.waiting and frame.looked != self._closes:
            # What they wait for can only come with the close of a longer bar.
            frame.looked = self._closes
            frame.waiting = [node for node in frame.waiting if not self._arrived(node, frame)]

    def _arrived(self, node: Node, frame: _Frame) -> bool:
        """Note the row at which what `node` reads from a longer timeframe became warm."""
        inner = node.args[0]
        row = self.ready_row([inner])
        if row is None or self._frames[inner.timeframe].rows <= row:
            return False
        self._align_rows[node.key] = frame.rows - 1
        return True

    def _frame(self, timeframe: int) -> _Frame:
        return self._frames.setdefault(timeframe, _Frame(timeframe))

    def _plan(self, node: Node) -> None:
        if node.op is Op.ALIGN:
            self._frame(node.timeframe).waiting.append(node)
            if node.timeframe == self._own.timeframe:
                # The slot of the longer timeframe keeps its value until the next close there,
                # and our own bars come after all closes: no need to copy.
                self._slots[node.key] = self._slots[node.args[0].key]
                return
        slot = self._slots[node.key] = len(self.values)
        self.values.append(node.unknown)
        args = tuple(self._slots[arg.key] for arg in node.args)
        match node.op:
            case Op.CONST:
                self.values[slot] = constant_value(node)
            case Op.SERIES:
                self._frame(node.timeframe).series.append((slot, COLUMNS[node.name].bar))
            case Op.OPERATOR:
                self._step(node, slot, OPERATORS[node.name].bar, args)
            case Op.ALIGN:
                self._step(node, slot, _as_it_is, args)
            case Op.LAG:
                self._step(node, slot, _lag(int(node.params[0]), node.unknown), args)
            case Op.CALL:
                assert node.function is not None
                self._step(node, slot, node.function.start(node.params).update, args)

    def _step(
        self, node: Node, slot: int, update: Callable[..., float], args: tuple[int, ...]
    ) -> None:
        self._frame(node.timeframe).steps.append((slot, update, args))


def _as_it_is(value: float) -> float:
    return value


def _lag(bars: int, unknown: float) -> Callable[[float], float]:
    kept = deque([unknown] * bars, maxlen=bars)

    def update(value: float) -> float:
        old = kept[0]
        kept.append(value)
        return old

    return update
