"""The rules. Each looks at closed bars only; strength grows from 0 at the threshold to 1."""

from __future__ import annotations

import math

from pydantic import Field

from paperbot_core.api import Candles, MarketView, Side, StrictModel, TriggerFact

DAY_MS = 86_400_000


def _strength(value: float, threshold: float, full: float) -> float:
    """Return 0 at the threshold, 1 at `full` and beyond, rounded to 4 digits."""
    return round(min(1.0, max(0.0, (value - threshold) / (full - threshold))), 4)


def _percent(now: float, before: float) -> float:
    return 100.0 * (now / before - 1.0)


def _before(view: MarketView, n: int) -> Candles | None:
    """Return the `n` bars before the latest one, or None while there are fewer."""
    bars = view.bars(n + 1)
    return bars.slice(0, n) if len(bars) == n + 1 else None


class VolumeSpikeOptions(StrictModel):
    """When volume counts as a spike."""

    ratio: float = Field(default=1.5, gt=1, le=1_000, description="volume over its average")
    window: int = Field(default=24, ge=2, le=10_000, description="bars of the average")
    rising: bool = Field(default=True, description="only when the bar closed above its open")


class VolumeSpike:
    """Volume above `ratio` times the mean of the `window` bars before."""

    def __init__(self, options: VolumeSpikeOptions) -> None:
        self._options = options

    def fires(self, view: MarketView) -> TriggerFact | None:
        """Return the fact; full strength at twice the ratio."""
        options, bar = self._options, view.bar
        before = _before(view, options.window)
        if before is None or (options.rising and bar.close <= bar.open):
            return None
        mean = float(before.volume.mean())
        # NaN, an unknown volume, compares false: nothing fires on what is not known.
        if not (mean > 0 and bar.volume > options.ratio * mean):
            return None
        times = bar.volume / mean
        return TriggerFact(
            Side.LONG,
            _strength(times, options.ratio, 2 * options.ratio),
            f"volume {times:.2f} times its mean of {options.window} bars",
            {"ratio": times, "threshold": options.ratio, "volume": bar.volume, "mean": mean},
        )


class BreakoutOptions(StrictModel):
    """What is broken out of."""

    days: float = Field(default=7.0, gt=0, le=1_000, description="length of the range")
    full_pct: float = Field(
        default=2.0, gt=0, le=1_000, description="percent beyond the level that is full strength"
    )
    shorts: bool = Field(default=False, description="also below the lowest low")


class Breakout:
    """A close above the highest high of the days before."""

    def __init__(self, options: BreakoutOptions) -> None:
        self._options = options

    def fires(self, view: MarketView) -> TriggerFact | None:
        """Return the fact, or None inside the range."""
        options = self._options
        before = _before(view, max(1, math.ceil(options.days * DAY_MS / view.tf_ms)))
        if before is None:
            return None
        close, top, bottom = view.bar.close, float(before.high.max()), float(before.low.min())
        if close > top:
            return self._fact(Side.LONG, close, top, "high")
        if options.shorts and close < bottom:
            return self._fact(Side.SHORT, close, bottom, "low")
        return None

    def _fact(self, side: Side, close: float, level: float, word: str) -> TriggerFact:
        beyond = abs(_percent(close, level))
        return TriggerFact(
            side,
            _strength(beyond, 0.0, self._options.full_pct),
            f"close {close:g} beyond the {self._options.days:g}-day {word} {level:g}",
            {"close": close, "level": level, "beyond_pct": beyond},
        )


class ReversalOptions(StrictModel):
    """What counts as a fall, and as a bounce from it."""

    window: int = Field(default=48, ge=3, le=10_000, description="bars looked at")
    fall_pct: float = Field(default=4.0, gt=0, lt=100, description="from a high to the low")
    bounce_pct: float = Field(default=1.5, gt=0, le=1_000, description="from the low to the close")


class Reversal:
    """The first close that is `bounce_pct` above the low of a fall of `fall_pct`."""

    def __init__(self, options: ReversalOptions) -> None:
        self._options = options

    def fires(self, view: MarketView) -> TriggerFact | None:
        """Return the fact on the bar that completes the bounce."""
        options = self._options
        before = _before(view, options.window)
        if before is None:
            return None
        at = int(before.low.argmin())
        low = float(before.low[at])
        fall = -_percent(low, float(before.high[: at + 1].max()))
        level = low * (1.0 + options.bounce_pct / 100.0)
        last = float(before.close[-1])
        if fall < options.fall_pct or not last < level <= view.bar.close:
            return None
        bounce = _percent(view.bar.close, low)
        return TriggerFact(
            Side.LONG,
            _strength(bounce, options.bounce_pct, 2 * options.bounce_pct),
            f"up {bounce:.2f} % from the low {low:g} after a fall of {fall:.2f} %",
            {"low": low, "fall_pct": fall, "bounce_pct": bounce},
        )


class MomentumOptions(StrictModel):
    """What counts as a sustained trend."""

    window: int = Field(default=12, ge=2, le=10_000, description="bars looked at")
    move_pct: float = Field(default=3.0, gt=0, le=1_000, description="over the whole window")
    share: float = Field(default=0.6, ge=0.5, le=1, description="of bars that go the same way")
    shorts: bool = Field(default=False, description="also downwards")


class Momentum:
    """A move of `move_pct` in which at least `share` of the bars took part."""

    def __init__(self, options: MomentumOptions) -> None:
        self._options = options

    def fires(self, view: MarketView) -> TriggerFact | None:
        """Return the fact while the trend lasts."""
        options = self._options
        bars = view.bars(options.window + 1)
        if len(bars) <= options.window:
            return None
        move = _percent(float(bars.close[-1]), float(bars.close[0]))
        side = Side.LONG if move > 0 else Side.SHORT
        steps = bars.close[1:] - bars.close[:-1]
        share = float((steps * int(side) > 0).mean())
        if abs(move) < options.move_pct or share < options.share:
            return None
        if side is Side.SHORT and not options.shorts:
            return None
        return TriggerFact(
            side,
            _strength(abs(move), options.move_pct, 3 * options.move_pct),
            f"{move:+.2f} % in {options.window} bars, {100 * share:.0f} % of them that way",
            {"move_pct": move, "share": share},
        )
