"""Little random worlds, which reach every rule and exit reason, equal the oracle too."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from paperbot_core.kernel.plain import run_plain
from tests.oracle.compare import differences
from tests.oracle.random_build import world_of_random
from tests.oracle.simulator import Outcome, run_oracle
from tests.property.kernel_worlds import World, make_world, seeds


def met_alike(world: World) -> Outcome:
    """Run both and compare; return what the oracle met."""
    oracle = run_oracle(world_of_random(world))
    found = differences(oracle, world.desk, run_plain(world.desk, world.inputs))
    # Two limits of one size cut twice, and whether the second cut is more than the noise of a
    # subtraction differs: how often a rule shrank is compared on real candles.
    assert [d for d in found.differences if not d.startswith("shrunk")] == []
    return oracle


def world_of_shares(seed: int, *, sessions: bool = False) -> World:
    """Return a changing world with many splits, which prices follow, where little bars entries."""
    world = make_world(seed, changing=True)
    rng = np.random.default_rng([seed, 1])
    inputs, desk = world.inputs, world.desk
    markets, slots = len(inputs.splits), len(inputs.bits)
    shape = inputs.splits.shape
    splits = np.where(rng.random(shape) < 0.08, rng.choice([0.5, 0.25, 2.0, 4.0], shape), 1.0)
    scale = np.cumprod(splits, axis=1)
    open_, high, low, close = (
        np.round(np.round(x / scale, 2) + 0.01, 2) for x in inputs.bars[:4]
    )
    high = np.maximum(high, np.maximum(open_, close))
    low = np.minimum(low, np.minimum(open_, close))
    values = inputs.values.copy()
    values[: 2 * markets] /= np.concatenate([scale, scale])
    values[-slots:] *= rng.random((slots, shape[1])) < 0.2
    share = float(rng.choice([0.0, 0.02]))
    wide = {"max_drawdown": 1.0, "daily_stop": 1.0, "max_day": 1000, "max_hour": 1000}
    market = {"fee_in_base": 0, "continuous": int(not sessions), "volume_share": share}
    ladder = {
        "rungs": 2, "rung_r": [0.3, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], "rungs_full": 0,
        "rung_fraction": [0.4, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    }  # fmt: skip
    desk = replace(
        desk, limits={**desk.limits, **wide, "cap_min": 0.0},
        instruments=tuple(
            replace(i, sessions=sessions, fee_asset="quote") for i in desk.instruments
        ),
        markets=tuple({**row, **market} for row in desk.markets),
        specs=tuple({**row, **ladder} if row["has_stop"] else row for row in desk.specs),
    )  # fmt: skip
    bars = (open_, high, low, close, inputs.bars[4])
    return World(seed, desk, replace(inputs, bars=bars, values=values, splits=splits))


@given(seeds)
@settings(max_examples=40)
def test_a_random_world_equals_the_oracle(seed: int) -> None:
    met_alike(make_world(seed))


@given(seeds)
@settings(max_examples=40)
def test_a_changing_world_equals_the_oracle(seed: int) -> None:
    met_alike(make_world(seed, changing=True))


@given(seeds)
@settings(max_examples=30)
def test_a_world_of_shares_equals_the_oracle(seed: int) -> None:
    met_alike(world_of_shares(seed, sessions=seed % 2 == 1))


def test_splits_find_positions_and_orders_in_every_state() -> None:
    met: Counter[str] = Counter()
    for seed in range(150):
        oracle = met_alike(world_of_shares(seed, sessions=seed % 2 == 1))
        met.update(oracle.met)
    assert {
        "exit due", "between rungs", "inside a rung", "trail armed", "stop moved", "after an add",
        "short", "dividend of a short", "entry pending", "limit pending", "add pending",
    } <= set(+met)  # fmt: skip
