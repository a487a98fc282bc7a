"""The rules. Each looks at closed bars only; strength grows from 0 at the threshold to 1."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from paperbot_core.api import Candles, MarketView, Side, StrictModel, TriggerFact
from paperbot_triggers.thresholds import ByRegime, everywhere

DAY_MS = 86_400_000

Ratio = Annotated[float, Field(gt=1, le=1_000)]
Days = Annotated[float, Field(gt=0, le=1_000)]
Rise = Annotated[float, Field(gt=0, le=1_000)]
Fall = Annotated[float, Field(gt=0, lt=100)]
Share = Annotated[float, Field(ge=0.5, le=1)]


def _strength(value: float, threshold: float, full: float) -> float:
    """Return 0 at the threshold, 1 at `full` and beyond, rounded to 4 digits."""
    return round(min(1.0, max(0.0, (value - threshold) / (full - threshold))), 4)


def _percent(now: float, before: float) -> float:
    return 100.0 * (now / before - 1.0)


def _before(view: MarketView, n: int) -> Candles | None:
    """Return the `n` bars before the latest one, or None while there are fewer."""
    bars = view.bars(n + 1)
    return bars.slice(0, n) if len(bars) == n + 1 else None


def _regime(view: MarketView, *options: ByRegime[float]) -> str:
    """Return what to add to a reason where the regime chose a threshold."""
    return f" ({view.regime})" if any(option.varies for option in options) else ""


class VolumeSpikeOptions(StrictModel):
    """When volume counts as a spike."""

    ratio: ByRegime[Ratio] = Field(
        default=everywhere(1.5), description="volume over its average, may vary by regime"
    )
    window: int = Field(default=24, ge=2, le=10_000, description="bars of the average")
    rising: bool = Field(default=True, description="only when the bar closed above its open")


class VolumeSpike:
    """Volume above `ratio` times the mean of the `window` bars before."""

    def __init__(self, options: VolumeSpikeOptions) -> None:
        self._options = options

    def fires(self, view: MarketView) -> TriggerFact | None:
        """Return the fact; full strength at twice the ratio."""
        options, bar = self._options, view.bar
        ratio = options.ratio.value(view.regime)
        before = _before(view, options.window)
        if ratio is None or before is None or (options.rising and bar.close <= bar.open):
            return None
        mean = float(before.volume.mean())
        # NaN, an unknown volume, compares false: nothing fires on what is not known.
        if not (mean > 0 and bar.volume > ratio * mean):
            return None
        times = bar.volume / mean
        return TriggerFact(
            Side.LONG,
            _strength(times, ratio, 2 * ratio),
            f"volume {times:.2f} times its mean of {options.window} bars, above {ratio:g}"
            + _regime(view, options.ratio),
            {"ratio": times, "threshold": ratio, "volume": bar.volume, "mean": mean},
        )


class BreakoutOptions(StrictModel):
    """What is broken out of."""

    days: ByRegime[Days] = Field(
        default=everywhere(7.0), description="length of the range, may vary by regime"
    )
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
        days = self._options.days.value(view.regime)
        before = None if days is None else self._range(view, days)
        if days is None or before is None:
            return None
        close, top, bottom = view.bar.close, float(before.high.max()), float(before.low.min())
        if close > top:
            return self._fact(view, Side.LONG, days, top)
        if self._options.shorts and close < bottom:
            return self._fact(view, Side.SHORT, days, bottom)
        return None

    @staticmethod
    def _range(view: MarketView, days: float) -> Candles | None:
        return _before(view, max(1, math.ceil(days * DAY_MS / view.tf_ms)))

    def _fact(self, view: MarketView, side: Side, days: float, level: float) -> TriggerFact:
        options, close = self._options, view.bar.close
        beyond = abs(_percent(close, level))
        word = "high" if side is Side.LONG else "low"
        return TriggerFact(
            side,
            _strength(beyond, 0.0, options.full_pct),
            f"close {close:g} beyond the {days:g}-day {word} {level:g}"
            + _regime(view, options.days),
            {"close": close, "level": level, "beyond_pct": beyond, "days": days},
        )


class ReversalOptions(StrictModel):
    """What counts as a fall, and as a bounce from it."""

    window: int = Field(default=48, ge=3, le=10_000, description="bars looked at")
    fall_pct: ByRegime[Fall] = Field(
        default=everywhere(4.0), description="from a high to the low, may vary by regime"
    )
    bounce_pct: ByRegime[Rise] = Field(
        default=everywhere(1.5), description="from the low to the close, may vary by regime"
    )


class Reversal:
    """The first close that is `bounce_pct` above the low of a fall of `fall_pct`."""

    def __init__(self, options: ReversalOptions) -> None:
        self._options = options

    def fires(self, view: MarketView) -> TriggerFact | None:
        """Return the fact on the bar that completes the bounce."""
        options = self._options
        least_fall = options.fall_pct.value(view.regime)
        least_bounce = options.bounce_pct.value(view.regime)
        before = _before(view, options.window)
        if before is None or least_fall is None or least_bounce is None:
            return None
        at = int(before.low.argmin())
        low = float(before.low[at])
        fall = -_percent(low, float(before.high[: at + 1].max()))
        level = low * (1.0 + least_bounce / 100.0)
        last = float(before.close[-1])
        if fall < least_fall or not last < level <= view.bar.close:
            return None
        bounce = _percent(view.bar.close, low)
        return TriggerFact(
            Side.LONG,
            _strength(bounce, least_bounce, 2 * least_bounce),
            f"up {bounce:.2f} % from the low {low:g} after a fall of {fall:.2f} %"
            + _regime(view, options.fall_pct, options.bounce_pct),
            {
                "low": low, "fall_pct": fall, "fall_threshold_pct": least_fall,
                "bounce_pct": bounce, "bounce_threshold_pct": least_bounce,
            },
        )  # fmt: skip


class MomentumOptions(StrictModel):
    """What counts as a sustained trend."""

    window: int = Field(default=12, ge=2, le=10_000, description="bars looked at")
    move_pct: ByRegime[Rise] = Field(
        default=everywhere(3.0), description="over the whole window, may vary by regime"
    )
    share: ByRegime[Share] = Field(
        default=everywhere(0.6), description="of bars that go the same way, may vary by regime"
    )
    shorts: bool = Field(default=False, description="also downwards")


class Momentum:
    """A move of `move_pct` in which at least `share` of the bars took part."""

    def __init__(self, options: MomentumOptions) -> None:
        self._options = options

    def fires(self, view: MarketView) -> TriggerFact | None:
        """Return the fact while the trend lasts."""
        options = self._options
        least_move = options.move_pct.value(view.regime)
        least_share = options.share.value(view.regime)
        bars = view.bars(options.window + 1)
        if len(bars) <= options.window or least_move is None or least_share is None:
            return None
        move = _percent(float(bars.close[-1]), float(bars.close[0]))
        side = Side.LONG if move > 0 else Side.SHORT
        steps = bars.close[1:] - bars.close[:-1]
        share = float((steps * int(side) > 0).mean())
        if abs(move) < least_move or share < least_share:
            return None
        if side is Side.SHORT and not options.shorts:
            return None
        return TriggerFact(
            side,
            _strength(abs(move), least_move, 3 * least_move),
            f"{move:+.2f} % in {options.window} bars, {100 * share:.0f} % of them that way"
            + _regime(view, options.move_pct, options.share),
            {
                "move_pct": move, "move_threshold_pct": least_move,
                "share": share, "share_threshold": least_share,
            },
        )  # fmt: skip
