"""What a session tells of universe, regime, data and modes: on the terminal and as notices."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paperbot_core.cli.teller import Teller
from paperbot_core.domain.events import ConditionChanged, Event, VerdictGiven
from paperbot_core.domain.words import Mode, Rule
from paperbot_core.trade.notices import condition_texts, notices_of

HOUR, START = 3_600_000, 1_609_459_200_000
BREAKERS = [
    ConditionChanged(START, "data_breaker", f"{name}/USDT", "open", "bars were missing")
    for name in "ABCDEF"
]


def refusal(rule: Rule, reason: str, *, symbol: str = "A/USDT", ts: int = START) -> VerdictGiven:
    return VerdictGiven(
        ts=ts, client_id="p", strategy="s", symbol=symbol, approved=False, rule=rule,
        asked=Decimal(1), allowed=Decimal(0), reason=f"{rule.name}: {reason}", rows=(),
    )  # fmt: skip


def told(teller: Teller, events: list[Event], capsys: pytest.CaptureFixture[str]) -> list[str]:
    teller.on_events(events)
    return [line[18:] for line in capsys.readouterr().out.splitlines()]


def test_breakers_that_open_together_are_one_line() -> None:
    regime = ConditionChanged(START, "regime", "A/USDT", "crash", "was calm")
    other = ConditionChanged(START, "data_breaker", "G/USDT", "closed", "enough bars in a row")
    assert [text for _, text in condition_texts([*BREAKERS, regime, other])] == [
        "data breaker open (no entries) for A/USDT, B/USDT, C/USDT, D/USDT and 2 more: "
        "bars were missing",
        "the market is in regime crash (A/USDT), was calm",
        "data breaker closed for G/USDT: enough bars in a row",
    ]
    kinds = [notice.kind for notice in notices_of([*BREAKERS, regime, other], Mode.PAPER)]
    assert kinds == ["data_breaker", "regime", "data_breaker"]


@pytest.mark.parametrize(
    ("state", "detail", "text"),
    [
        ("core", "joined", "A/USDT joined tier core"),
        ("core", "was in event", "A/USDT is in tier core, was in event"),
        ("left", "delisted: on 2021-01-01", "A/USDT left the universe, delisted: on 2021-01-01"),
    ],
)
def test_changes_of_the_universe_are_one_notice(state: str, detail: str, text: str) -> None:
    event = ConditionChanged(START, "universe", "A/USDT", state, detail)
    assert [line for _, line in condition_texts([event])] == [text]
    (notice,) = notices_of([event, event], Mode.PAPER)
    assert (notice.title, notice.text) == ("the universe changed: 2 symbols", f"{text}\n{text}")


@pytest.mark.parametrize(
    "rule", [Rule.NOT_IN_UNIVERSE, Rule.REGIME, Rule.MAX_STALE_BARS, Rule.MODE_NOT_CHOSEN]
)
def test_what_bars_for_a_time_is_no_notice_at_each_entry(rule: Rule) -> None:
    assert notices_of([refusal(rule, "so it is")], Mode.PAPER) == []
    assert len(notices_of([refusal(Rule.MAX_GROSS_PCT, "full")], Mode.PAPER)) == 1


def test_the_terminal_tells_a_barring_regime_once(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(quiet=False)
    barred = [
        refusal(Rule.REGIME, "the regime is crash", symbol=symbol, ts=START + day * 24 * HOUR)
        for day in range(3)
        for symbol in ("A/USDT", "B/USDT")
    ]
    assert told(teller, [*barred], capsys) == ["no entries, REGIME: the regime is crash"]
    change = ConditionChanged(START, "regime", "A/USDT", "crash", "was chop")
    assert told(teller, [change, *barred], capsys) == [
        "the market is in regime crash (A/USDT), was chop",
        "no entries, REGIME: the regime is crash",
    ]


def test_the_terminal_tells_a_limit_once_a_day_and_slot(capsys: pytest.CaptureFixture[str]) -> None:
    twice = [refusal(Rule.MAX_GROSS_PCT, "full")] * 2
    assert told(Teller(quiet=False), [*twice], capsys) == [
        "refused A/USDT for s: MAX_GROSS_PCT: full"
    ]
    assert told(Teller(quiet=True), [*twice], capsys) == []
