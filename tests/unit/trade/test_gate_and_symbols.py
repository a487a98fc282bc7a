"""Modes only go down; symbols are what the exchange has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.api import Diagnostic, Instrument
from paperbot_core.diagnostics import RefusedError, UserError
from paperbot_core.domain.words import Mode
from paperbot_core.research.check import CheckedProject, check_project
from paperbot_core.trade.build import market_name, new_run_id
from paperbot_core.trade.gate import effective_mode
from paperbot_core.trade.layout import feed_timeframe
from paperbot_core.trade.symbols import find_symbols
from tests import session_world as sw


def _checked(tmp_path: Path, mode: str, highest: str, names: Sequence[str] = ()) -> CheckedProject:
    policy = sw.WIDE_POLICY.replace("highest: PAPER", f"highest: {highest}")
    chosen = list(names) or ["sma_cross"]
    project = sw.make_project(tmp_path, chosen, "{plugin: sandbox}", mode=mode, policy=policy)
    return check_project(project)


@pytest.mark.parametrize(
    ("written", "highest", "asked", "found"),
    [
        ("PAPER", "PAPER", None, Mode.PAPER),
        ("PAPER", "LIVE", Mode.DRY_RUN, Mode.DRY_RUN),
        ("DRY_RUN", "LIVE", None, Mode.DRY_RUN),
        ("PAPER", "LIVE", Mode.LIVE, "PB8001"),
        ("DRY_RUN", "PAPER", Mode.PAPER, "PB8001"),
        ("LIVE", "LIVE", None, "PB8002"),
        ("LIVE", "LIVE", Mode.PAPER, Mode.PAPER),
    ],
)
def test_the_mode_only_goes_down(
    written: str, highest: str, asked: Mode | None, found: Mode | str, tmp_path: Path
) -> None:
    project = _checked(tmp_path, written, highest).project
    if isinstance(found, Mode):
        assert effective_mode(project, asked) is found
        return
    with pytest.raises(RefusedError, match=found) as refused:
        effective_mode(project, asked)
    assert refused.value.exit_code == 3


class Market:
    """Lists some symbols and knows one more."""

    def __init__(self, listed: Sequence[str], known: Sequence[str]) -> None:
        self._listed, self._known = listed, {*listed, *known}

    async def instruments(self) -> list[Instrument]:
        return [Instrument(symbol) for symbol in self._listed]

    async def bars(self, symbol: str, timeframe: str, since: int) -> list[Any]:
        if symbol not in self._known:
            raise UserError(Diagnostic("PB5050", "no"))
        return []


def _find(checked: CheckedProject, market: Any, *, unlisted: bool) -> Any:
    compiled = [checked.compiled[s.name] for s in checked.project.enabled]
    return asyncio.run(find_symbols(
        checked.project, compiled, market, 3_600_000, admit_unlisted=unlisted
    ))  # fmt: skip


def test_symbols_are_listed_or_given_anyway(tmp_path: Path) -> None:
    checked = _checked(tmp_path, "PAPER", "PAPER")
    market = Market(["BTC/USDT", "FOO/USDT"], ["ETH/USDT"])
    found = _find(checked, market, unlisted=False)
    assert found.symbols == {"sma_cross": ("BTC/USDT", "ETH/USDT")}
    assert all(d.code == "PB8008" for d in found.warnings)
    with_foo = _find(checked, market, unlisted=True)
    assert "FOO/USDT" in with_foo.symbols["sma_cross"]


def test_nothing_to_trade_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="PB8007"):
        _find(_checked(tmp_path, "PAPER", "PAPER"), Market(["FOO/USDT"], []), unlisted=False)


def test_timeframes_must_divide(tmp_path: Path) -> None:
    checked = _checked(tmp_path, "PAPER", "PAPER", ["sma_cross", "rsi_momentum"])
    for path, timeframe in (("sma_cross", "2h"), ("rsi_momentum", "3h")):
        file = tmp_path / "strategies.d" / f"{path}.yaml"
        lines = file.read_text().splitlines()
        file.write_text("\n".join(
            f"timeframe: {timeframe}" if line.startswith("timeframe:") else line for line in lines
        ))  # fmt: skip
    checked = check_project(tmp_path)
    with pytest.raises(UserError, match="PB8010"):
        feed_timeframe([checked.compiled["sma_cross"], checked.compiled["rsi_momentum"]])


def test_the_market_of_an_account_is_not_how_it_is_played() -> None:
    assert market_name("sandbox", {"seed": "7", "speed": "max", "bars": "9"}) == "sandbox seed=7"
    assert new_run_id(Mode.PAPER) != new_run_id(Mode.PAPER)
