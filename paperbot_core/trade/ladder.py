"""The bars of one symbol in every timeframe a session needs, built as they close; pure."""

from __future__ import annotations

from collections.abc import Iterable

from paperbot_core.domain.market import Bar, bucket_open


class Ladder:
    """Builds longer bars from a symbol's feed; a bucket without feed bars makes no bar."""

    def __init__(self, feed_ms: int, timeframes: Iterable[int]) -> None:
        """Take the length of the feed's bars and all lengths asked for (multiples of it)."""
        wanted = set(timeframes)
        self._feed = feed_ms in wanted
        self._longer = sorted(wanted - {feed_ms})
        self._building: dict[int, Bar] = {}
        self._ready: list[Bar] = []

    def take(self, bar: Bar) -> None:
        """Add a feed bar; whatever ended before it opened must have been closed already."""
        if self._feed:
            self._ready.append(bar)
        for tf_ms in self._longer:
            now = self._building.get(tf_ms)
            if now is None:
                self._building[tf_ms] = Bar(
                    bar.symbol, bucket_open(bar.ts, tf_ms), tf_ms, bar.open, bar.high, bar.low,
                    bar.close, bar.volume,
                )
            else:
                self._building[tf_ms] = Bar(
                    bar.symbol, now.ts, tf_ms, now.open, max(now.high, bar.high),
                    min(now.low, bar.low), bar.close, now.volume + bar.volume,
                )

    def ends(self) -> list[int]:
        """Return when the bars that are being built end (UTC ms)."""
        return [bar.close_ts for bar in self._building.values()]

    def close(self, now: int) -> list[Bar]:
        """Hand out every bar that has closed by `now`, shorter timeframes first."""
        closed, self._ready = self._ready, []
        for tf_ms in self._longer:
            bar = self._building.get(tf_ms)
            if bar is not None and bar.close_ts <= now:
                closed.append(self._building.pop(tf_ms))
        return closed
