"""Daily quote files of the archive, and what stood at each step of a clock."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from paperbot_bitmex.command import bitmex_quotes
from paperbot_bitmex.quotes import read_snapshots, write_snapshots
from pyarrow import parquet

from paperbot_core.api import DataError, RetryableError, UserError
from paperbot_core.testing.archive import Archive, Fault

HEADER = "timestamp,symbol,bidSize,bidPrice,askPrice,askSize"
DAY = 17_775  # 2018-09-01
START = DAY * 86_400_000
ROWS = [
    "2018-09-01D00:00:00.600000000,XBTUSD,10,7000,7000.5,20",
    "2018-09-01D00:00:00.610000000,ETHUSD,1,200,201,1",
    "2018-09-01D00:00:00.749999999,XBTUSD,11,7000,7000.5,20",
    "2018-09-01D00:00:01.000000000,XBTUSD,12,7001,7001.5,20",
    "2018-09-01D00:00:01.900000000,XBTUSD,13,7002,7002.5,30",
]


def write(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    path = folder / "20180901.csv.gz"
    path.write_bytes(gzip.compress("\n".join([header, *rows, ""]).encode()))
    return path


def test_a_step_has_the_quote_that_stood(tmp_path: Path) -> None:
    found = read_snapshots(write(tmp_path, ROWS), DAY, "XBTUSD")
    assert (found.ts - START)[:6].tolist() == [750, 1_000, 1_250, 1_500, 1_750, 2_000]
    assert (found.quote_ts - START)[:6].tolist() == [749, 1_000, 1_000, 1_000, 1_000, 1_900]
    assert found.bid[:6].tolist() == [7000, 7001, 7001, 7001, 7001, 7002]
    assert found.bid_size[:2].tolist() == [11, 12]
    assert (found.ask[5], found.ask_size[5]) == (7002.5, 30)
    assert int(found.ts[-1]) == START + 86_400_000 - 250
    assert len(found.ts) == 345_600 - 3


def test_later_quotes_change_no_earlier_step(tmp_path: Path) -> None:
    whole = read_snapshots(write(tmp_path, ROWS), DAY, "XBTUSD", 500)
    part = read_snapshots(write(tmp_path, ROWS[:4]), DAY, "XBTUSD", 500)
    early = whole.ts < START + 1_900
    assert np.array_equal(whole.bid[early], part.bid[: np.count_nonzero(early)])


def test_a_symbol_without_quotes_has_no_steps(tmp_path: Path) -> None:
    assert len(read_snapshots(write(tmp_path, ROWS), DAY, "XRPUSD").ts) == 0


def test_the_file_has_typed_columns(tmp_path: Path) -> None:
    found = read_snapshots(write(tmp_path, ROWS), DAY, "XBTUSD")
    write_snapshots(tmp_path / "out" / "x.parquet", found)
    table = parquet.read_table(tmp_path / "out" / "x.parquet")
    assert table.column_names == ["ts", "quote_ts", "bid", "bid_size", "ask", "ask_size"]
    assert table.column("ts")[0].as_py() == START + 750
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x.parquet"]


def test_what_is_not_as_known_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"PB6221.*`askPrice`"):
        read_snapshots(write(tmp_path, ROWS, HEADER.replace("askPrice", "ask")), DAY, "XBTUSD")
    with pytest.raises(DataError, match=r"PB6221.*go back"):
        read_snapshots(write(tmp_path, ROWS[::-1]), DAY, "XBTUSD")
    with pytest.raises(DataError, match=r"PB6221.*another day"):
        read_snapshots(write(tmp_path, ROWS), DAY + 1, "XBTUSD")
    with pytest.raises(ValueError, match="divide"):
        read_snapshots(write(tmp_path, ROWS), DAY, "XBTUSD", 7)
    path = write(tmp_path, ROWS * 100)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RetryableError, match="PB6221"):
        read_snapshots(path, DAY, "XBTUSD")
    assert not path.exists()


def quotes(archive: Archive, folder: Path, *more: str) -> Result:
    words = ["--since", "2018-09-01", "--out", str(folder / "out"), "--base-url", archive.url]
    return CliRunner().invoke(bitmex_quotes, ["--symbol", "XBTUSD", *words, *more])


def test_the_command_makes_a_file_a_day_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("paperbot_bitmex.command.time.sleep", pauses.append)
    with Archive({"/quote/20180901.csv.gz": write(tmp_path, ROWS).read_bytes()}) as archive:
        archive.faults = [Fault(status=429, headers={"Retry-After": "9"}), Fault(status=500)]
        result = quotes(archive, tmp_path)
        assert result.exit_code == 0, result.output
        assert pauses == [9.0, 2.0]
        assert "345,597 snapshots" in result.output
        assert "is there" in quotes(archive, tmp_path).output
        assert len(archive.requests) == 3
        made = [path.name for path in (tmp_path / "out").glob("*.parquet")]
        assert made == ["XBTUSD_2018-09-01_quotes_250ms.parquet"]


@pytest.mark.parametrize(
    ("more", "kind", "code"),
    [
        (["--symbol", "XRPUSD"], DataError, "PB6201"),
        (["--symbol", "../x"], UserError, "PB6222"),
        (["--since", "2018-09-05"], DataError, "PB6220"),
        (["--since", "soon"], UserError, "PB6016"),
        (["--until", "2018-09-01"], UserError, "PB6205"),
        (["--cadence-ms", "7"], UserError, "PB6205"),
        (["--base-url", "x"], UserError, "PB6213"),
    ],
)
def test_mistakes_of_the_command_are_named(
    tmp_path: Path, more: list[str], kind: type[Exception], code: str
) -> None:
    with Archive({"/quote/20180901.csv.gz": write(tmp_path, ROWS).read_bytes()}) as archive:
        result = quotes(archive, tmp_path, *more)
    assert isinstance(result.exception, kind)
    assert code in str(result.exception)
