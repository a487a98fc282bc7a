"""Who is served first at an open, how long an order waits for its bar, and targets of shorts."""

from __future__ import annotations

from itertools import permutations

import pytest

from paperbot_core.domain.market import HOUR_MS
from paperbot_core.domain.words import Rule
from paperbot_core.kernel import records as rec
from paperbot_core.kernel import words as w
from paperbot_core.kernel.match import serve_entry
from tests.unit.kernel.fill_world import START, Says, play

FLAT = (100.0, 101.0, 99.0, 100.0)


@pytest.mark.parametrize("strengths", list(permutations((0.2, 0.4, 0.6, 0.8))))
def test_orders_fill_in_the_order_in_which_they_were_granted(
    strengths: tuple[float, ...]
) -> None:
    # Twice, so that what the first round left behind cannot pass for the second.
    names = ["A/USDT", "B/USDT", "C/USDT", "D/USDT"]
    says = [
        Says(name, long=[0, 3], exit_long=[1, 2], strength=strength)
        for name, strength in zip(names, strengths, strict=True)
    ]
    told = play({name: [FLAT] * 5 for name in names}, *says)
    ranked = [name for _, name in sorted(zip(strengths, names, strict=True), reverse=True)]
    entries = [f["symbol"] for f in told.fills if f["kind"] == "entry"]
    assert entries == ranked * 2
    # Exits come in the order of the slots.
    assert [f["symbol"] for f in told.fills if f["kind"] == "exit"] == names


@pytest.mark.parametrize(
    ("order", "now", "continuous", "ends"),
    [
        (w.ORDER_MARKET, HOUR_MS - 1, 1, False),
        (w.ORDER_MARKET, HOUR_MS, 1, True),
        (w.ORDER_MARKET, 9 * HOUR_MS, 1, True),
        (w.ORDER_MARKET, 9 * HOUR_MS, 0, False),
        (w.ORDER_LIMIT, 9 * HOUR_MS, 1, False),
    ],
)
def test_an_order_waits_for_the_bar_it_was_meant_for(
    order: int, now: int, continuous: int, ends: bool
) -> None:
    # Its own bar lasts an hour; other instruments have shorter ones.
    market = rec.MarketObject({"tf_ms": HOUR_MS, "continuous": continuous, "ts": START - HOUR_MS,
                               "lot_d": 1.0, "tick_d": 1.0})  # fmt: skip
    slot = rec.SlotObject({"order": order, "order_side": 1, "order_qty": 1.0, "order_ts": START})
    legs, refused = [rec.LegObject()], [0] * w.RULES
    serve_entry(
        rec.AccountObject(), START + now, market, rec.SpecObject(), slot, rec.BoxObject(), legs,
        refused, 0,
    )  # fmt: skip
    assert refused[Rule.BAR_ABSENT] == sum(refused) == int(ends)
    assert slot.order == (w.ORDER_NONE if ends else order)


def test_a_target_of_a_short_fills_only_when_traded_through() -> None:
    plan = {"rungs": [(1.0, 1.0)]}
    for low, filled in ((90.0, []), (89.99, [(2, "target", 10.0, 90.0)])):
        told = play([FLAT, FLAT, (100.0, 101.0, low, 100.0)], Says(short=[0]), plan=plan)
        assert told.told[1:] == filled
    opened = play([FLAT, FLAT, (90.0, 91.0, 90.0, 90.0)], Says(short=[0]), plan=plan)
    assert opened.told[1:] == []
    # Touched in the bar of the stop is not ambiguous either.
    for low, ambiguous in ((90.0, 0), (89.99, 1)):
        told = play([FLAT, FLAT, (100.0, 110.0, low, 100.0)], Says(short=[0]), plan=plan)
        assert (told.told[1][1], told.account["ambiguous"]) == ("stop", ambiguous)
