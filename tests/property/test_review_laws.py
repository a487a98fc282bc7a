"""Laws of risk checks on random worlds: they veto or shrink, whatever they answer."""

from __future__ import annotations

import copy
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.api import AccountView, EntryFact, PolicyView, Side, TradingState, Verdict
from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.reading import read_model
from paperbot_core.config.yaml_source import load_yaml
from paperbot_core.domain.words import Rule
from paperbot_core.kernel import words as w
from paperbot_core.kernel.authorise import judge
from paperbot_core.kernel.plain import PlainKernel, no_review, run_plain
from paperbot_core.plugins_guard import SafeRiskCheck
from paperbot_core.plugins_review import RiskReview
from tests.property.kernel_worlds import World, make_world, seeds


class Whim:
    """Answers at random: honest verdicts and every kind of garbage."""

    def __init__(self, seed: int, honest: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.honest = honest
        self.seen: list[tuple[EntryFact, AccountView]] = []

    def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Any:
        self.seen.append((entry, account))
        part = entry.quantity * float(self.rng.random())
        fair = [Verdict.approve(), Verdict.shrink(part, "less"), Verdict.refuse("no")]
        foul = [
            Verdict.shrink(entry.quantity * 2, "more"), Verdict.shrink(-1.0, ""), None, "yes",
            Verdict.shrink(math.nan, ""), Verdict.shrink(math.inf, ""), ValueError("broken"),
        ]  # fmt: skip
        answers = fair if self.honest else fair + foul
        answer = answers[int(self.rng.integers(len(answers)))]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(scope="module")
def policy(request: pytest.FixtureRequest) -> PolicyFile:
    root: Path = request.getfixturevalue("root")
    found, problems = read_model(PolicyFile, load_yaml(root / "policy.yaml", "policy.yaml"))
    assert found is not None, problems
    return found


def safe(*checks: Any) -> list[SafeRiskCheck]:
    return [SafeRiskCheck(f"check{k}", "alpha 0", check) for k, check in enumerate(checks)]


def reviewed(
    world: World, policy: PolicyFile, checks: list[SafeRiskCheck]
) -> tuple[Any, RiskReview]:
    made: list[RiskReview] = []

    def make(kernel: PlainKernel) -> RiskReview:
        made.append(RiskReview(kernel, checks, policy, lambda s, rule, row: f"{s} {rule} {row}"))
        return made[0]

    return run_plain(world.desk, world.inputs, make_review=make), made[0]


def unreviewed_grant(k: PlainKernel, s: int) -> float:
    """Return what slot `s` would be granted now without any check, leaving the kernel alone."""
    a, p, markets, specs, slots, clusters, tiers, facts, shrunk = copy.deepcopy((
        k.account, k.limits, k.markets, k.specs, k.slots, k.clusters, k.tiers, k.facts, k.shrunk,
    ))  # fmt: skip
    rule = judge(
        slots[s].order_ts, a, p, markets, specs, slots, clusters, tiers, facts, shrunk, s,
        no_review,
    )  # fmt: skip
    return float(slots[s].order_qty) if rule == Rule.NONE else 0.0


@settings(max_examples=25)
@given(seeds, st.integers(1, 3))
def test_no_check_ever_enlarges_what_the_policy_grants(
    policy: PolicyFile, seed: int, checks: int
) -> None:
    world = make_world(seed, steps=80)
    kernels: list[PlainKernel] = []
    bare: dict[int, float] = {}
    granted: list[tuple[float, float]] = []

    def make(kernel: PlainKernel) -> Any:
        review = RiskReview(
            kernel, safe(*(Whim(seed + k) for k in range(checks))), policy, lambda *_: ""
        )

        def watching(s: int, qty: float, price: float) -> float:
            bare[s] = unreviewed_grant(kernel, s)
            return review(s, qty, price)

        kernels.append(kernel)
        return watching

    def witness(s: int, wished: float, rule: int) -> None:
        if s in bare:
            order = kernels[0].slots[s].order_qty if rule == Rule.NONE else 0.0
            granted.append((order, bare.pop(s)))

    run_plain(world.desk, world.inputs, make_review=make, witness=witness)
    assert all(0.0 <= order <= without for order, without in granted)


@settings(max_examples=25)
@given(seeds)
def test_approving_everything_changes_nothing(policy: PolicyFile, seed: int) -> None:
    class Yes:
        def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
            return Verdict.approve()

    world = make_world(seed)
    bare = run_plain(world.desk, world.inputs)
    out, review = reviewed(world, policy, safe(Yes(), Yes()))
    assert out.equity.tobytes() == bare.equity.tobytes()
    assert out.refused.tolist() == bare.refused.tolist()
    assert review.reasons == {}
    assert review.summary() == []


@settings(max_examples=20)
@given(seeds)
def test_the_order_of_checks_does_not_matter(policy: PolicyFile, seed: int) -> None:
    world = make_world(seed, steps=60)

    class Fixed:
        def __init__(self, part: float) -> None:
            self.part = part

        def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
            return Verdict.shrink(entry.quantity * self.part, f"{self.part}")

    curves = {
        reviewed(world, policy, safe(*map(Fixed, order)))[0].equity.tobytes()
        for order in itertools.permutations([0.25, 0.5, 1.0])
    }
    assert len(curves) == 1


@settings(max_examples=25)
@given(seeds)
def test_checks_see_sound_facts_and_refusals_are_counted(policy: PolicyFile, seed: int) -> None:
    world = make_world(seed)
    whim = Whim(seed, honest=True)
    out, review = reviewed(world, policy, safe(whim))
    counts = review.counts["check0"]
    assert out.refused[w.RISK_CHECK] == counts["refused"]
    assert out.shrunk[w.RISK_CHECK] == counts["shrunk"]
    specs = dict(zip(world.desk.slots, world.desk.specs, strict=True))
    for entry, account in whim.seen:
        assert entry.kind in ("entry", "add")
        assert entry.quantity > 0
        assert entry.price > 0
        assert account.ts == entry.ts
        assert account.state is TradingState.ACTIVE
        assert account.equity == entry.equity
        own = [(p.symbol, p.strategy) for p in account.positions]
        assert ((entry.symbol, entry.strategy) in own) is (entry.kind == "add")
        assert account.gross >= sum(p.quantity * p.close for p in account.positions) * (1 - 1e-9)
        spec = next(s for key, s in specs.items() if key.strategy == entry.strategy)
        assert (entry.stop_distance is not None) is bool(spec["has_stop"])
        if entry.kind == "entry":
            side = "long" if entry.side is Side.LONG else "short"
            assert f" entry.{side}." in entry.reason


def test_reasons_name_the_check_and_go_with_the_last_entry(policy: PolicyFile) -> None:
    world = make_world(3)
    kernel = PlainKernel(world.desk)
    answers: list[Verdict] = []

    class Told:
        def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
            return answers.pop(0)

    review = RiskReview(kernel, safe(Told(), Told()), policy, lambda *_: "")
    kernel.slots[0].order_side = 1
    answers += [Verdict.shrink(1.0, "thin book"), Verdict.shrink(0.5, "tired")]
    assert review(0, 2.0, 100.0) == 0.5
    assert review.reasons == {0: "check1: tired"}
    answers += [Verdict.refuse("night"), Verdict.approve()]
    assert review(0, 2.0, 100.0) == 0.0
    assert review.reasons == {0: "check0: night"}
    answers += [Verdict.approve(), Verdict.approve()]
    assert review(0, 2.0, 100.0) == 2.0
    assert review.reasons == {}
    assert review.summary() == [
        "risk check `check0` refused 1 and shrank 1 entries, first: check0: thin book",
        "risk check `check1` refused 0 and shrank 1 entries, first: check1: tired",
    ]
