"""A small lake for tests: an hourly walk of BTC/USDT, imported and built as the commands do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from paperbot_core.domain.market import Candles
from paperbot_core.market.candles.arrow import to_array
from paperbot_core.market.candles.columns import VALUES
from paperbot_core.market.lake.files import write_candles
from paperbot_core.market.lake.gold import build_gold
from paperbot_core.market.lake.intake import Imported, ImportRequest, import_file
from paperbot_core.market.lake.layout import Lake, SeriesKey
from paperbot_core.market.lake.silver import read_series
from tests.candle_files import HOUR, START, walk_table

ROWS = 1_000  # January to the middle of February
KEY = SeriesKey("sim", "BTC/USDT", "1h")


def bars(rows: int = ROWS, first: int = 0, seed: int = 5) -> Candles:
    table = walk_table(ROWS, seed=seed).slice(first, rows)
    columns = {name: to_array(table.column(name)) for name in ("ts", *VALUES)}
    return Candles("BTC/USDT", HOUR, **columns)


def store(folder: Path, candles: Candles, name: str = "BTC-USDT_1h.parquet") -> Path:
    write_candles(folder / name, candles)
    return folder / name


def take(lake: Lake, path: Path, **said: Any) -> Imported:
    return import_file(lake, path, ImportRequest("sim", now_ms=START, **said))


def stored(lake: Lake, key: SeriesKey = KEY) -> Candles:
    return read_series(lake, key, dict(lake.series())[key])


def build(lake: Lake, *timeframes: str) -> list[Path]:
    with lake.writing():
        return [
            path for key, manifest in lake.series()
            for path in build_gold(lake, key, manifest, timeframes)
        ]  # fmt: skip


def same(one: Candles, other: Candles) -> bool:
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in ("ts", *VALUES))
