"""Splits and dividends that a source tells with its bars: stored beside them, never trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paperbot_core.api import (
    CorporateEvents,
    DataError,
    Diagnostic,
    EventSource,
    HistoryPage,
    PluginError,
    RetryableError,
)
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.events.files import events_beside, events_path
from paperbot_core.testing.builders import random_candles
from paperbot_core.testing.downloads import Downloaded, download

BARS = random_candles(100, seed=4)
NOW = int(BARS.ts[-1]) + BARS.tf_ms


def events(
    days: Sequence[float] = (10, 20),
    split: Sequence[float] = (1.0, 2.0),
    dividend: Sequence[float] = (0.5, 0.0),
) -> CorporateEvents:
    ts = (np.array(days) * DAY_MS).astype(np.int64)
    return CorporateEvents("BTC/USDT", ts, np.array(split), np.array(dividend))


class Shares:
    """A source with the bars above that answers `told` when it is asked for events."""

    def __init__(self, *told: Any) -> None:
        self.told = list(told)

    async def symbols(self) -> Sequence[str]:
        return []

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        first = int(BARS.ts.searchsorted(since))
        return HistoryPage(BARS.slice(first, len(BARS)), None)

    async def events(self, symbol: str) -> CorporateEvents:
        answer = self.told.pop(0)
        if isinstance(answer, Exception):
            raise answer
        found: CorporateEvents = answer
        return found


def fetch(folder: Path, *told: Any) -> Downloaded:
    return download(Shares(*told), BARS.symbol, "1h", folder, now_ms=NOW, pauses=[])


def test_events_lie_beside_the_bars(tmp_path: Path) -> None:
    assert isinstance(Shares(), EventSource)
    done = fetch(tmp_path, RetryableError(Diagnostic("PB6210", "not now")), events())
    assert done.retries == 1
    found = events_beside(done.file, BARS.symbol)
    assert found is not None
    assert (found.ts.tolist(), found.split.tolist()) == ([10 * DAY_MS, 20 * DAY_MS], [1, 2])
    # The newest answer counts; none at all empties the file and makes no new one.
    fetch(tmp_path, events((10,), (1.0,), (0.6,)))
    again = events_beside(done.file, BARS.symbol)
    assert again is not None
    assert again.dividend.tolist() == [0.6]
    none = events((), (), ())
    fetch(tmp_path, none)
    assert events_path(tmp_path, BARS.symbol).exists()
    fetch(tmp_path / "new", none)
    assert not (tmp_path / "new/events").exists()


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (None, "PB6204.*instead of CorporateEvents"),
        (events((10.5, 20)), "PB6204.*days"),
        (events((20, 10)), "PB6204.*days"),
        (events((10, 10)), "PB6204.*days"),
        (events(split=(1.0, 0.0)), "PB6204.*split"),
        (events(split=(1.0, float("nan"))), "PB6204.*split"),
        (events(dividend=(-1.0, 0.0)), "PB6204.*dividend"),
        (events(split=(1.0,)), "PB6204.*one length"),
        (ValueError("secret"), "PB6204.*failed"),
    ],
)
def test_events_that_are_none_are_refused_and_the_bars_stay(
    tmp_path: Path, told: Any, code: str
) -> None:
    with pytest.raises(PluginError, match=code):
        fetch(tmp_path, told)
    file = CandleFile(tmp_path / "BTC-USDT_1h.parquet", BARS.symbol, "1h")
    assert len(read_candles(file)) == len(BARS)
    assert events_beside(file.path, BARS.symbol) is None


def test_what_the_source_says_to_the_user_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="PB6221"):
        fetch(tmp_path, DataError(Diagnostic("PB6221", "a table of another shape")))
