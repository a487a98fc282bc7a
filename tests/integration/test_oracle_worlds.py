"""Little random worlds, which reach every rule and exit reason, equal the oracle too."""

from __future__ import annotations

from hypothesis import given, settings

from paperbot_core.kernel.plain import run_plain
from tests.oracle.compare import differences
from tests.oracle.random_build import world_of_random
from tests.oracle.simulator import run_oracle
from tests.property.kernel_worlds import make_world, seeds


@given(seeds)
@settings(max_examples=40)
def test_a_random_world_equals_the_oracle(seed: int) -> None:
    world = make_world(seed)
    outputs = run_plain(world.desk, world.inputs)
    found = differences(run_oracle(world_of_random(world)), world.desk, outputs)
    # Two limits of one size cut twice, and whether the second cut is more than the noise of a
    # subtraction differs: how often a rule shrank is compared on real candles.
    assert [d for d in found.differences if not d.startswith("shrunk")] == []
