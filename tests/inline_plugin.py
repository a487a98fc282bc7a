"""A plugin that tests register themselves; it is installed nowhere."""

from __future__ import annotations

import math
import zlib
from typing import Any

from pydantic import Field

from paperbot_core.api import (
    AccountView,
    Action,
    Component,
    EntryFact,
    MarketView,
    NoOptions,
    PolicyView,
    Side,
    Signal,
    StrictModel,
    Verdict,
    hookimpl,
)


class Cross:
    """Enter when the feature `price` crosses above the feature `mean`, leave below it."""

    def signals(self, view: MarketView) -> list[Signal]:
        price, mean = view.feature("price"), view.feature("mean")
        found = []
        if price > mean and view.feature("price", ago=1) <= view.feature("mean", ago=1):
            found.append(Signal(view.ts, view.symbol, "", Side.LONG, reason=f"above {mean:.2f}"))
        if price < mean:
            found.append(Signal(view.ts, view.symbol, "", Side.LONG, action=Action.EXIT))
        return found


class Flaky(Cross):
    """Fails on every seventh bar."""

    def signals(self, view: MarketView) -> list[Signal]:
        if len(view) % 7 == 0:
            raise ZeroDivisionError("volume was 0")
        return super().signals(view)


class Both:
    """Trade both sides of a swing, with strengths and stops of its own, from bars alone."""

    def signals(self, view: MarketView) -> list[Signal]:
        bars = view.bars(8)
        if len(bars) < 8:
            return []
        middle = float(bars.close[-8:].mean())
        swing = float(bars.high.max() - bars.low.min())
        side = Side.LONG if view.bar.close < middle else Side.SHORT
        away = abs(view.bar.close - middle) / swing
        exits = Signal(view.ts, view.symbol, "", Side(-int(side)), action=Action.EXIT)
        if away < 0.3:
            return [exits]
        stop = swing if len(view) % 3 else None
        enter = Signal(view.ts, view.symbol, "", side, away, f"{away:.3f} away", {}, stop)
        return [enter, exits]


class TimidOptions(StrictModel):
    """What the check lets through."""

    most: float = Field(gt=0, description="largest quantity")
    symbols: list[str] = Field(default_factory=list, description="refused altogether")


class Timid:
    """Refuses some symbols and shrinks everything else."""

    def __init__(self, options: TimidOptions) -> None:
        self.options = options
        self.seen: list[EntryFact] = []

    def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
        self.seen.append(entry)
        if entry.symbol in self.options.symbols:
            return Verdict.refuse(f"no {entry.symbol} please")
        return Verdict.shrink(min(entry.quantity, self.options.most), "small is beautiful")


class Nosy:
    """Decides by every digit of every fact it is given: any difference shows in the trades."""

    def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
        number = zlib.crc32(repr((entry, account, policy)).encode()) / 2**32
        if number < 0.2:
            return Verdict.refuse(f"{number:.6f}")
        part = entry.quantity * min(1.0, 0.5 + number)
        return Verdict.shrink(part, f"{number:.6f}") if math.isfinite(part) else Verdict.approve()


class Broken:
    """A check that always fails."""

    def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
        raise OSError("the risk server is away")


class Alpha:
    """The plugin; `timid` lists the checks of that name that were built."""

    def __init__(self) -> None:
        self.timid: list[Timid] = []

    def build_timid(self, options: TimidOptions) -> Timid:
        self.timid.append(Timid(options))
        return self.timid[-1]

    @hookimpl
    def register_strategies(self) -> list[Component[Any]]:
        return [
            Component("alpha.cross", NoOptions, lambda _: Cross(), "a crossing"),
            Component("alpha.flaky", NoOptions, lambda _: Flaky(), "fails now and then"),
            Component("alpha.both", NoOptions, lambda _: Both(), "long and short"),
        ]

    @hookimpl
    def register_risk_checks(self) -> list[Component[Any]]:
        return [
            Component("timid", TimidOptions, self.build_timid, "shrinks everything"),
            Component("nosy", NoOptions, lambda _: Nosy(), "looks at everything"),
            Component("broken", NoOptions, lambda _: Broken(), "fails"),
        ]


#: What an entry point may name.
plugin = Alpha()
