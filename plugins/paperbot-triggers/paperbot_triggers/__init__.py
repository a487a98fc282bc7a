"""Four triggers: `triggers.volume_spike`, `.breakout`, `.reversal`, `.momentum`."""

from __future__ import annotations

from paperbot_core.api import Component, Trigger, hookimpl
from paperbot_triggers.rules import (
    Breakout,
    BreakoutOptions,
    Momentum,
    MomentumOptions,
    Reversal,
    ReversalOptions,
    VolumeSpike,
    VolumeSpikeOptions,
)


@hookimpl
def register_triggers() -> list[Component[Trigger]]:
    """Announce the triggers."""
    return [
        Component(
            name="triggers.volume_spike",
            config=VolumeSpikeOptions,
            build=VolumeSpike,
            summary="volume far above its average while the price rises",
        ),
        Component(
            name="triggers.breakout",
            config=BreakoutOptions,
            build=Breakout,
            summary="a close beyond the highest high (or lowest low) of some days",
        ),
        Component(
            name="triggers.reversal",
            config=ReversalOptions,
            build=Reversal,
            summary="a bounce from a low after a fall",
        ),
        Component(
            name="triggers.momentum",
            config=MomentumOptions,
            build=Momentum,
            summary="a sustained trend: most bars and the whole move go one way",
        ),
    ]
