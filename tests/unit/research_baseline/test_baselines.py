"""The shipped strategies do what their records say, and a record notices what changes."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.diagnostics import DataError, UserError
from paperbot_core.research.baseline import FOLDER, TRADES_MIN, check, differences, record
from paperbot_core.research.baseline_market import market, market_digest
from paperbot_core.research.baseline_run import baseline_content, expected_exits, ranges
from paperbot_core.research.check import CheckedProject, check_project
from tests.why_world import HOUR, ROOT, make_project, paperbot

SHIPPED = sorted(path.stem for path in (ROOT / "strategies.d").glob("*.yaml"))


@pytest.fixture(scope="module")
def checked() -> CheckedProject:
    return check_project(ROOT)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_strategies_do_what_is_recorded(name: str, checked: CheckedProject) -> None:
    content = check(checked, ROOT / FOLDER, [name])[0]
    assert sum(len(lines) for lines in content["trades"].values()) >= TRADES_MIN
    assert set(expected_exits(checked.compiled[name])) <= set(content["exits"])
    assert min(content["exits"].values()) >= 1


def test_every_record_belongs_to_a_strategy() -> None:
    assert sorted(path.stem for path in (ROOT / FOLDER).glob("*.json")) == SHIPPED


def test_the_market_is_the_same_everywhere() -> None:
    candles = market("BTC/USDT", HOUR, bars=500)
    assert market_digest([candles]) == (
        "4a1f464bced7d41d07db008470517be1629b9419dd73e55eef5bc05f90889257"
    )
    assert (candles.high >= candles.low).all()
    assert (candles.low > 0).all()
    assert (candles.open[1:] == candles.close[:-1]).all()
    longer = market("BTC/USDT", HOUR, bars=600).slice(0, 500)
    assert market_digest([longer]) == market_digest([candles])


@pytest.fixture(scope="module")
def known(checked: CheckedProject) -> dict[str, Any]:
    path = ROOT / FOLDER / "donchian_atr.json"
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def changed(known: dict[str, Any], *path: Any, to: Any) -> list[str]:
    """Return what is told when the program does something else than `known` at `path`."""
    now = copy.deepcopy(known)
    place = now
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return [f"{d.code} {d.message}" for d in differences(known, now, "x.json")]


def test_no_difference_no_message(known: dict[str, Any]) -> None:
    assert differences(known, copy.deepcopy(known), "x.json") == []


def test_one_signal_more(known: dict[str, Any]) -> None:
    rows = known["signals"]["BTC/USDT"]["entry.long.0"]
    told = changed(known, "signals", "BTC/USDT", "entry.long.0", to=[*rows, "5999"])
    assert told == [
        "PB6611 signals of `donchian_atr` differ: entry.long.0 on BTC/USDT bar 5999 "
        "(2024-09-06T23:00:00Z): expected false, got true"
    ]


def test_another_stop(known: dict[str, Any]) -> None:
    row, _, reason = known["stops"]["BTC/USDT"][0].split(" ")
    told = changed(known, "stops", "BTC/USDT", 0, to=f"{row} 1.25 {reason}")
    assert len(told) == 1
    assert told[0].startswith("PB6611 stops of `donchian_atr` differ: BTC/USDT bar")
    assert "got `1.25 stop`" in told[0]


def test_another_exit_reason(known: dict[str, Any]) -> None:
    line = known["trades"]["ETH/USDT"][3]
    told = changed(known, "trades", "ETH/USDT", 3, to=line.rsplit(" ", 1)[0] + " other")
    assert told[0].startswith("PB6611 trades of `donchian_atr` differ: ETH/USDT bar")
    assert changed(known, "exits", "trail", to=0)[0].startswith("PB6611 exits of")


def test_metrics_may_differ_by_one_percent(known: dict[str, Any]) -> None:
    value = known["metrics"]["total_return_pct"]
    assert changed(known, "metrics", "total_return_pct", to=value * 1.009) == []
    told = changed(known, "metrics", "total_return_pct", to=value * 1.02)
    assert told[0].startswith("PB6612 metrics of `donchian_atr` differ: `total_return_pct`")
    assert changed(known, "metrics", "sharpe", to=None)[0].startswith("PB6612")


def test_another_market(known: dict[str, Any]) -> None:
    assert changed(known, "market", "seed", to=2)[0].startswith("PB6613")


def test_ranges() -> None:
    bits = market("BTC/USDT", HOUR, bars=20).ts * 0
    for row in (0, 1, 2, 7, 9, 19):
        bits[row] = 1
    assert ranges(bits.astype("uint32")) == ["0-2 7 9 19"]
    assert ranges(bits.astype("uint32") * 0) == []


def test_recording_twice_gives_the_same_bytes(tmp_path: Path, checked: CheckedProject) -> None:
    assert record(checked, tmp_path, ["sma_cross"]) == []
    first = (tmp_path / "sma_cross.json").read_bytes()
    record(checked, tmp_path, ["sma_cross"])
    assert (tmp_path / "sma_cross.json").read_bytes() == first
    assert first == (ROOT / FOLDER / "sma_cross.json").read_bytes()


def test_a_changed_strategy_fails_the_command(tmp_path: Path) -> None:
    project = make_project(tmp_path, bars=2)
    shutil.copytree(ROOT / FOLDER, project / FOLDER)
    good = paperbot(project, "baseline", "check", "-s", "sma_cross")
    assert good.exit_code == 0, good.output
    assert good.output.startswith("same: sma_cross")
    path = project / "strategies.d" / "sma_cross.yaml"
    path.write_text(path.read_text().replace("default: 20,", "default: 25,"))
    bad = paperbot(project, "baseline", "check", "-s", "sma_cross", "--json")
    assert bad.exit_code == 1
    told = json.loads(bad.output)["diagnostics"]
    assert {d["code"] for d in told} == {"PB6611", "PB6612"}
    assert "entry.long.0 on BTC/USDT bar" in "".join(d["message"] for d in told)


def test_a_thin_record_is_a_warning(tmp_path: Path) -> None:
    project = make_project(tmp_path, bars=2)
    path = project / "strategies.d" / "sma_cross.yaml"
    path.write_text(path.read_text().replace("crosses_above(quick, steady)", "close > 1000000"))
    result = paperbot(project, "baseline", "record", "-s", "sma_cross", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)["diagnostics"]
    assert [d["code"] for d in told] == ["PB6614"]
    assert "only 0 trades, no exit by signal, no exit by stop" in told[0]["message"]


def test_a_record_that_is_missing_or_broken(tmp_path: Path, checked: CheckedProject) -> None:
    with pytest.raises(UserError, match="PB6610: there is no record"):
        check(checked, tmp_path, ["sma_cross"])
    text = (ROOT / FOLDER / "sma_cross.json").read_text("utf-8")
    for broken in (
        "{", "[]", "{}", text.replace('"format": 1', '"format": 9'),
        text.replace('"max_open_positions": 1000', '"max_open_positions": -1'),
        text.replace('"entry.long.0": [', '"entry.long.0": ["x", '),
    ):  # fmt: skip
        (tmp_path / "sma_cross.json").write_text(broken)
        with pytest.raises(UserError, match="PB6610"):
            check(checked, tmp_path, ["sma_cross"])


def test_the_policy_of_the_record_counts(checked: CheckedProject) -> None:
    known = json.loads((ROOT / FOLDER / "sma_cross.json").read_text("utf-8"))
    policy = copy.deepcopy(known["policy"])
    policy["risk"]["max_trades_per_day"] = policy["risk"]["max_trades_per_hour"] = 0
    now = baseline_content(checked.project, checked.compiled["sma_cross"], policy)
    assert all(lines == [] for lines in now["trades"].values())
    with pytest.raises(DataError, match="PB6611"):
        raise DataError(differences(known, now, "x.json"))
