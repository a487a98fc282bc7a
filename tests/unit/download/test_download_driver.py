"""A download: pages joined, failures met with patience, interruptions survived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paperbot_core.api import Candles, DataSource, Diagnostic, HistoryPage, RetryableError
from paperbot_core.diagnostics import DataError, PaperbotError, PluginError, UserError
from paperbot_core.market.candles.files import read_candles
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.download.download import Download, Downloaded, Wanted
from paperbot_core.market.download.join import cut, joined
from paperbot_core.market.download.lock import only_writer
from paperbot_core.market.download.pages import Progress
from paperbot_core.market.download.patience import Patience
from paperbot_core.testing.builders import START_TS, random_candles
from paperbot_core.testing.contracts import DataSourceContract

HOUR = 3_600_000
BARS = random_candles(2_500, seed=3)
NOW = int(BARS.ts[-1]) + HOUR


class Market:
    """A source that holds `bars` and fails as it is told: `faults` are raised one a call."""

    def __init__(self, bars: Candles = BARS, page: int = 300) -> None:
        self.bars, self.size = bars, page
        self.faults: list[BaseException | None] = []
        self.calls: list[int] = []

    async def symbols(self) -> Sequence[str]:
        return [self.bars.symbol]

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        self.calls.append(since)
        if self.faults and (fault := self.faults.pop(0)):
            raise fault
        first = int(self.bars.ts.searchsorted(since))
        stop = min(first + min(limit, self.size), len(self.bars))
        bars = self.bars.slice(first, stop)
        following = int(bars.ts[-1]) + HOUR if stop < len(self.bars) else None
        return HistoryPage(bars, following)


class TestMarketContract(DataSourceContract):
    SINCE = START_TS

    def make(self) -> DataSource:
        return Market()


def fetch(source: DataSource, folder: Path, **how: Any) -> Downloaded:
    since, until = how.pop("since", None), how.pop("until", None)
    wanted = how.pop("wanted", Wanted("BTC/USDT", "1h", since, until))
    how.setdefault("now_ms", NOW)
    how.setdefault("patience", Patience(3, 0.0, 0.0))
    return asyncio.run(Download(source, "market", wanted, folder, **how).run())


def stored(folder: Path) -> Candles:
    return read_candles(CandleFile(folder / "BTC-USDT_1h.parquet", "BTC/USDT", "1h"))


def same(left: Candles, right: Candles) -> bool:
    names = ("ts", "open", "high", "low", "close", "volume")
    return all(np.array_equal(getattr(left, n), getattr(right, n)) for n in names)


def changed(bars: Candles, row: int) -> Candles:
    volume = bars.volume.copy()
    volume[row] += 1.0
    columns = (bars.ts, bars.open, bars.high, bars.low, bars.close, volume)
    return Candles(bars.symbol, bars.tf_ms, *columns)


def without(bars: Candles, first: int, stop: int) -> Candles:
    return joined([bars.slice(0, first), bars.slice(stop, len(bars))])


def busy(seconds: float | None = None) -> RetryableError:
    return RetryableError(Diagnostic("PB6210", "answered 429"), retry_after_s=seconds)


def test_pages_become_one_file(tmp_path: Path) -> None:
    done = fetch(Market(), tmp_path)
    assert (done.added, done.pages, done.retries, done.notes) == (2_500, 9, 0, ())
    assert same(stored(tmp_path), BARS)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp")]


def test_the_range_is_half_open(tmp_path: Path) -> None:
    fetch(Market(), tmp_path, since=START_TS + 5 * HOUR, until=START_TS + 9 * HOUR)
    assert stored(tmp_path).ts.tolist() == [START_TS + k * HOUR for k in range(5, 9)]


def test_a_bar_that_is_not_closed_is_left_out(tmp_path: Path) -> None:
    done = fetch(Market(), tmp_path, now_ms=NOW - 1)
    assert same(stored(tmp_path), BARS.slice(0, 2_499))
    assert done.notes == ()


def test_nothing_to_add_asks_for_nothing(tmp_path: Path) -> None:
    fetch(Market(), tmp_path)
    source = Market()
    assert fetch(source, tmp_path).added == 0
    assert source.calls == []


def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    fetch(Market(), tmp_path, until=int(BARS.ts[2_000]))
    source = Market()
    done = fetch(source, tmp_path)
    assert done.added == 500
    assert source.calls[0] == int(BARS.ts[1_990])
    assert same(stored(tmp_path), BARS)


def test_an_earlier_begin_is_put_in_front(tmp_path: Path) -> None:
    fetch(Market(), tmp_path, since=int(BARS.ts[1_500]))
    source = Market()
    done = fetch(source, tmp_path, since=START_TS)
    assert done.added == 1_500
    assert max(source.calls) <= int(BARS.ts[1_500])
    assert same(stored(tmp_path), BARS)


@pytest.mark.parametrize("fault", [ValueError("secret"), KeyboardInterrupt(), busy()])
def test_an_interruption_keeps_what_came_and_the_next_run_goes_on(
    tmp_path: Path, fault: BaseException
) -> None:
    source = Market()
    source.faults = [None, None, fault, fault, fault]
    with pytest.raises((PaperbotError, KeyboardInterrupt)):
        fetch(source, tmp_path)
    assert same(stored(tmp_path), BARS.slice(0, 600))
    assert fetch(Market(), tmp_path).added == 1_900
    assert same(stored(tmp_path), BARS)


def test_an_interrupted_head_changes_nothing(tmp_path: Path) -> None:
    fetch(Market(), tmp_path, since=int(BARS.ts[1_500]))
    source = Market()
    source.faults = [None, ValueError("x")]
    with pytest.raises(PluginError, match="PB6204"):
        fetch(source, tmp_path, since=START_TS)
    assert same(stored(tmp_path), BARS.slice(1_500, 2_500))


def test_force_replaces_the_file_only_by_a_whole_one(tmp_path: Path) -> None:
    fetch(Market(), tmp_path)
    source = Market(changed(BARS, 100))
    source.faults = [None, ValueError("x")]
    with pytest.raises(PluginError):
        fetch(source, tmp_path, force=True)
    assert same(stored(tmp_path), BARS)
    fetch(source, tmp_path, force=True)
    assert same(stored(tmp_path), changed(BARS, 100))


def test_pauses_double_up_to_the_limit_and_honour_what_was_asked(tmp_path: Path) -> None:
    source, pauses, said = Market(), list[float](), list[Progress]()
    source.faults = [busy(), busy(), busy(), busy(7.5), busy(0.1)]

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    done = fetch(
        source, tmp_path, patience=Patience(6, 1.0, 3.0), sleep=sleep, progress=said.append
    )
    assert pauses == [1.0, 2.0, 3.0, 7.5, 3.0]
    assert done.retries == 5
    assert said[3].message == "answered 429; trying again in 7.5 s"
    assert said[-1] == Progress(9, 2_500, NOW)


def test_patience_ends(tmp_path: Path) -> None:
    source = Market()
    source.faults = [busy()] * 3
    with pytest.raises(RetryableError, match="PB6210"):
        fetch(source, tmp_path)
    assert len(source.calls) == 3
    assert not list(tmp_path.glob("*.parquet"))


def test_an_empty_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="PB6201"):
        fetch(Market(BARS.slice(0, 0)), tmp_path)
    with pytest.raises(DataError, match="PB6201"):
        fetch(Market(BARS.slice(0, 10)), tmp_path, since=START_TS + 20 * HOUR)
    assert not list(tmp_path.glob("*.parquet"))


def test_a_source_that_forgot_the_stored_bars_is_found_out(tmp_path: Path) -> None:
    fetch(Market(), tmp_path, until=int(BARS.ts[1_000]))
    for bars in (
        changed(BARS, 995),
        without(BARS, 996, 998),
        BARS.slice(1_200, 2_500),
    ):
        with pytest.raises(DataError, match="PB6202"):
            fetch(Market(bars), tmp_path)
    assert same(stored(tmp_path), BARS.slice(0, 1_000))


def test_a_short_answer_and_holes_are_told(tmp_path: Path) -> None:
    bars = without(BARS.slice(100, 2_000), 500, 550)
    done = fetch(Market(bars), tmp_path, since=START_TS)
    assert (len(done.gaps.holes), done.gaps.missing) == (1, 50)
    first, last = done.notes
    assert first.startswith("the first bar is 2024-01-05T04:00:00Z, asked for 2024-01-01")
    assert last.startswith("the last bar is ")


def test_notes_of_the_source_are_kept_once(tmp_path: Path) -> None:
    class Noting(Market):
        async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
            page = await super().page(symbol, timeframe, since, limit)
            return HistoryPage(page.candles, page.following, ("no file for 2024-01-02",))

    assert fetch(Noting(), tmp_path).notes == ("no file for 2024-01-02",)


def test_an_empty_page_in_the_middle_is_no_end(tmp_path: Path) -> None:
    class Windows(Market):
        async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
            stop = since + 100 * HOUR
            return HistoryPage(cut(self.bars, since, stop), stop if stop < NOW else None)

    fetch(Windows(without(BARS, 500, 900)), tmp_path, since=START_TS)
    assert same(stored(tmp_path), without(BARS, 500, 900))


BROKEN: dict[str, Callable[[HistoryPage, int], object]] = {
    "no page": lambda _page, _since: None,
    "candles alone": lambda page, _since: page.candles,
    "stands still": lambda page, since: HistoryPage(page.candles.slice(0, 0), since),
    "repeats": lambda page, since: HistoryPage(page.candles, since + HOUR),
    "too early": lambda page, since: HistoryPage(BARS.slice(0, 3), page.following),
    "other market": lambda page, _since: HistoryPage(
        random_candles(3, symbol="ETH/USDT"), page.following
    ),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_contract_is_named(tmp_path: Path, name: str) -> None:
    class Broken(Market):
        async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> Any:
            return BROKEN[name](await super().page(symbol, timeframe, since, limit), since)

    with pytest.raises(PluginError, match=r"PB6204.*`market`"):
        fetch(Broken(), tmp_path, since=START_TS + 10 * HOUR)


def test_bars_that_are_none_are_refused(tmp_path: Path) -> None:
    bad = random_candles(100)
    bad.close[5] = 0.0
    with pytest.raises(DataError, match="PB6010"):
        fetch(Market(bad), tmp_path)


def test_two_writers_of_one_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "BTC-USDT_1h.parquet"
    with only_writer(file), pytest.raises(RetryableError, match="PB6203"):
        fetch(Market(), tmp_path)
    assert fetch(Market(), tmp_path).added == 2_500


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted("BTC/USDT", "1h", START_TS + HOUR, START_TS), "PB6205"),
        (Wanted("BTC/USDT", "1h", NOW), "PB6205"),
        (Wanted("A/B/C/D", "1h"), "PB6205"),
        (Wanted("BTC USDT", "1h"), "PB6205"),
        (Wanted("BTC/USDT", "1x"), "PB6002"),
    ],
)
def test_a_wish_for_nothing_is_refused(tmp_path: Path, wanted: Wanted, code: str) -> None:
    with pytest.raises(UserError, match=code):
        fetch(Market(), tmp_path, wanted=wanted)
