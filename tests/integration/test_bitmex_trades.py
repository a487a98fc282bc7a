"""Days of trades from the archive into the lake: every market of a day is in one file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from paperbot_bitmex import BitmexOptions
from paperbot_bitmex.source import BitmexArchive

from paperbot_core.api import DataError
from paperbot_core.cli import cli
from paperbot_core.testing.archive import Archive, Fault
from paperbot_core.testing.contracts import run

HEADER = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,"
    "foreignNotional"
)
DAY = 86_400_000
START = 1_535_760_000_000  # 2018-09-01
FIRST = START // DAY
ROWS = 200


def text_of(day: int) -> str:
    chance = np.random.default_rng(day)
    lines = [HEADER]
    for symbol in ("ETHUSD", "XBTUSD"):
        times = np.sort(chance.integers(0, DAY * 10**6, ROWS)) + (START + day * DAY) * 10**6
        prices = np.round(7_000 + np.cumsum(chance.normal(0, 3, ROWS))) / 2
        for row, (ns, price) in enumerate(zip(times.tolist(), prices.tolist(), strict=True)):
            moment = datetime.fromtimestamp(ns // 10**9, UTC)
            stamp = f"{moment:%Y-%m-%dD%H:%M:%S}.{ns % 10**9:09d}"
            side = "Buy" if row % 3 else "Sell"
            ident = f"4a5313f5-9878-fca9-{day:04d}-{symbol == 'XBTUSD':04d}{row:08d}"
            lines.append(
                f"{stamp},{symbol},{side},10,{price},PlusTick,{ident},1,{10 / price!r},10"
            )
    return "\n".join(lines) + "\n"


def path_of(day: int) -> str:
    return f"/data/trade/{datetime.fromtimestamp((START + day * DAY) / 1000, UTC):%Y%m%d}.csv.gz"


@pytest.fixture
def archive() -> Iterator[Archive]:
    files = {path_of(day): gzip.compress(text_of(day).encode(), 1) for day in range(3)}
    with Archive(files) as made:
        yield made


def download(archive: Archive, folder: Path, *more: str, symbol: str = "XBTUSD") -> Result:
    (folder / "paperbot.yaml").write_text(
        "data: {download: {backoff_initial_sec: 0.01, backoff_max_sec: 0.02}}\n"
    )
    words = ["--symbol", symbol, "--venue", "bitmex", "--lake", str(folder / "lake")]
    times = ["--since", "2018-09-01", "--until", "2018-09-04"]
    base = ["--option", f"base_url={archive.url}/data"]
    command = ["data", "download", "bitmex", "--trades", *words, *times, *base, *more]
    return CliRunner().invoke(cli, ["--project", str(folder), *command])


def test_one_fetch_serves_all_markets(archive: Archive, tmp_path: Path) -> None:
    done = download(archive, tmp_path)
    assert "3 files, 600 trades added, 0 days known" in done.stdout, done.output
    assert "3 files, 600 trades added" in download(archive, tmp_path, symbol="ETHUSD").stdout
    assert len(archive.requests) == 3
    assert "0 files, 0 trades added, 3 days known" in download(archive, tmp_path).stdout
    lake = ["--venue", "bitmex", "--lake", str(tmp_path / "lake"), "--json"]
    made = CliRunner().invoke(cli, ["data", "bars", "XBTUSD", "--time", "1d", *lake])
    assert json.loads(made.stdout)["rows"] == 3
    listed = CliRunner().invoke(cli, ["data", "list", *lake[2:]])
    assert {(row["symbol"], row["ids"], row["rows"]) for row in json.loads(listed.stdout)} == {
        ("ETHUSD", "digest", 600), ("XBTUSD", "digest", 600)
    }  # fmt: skip


def test_the_lake_has_the_bars_of_the_source(archive: Archive, tmp_path: Path) -> None:
    download(archive, tmp_path)
    made = BitmexArchive(
        BitmexOptions(
            base_url=archive.url + "/data", cache_dir=str(tmp_path / "raw"), lag_days=30
        ),
        lambda: START + 4 * DAY,
    )
    out = tmp_path / "XBTUSD_1h.csv"
    lake = ["--venue", "bitmex", "--lake", str(tmp_path / "lake"), "--out", str(out)]
    assert CliRunner().invoke(cli, ["data", "bars", "XBTUSD", "--time", "1h", *lake]).exit_code == 0
    rows = [line.split(",") for line in out.read_text().splitlines()[1:]]
    page = run(made.page("XBTUSD", "1h", START, 1_000))
    for k in range(len(page.candles)):
        bar = page.candles.bar(k)
        prices = [float(word) for word in rows[k][2:6]]
        assert (int(rows[k][0]), prices) == (bar.ts, [bar.open, bar.high, bar.low, bar.close])
        assert float(rows[k][6]) == pytest.approx(bar.volume, rel=1e-12)


def test_bad_days_of_the_server_pass(archive: Archive, tmp_path: Path) -> None:
    archive.faults = [
        Fault(status=429, headers={"Retry-After": "0"}), Fault(cut=500), None,
        Fault(headers={"ETag": '"00000000000000000000000000000000"'}), Fault(status=502),
    ]  # fmt: skip
    done = download(archive, tmp_path, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["retries"], sum(one["added"] for one in told["files"])) == (4, 600)


def test_a_truncated_gzip_is_fetched_again_and_then_an_error(
    archive: Archive, tmp_path: Path
) -> None:
    good = archive.files[path_of(1)]
    archive.files[path_of(1)] = good[:-500]
    done = download(archive, tmp_path)
    assert done.exit_code == 1
    assert "PB6301" in done.output
    assert [path.name for path in (tmp_path / ".cache").rglob("*.gz")] == ["20180901.csv.gz"]
    archive.files[path_of(1)] = good
    assert "2 files, 400 trades added, 1 day known" in download(archive, tmp_path).stdout


def test_a_changed_header_is_an_error(archive: Archive, tmp_path: Path) -> None:
    archive.files[path_of(0)] = gzip.compress(text_of(0).replace("price", "px", 1).encode())
    done = download(archive, tmp_path)
    assert done.exit_code == 1
    assert "no column for the price" in done.output


def test_missing_days(archive: Archive, tmp_path: Path) -> None:
    del archive.files[path_of(1)]
    assert "PB6220" in download(archive, tmp_path).output
    done = download(archive, tmp_path, "--option", "missing=skip")
    assert "no file for 2018-09-02" in done.stderr
    made = BitmexArchive(
        BitmexOptions(base_url=archive.url + "/data", cache_dir=str(tmp_path / "raw")),
        lambda: START + 4 * DAY,
    )
    assert run(made.trade_file("XBTUSD", FIRST + 4)) is None
    assert run(made.trade_file("XBTUSD", FIRST + 3)) is None
    with pytest.raises(DataError, match="PB6220"):
        run(made.trade_file("XBTUSD", FIRST + 1))


def test_a_market_that_was_never_traded(archive: Archive, tmp_path: Path) -> None:
    done = download(archive, tmp_path, symbol="XRPUSD")
    assert done.exit_code == 1
    assert "PB6309" in done.output
    assert "no trades of XRPUSD on 2018-09-01" in done.output
