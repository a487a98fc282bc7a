"""The silver layer of candles: the bars of a series in monthly parts, merged with what comes in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.domain.market import Candles, timeframe_ms
from paperbot_core.market.candles.arrow import to_array
from paperbot_core.market.candles.columns import VALUES
from paperbot_core.market.lake.contract import CANDLES
from paperbot_core.market.lake.dataset import Merge, merge_periods, read_part, write_part
from paperbot_core.market.lake.files import write_candles

if TYPE_CHECKING:
    from paperbot_core.market.lake.layout import Lake, SeriesKey


def read_series(lake: Lake, key: SeriesKey, manifest: Mapping[str, Any]) -> Candles:
    """Return all bars of a series, each part checked against its hash and the contract.

    Raises:
        DataError: PB6105, a part is missing or not what was written.
    """
    import pyarrow as pa

    folder = lake.silver(key)
    tables = [read_part(folder, CANDLES, part) for part in manifest["parts"]]
    table = pa.concat_tables(tables)
    columns = {name: to_array(table.column(name)) for name in ("ts", *VALUES)}
    return Candles(key.symbol, timeframe_ms(key.timeframe), **columns)


def merge_candles(folder: Path, manifest: dict[str, Any], candles: Candles) -> Merge:
    """Write clean bars into the months of a series; a bar that comes again replaces the one there.

    Raises:
        DataError: PB6105, a part is missing or not what was written.
    """

    def month(
        name: str, rows: slice, part: dict[str, Any] | None
    ) -> tuple[Merge, dict[str, Any] | None]:
        fresh = candles.slice(rows.start, rows.stop)
        before = None if part is None else read_part(folder, CANDLES, part)
        bars, done = _merged(before, fresh)
        if not (done.added or done.changed):
            return done, None
        columns = [getattr(bars, column) for column in ("ts", *VALUES)]
        return done, write_part(folder, name, columns, lambda path: write_candles(path, bars))

    return merge_periods(manifest, candles.ts, "M", month)


def _merged(before: Any | None, fresh: Candles) -> tuple[Candles, Merge]:
    if before is None:
        return fresh, Merge(len(fresh))
    old = {name: to_array(before.column(name)) for name in ("ts", *VALUES)}
    there = np.isin(fresh.ts, old["ts"], assume_unique=True)
    at = old["ts"].searchsorted(fresh.ts[there])
    differs = np.zeros(len(at), dtype=np.bool_)
    for name in VALUES:
        new, kept = getattr(fresh, name)[there], old[name][at]
        differs |= (new != kept) & ~(np.isnan(new) & np.isnan(kept))
    changed = int(np.count_nonzero(differs))
    counted = Merge(len(fresh) - len(at), changed, len(at) - changed)
    outside = np.flatnonzero(~np.isin(old["ts"], fresh.ts, assume_unique=True))
    columns = {name: np.concatenate((old[name][outside], getattr(fresh, name))) for name in old}
    order = np.argsort(columns["ts"], kind="stable")
    ordered = {name: values[order] for name, values in columns.items()}
    return Candles(fresh.symbol, fresh.tf_ms, **ordered), counted

