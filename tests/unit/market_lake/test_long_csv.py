"""CSV files that are read in several blocks at once keep their order and lose no line silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paperbot_core.config.settings import DataGates
from paperbot_core.domain.market import MINUTE_MS
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.checks.checks import check_file
from paperbot_core.market.formats.formats import recognise

START = 1_704_067_200_000
ROWS = 40_000


def _write(path: Path) -> None:
    """Write over 2 MB: a line in 10,000 has a field too many, one row comes before its turn."""
    lines = ["ts,open,high,low,close,volume"]
    for k in range(ROWS):
        row = f"{START + k * MINUTE_MS},1.00000001,2.00000001,0.50000001,1.00000001,{k}.00000001"
        lines.append(row + ",9" * (k % 10_000 == 5_000))
    lines[30_001], lines[30_002] = lines[30_002], lines[30_001]
    path.write_text("\n".join(lines) + "\n")
    assert path.stat().st_size > 2 * 2**20


def test_a_check_counts_lost_lines_and_disorder_over_all_blocks(tmp_path: Path) -> None:
    """Order is that of the file, whichever block was read first."""
    path = tmp_path / "BTC-USDT_1m.csv"
    _write(path)
    row = check_file(CandleFile(path, "BTC/USDT", "1m"), DataGates()).as_row()
    counts = {key: row[key] for key in ("rows", "bad_rows", "disorder", "duplicates", "missing")}
    assert counts == {
        "rows": ROWS, "bad_rows": 4, "disorder": 1, "duplicates": 0, "missing": 4,
    }  # fmt: skip


def test_an_import_reads_the_same_rows(tmp_path: Path) -> None:
    """The volume numbers the rows."""
    path = tmp_path / "BTC-USDT_1m.csv"
    _write(path)
    raw = recognise(path).raw
    assert raw.lost == 4
    order = np.arange(ROWS)
    order[30_000], order[30_001] = 30_001, 30_000
    kept = order[order % 10_000 != 5_000]
    assert np.array_equal(np.round(raw.volume), kept)
