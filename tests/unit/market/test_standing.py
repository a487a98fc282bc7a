"""What a strategy may do with a symbol at a close, condition by condition and over histories."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from paperbot_core.config.project import Project
from paperbot_core.config.selection import REGIMES
from paperbot_core.config.universe import UNLISTED
from paperbot_core.domain.words import Rule
from paperbot_core.market.universe.membership import Membership
from paperbot_core.market.universe.selection import Refusal, Snapshot
from paperbot_core.market.universe.standing import (
    Eligibility,
    Standing,
    admitted,
    barred_text,
    condition_codes,
    standings,
    tier_line,
    with_chosen,
)
from tests.universe_world import DAY, DAY_MS, universe

TIERS = {
    "core": {"symbols": ["A/USDT"], "regimes": ["trend", "calm"]},
    "event": {"symbols": ["B/USDT"]},
}
SIZES = {"core": 0.4, "event": 0.2, UNLISTED: 0.1}
REGIME = {"symbol": "A/USDT", "size_factor": {"calm": 0.5, "crash": 0.0}}
NUMBER: dict[str, float] = {name: float(number) for number, name in enumerate(REGIMES, 1)}


def rules(
    symbol: str = "A/USDT", wanted: tuple[str, ...] = ("core", "event"), **fields: Any
) -> Eligibility:
    """Return the rules of a strategy on a symbol in a universe with a regime, unless told."""
    made = universe(**({"tiers": TIERS, "regime": REGIME} | fields))
    return Eligibility(made, frozenset(wanted), symbol, lambda tier: SIZES.get(tier, math.nan))


def same(left: Standing, size: float, barred: Rule) -> bool:
    equal = left.size == size or (math.isnan(left.size) and math.isnan(size))
    return equal and left.barred == barred


# One moment.


@pytest.mark.parametrize(
    ("tier", "regime", "size", "barred"),
    [
        ("core", "trend", 0.4, Rule.NONE),
        ("core", "calm", 0.2, Rule.NONE),
        ("core", "chop", 0.0, Rule.REGIME),  # the tier does not allow it
        ("event", "chop", 0.2, Rule.NONE),
        ("event", "crash", 0.0, Rule.REGIME),  # nothing is left of the size
        ("event", None, 0.0, Rule.REGIME),
        (UNLISTED, "trend", 0.1, Rule.NONE),
        (UNLISTED, "calm", 0.05, Rule.NONE),
        (None, "trend", math.nan, Rule.NOT_IN_UNIVERSE),
    ],
)
def test_tier_and_regime_make_the_size_or_bar_it(
    tier: str | None, regime: str | None, size: float, barred: Rule
) -> None:
    number = math.nan if regime is None else NUMBER[regime]
    assert same(rules().judge(tier, number), size, barred)


def test_without_a_regime_nothing_depends_on_it() -> None:
    plain = {"core": {"symbols": ["A/USDT"]}}
    made = rules(tiers=plain, regime=None)
    assert same(made.judge("core", math.nan), 0.4, Rule.NONE)
    # One that changes no size bars none while it is unknown, but a tier may still ask for it.
    told = rules(tiers=TIERS, regime={"symbol": "A/USDT"})
    assert same(told.judge("event", math.nan), 0.2, Rule.NONE)
    assert same(told.judge("core", math.nan), 0.0, Rule.REGIME)
    assert same(told.judge("core", NUMBER["trend"]), 0.4, Rule.NONE)


def test_the_first_reason_is_told() -> None:
    crash = NUMBER["crash"]
    made = rules(wanted=("event",))
    assert same(made.judge("core", crash, stale=True, chosen=False), 0.0, Rule.MAX_STALE_BARS)
    assert same(made.judge("core", crash, chosen=False), 0.0, Rule.NOT_IN_UNIVERSE)
    assert same(made.judge("event", crash, chosen=False), 0.0, Rule.REGIME)
    assert same(made.judge("event", NUMBER["trend"], chosen=False), 0.2, Rule.MODE_NOT_CHOSEN)
    assert same(made.judge(None, crash, stale=True), math.nan, Rule.MAX_STALE_BARS)
    assert same(made.judge(None, crash, chosen=False), math.nan, Rule.NOT_IN_UNIVERSE)


def test_a_strategy_trades_its_tiers_its_symbols_and_symbols_in_no_tier() -> None:
    trend = NUMBER["trend"]
    assert rules(wanted=("event",)).judge("core", trend).barred == Rule.NOT_IN_UNIVERSE
    assert rules(wanted=("A/USDT",)).judge("core", trend).barred == Rule.NONE
    assert rules(wanted=("event",)).judge("event", trend).barred == Rule.NONE
    assert rules(wanted=("event",)).judge(UNLISTED, trend).barred == Rule.NONE


# Who may ever trade.


def _project(wanted: list[str], **fields: Any) -> Project:
    """Return what `admitted` looks at of a project with one strategy."""
    made = universe(**({"tiers": TIERS, "regime": REGIME} | fields))
    strategy = SimpleNamespace(file=SimpleNamespace(universe=wanted))
    symbols = [symbol for name in wanted for symbol in made.symbols_of(name)]
    return cast(
        "Project",
        SimpleNamespace(
            universe=made, symbols_of=lambda _: symbols, strategy=lambda _: strategy
        ),
    )


def test_a_strategy_may_trade_what_its_universe_lists_and_strangers_where_they_may_join() -> None:
    offered = ["Z/USDT", "Y/EUR", "B/USDT", "A/USDT"]
    still = _project(["core"])
    assert admitted(still, "s", offered) == ("A/USDT", "Y/EUR", "Z/USDT")
    assert admitted(still, "s", offered, unlisted=False) == ("A/USDT",)
    assert admitted(still, "s", ["B/USDT"]) == ()
    # A universe that changes takes strangers by discovery only, into a tier that is traded.
    filters = {"quotes": ["USDT"]}
    assert admitted(_project(["core"], filters=filters), "s", offered) == ("A/USDT",)
    joins = {"filters": filters, "discovery": {"tiers": {"event": 1_000}, "max_symbols": 9}}
    assert admitted(_project(["core"], **joins), "s", offered) == ("A/USDT",)
    assert admitted(_project(["event"], **joins), "s", offered) == ("B/USDT", "Z/USDT")
    assert admitted(_project(["event"], **joins), "s", offered, unlisted=False) == (
        "B/USDT", "Z/USDT",
    )  # fmt: skip


# Over a history.

NAMES = ("core", "event", UNLISTED)


def test_every_row_of_a_history_has_the_standing_of_its_moment() -> None:
    made = rules(wanted=("core",))
    cases = [
        (tier, regime, stale, chosen)
        for tier in range(-1, len(NAMES))
        for regime in (math.nan, *NUMBER.values())
        for stale in (False, True)
        for chosen in (False, True)
    ]
    tiers, regimes, stale, chosen = (np.array(column) for column in zip(*cases, strict=True))
    codes = condition_codes(tiers, regimes, stale, chosen)
    assert len(set(codes.tolist())) == len(cases)
    found = standings(made, codes, NAMES)
    assert isinstance(found.size, np.ndarray)
    assert isinstance(found.barred, np.ndarray)
    for row, (tier, regime, is_stale, is_chosen) in enumerate(cases):
        name = None if tier < 0 else NAMES[tier]
        expected = made.judge(name, regime, stale=is_stale, chosen=is_chosen)
        told = Standing(float(found.size[row]), Rule(int(found.barred[row])))
        assert same(told, expected.size, expected.barred), cases[row]


def test_where_nothing_changes_there_is_one_number_for_all() -> None:
    codes = condition_codes(
        np.zeros(5, np.int64), np.full(5, NUMBER["calm"]), np.zeros(5, np.bool_),
        np.ones(5, np.bool_),
    )  # fmt: skip
    found = standings(rules(), codes, NAMES)
    assert (found.size, found.barred) == (0.2, 0.0)
    barred = standings(rules(), condition_codes(
        np.array([-1]), np.array([math.nan]), np.array([False]), np.array([True])
    ), NAMES)  # fmt: skip
    assert barred.barred == float(Rule.NOT_IN_UNIVERSE)
    assert math.isnan(float(barred.size))


def test_a_history_without_rows_has_no_standing() -> None:
    none = np.array([], np.int64)
    found = standings(rules(), none, NAMES)
    assert np.shape(found.size) == np.shape(found.barred) == (0,)


def test_another_choice_changes_only_what_is_chosen() -> None:
    tiers, regimes = np.array([0, 1, 2]), np.array([1.0, math.nan, 4.0])
    stale = np.array([True, False, True])
    yes, no = np.ones(3, np.bool_), np.zeros(3, np.bool_)
    both = {True: condition_codes(tiers, regimes, stale, yes),
            False: condition_codes(tiers, regimes, stale, no)}  # fmt: skip
    for made in both.values():
        assert with_chosen(made, yes).tolist() == both[True].tolist()
        assert with_chosen(made, no).tolist() == both[False].tolist()


def test_the_tier_of_a_symbol_follows_its_membership() -> None:
    def snapshot(day: int, **tiers: str) -> Snapshot:
        return Snapshot(DAY + day * DAY_MS, {f"{k}/USDT": v for k, v in tiers.items()}, {}, {}, "x")

    membership = Membership((snapshot(1, A="event"), snapshot(2), snapshot(4, A="core")))
    times = DAY + DAY_MS * np.arange(6) + np.array([0, 0, -1, 0, 0, 0])
    line = tier_line(membership, "A/USDT", "core", times, NAMES)
    assert line.tolist() == [-1, 1, 1, -1, 0, 0]
    assert tier_line(None, "A/USDT", "event", times, NAMES).tolist() == [1] * 6
    assert tier_line(membership, "C/USDT", "core", times, NAMES).tolist() == [-1] * 6


# In words.


def test_what_bars_is_told_in_words() -> None:
    def told(rule: Rule, tier: str | None = "core", refusal: Refusal | None = None,
             regime: str | None = None, choice: str = "") -> str:  # fmt: skip
        return barred_text(rule, tier, ("core", "B/USDT"), refusal, regime, choice)

    assert told(Rule.NOT_IN_UNIVERSE, "event") == (
        "in tier `event`, and the strategy trades core, B/USDT"
    )
    assert told(Rule.NOT_IN_UNIVERSE, None) == "not a member of the universe at that time"
    refusal = Refusal("min_quote_volume", "500", "499.5")
    for tier in ("core", None):
        assert "499.5" in told(Rule.NOT_IN_UNIVERSE, tier, refusal)
    assert told(Rule.REGIME, regime="crash") == (
        "the regime is crash, which allows no entry in tier `core`"
    )
    assert told(Rule.REGIME).startswith("the regime is not known,")
    assert told(Rule.MAX_STALE_BARS).startswith("bars of this symbol were missing")
    assert told(Rule.MODE_NOT_CHOSEN) == "the strategy has chosen another of its modes"
    assert told(Rule.MODE_NOT_CHOSEN, choice="calm mode since Monday") == "calm mode since Monday"
    assert told(Rule.CASH) == told(Rule.NONE) == ""
