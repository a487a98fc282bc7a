"""What a plugin's signal shows below its rule: strength, then the numbers behind the reason."""

from __future__ import annotations

from paperbot_core.api import Action, Side, Signal
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.lang.strategy import CompiledStrategy, compile_strategy
from paperbot_core.research.why_conditions import Row, condition_rows

TEXT = "name: x\ntimeframe: 1h\nuniverse: [core]\nuses: a.b\nsize: {equity_pct: 5}\n"


def compiled() -> CompiledStrategy:
    document = parse_yaml(TEXT, "x.yaml")
    return compile_strategy(StrategyFile.model_validate(document.data), places=document.places)


def rows(bits: int, said: Signal) -> dict[str, Row]:
    found = condition_rows(compiled(), {}, bits, lambda _rule: said.reason, lambda _rule: said)
    return {row["rule"]: row for row in found}


def test_an_entry_shows_strength_and_numbers() -> None:
    numbers = {"ratio": 3.0, "threshold": float("inf")}
    said = Signal(0, "BTC/USDT", "x", Side.LONG, 0.25, "much volume", numbers)
    told = rows(1, said)
    parts = told["entry.long.0"]["tree"]["parts"]
    assert [(p["text"], p["value"], p["truth"]) for p in parts] == [
        ("strength", 0.25, ""), ("ratio", 3.0, ""), ("threshold", None, "unknown"),
    ]  # fmt: skip
    assert told["entry.long.0"]["reason"] == "much volume"
    assert all(told[rule]["tree"]["parts"] == [] for rule in told if rule != "entry.long.0")


def test_an_exit_has_no_strength() -> None:
    said = Signal(0, "BTC/USDT", "x", Side.LONG, 1.0, "over", {"z": 0.5}, action=Action.EXIT)
    parts = rows(1 << 16, said)["exit.long.0"]["tree"]["parts"]
    assert [p["text"] for p in parts] == ["z"]
