from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from paperbot_core.config.base import StrictModel
from paperbot_core.config.policy import RULE_KEYS, PolicyFile
from paperbot_core.config.reading import read_model
from paperbot_core.config.settings import Settings
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.universe import UniverseFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.domain.words import Mode, Rule

STRATEGY = """\
name: one
timeframe: 1h
universe: [core]
size: {equity_pct: %s}
"""


def _read(model: type[StrictModel], text: str) -> Any:
    value, diagnostics = read_model(model, parse_yaml(text, "f.yaml"))
    assert diagnostics == []
    return value


def _codes(model: type[StrictModel], text: str) -> list[str]:
    _value, diagnostics = read_model(model, parse_yaml(text, "f.yaml"))
    return [diagnostic.code for diagnostic in diagnostics]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("5", 5.0),
        ("0.25", 0.25),
        ("share", "share"),
        ("2 * share", "2 * share"),
        ("{core: 5, event: 0.5}", {"core": 5.0, "event": 0.5}),
    ],
)
def test_a_size_is_a_number_an_expression_or_a_number_a_tier(written: str, read: object) -> None:
    assert _read(StrategyFile, STRATEGY % written).size.equity_pct == read


@pytest.mark.parametrize(
    "written", ["0", "-1", "10001", "nan", "inf", "{core: 0}", "[5]", "{core: x}"]
)
def test_a_wrong_size_is_one_mistake(written: str) -> None:
    assert len(_codes(StrategyFile, STRATEGY % written)) == 1


def test_rules_may_be_written_in_three_ways() -> None:
    for written in ("close > 1", "{when: close > 1}", "[{when: close > 1}]", "[close > 1]"):
        file = _read(StrategyFile, STRATEGY % 5 + f"entry: {{long: {written}}}")
        assert [rule.when for rule in file.entry.long] == ["close > 1"]
    assert _read(StrategyFile, STRATEGY % 5 + "entry:\n  long:\n").entry.long is None


@pytest.mark.parametrize("written", ["yes", "no", "on", "1", "True", "t", "~"])
def test_only_true_and_false_are_booleans(written: str) -> None:
    assert _codes(Settings, f"read_only: {written}") == ["PB2003"]
    assert _read(Settings, "read_only: false").read_only is False


@pytest.mark.parametrize(
    "written", ["1_000", "\uff11\uff12", "0x10", "12:30", "1,000", "many", "[1]", "{a: 1}"]
)
def test_what_is_no_number(written: str) -> None:
    assert _codes(Settings, f"wallet:\n  cash: {written}") == ["PB2003"]
    assert _codes(Settings, f"alerts:\n  slack:\n    cooldown_sec: {written}") == ["PB2003"]


def test_money_keeps_every_digit() -> None:
    settings = _read(Settings, "wallet: {cash: 12345678901.123456789}")
    assert settings.wallet.cash == Decimal("12345678901.123456789")
    assert _read(Settings, "mode: PAPER").wallet.cash == 10_000


def test_an_exchange_takes_any_option_and_needs_a_plugin() -> None:
    settings = _read(Settings, "exchange: {plugin: ccxt, id: binance, environment: spot-testnet}")
    assert settings.exchange.options == {"id": "binance", "environment": "spot-testnet"}
    assert _codes(Settings, "exchange: {id: binance}") == ["PB2002"]
    assert _read(Settings, "mode: DRY_RUN").exchange.options == {"seed": "7"}


POLICY = """\
version: 1
modes: {highest: PAPER}
entry: {max_slippage_pct: 0.5}
risk:
  daily_stop_loss_pct: 2.0
  max_drawdown_pct: 10.0
  max_position_size_pct: 5.0
  max_gross_pct: 50.0
  max_net_pct: 50.0
  max_cluster_pct: 15.0
  max_tier_pct: {core: 40.0}
  position_cap: {equity_multiple: 2.0, min: 10, max: 25000}
  max_open_positions: 8
  max_trades_per_day: 10
  max_trades_per_hour: 4
  cooldown_after_loss_min: 60
"""


def test_a_policy_is_read_as_written() -> None:
    policy = _read(PolicyFile, POLICY)
    assert policy.modes.highest is Mode.PAPER
    assert policy.risk.position_cap.max == 25_000
    assert policy.risk.max_tier_pct == {"core": 40.0}


def test_every_line_of_the_policy_is_required() -> None:
    lines = POLICY.splitlines()
    for number, line in enumerate(lines):
        if line == "risk:":
            continue
        text = "\n".join([*lines[:number], *lines[number + 1 :]])
        value, diagnostics = read_model(PolicyFile, parse_yaml(text, "policy.yaml"))
        assert value is None
        assert [d.code for d in diagnostics] == ["PB2002"], line
        assert line.split(":")[0].strip() in diagnostics[0].message


def test_the_digest_is_of_the_limits_not_of_the_layout() -> None:
    plain = _read(PolicyFile, POLICY)
    commented = _read(PolicyFile, "# limits\n" + POLICY.replace("50.0", "50"))
    other = _read(PolicyFile, POLICY.replace("0.5", "0.6"))
    assert plain.digest == commented.digest != other.digest
    assert len(plain.digest) == 64


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_gross_pct: 50.0", "max_gross_pct: 0"),
        ("max_gross_pct: 50.0", "max_gross_pct: 10000.5"),
        ("max_gross_pct: 50.0", "max_gross_pct: .nan"),
        ("max_open_positions: 8", "max_open_positions: 1000000001"),
        ("max_open_positions: 8", "max_open_positions: 2.5"),
        ("max: 25000", "max: 1000000000001"),
        ("max_trades_per_day: 10", "max_trades_per_day: -1"),
        ("version: 1", "version: 2"),
        ("highest: PAPER", "highest: paper"),
    ],
)
def test_limits_out_of_range(old: str, new: str) -> None:
    assert len(_codes(PolicyFile, POLICY.replace(old, new))) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_position_size_pct: 5.0", "max_position_size_pct: 50.1"),
        ("max_trades_per_hour: 4", "max_trades_per_hour: 11"),
        ("daily_stop_loss_pct: 2.0", "daily_stop_loss_pct: 10.1"),
        ("min: 10,", "min: 25001,"),
    ],
)
def test_limits_that_contradict(old: str, new: str) -> None:
    assert _codes(PolicyFile, POLICY.replace(old, new)) == ["PB4001"]


def test_equal_limits_do_not_contradict() -> None:
    text = POLICY.replace("day: 10", "day: 4").replace("size_pct: 5.0", "size_pct: 50")
    assert _codes(PolicyFile, text.replace("stop_loss_pct: 2.0", "stop_loss_pct: 10")) == []


def test_every_rule_with_a_limit_has_a_key() -> None:
    without = {rule for rule in Rule if rule not in RULE_KEYS}
    assert all("MAX" not in rule.name or rule in RULE_KEYS for rule in Rule)
    assert Rule.CASH in without
    assert Rule.LOT in without


UNIVERSE = """\
tiers:
  core: {symbols: [BTC/USDT, AAPL]}
  event: {symbols: [DOGE/USDT], max_hold_hours: 72}
instruments:
  BTC/USDT: {tick: 0.01, lot: 0.00001, min_notional: 5, cluster: majors, shortable: true}
  ADA/USDT: {lot: 1}
"""


def test_instruments_of_a_universe() -> None:
    universe = _read(UniverseFile, UNIVERSE)
    btc = universe.instrument("BTC/USDT")
    assert (btc.tick, btc.lot, btc.tier, btc.cluster) == (
        Decimal("0.01"), Decimal("0.00001"), "core", "majors",
    )  # fmt: skip
    assert btc.shortable
    assert not btc.sessions
    doge = universe.instrument("DOGE/USDT")
    assert (doge.tick, doge.cluster) == (0, "DOGE/USDT")
    assert universe.tier_holds == {"event": 72 * 3_600_000}
    assert universe.instrument("AAPL").sessions
    assert universe.instrument("ADA/USDT").tier == "unlisted"
    assert universe.instrument("ADA/USDT").lot == 1
    stranger = universe.instrument("PEPE/USDT")
    assert (stranger.tier, stranger.cluster, stranger.taker_bps) == ("unlisted", "PEPE/USDT", 10)


@pytest.mark.parametrize(
    "day", ["20240105", "2024-W01-5", "2024-1-5", "2024-01-05T00:00", "2024-02-30", "-"]
)
def test_a_day_is_written_in_one_way(day: str) -> None:
    text = UNIVERSE + f"  PEPE/USDT: {{listed: '{day}', delisted: 2024-01-20}}\n"
    _value, found = read_model(UniverseFile, parse_yaml(text, "f.yaml"))
    assert [(d.code, d.message, d.expected) for d in found] == [
        ("PB2003", f"`{day}` is not a day", "a day such as 2021-05-19")
    ]


def test_symbols_of_a_tier_or_of_themselves() -> None:
    universe = _read(UniverseFile, UNIVERSE)
    assert universe.symbols_of("core") == ("BTC/USDT", "AAPL")
    assert universe.symbols_of("PEPE/USDT") == ("PEPE/USDT",)


@pytest.mark.parametrize("filters", ["", " {}", " ~"])
def test_empty_filters_are_no_filters(filters: str) -> None:
    assert _codes(UniverseFile, UNIVERSE + f"filters:{filters}\ndiscovery:{filters}\n") == []


@pytest.mark.parametrize("text", ["a text", "[a, list]", "5"])
def test_a_file_must_be_keys_with_values(text: str) -> None:
    for model in (Settings, PolicyFile, UniverseFile, StrategyFile):
        assert _codes(model, text) == ["PB2003"]


def test_secrets_in_a_wrong_place_are_not_repeated_at_length() -> None:
    _value, diagnostics = read_model(Settings, parse_yaml("read_only: " + "x" * 500, "f.yaml"))
    assert len(diagnostics[0].message) < 120
