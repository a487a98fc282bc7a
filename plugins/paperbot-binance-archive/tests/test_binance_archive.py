"""Monthly and daily kline files on a server of this machine, as the archive has them, and worse."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import paperbot_binance_archive
import pytest
from paperbot_binance_archive import BinanceArchiveOptions
from paperbot_binance_archive.places import place_of, spot_symbol
from paperbot_binance_archive.source import BinanceArchive

from paperbot_core.api import DataError, DataSource, RetryableError, UserError
from paperbot_core.testing.archive import Archive, Fault
from paperbot_core.testing.builders import plugins_of, random_candles
from paperbot_core.testing.contracts import DataSourceContract, run

HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_733_011_200_000  # 2024-12-01, the month before microseconds begin
NOW = START + (31 + 31 + 10) * DAY + 5 * HOUR  # 2025-02-11 05:00
BARS = random_candles(24 * 72, seed=9, start_ts=START)
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)


def csv_of(first: int, stop: int, *, header: bool = False, unit: int = 1) -> str:
    """Return the rows of bars as the archive writes them; `unit` 1000 is microseconds."""
    lines = [HEADER] if header else []
    for k in range(first, stop):
        bar = BARS.bar(k)
        close_time = (bar.ts + HOUR) * unit - 1
        lines.append(
            f"{bar.ts * unit},{bar.open!r},{bar.high!r},{bar.low!r},{bar.close!r},{bar.volume!r},"
            f"{close_time},{bar.volume * 2!r},99,1.5,150.5,0"
        )
    return "\n".join(lines) + "\n"


def zipped(text: str, name: str = "x.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, text)
    return out.getvalue()


def path_of(period: str, market: str = "spot", native: str = "BTCUSDT") -> str:
    cadence = "daily" if period.count("-") == 2 else "monthly"
    return f"/data/{market}/{cadence}/klines/{native}/1h/{native}-1h-{period}.zip"


def put(files: dict[str, bytes], path: str, content: bytes) -> None:
    files[path] = content
    digest = hashlib.sha256(content).hexdigest()
    files[path + ".CHECKSUM"] = f"{digest}  {path.rsplit('/', 1)[1]}\n".encode()


def the_files() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    put(files, path_of("2024-12"), zipped(csv_of(0, 31 * 24)))
    put(files, path_of("2025-01"), zipped(csv_of(31 * 24, 62 * 24, header=True, unit=1_000)))
    for day in range(62, 72):
        name = f"{datetime.fromtimestamp(START / 1000, UTC) + timedelta(days=day):%Y-%m-%d}"
        put(files, path_of(name), zipped(csv_of(day * 24, day * 24 + 24, unit=1_000)))
    return files


def listing(path: str) -> bytes | None:
    """Answer as the bucket does, two symbols a page."""
    parts = urlsplit(path)
    if parts.path != "/bucket":
        return None
    query = parse_qs(parts.query)
    assert query["delimiter"] == ["/"]
    folder = query["prefix"][0]
    names = [f"{folder}{native}/" for native in ("BTCUSDT", "ETHBTC", "ODD", "SOLUSDT")]
    rest = [name for name in names if name > query.get("marker", [""])[0]]
    more = f"<NextMarker>{rest[1]}</NextMarker>" if len(rest) > 2 else ""
    inside = "".join(f"<CommonPrefixes><Prefix>{n}</Prefix></CommonPrefixes>" for n in rest[:2])
    return f"<ListBucketResult><Prefix>{folder}</Prefix>{more}{inside}</ListBucketResult>".encode()


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive(the_files(), listing) as made:
        yield made


def source(archive: Archive, folder: Path, **options: Any) -> BinanceArchive:
    options.setdefault("base_url", archive.url + "/data")
    options.setdefault("listing_url", archive.url + "/bucket")
    options.setdefault("cache_dir", str(folder / "raw"))
    options.setdefault("first_month", "2024-10-15")
    return BinanceArchive(BinanceArchiveOptions.model_validate(options), lambda: NOW)


def collect(made: BinanceArchive, symbol: str = "BTC/USDT", since: int = 0) -> np.ndarray:
    rows: list[np.ndarray] = []
    following: int | None = since
    while following is not None:
        page = run(made.page(symbol, "1h", following, 1_000))
        c = page.candles
        rows.append(np.column_stack([c.ts, c.open, c.high, c.low, c.close, c.volume]))
        following = page.following
    return np.concatenate(rows)


def wanted(first: int = 0, stop: int = len(BARS)) -> np.ndarray:
    columns = (BARS.ts, BARS.open, BARS.high, BARS.low, BARS.close, BARS.volume)
    return np.column_stack([column[first:stop] for column in columns])


class TestBinanceArchiveContract(DataSourceContract):
    SINCE = START + 5 * DAY

    @pytest.fixture(autouse=True)
    def _stand_in(self, archive: Archive, tmp_path: Path) -> None:
        self.archive, self.folder = archive, tmp_path

    def make(self) -> DataSource:
        return source(self.archive, self.folder)


def test_months_then_days_join_with_and_without_header_in_ms_and_us(
    archive: Archive, tmp_path: Path
) -> None:
    assert np.array_equal(collect(source(archive, tmp_path)), wanted())
    asked = [path for path in archive.paths() if path.endswith(".zip")]
    # The months before the first file are passed with three questions each.
    before = ("10", "10-01", "10-31", "11", "11-01", "11-30")
    assert asked[:6] == [path_of(f"2024-{period}") for period in before]


def test_files_are_fetched_once(archive: Archive, tmp_path: Path) -> None:
    collect(source(archive, tmp_path), since=START)
    asked = len(archive.requests)
    collect(source(archive, tmp_path), since=START)
    # Only what was absent is asked for again: the month that is not over has no file to ask for.
    assert len(archive.requests) == asked
    collect(source(archive, tmp_path, refresh=True), since=START)
    assert len(archive.requests) == 2 * asked


def test_a_month_without_its_file_is_read_by_days(archive: Archive, tmp_path: Path) -> None:
    del archive.files[path_of("2025-01")]
    for day in range(31):
        first = (31 + day) * 24
        put(archive.files, path_of(f"2025-01-{day + 1:02d}"), zipped(csv_of(first, first + 24)))
    assert np.array_equal(collect(source(archive, tmp_path)), wanted())


def test_a_missing_day_is_an_error_unless_skipped(archive: Archive, tmp_path: Path) -> None:
    del archive.files[path_of("2025-02-03")]
    with pytest.raises(DataError, match=r"PB6220.*2025-02-03"):
        collect(source(archive, tmp_path), since=START)
    made = source(archive, tmp_path, missing="skip")
    rows = collect(made, since=START)
    assert np.array_equal(rows, np.concatenate([wanted(0, 64 * 24), wanted(65 * 24)]))
    page = run(made.page("BTC/USDT", "1h", START + 64 * DAY, 10))
    assert page.notes == ("no file for BTCUSDT 1h: 2025-02-03 was left out",)


def test_the_newest_days_may_be_late(archive: Archive, tmp_path: Path) -> None:
    del archive.files[path_of("2025-02-10")]
    del archive.files[path_of("2025-02-09")]
    rows = collect(source(archive, tmp_path), since=START)
    assert np.array_equal(rows, wanted(0, 70 * 24))


@pytest.mark.parametrize("which", ["checksum of another file", "checksum that is none"])
def test_a_wrong_checksum_is_found(archive: Archive, tmp_path: Path, which: str) -> None:
    name = path_of("2024-12") + ".CHECKSUM"
    good = archive.files[name]
    archive.files[name] = b"0" * 64 + b"  x.zip" if "another" in which else b"<html>"
    made = source(archive, tmp_path)
    with pytest.raises(RetryableError, match="PB6212"):
        run(made.page("BTC/USDT", "1h", START, 10))
    archive.files[name] = good
    assert len(run(made.page("BTC/USDT", "1h", START, 10)).candles) == 31 * 24


def test_without_a_published_checksum_the_file_is_taken(archive: Archive, tmp_path: Path) -> None:
    del archive.files[path_of("2024-12") + ".CHECKSUM"]
    assert len(run(source(archive, tmp_path).page("BTC/USDT", "1h", START, 10)).candles) == 31 * 24


def test_busy_servers_and_broken_transfers_are_worth_another_try(
    archive: Archive, tmp_path: Path
) -> None:
    made = source(archive, tmp_path)
    archive.faults = [Fault(status=429, headers={"Retry-After": "3"}), None, Fault(cut=9_000)]
    with pytest.raises(RetryableError, match="PB6210") as caught:
        run(made.page("BTC/USDT", "1h", START, 10))
    assert caught.value.retry_after_s == 3.0
    with pytest.raises(RetryableError, match=r"PB6210.*broke off"):
        run(made.page("BTC/USDT", "1h", START, 10))
    assert len(run(made.page("BTC/USDT", "1h", START, 10)).candles) == 31 * 24
    assert archive.requests[-1].headers["range"].startswith("bytes=")


@pytest.mark.parametrize("keep", [0, 30, 5_000])
def test_a_damaged_zip_is_thrown_away(archive: Archive, tmp_path: Path, keep: int) -> None:
    put(archive.files, path_of("2024-12"), archive.files[path_of("2024-12")][:keep])
    with pytest.raises(RetryableError, match="PB6221"):
        run(source(archive, tmp_path).page("BTC/USDT", "1h", START, 10))
    assert not list((tmp_path / "raw").rglob("*.zip"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(csv_of(0, 9, header=True).replace("close,", "last,")), "no column `close`"),
        (zipped("1733011200000,1,2\n"), "3 columns without a header"),
        (zipped(csv_of(0, 9).replace("17330", "x")), "no column"),
        (zipped(csv_of(0, 9) + "1733011200000,1,2\n"), "cannot be read"),
        (zipped(csv_of(0, 9).replace(",99,", ",,")), None),
        (zipped(csv_of(0, 9, unit=1_000).replace("000,", "000000,")), "neither milli"),
        (zipped(csv_of(0, 9), "x.txt"), "instead of one CSV"),
        (zipped(HEADER + "\n"), "no bars"),
        (zipped(csv_of(800, 810)), "bars of another time"),
        (zipped(csv_of(0, 9).replace("3599999,", "3659999,")), "neither|another length|read"),
    ],
)
def test_a_changed_format_is_an_error(
    archive: Archive, tmp_path: Path, content: bytes, said: str | None
) -> None:
    put(archive.files, path_of("2024-12"), content)
    made = source(archive, tmp_path)
    if said is None:  # a column that nobody asked for may be empty
        assert len(run(made.page("BTC/USDT", "1h", START, 10)).candles) == 9
        return
    with pytest.raises(DataError, match=f"PB6221.*({said})"):
        run(made.page("BTC/USDT", "1h", START, 10))


def test_bars_of_another_length_are_found(archive: Archive, tmp_path: Path) -> None:
    lines = csv_of(0, 9).splitlines()
    longer = [line.split(",") for line in lines]
    for words in longer:
        words[6] = str(int(words[0]) + 4 * HOUR - 1)
    put(archive.files, path_of("2024-12"), zipped("\n".join(",".join(w) for w in longer)))
    with pytest.raises(DataError, match=r"PB6221.*another length"):
        run(source(archive, tmp_path).page("BTC/USDT", "1h", START, 10))


@pytest.mark.parametrize(
    ("symbol", "market", "native", "factor"),
    [
        ("BTC/USDT:USDT", "futures/um", "BTCUSDT", 1),
        ("BTC/USD:BTC", "futures/cm", "BTCUSD_PERP", 2),
    ],
)
def test_perpetuals_have_their_own_place(
    archive: Archive, tmp_path: Path, symbol: str, market: str, native: str, factor: int
) -> None:
    name = path_of("2024-12", market, native)
    put(archive.files, name, zipped(csv_of(0, 9, header=True)))
    page = run(source(archive, tmp_path).page(symbol, "1h", START, 10))
    # Where contracts are settled in base currency, `volume` counts contracts.
    assert page.candles.volume.tolist() == (BARS.volume[:9] * factor).tolist()


@pytest.mark.parametrize(
    ("symbol", "timeframe"),
    [("BTCUSDT", "1h"), ("btc/usdt", "1h"), ("BTC/USDT:ETH", "1h"), ("../x", "1h"),
     ("BTC/USDT", "7m"), ("BTC/USDT", "1M")],
)  # fmt: skip
def test_what_the_archive_does_not_have_is_refused(symbol: str, timeframe: str) -> None:
    with pytest.raises(UserError, match="PB6222"):
        place_of(symbol, timeframe)


def test_symbols_are_listed_over_pages(archive: Archive, tmp_path: Path) -> None:
    assert run(source(archive, tmp_path).symbols()) == ["BTC/USDT", "ETH/BTC", "SOL/USDT"]
    assert spot_symbol("USDT") is None


def test_a_listing_that_is_none_is_said_so(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="PB6221"):
        run(source(archive, tmp_path, listing_url=archive.url + "/none").symbols())


def test_the_component_builds_with_its_defaults(tmp_path: Path) -> None:
    plugins = plugins_of({"p": paperbot_binance_archive})
    built = plugins.build("data_source", "binance_archive", {"cache_dir": str(tmp_path)})
    assert isinstance(built, BinanceArchive)
