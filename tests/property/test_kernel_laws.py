"""Laws of the kernel on random worlds: both drivers agree exactly, and money is conserved."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings

from paperbot_core.domain.words import ExitReason, Rule
from paperbot_core.kernel import words as w
from paperbot_core.kernel.compiled import run_compiled
from paperbot_core.kernel.drive import load_event
from paperbot_core.kernel.inputs import Outputs
from paperbot_core.kernel.plain import PlainKernel, run_plain
from tests.property.kernel_worlds import MINUTE, World, make_world, seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The first world that is run compiled waits for the compiler, on a busy machine for long.
pytestmark = pytest.mark.timeout(240)

#: Fields of a slot that only serve `idle` or that `idle` may leave behind.
BOOKKEEPING = {"water", "wake_low", "wake_high", "wake_row", "wake_ts"}


def any_world(seed: int) -> World:
    """Return a world in which every second one changes its tiers, sizes and shares."""
    return make_world(seed, changing=seed % 2 == 1)


def assert_same(left: Outputs, right: Outputs) -> None:
    for name in ("equity", "legs", "trades", "refused", "shrunk"):
        assert_same_bits(getattr(left, name), getattr(right, name))
    assert_same_rows(left.account, right.account)
    for a, b in zip(left.slots, right.slots, strict=True):
        assert_same_rows(a, b)


def assert_same_bits(a: NDArray[Any], b: NDArray[Any]) -> None:
    for key in a.dtype.names or [...]:  # field by field: padding bytes are nobody's
        assert a[key].tobytes() == b[key].tobytes(), key


def assert_same_rows(a: dict[str, Any], b: dict[str, Any]) -> None:
    for key in a.keys() - BOOKKEEPING:
        assert a[key] == b[key] or (a[key] != a[key] and b[key] != b[key]), key


@settings(max_examples=60)
@given(seeds)
def test_quiet_equals_full_step(seed: int) -> None:
    world = any_world(seed)
    full = run_plain(world.desk, world.inputs, quiet=False)
    assert_same(run_plain(world.desk, world.inputs), full)


@settings(max_examples=60)
@given(seeds)
def test_plain_equals_compiled(seed: int) -> None:
    world = any_world(seed)
    plain = run_plain(world.desk, world.inputs)
    assert_same(plain, run_compiled(world.desk, world.inputs))
    assert_same(plain, run_compiled(world.desk, world.inputs, quiet=False))


@settings(max_examples=40)
@given(seeds)
def test_cash_and_positions_conserve_value_less_fees(seed: int) -> None:
    world = any_world(seed)
    out = run_plain(world.desk, world.inputs)
    fills = out.legs[out.legs["kind"] != w.LEG_RELEASED]
    paid = math.fsum(fills["side"] * fills["qty"] * fills["price"])
    fees = math.fsum(fills["fee"])
    base = {s for s, spec in enumerate(world.desk.specs)
            if world.desk.markets[spec["market"]]["fee_in_base"]}
    bought = fills[(fills["side"] > 0) & (fills["kind"] != w.LEG_EXIT)]
    in_base = math.fsum(f["fee"] for f in bought if f["slot"] in base)
    assert out.account["cash"] == pytest.approx(
        10_000.0 - paid - fees + in_base + out.account["income"], rel=1e-9
    )
    assert out.account["fees"] == pytest.approx(fees, rel=1e-9, abs=1e-9)


@settings(max_examples=40)
@given(seeds)
def test_changing_bars_after_t_changes_nothing_up_to_t(seed: int) -> None:
    world = any_world(seed)
    cut = len(world.inputs.times) // 2
    bars = tuple(b.copy() for b in world.inputs.bars)
    for b in bars[:4]:
        b[:, cut:] *= 1.5
    bits = world.inputs.bits.copy()
    bits[:, cut:] ^= 0x01010101
    changed = dataclasses.replace(world.inputs, bars=bars, bits=bits)
    before, after = run_plain(world.desk, world.inputs), run_plain(world.desk, changed)
    assert before.equity[:cut].tobytes() == after.equity[:cut].tobytes()
    time = world.inputs.times[cut] - MINUTE
    assert_same_bits(*(out.legs[out.legs["ts"] < time] for out in (before, after)))


def watch(world: World) -> list[tuple[int, float, int, list[tuple[int, float, float]], Any]]:
    """Return (slot, wished, rule, facts, order after) of every verdict of a plain run."""
    seen: list[Any] = []
    kernel = PlainKernel(world.desk)

    def witness(s: int, wished: float, rule: int) -> None:
        slot = kernels[-1].slots[s]
        facts = [(f.answer, f.limit, f.observed) for f in kernels[-1].facts]
        seen.append((s, wished, rule, facts, (slot.order, slot.order_qty, slot.order_cap)))

    kernels = [kernel]
    kernel.witness = witness
    replay(kernel, world)
    return seen


def replay(kernel: PlainKernel, world: World, on_step: Any = None) -> None:
    """Run a world bar by bar through `PlainKernel.step`, as a session does."""
    x = world.inputs
    dense = len(x.bar_rows) == 0
    kernel.start_day(int(x.times[0]) - MINUTE)
    for i, now in enumerate(x.times.tolist()):
        for j, m in enumerate(kernel.markets):
            row = i if dense else int(x.bar_rows[j][i])
            m.present = int(row >= 0)
            if row >= 0:
                m.ts = now - m.tf_ms
                m.open, m.high, m.low, m.last, m.volume = (float(b[j][row]) for b in x.bars)
                if len(x.splits):
                    load_event(m, float(x.splits[j][row]), float(x.dividends[j][row]))
            else:
                m.event = 0
            if len(x.tiers):
                m.tier = int(x.tiers[j][i])
        for s, box in enumerate(kernel.boxes):
            box.row = i if dense else int(x.slot_rows[s][i])
            box.bits = int(x.bits[s][box.row]) if box.row >= 0 else 0
            if box.row >= 0:
                numbers = [
                    float(x.values[c][box.row]) if c >= 0 else float(k)
                    for c, k in zip(x.columns[s], x.constants[s], strict=True)
                ]
                box.strength, box.per, box.stop, box.trail, box.limit, box.size = numbers[:6]
                box.barred = int(numbers[6])
        kernel.step(now)
        if on_step:
            on_step(kernel)


@settings(max_examples=30)
@given(seeds)
def test_one_step_at_a_time_equals_the_whole_run(seed: int) -> None:
    world = any_world(seed)
    kernel = PlainKernel(world.desk)
    equity: list[float] = []
    trades: list[tuple[int, float]] = []

    def note(k: PlainKernel) -> None:
        equity.append(k.account.equity)
        trades.extend((t.exit_ts, t.pnl) for t in k.trades[: k.account.trades])

    replay(kernel, world, note)
    out = run_plain(world.desk, world.inputs)
    assert equity == out.equity.tolist()
    assert trades == [(int(t["exit_ts"]), float(t["pnl"])) for t in out.trades]


@settings(max_examples=40)
@given(seeds)
def test_no_verdict_grows_an_order_and_no_granted_order_breaks_a_cap(seed: int) -> None:
    world = any_world(seed)
    limits = world.desk.limits
    for s, wished, rule, facts, (order, qty, cap) in watch(world):
        if rule != Rule.NONE:
            continue
        assert order != w.ORDER_NONE
        slack = 1 + 1e-6
        assert 0 < qty <= wished * slack
        market = world.desk.markets[world.desk.specs[s]["market"]]
        lot = market["lot_n"] / market["lot_d"]
        for size_rule in (Rule.MAX_POSITION_SIZE_PCT, Rule.POSITION_CAP, Rule.MAX_GROSS_PCT,
                          Rule.MAX_NET_PCT, Rule.MAX_CLUSTER_PCT, Rule.MAX_TIER_PCT):
            answer, limit, observed = facts[size_rule]
            if size_rule is Rule.POSITION_CAP and limit == limits["cap_min"]:
                continue
            assert answer in (w.PASSED, w.SHRUNK)
            assert observed <= limit * slack + lot * cap or answer == w.SHRUNK


def test_the_worlds_reach_every_rule_and_every_exit_reason() -> None:
    rules, reasons, ambiguous = np.zeros(w.RULES, np.int64), set(), 0
    for seed in range(300):
        world = any_world(seed)
        out = run_plain(world.desk, world.inputs)
        rules += out.refused + out.shrunk
        reasons |= set(out.legs["reason"][out.legs["kind"] == w.LEG_EXIT].tolist())
        ambiguous += out.account["ambiguous"]
    missing = {Rule(r).name for r in range(1, w.RULES) if rules[r] == 0}
    assert missing == {"MANUAL_HALT", "RISK_CHECK"}
    assert {ExitReason(r).name for r in reasons} == {
        "SIGNAL", "STOP", "TRAIL", "BREAKEVEN", "TARGET", "TIME",
    }
    assert ambiguous > 0

