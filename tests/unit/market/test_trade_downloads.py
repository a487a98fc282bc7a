"""Trades from an archive into the lake: what is missing, on bad days too, and nothing twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.diagnostics import (
    DataError,
    Diagnostic,
    PluginError,
    RetryableError,
    UserError,
)
from paperbot_core.market.download.patience import Patience
from paperbot_core.market.lake.dataset import ImportRequest, find_manifest
from paperbot_core.market.lake.layout import Lake
from paperbot_core.market.lake.trades import covered, trades_key
from paperbot_core.market.trades.download import TradesDownload, TradesDownloaded
from tests.trade_files import DAY, START, binance_csv, walk, zipped

FIRST = START // DAY


class Shelf:
    """An archive in memory: content by day, and answers that come before it."""

    def __init__(self, folder: Path, days: int = 3) -> None:
        self.folder = folder
        self.files = {FIRST + k: zipped(binance_csv(walk(day=k))) for k in range(days)}
        self.before: list[Any] = []
        self.asked: list[int] = []

    async def trade_file(self, symbol: str, day: int) -> Path | None:
        self.asked.append(day - FIRST)
        if self.before and isinstance(first := self.before.pop(0), Exception):
            raise first
        if day not in self.files:
            return None
        path = self.folder / f"BTCUSDT-trades-2024-08-{8 + day - FIRST:02d}.zip"
        path.write_bytes(self.files[day])
        return path


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "raw").mkdir()
    return Shelf(tmp_path / "raw")


def fetch(
    source: Any, folder: Path, days: int = 3, pauses: list[float] | None = None, **more: Any
) -> TradesDownloaded:
    async def no_sleep(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    more.setdefault("patience", Patience(tries=3))
    request = ImportRequest("sim", START, repair=more.pop("repair", False))
    work = TradesDownload(
        source, "shelf", "BTC/USDT", Lake(folder / "lake"), request, START, START + days * DAY,
        sleep=no_sleep, **more,
    )  # fmt: skip
    return asyncio.run(work.run())


def days_of(folder: Path) -> list[tuple[int, int]]:
    manifest = find_manifest(Lake(folder / "lake"), trades_key("sim", "BTC/USDT"))
    times = [] if manifest is None else covered(manifest)
    return [((start - START) // DAY, (end - START) // DAY) for start, end in times]


def test_only_what_is_missing_is_fetched(shelf: Shelf, tmp_path: Path) -> None:
    assert len(fetch(shelf, tmp_path, days=2).imported) == 2
    done = fetch(shelf, tmp_path)
    assert (shelf.asked, done.known_days, len(done.imported)) == ([0, 1, 2], 2, 1)
    assert days_of(tmp_path) == [(0, 3)]
    again = fetch(shelf, tmp_path, force=True)
    assert [one.merge for one in again.imported] == [None, None, None]
    assert fetch(shelf, tmp_path).known_days == 3


def test_failures_that_may_pass_are_waited_out(shelf: Shelf, tmp_path: Path) -> None:
    busy = RetryableError(Diagnostic("PB6210", "busy"), retry_after_s=9.0)
    shelf.before = [busy, RetryableError(Diagnostic("PB6210", "busy"))]
    pauses: list[float] = []
    assert fetch(shelf, tmp_path, pauses=pauses).retries == 2
    assert pauses == [9.0, 2.0]
    shelf.before = [None, busy, busy, busy]
    with pytest.raises(RetryableError):
        fetch(shelf, tmp_path / "other")
    # The day that came before the failure is safe.
    assert days_of(tmp_path / "other") == [(0, 1)]


def test_a_damaged_file_is_thrown_away_and_fetched_once_more(shelf: Shelf, tmp_path: Path) -> None:
    good = shelf.files[FIRST + 1]
    shelf.files[FIRST + 1] = good[:-100]
    with pytest.raises(DataError, match=r"PB6301.*damaged"):
        fetch(shelf, tmp_path)
    assert shelf.asked == [0, 1, 1]
    assert not (shelf.folder / "BTCUSDT-trades-2024-08-09.zip").exists()
    shelf.files[FIRST + 1] = good
    assert len(fetch(shelf, tmp_path).imported) == 2
    assert days_of(tmp_path) == [(0, 3)]


def test_absent_days_are_named(shelf: Shelf, tmp_path: Path) -> None:
    del shelf.files[FIRST + 1]
    done = fetch(shelf, tmp_path, days=12)
    assert done.notes == (
        "no file for 2024-08-09, 2024-08-11, 2024-08-12, 2024-08-13, 2024-08-14 and 5 more days",
    )
    assert days_of(tmp_path) == [(0, 1), (2, 3)]


def test_a_day_without_trades_of_the_market_is_named(shelf: Shelf, tmp_path: Path) -> None:
    shelf.files[FIRST + 1] = zipped("id,price,qty,time,is_buyer_maker\n")
    assert fetch(shelf, tmp_path).notes == ("no trades of BTC/USDT on 2024-08-09",)


def test_nothing_is_an_error(shelf: Shelf, tmp_path: Path) -> None:
    shelf.files.clear()
    with pytest.raises(DataError, match="PB6309"):
        fetch(shelf, tmp_path)
    with pytest.raises(DataError, match="PB6309"):
        fetch(shelf, tmp_path, days=0)


def test_bad_rows_need_a_word(shelf: Shelf, tmp_path: Path) -> None:
    bad = walk()
    bad.price[3] = -1.0
    shelf.files[FIRST] = zipped(binance_csv(bad))
    with pytest.raises(DataError, match="PB6303"):
        fetch(shelf, tmp_path, days=1)
    (done,) = fetch(shelf, tmp_path, days=1, repair=True).imported
    assert done.facts["left_out"]["bad"] == 1


def test_sources_that_are_none(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="PB6310"):
        fetch(object(), tmp_path)
    shelf.before = [RuntimeError("oops")]
    with pytest.raises(PluginError, match=r"PB6204.*oops"):
        fetch(shelf, tmp_path)

    class Odd:
        async def trade_file(self, symbol: str, day: int) -> object:
            return 5

    with pytest.raises(PluginError, match=r"PB6204.*int"):
        fetch(Odd(), tmp_path)
