"""Files of trades on a server of this machine, from the archive to bars in the lake."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from paperbot_binance_archive import BinanceArchiveOptions
from paperbot_binance_archive.places import trades_place_of
from paperbot_binance_archive.source import BinanceArchive

from paperbot_core.api import DataError, RetryableError, UserError
from paperbot_core.cli import cli
from paperbot_core.testing.archive import Archive, Fault
from paperbot_core.testing.contracts import run

DAY = 86_400_000
START = 1_733_011_200_000  # 2024-12-01, the month before microseconds begin
FIRST = START // DAY
NOW = START + 40 * DAY
ROWS = 300


def rows(day: int) -> list[tuple[int, float, float, int, bool]]:
    """Return id, price, amount, ms, buyer is maker, of made-up trades of a day."""
    chance = np.random.default_rng(day)
    times = START + day * DAY + np.sort(chance.integers(0, DAY, ROWS))
    prices = np.round(90_000 + np.cumsum(chance.normal(0, 5, ROWS)), 2)
    amounts = np.round(chance.exponential(0.01, ROWS) + 1e-5, 5)
    sides = chance.integers(0, 2, ROWS)
    ids = day * ROWS + np.arange(ROWS)
    return [
        (int(i), float(p), float(a), int(t), bool(s))
        for i, p, a, t, s in zip(ids, prices, amounts, times, sides, strict=True)
    ]


def zipped(days: list[int], *, kind: str = "trades", unit: int = 1, header: str = "") -> bytes:
    lines = [header] if header else []
    for day in days:
        for id_, price, amount, ts, maker in rows(day):
            middle = f"{id_},{id_}" if kind == "aggTrades" else repr(price * amount)
            lines.append(f"{id_},{price!r},{amount!r},{middle},{ts * unit},{maker},True")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x.csv", "\n".join(lines) + "\n")
    return out.getvalue()


def path_of(period: str, kind: str = "trades", market: str = "spot") -> str:
    cadence = "daily" if period.count("-") == 2 else "monthly"
    native = "BTCUSD_PERP" if market == "futures/cm" else "BTCUSDT"
    return f"/data/{market}/{cadence}/{kind}/{native}/{native}-{kind}-{period}.zip"


def name_of(day: int) -> str:
    return f"{datetime.fromtimestamp((START + day * DAY) / 1_000, UTC):%Y-%m-%d}"


def put(files: dict[str, bytes], path: str, content: bytes) -> None:
    files[path] = content
    digest = hashlib.sha256(content).hexdigest()
    files[path + ".CHECKSUM"] = f"{digest}  {path.rsplit('/', 1)[1]}\n".encode()


@pytest.fixture
def archive() -> Iterator[Archive]:
    files: dict[str, bytes] = {}
    for day in range(4):
        put(files, path_of(name_of(day)), zipped([day]))
    with Archive(files) as made:
        yield made


def source(archive: Archive, folder: Path, **options: Any) -> BinanceArchive:
    options.setdefault("base_url", archive.url + "/data")
    options.setdefault("cache_dir", str(folder / "raw"))
    return BinanceArchive(BinanceArchiveOptions.model_validate(options), lambda: NOW)


def download(archive: Archive, folder: Path, *more: str, until: str = "2024-12-05") -> Result:
    words = ["--symbol", "BTC/USDT", "--venue", "binance", "--lake", str(folder / "lake")]
    times = ["--since", "2024-12-01", "--until", until]
    base = ["--option", f"base_url={archive.url}/data"]
    (folder / "paperbot.yaml").write_text(
        "data: {download: {backoff_initial_sec: 0.01, backoff_max_sec: 0.02}}\n"
    )
    command = ["data", "download", "binance-archive", "--trades", *words, *times, *base, *more]
    return CliRunner().invoke(cli, ["--project", str(folder), *command])


def bars(folder: Path, *words: str) -> dict[str, Any]:
    lake = ["--venue", "binance", "--lake", str(folder / "lake"), "--json"]
    done = CliRunner().invoke(cli, ["data", "bars", "BTC/USDT", *lake, *words])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_days_come_once_and_make_bars(archive: Archive, tmp_path: Path) -> None:
    done = download(archive, tmp_path, "--json", until="2024-12-04")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["added"] for one in told["files"]] == [ROWS] * 3
    assert bars(tmp_path, "--time", "12h")["rows"] == 6
    assert bars(tmp_path, "--ticks", "100")["rows"] == 9
    asked = len(archive.requests)
    assert "1 file, 300 trades added, 3 days known already" in download(archive, tmp_path).stdout
    assert archive.paths()[asked:] == [path_of("2024-12-04") + ".CHECKSUM", path_of("2024-12-04")]
    # Bars made before follow the trades.
    assert bars(tmp_path, "--time", "12h") | {"written": False, "rows": 8} == bars(
        tmp_path, "--time", "12h"
    )
    assert bars(tmp_path, "--ticks", "100")["rows"] == 12


def test_bad_days_of_the_server_pass(archive: Archive, tmp_path: Path) -> None:
    archive.faults = [
        Fault(status=429), None, Fault(cut=900), Fault(status=503),
        None, Fault(headers={"ETag": '"00000000000000000000000000000000"'}),
    ]  # fmt: skip
    done = download(archive, tmp_path, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["retries"] == 4
    assert sum(one["added"] for one in told["files"]) == 4 * ROWS


def test_a_wrong_checksum_is_never_taken(archive: Archive, tmp_path: Path) -> None:
    archive.files[path_of("2024-12-02") + ".CHECKSUM"] = b"0" * 64 + b"  x.zip"
    done = download(archive, tmp_path)
    assert done.exit_code == 1
    assert "PB6212" in done.output
    assert not list((tmp_path / ".cache").rglob("*2024-12-02.zip"))
    put(archive.files, path_of("2024-12-02"), zipped([1]))
    assert "3 files, 900 trades added, 1 day known" in download(archive, tmp_path).stdout


def test_a_missing_day_is_an_error_unless_skipped(archive: Archive, tmp_path: Path) -> None:
    del archive.files[path_of("2024-12-02")]
    done = download(archive, tmp_path)
    assert done.exit_code == 1
    assert "PB6220" in done.output
    done = download(archive, tmp_path, "--option", "missing=skip")
    assert done.exit_code == 0
    assert "no file for 2024-12-02" in done.stderr
    assert len(bars(tmp_path, "--time", "1d")["notes"]) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped([1], header="id,px,qty,quote_qty,time,is_buyer_maker,best"), "no column for the p"),
        (zipped([1], unit=100), "another time"),
        (zipped([0]), "another time"),
        (zipped([1])[:3_000], "damaged"),
    ],
)
def test_a_changed_format_is_an_error(
    archive: Archive, tmp_path: Path, content: bytes, said: str
) -> None:
    put(archive.files, path_of("2024-12-02"), content)
    done = download(archive, tmp_path)
    assert done.exit_code == 1
    assert f"{said}" in done.output
    assert "PB6301" in done.output
    assert not list((tmp_path / ".cache").rglob("*2024-12-02.zip"))


def test_a_header_and_microseconds_are_read(archive: Archive, tmp_path: Path) -> None:
    names = "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match"
    put(archive.files, path_of("2024-12-02"), zipped([1], header=names, unit=1_000))
    assert "4 files, 1,200 trades added" in download(archive, tmp_path).stdout


def test_old_days_may_be_in_the_file_of_their_month(archive: Archive, tmp_path: Path) -> None:
    archive.files.clear()
    put(archive.files, path_of("2024-12"), zipped(list(range(31))))
    done = download(archive, tmp_path, until="2025-01-01")
    assert f"1 file, {31 * ROWS:,} trades added, 0 days known" in done.stdout
    assert bars(tmp_path, "--time", "1d")["rows"] == 31
    assert archive.paths().count(path_of("2024-12")) == 1


def test_aggregates_by_option(archive: Archive, tmp_path: Path) -> None:
    for day in range(4):
        put(archive.files, path_of(name_of(day), "aggTrades"), zipped([day], kind="aggTrades"))
    done = download(archive, tmp_path, "--option", "trades=aggTrades")
    assert "4 files, 1,200 trades added" in done.stdout
    # Single trades beside them would count twice.
    assert "PB6305" in download(archive, tmp_path, "--force").output


def test_places_of_trades() -> None:
    assert trades_place_of("BTC/USDT:USDT", "trades").path("2024-12-01") == (
        "futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-12-01.zip"
    )
    assert trades_place_of("BTC/USD:BTC", "trades").market == "futures/cm"
    with pytest.raises(UserError, match=r"PB6222.*contracts"):
        trades_place_of("BTC/USD:BTC", "aggTrades")
    with pytest.raises(UserError, match="PB6222"):
        trades_place_of("../x", "trades")


def test_newest_days_may_be_late(archive: Archive, tmp_path: Path) -> None:
    made = source(archive, tmp_path)
    assert run(made.trade_file("BTC/USDT", NOW // DAY)) is None
    assert run(made.trade_file("BTC/USDT", NOW // DAY - 2)) is None
    with pytest.raises(DataError, match="PB6220"):
        run(made.trade_file("BTC/USDT", NOW // DAY - 3))
    found = run(made.trade_file("BTC/USDT", FIRST))
    assert found is not None
    assert found.name == "BTCUSDT-trades-2024-12-01.zip"
    archive.faults = [Fault(status=500)]
    with pytest.raises(RetryableError, match="PB6210"):
        run(made.trade_file("BTC/USDT", FIRST + 1))
