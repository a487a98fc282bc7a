"""Daily trade files on a server of this machine, as the archive has them and as it should not."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import paperbot_bitmex
import pytest
from paperbot_bitmex import BitmexOptions
from paperbot_bitmex.source import BitmexArchive

from paperbot_core.api import DataError, DataSource, HistoryPage, RetryableError, UserError
from paperbot_core.testing.archive import Archive, Fault
from paperbot_core.testing.builders import plugins_of
from paperbot_core.testing.contracts import DataSourceContract, run
from paperbot_core.testing.downloads import download

HEADER = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,"
    "foreignNotional"
)
DAY = 86_400_000
HOUR = 3_600_000
START = 1_535_760_000_000  # 2018-09-01
DAYS = 5
NOW = START + DAYS * DAY + 5 * HOUR


def stamp(ns: int) -> str:
    moment = datetime.fromtimestamp(ns // 10**9, UTC)
    return f"{moment:%Y-%m-%dD%H:%M:%S}.{ns % 10**9:09d}"


def row(ns: int, symbol: str, size: int, price: float) -> str:
    home = size / price
    return (
        f"{stamp(ns)},{symbol},Buy,{size},{price},PlusTick,"
        f"4a5313f5-9878-fca9-6056-{ns % 10**12:012d},{round(home * 1e8)},{home!r},{size}"
    )


def walk(symbol: str, day: int, count: int = 400) -> list[tuple[int, int, float]]:
    """Return (ns, size, price) of made-up trades of a day, ascending."""
    chance = np.random.default_rng([day, len(symbol), ord(symbol[0])])
    begin = (START + day * DAY) * 10**6
    times = np.sort(chance.integers(0, DAY * 10**6, count)) + begin
    prices = np.round(7_000 * np.exp(np.cumsum(chance.normal(0, 1e-3, count))) * 2) / 2
    sizes = chance.integers(1, 5_000, count)
    return [(int(t), int(s), float(p)) for t, s, p in zip(times, sizes, prices, strict=True)]


def text_of(day: int) -> str:
    lines = [HEADER]
    for symbol in ("ETHUSD", "XBTUSD"):
        lines += [row(ns, symbol, size, price) for ns, size, price in walk(symbol, day)]
    return "\n".join(lines) + "\n"


def path_of(day: int) -> str:
    return f"/data/trade/{datetime.fromtimestamp((START + day * DAY) / 1000, UTC):%Y%m%d}.csv.gz"


FILES = {path_of(day): gzip.compress(text_of(day).encode(), 1) for day in range(DAYS)}


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive(FILES) as made:
        yield made


def source(archive: Archive, folder: Path, **options: Any) -> BitmexArchive:
    options.setdefault("base_url", archive.url + "/data")
    options.setdefault("cache_dir", str(folder / "raw"))
    options.setdefault("first_day", "2018-09-01")
    return BitmexArchive(BitmexOptions.model_validate(options), lambda: NOW)


def expected(symbol: str, tf_ms: int, days: range = range(DAYS)) -> dict[int, list[float]]:
    """Return ts -> open, high, low, close, volume, by the plainest way to compute them."""
    bars: dict[int, list[float]] = {}
    for day in days:
        for ns, size, price in walk(symbol, day):
            ts = ns // 10**6 // tf_ms * tf_ms
            bar = bars.setdefault(ts, [price, price, price, price, 0.0])
            bar[1:4] = [max(bar[1], price), min(bar[2], price), price]
            bar[4] += size / price
    return bars


def collect(made: BitmexArchive, symbol: str, timeframe: str, since: int = 0) -> dict[int, Any]:
    bars: dict[int, Any] = {}
    following: int | None = since
    while following is not None:
        page = run(made.page(symbol, timeframe, following, 1_000))
        for k in range(len(page.candles)):
            bar = page.candles.bar(k)
            bars[bar.ts] = pytest.approx([bar.open, bar.high, bar.low, bar.close, bar.volume])
        following = page.following
    return bars


class TestBitmexContract(DataSourceContract):
    SYMBOL = "XBTUSD"
    SINCE = START + 7 * HOUR

    @pytest.fixture(autouse=True)
    def _stand_in(self, archive: Archive, tmp_path: Path) -> None:
        self.archive, self.folder = archive, tmp_path

    def make(self) -> DataSource:
        return source(self.archive, self.folder)


@pytest.mark.parametrize("timeframe", ["1s", "1m", "7m", "1h", "5h", "1d"])
def test_bars_of_any_width_are_made_of_trades(
    archive: Archive, tmp_path: Path, timeframe: str
) -> None:
    from paperbot_core.api import timeframe_ms

    tf_ms = timeframe_ms(timeframe)
    wanted = expected("XBTUSD", tf_ms)
    end = START + DAYS * DAY
    # The bar that would need trades of today is not there yet; nor one begun before the archive.
    wanted = {ts: bar for ts, bar in wanted.items() if ts >= START and ts + tf_ms <= end}
    assert collect(source(archive, tmp_path), "XBTUSD", timeframe) == wanted


def test_a_bar_of_two_days_needs_both(archive: Archive, tmp_path: Path) -> None:
    bars = collect(source(archive, tmp_path), "XBTUSD", "2d")
    wanted = expected("XBTUSD", 2 * DAY)
    complete = [ts for ts in wanted if ts >= START and ts + 2 * DAY <= START + DAYS * DAY]
    assert sorted(bars) == complete
    assert all(bars[ts] == wanted[ts] for ts in complete)


def test_times_of_the_archive_are_read_to_the_millisecond(
    archive: Archive, tmp_path: Path
) -> None:
    text = (
        f"{HEADER}\n2018-09-01D04:03:41.128828000,XBTUSD,Sell,10,7000.5,MinusTick,x,1,0.0014,10\n"
        "2018-09-01D04:03:41.999999999,XBTUSD,Sell,10,7000,MinusTick,x,1,0.0016,10\n"
    )
    archive.files[path_of(0)] = gzip.compress(text.encode())
    page = run(source(archive, tmp_path).page("XBTUSD", "1s", START, 10))
    (bar,) = (page.candles.bar(k) for k in range(len(page.candles)))
    assert (bar.ts, bar.open, bar.close) == (1_535_774_621_000, 7000.5, 7000.0)
    assert bar.volume == pytest.approx(0.003)


def test_columns_are_found_by_name(archive: Archive, tmp_path: Path) -> None:
    names = HEADER.split(",")
    lines = [line.split(",") for line in text_of(0).splitlines()]
    order = [names.index(name) for name in reversed(names)]
    moved = "\n".join("trdType," + ",".join(line[k] for k in order) for line in lines)
    archive.files[path_of(0)] = gzip.compress(moved.encode())
    page = run(source(archive, tmp_path).page("XBTUSD", "1h", START, 10))
    wanted = expected("XBTUSD", HOUR, range(1))
    assert [page.candles.bar(0).open, *page.candles.ts.tolist()] == [
        next(iter(wanted.values()))[0], *wanted
    ]  # fmt: skip


@pytest.mark.parametrize(("unit", "total"), [("contracts", 1.0), ("foreign", 1.0)])
def test_the_unit_of_volume_is_chosen(
    archive: Archive, tmp_path: Path, unit: str, total: float
) -> None:
    page = run(source(archive, tmp_path, volume=unit).page("XBTUSD", "1d", START, 10))
    assert page.candles.volume[0] == total * sum(size for _, size, _ in walk("XBTUSD", 0))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace("price", "px", 1), "no column `price`"),
        (lambda text: text.split("\n", 1)[1], "no column `timestamp`"),
        (lambda text: text.replace("2018-09-01D", "2018-09-02D"), "another day"),
        (lambda text: text.replace("2018-09-01D00", "2018-09-01 at 00"), "times that are none"),
        (lambda text: text + "2018-09-01D23:59:59.999999999,XBTUSD\n", "cannot be read"),
        (lambda text: text + "2018-09-01D23:59:59.9,XBTUSD,Buy,1,x,P,x,1,1,1\n", "cannot be read"),
        (lambda text: text + "2018-09-01D23:59:59.9,XBTUSD,Buy,1,,P,x,1,1,1\n", "without `price`"),
        (lambda _text: "", "no column"),
    ],
)
def test_a_changed_format_is_an_error(
    archive: Archive, tmp_path: Path, damage: Any, said: str
) -> None:
    archive.files[path_of(0)] = gzip.compress(damage(text_of(0)).encode())
    with pytest.raises(DataError, match=f"PB6221.*{said}"):
        run(source(archive, tmp_path).page("XBTUSD", "1h", START, 10))


def test_trades_in_disorder_are_ordered_and_told(archive: Archive, tmp_path: Path) -> None:
    lines = text_of(0).splitlines()
    lines[-1], lines[-2] = lines[-2], lines[-1]
    archive.files[path_of(0)] = gzip.compress("\n".join(lines).encode())
    page = run(source(archive, tmp_path).page("XBTUSD", "1d", START, 10))
    assert page.candles.close[0] == walk("XBTUSD", 0)[-1][2]
    assert page.notes == (
        "20180901.csv.gz: 1 trades of XBTUSD were put in the order of their times",
    )


def test_a_truncated_gzip_is_thrown_away_and_fetched_again(
    archive: Archive, tmp_path: Path
) -> None:
    archive.files[path_of(0)] = FILES[path_of(0)][:-500]
    made = source(archive, tmp_path)
    with pytest.raises(RetryableError, match="PB6221"):
        run(made.page("XBTUSD", "1h", START, 10))
    assert not list((tmp_path / "raw" / "trade").glob("*.gz"))
    archive.files[path_of(0)] = FILES[path_of(0)]
    assert len(run(made.page("XBTUSD", "1h", START, 10)).candles) == 24


def test_what_is_no_gzip_is_fetched_again(archive: Archive, tmp_path: Path) -> None:
    archive.files[path_of(0)] = b"<html>maintenance</html>"
    with pytest.raises(RetryableError, match="PB6221"):
        run(source(archive, tmp_path).page("XBTUSD", "1h", START, 10))


def test_a_wrong_checksum_is_found(archive: Archive, tmp_path: Path) -> None:
    archive.faults = [Fault(headers={"ETag": '"00000000000000000000000000000000"'})]
    made = source(archive, tmp_path)
    with pytest.raises(RetryableError, match="PB6212"):
        run(made.page("XBTUSD", "1h", START, 10))
    assert len(run(made.page("XBTUSD", "1h", START, 10)).candles) == 24


def test_a_missing_day_is_an_error_unless_skipped(archive: Archive, tmp_path: Path) -> None:
    del archive.files[path_of(2)]
    with pytest.raises(DataError, match=r"PB6220.*20180903"):
        collect(source(archive, tmp_path), "XBTUSD", "1h")
    lenient = source(archive, tmp_path, missing="skip")
    bars = collect(lenient, "XBTUSD", "7m")
    assert all(ts + 7 * 60_000 <= START + 2 * DAY or ts >= START + 3 * DAY for ts in bars)
    page = run(lenient.page("XBTUSD", "1h", START + 2 * DAY, 10))
    assert page.notes == ("no file for 20180903.csv.gz: 2018-09-03 was left out",)
    assert (len(page.candles), page.following) == (0, START + 3 * DAY)


def test_the_newest_days_may_be_late(archive: Archive, tmp_path: Path) -> None:
    del archive.files[path_of(4)]
    bars = collect(source(archive, tmp_path), "XBTUSD", "1h")
    assert max(bars) == START + 4 * DAY - HOUR


def test_files_are_fetched_once_whatever_is_made_of_them(archive: Archive, tmp_path: Path) -> None:
    collect(source(archive, tmp_path), "XBTUSD", "1h")
    collect(source(archive, tmp_path), "ETHUSD", "7m")
    assert len(archive.requests) == DAYS
    collect(source(archive, tmp_path, refresh=True), "XBTUSD", "7m")
    assert len(archive.requests) == 2 * DAYS


def test_a_wrong_symbol_does_not_fetch_the_archive(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"PB6222.*BTCUSD"):
        collect(source(archive, tmp_path), "BTCUSD", "1h")
    assert len(archive.requests) == 2


def test_an_archive_elsewhere_is_said_so(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"PB6220.*newest"):
        run(source(archive, tmp_path, base_url=archive.url + "/other").symbols())


def test_a_download_resumes_and_rides_out_faults(archive: Archive, tmp_path: Path) -> None:
    archive.faults = [
        Fault(status=429, headers={"Retry-After": "30"}),
        Fault(status=503),
        Fault(cut=5_000),
    ]
    pauses: list[float] = []
    made = source(archive, tmp_path)
    first = download(made, "XBTUSD", "1h", tmp_path, until="2018-09-03", pauses=pauses)
    assert (len(first.candles), first.added, first.notes) == (48, 48, ())
    assert pauses == [30.0, 2.0, 4.0]
    asked = len(archive.requests)
    second = download(source(archive, tmp_path), "XBTUSD", "1h", tmp_path, until="2018-09-05")
    assert (len(second.candles), second.added) == (96, 48)
    assert archive.paths()[asked:] == [path_of(2), path_of(3)]
    assert second.file.name == "XBTUSD_1h.parquet"
    assert (len(second.gaps.holes), second.gaps.missing) == (0, 0)


def test_the_component_builds_with_its_defaults(tmp_path: Path) -> None:
    plugins = plugins_of({"paperbot-bitmex": paperbot_bitmex})
    built = plugins.build("data_source", "bitmex", {"cache_dir": str(tmp_path)})
    assert isinstance(built, BitmexArchive)


def test_pages_say_where_to_go_on(archive: Archive, tmp_path: Path) -> None:
    page: HistoryPage = run(source(archive, tmp_path).page("XBTUSD", "1h", START + 3 * HOUR, 5))
    assert page.candles.ts.tolist() == [START + k * HOUR for k in range(3, 24)]
    assert page.following == START + DAY
