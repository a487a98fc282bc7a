"""The signals of all slots, bar by bar: which bars closed, and what the strategies say to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.domain.market import Bar
from paperbot_core.lang.live import Live
from paperbot_core.lang.strategy import CompiledStrategy, share_live
from paperbot_core.market.universe.adaptive import mode_choosers
from paperbot_core.plugins_signals import BarSignals, SignalSource
from paperbot_core.trade.conditions import Conditions, Key
from paperbot_core.trade.feed import group
from paperbot_core.trade.ladder import Ladder
from paperbot_core.trade.shares import NOTHING, PaidBar, ShareLadder


class SignalBank:
    """Timeframes, row numbers and running signals of every symbol of a session.

    `rows` counts the closed bars of each key; the number of the bar that closes next is the count.
    Strategies and guards see shares in units of the first one; `paid` has the believed bars of the
    last close as they were paid, of symbols with splits and dividends.
    """

    def __init__(
        self, strategies: Sequence[CompiledStrategy], symbols: Mapping[str, Sequence[str]],
        feed_ms: int, source: SignalSource, conditions: Conditions, extra: Iterable[Key] = (),
    ) -> None:  # fmt: skip
        """Plan what to compute.

        Args:
            strategies: the enabled strategies.
            symbols: what each of them trades, by its name.
            feed_ms: length of the bars that will come.
            source: where the signals of strategies of plugins come from.
            conditions: judge every bar first; at one close the bar of the regime comes first.
            extra: keys whose bars are needed although no strategy asks (positions left behind).
        """
        users: dict[Key, list[CompiledStrategy]] = defaultdict(list)
        for compiled in strategies:
            for symbol in symbols[compiled.file.name]:
                users[symbol, compiled.timeframe_ms].append(compiled)
        keys = {*users, *extra}
        self.conditions = conditions
        conditions.follow(keys)
        self._regime = conditions.regime_key
        if self._regime is not None:
            keys.add(self._regime)
        conditions.choose(mode_choosers(strategies, symbols))
        self.rows: dict[Key, int] = dict.fromkeys(sorted(keys), 0)
        self._feed_ms = feed_ms
        self._ladders: dict[str, Ladder | ShareLadder] = {
            symbol: Ladder(feed_ms, [tf for s, tf in keys if s == symbol])
            for symbol in sorted({s for s, _ in keys})
        }
        self.paid: dict[Key, PaidBar] = {}
        self._lives: dict[Key, Live] = {}
        self._asked: dict[Key, list[BarSignals]] = defaultdict(list)
        self._signals: dict[tuple[str, str], BarSignals] = {}
        for key, mine in users.items():
            written = [c for c in mine if c.file.uses is None]
            if written:
                # Whatever two strategies of one symbol ask for is worked out once a bar.
                self._lives[key], signals = share_live(written)
                for compiled, one in zip(written, signals, strict=True):
                    self._signals[compiled.file.name, key[0]] = one
            for compiled in mine:
                if compiled.file.uses is not None:
                    plugin = source.live(compiled)
                    self._asked[key].append(plugin)
                    self._signals[compiled.file.name, key[0]] = plugin

    def know(self, events: Mapping[str, CorporateEvents]) -> None:
        """Take the splits and dividends of symbols: before any bar, or anew between two."""
        for symbol, some in events.items():
            ladder = self._ladders.get(symbol)
            if isinstance(ladder, ShareLadder):
                ladder.learn(some)
            elif ladder is not None:
                lengths = [tf for s, tf in self.rows if s == symbol]
                self._ladders[symbol] = ShareLadder(self._feed_ms, lengths, some)

    def shares_in_force(self, ts: int) -> dict[str, list[float]]:
        """Return what is in force at a time (UTC ms), by symbol (`ShareLadder.in_force`)."""
        found = {
            symbol: ladder.in_force(ts) for symbol, ladder in self._ladders.items()
            if isinstance(ladder, ShareLadder)
        }
        return {symbol: facts for symbol, facts in found.items() if facts != NOTHING}

    def signals(self, strategy: str, symbol: str) -> BarSignals | None:
        """Return the running signals of one slot; None for one that was left behind."""
        return self._signals.get((strategy, symbol))

    def ends_before(self, now: int) -> list[int]:
        """Return the moments before `now` at which longer bars ended without a bar of the feed."""
        ends = {end for ladder in self._ladders.values() for end in ladder.ends()}
        return sorted(end for end in ends if end < now)

    def take(self, bars: Iterable[Bar]) -> None:
        """Add the feed's bars of one decision time, those that are believed."""
        for bar in bars:
            ladder = self._ladders.get(bar.symbol)
            if ladder is None:
                continue
            judged = ladder.judged(bar) if isinstance(ladder, ShareLadder) else bar
            if self.conditions.believes(judged):
                ladder.take(bar)

    def close(self, now: int) -> dict[Key, Bar]:
        """Return the bars that close at `now`, after telling the strategies of them."""
        closed: dict[Key, Bar] = {}
        self.paid = {}
        ended = [bar for ladder in self._ladders.values() for bar in ladder.close(now)]
        if self._regime is not None:
            ended.sort(key=lambda bar: (bar.symbol, bar.tf_ms) != self._regime)
        for bar in ended:
            known = self.conditions.take(bar)
            closed[bar.symbol, bar.tf_ms] = known
            ladder = self._ladders[bar.symbol]
            if isinstance(ladder, ShareLadder):
                self.paid[bar.symbol, bar.tf_ms] = ladder.believe(bar.tf_ms)
            self._tell(known)
        self.conditions.advance(now)
        return closed

    def _tell(self, bar: Bar) -> None:
        key = (bar.symbol, bar.tf_ms)
        self.rows[key] += 1
        if key in self._lives:
            self._lives[key].advance(bar)
        for plugin in self._asked.get(key, ()):
            plugin.update(bar)

    def warm(self, bars: Iterable[Bar], now: int | None) -> None:
        """Take bars of the past, of all symbols; `now` is the last decision time."""
        for batch in group(bars):
            for end in self.ends_before(batch.now):
                self.close(end)
            self.take(batch.bars.values())
            self.close(batch.now)
        if now is not None:
            self.close(now)
        self.conditions.drain()
