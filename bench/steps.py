"""The plain engine, bar by bar, as a session uses it: `python -m bench.steps SLOTS --out FILE`.

One strategy on SLOTS symbols. Writes microseconds a bar (best of several runs) of the kernel's
step, bars and signals loaded into its records: as sessions run it (slots with nothing to do are
excused) and with every slot worked; of the loading alone, which is in both; of the live signals of
one slot; and whether all this imported numba.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import data
from bench.work import prepare
from paperbot_core.domain.market import Bar
from paperbot_core.kernel.plain import PlainKernel
from paperbot_core.kernel.plan import strategy_plan
from paperbot_core.kernel.step import step
from paperbot_core.lang.strategy import LiveSignals, SignalRow
from paperbot_core.market.timerange import TimeRange
from paperbot_core.research.simulate import Stage

#: Bar-slots of one timed run, and the least bars.
WORK = 40_000
BARS_LEAST = 600
RUNS = 5

Step = Callable[[PlainKernel, int], None]


def step_nothing(k: PlainKernel, now: int) -> None:
    """Leave out the step, to see what loading takes."""
    k.account.legs = k.account.trades = 0


def step_all(k: PlainKernel, now: int) -> None:
    """Run one step in which no slot is excused."""
    k.account.legs = k.account.trades = 0
    count = len(k.slots)
    k.active[:] = range(count)
    step(now, k.account, k.limits, k.markets, k.specs, k.slots, k.boxes, k.clusters, k.tiers,
         k.active, count, k.queue, k.facts, k.legs, k.trades, k.refused, k.shrunk, k.review,
         k.witness)  # fmt: skip


class Session:
    """The bars and signals of a run, ready to be stepped through again and again."""

    def __init__(self, slots: int) -> None:
        """Draw the bars of `slots` symbols and ask the strategy about each."""
        rng = np.random.default_rng(data.SEED)
        self.bars = max(WORK // slots, BARS_LEAST)
        symbols = [f"P{k:03d}/USDT" for k in range(slots)]
        ready = prepare([data.candles(s, data.draw(rng, self.bars)) for s in symbols])
        self.compiled = ready.strategies[0]
        stage = Stage(ready.history, ready.strategies, TimeRange())
        self.desk = stage.desk(ready.strategies, ready.setup)
        self.size = strategy_plan(self.compiled, ready.setup.policy).size
        self.by_symbol = [[c.bar(row) for row in range(self.bars)] for c in stage.base]
        self.closes = [list(bars) for bars in zip(*self.by_symbol, strict=True)]
        rows = [list(self._rows(bars)) for bars in self.by_symbol]
        self.signals = [list(found) for found in zip(*rows, strict=True)]
        self.trades = 0

    def _rows(self, bars: list[Bar]) -> list[SignalRow]:
        live = LiveSignals(self.compiled)
        return [live.update(bar) for bar in bars]

    def ask(self) -> None:
        """Compute the live signals of one symbol over all bars."""
        self._rows(self.by_symbol[0])

    def run(self, one_step: Step) -> None:
        """Step through all bars."""
        k = PlainKernel(self.desk)
        k.start_day(self.closes[0][0].ts)
        self.trades = 0
        for row, (bars, signals) in enumerate(zip(self.closes, self.signals, strict=True)):
            now = bars[0].close_ts
            k.load(bars)
            for box, signal in zip(k.boxes, signals, strict=True):
                box.row, box.bits, box.strength = row, signal.bits, signal.strength
                box.per, box.stop = signal.per, signal.stop
                box.trail, box.limit, box.size = signal.trail, signal.limit, self.size
            one_step(k, now)
            self.trades += k.account.trades


def best_us(job: Callable[[], None], bars: int) -> float:
    """Return the microseconds a bar of the fastest of `RUNS` runs."""
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - started)
    return round(min(seconds) / bars * 1e6, 3)


def measure(slots: int) -> dict[str, Any]:
    """Return the figures for one strategy on `slots` symbols."""
    session = Session(slots)
    session.run(PlainKernel.step)
    return {
        "slots": slots,
        "bars": session.bars,
        "trades": session.trades,
        "us_per_bar": best_us(lambda: session.run(PlainKernel.step), session.bars),
        "us_per_bar_all_worked": best_us(lambda: session.run(step_all), session.bars),
        "us_per_bar_loading": best_us(lambda: session.run(step_nothing), session.bars),
        "us_per_bar_signals_of_one": best_us(session.ask, session.bars),
        "numba_imported": "numba" in sys.modules,
    }


def main() -> int:
    """Read the command line, measure, write the file."""
    parser = argparse.ArgumentParser(prog="bench.steps")
    parser.add_argument("slots", type=int)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.write_text(json.dumps(measure(asked.slots)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
