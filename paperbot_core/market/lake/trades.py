"""Trades in the lake: kept as bytes, merged into one Parquet part a UTC day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.market.candles.arrow import from_numbers, to_array
from paperbot_core.market.lake.contract import TRADES
from paperbot_core.market.lake.dataset import (
    Imported,
    ImportRequest,
    Kind,
    Merge,
    Source,
    merge_periods,
    read_part,
    take_in,
    write_part,
)
from paperbot_core.market.lake.files import sha256_of, write_table
from paperbot_core.market.lake.layout import Lake, SeriesKey, check_symbol
from paperbot_core.market.lake.trades_merge import merged
from paperbot_core.market.trades.read import TradesFile, read_trades
from paperbot_core.market.trades.trades import Trades

_COLUMNS = ("ts", "price", "amount", "side", "id")


def trades_key(venue: str, symbol: str) -> SeriesKey:
    """Return the place of the trades of a market."""
    return SeriesKey(venue, symbol, Kind.TRADES.value)


def import_trades(lake: Lake, path: Path, request: ImportRequest) -> Imported:
    """Take one file of trades into the bronze and silver layers.

    Disorder and trades that come twice are mended and told; rows that are no trades refuse the
    file, unless `repair` is set: they are left out and told.

    Raises:
        DataError: PB6301, PB6304, PB6003, PB6014 it cannot be read; PB6303 it has faults; PB6305
            it does not fit what is stored; PB6114 it changed; PB6105 the lake is damaged.
        UserError: PB6302, PB6112 the symbol is not known or none.
        RetryableError: PB6104 another process writes.
    """
    digest = sha256_of(path)
    found = read_trades(path, request.symbol)
    key = trades_key(request.venue, check_symbol(found.trades.symbol, path))
    log = found.log
    if (faults := log.faults()) and not request.repair:
        raise DataError(
            Diagnostic(
                "PB6303",
                f"`{path.name}` has faults: {'; '.join(faults)}",
                Span(str(path)),
                help="download it again, or take the good rows with `--repair`",
            )
        )
    source = Source(path, digest, found.layout, log.rows, log.rows - len(found.trades))
    done = take_in(
        lake, key, Kind.TRADES, source, request,
        lambda folder, manifest: _merge(folder, manifest, found, path),
        ids=found.ids.value, covered=[],
    )  # fmt: skip
    left_out = {
        "bad": log.bad,
        "suspicious": log.suspicious,
        "duplicates": log.duplicates,
        "conflicting": log.conflicting,
    }
    return Imported(
        path, Kind.TRADES, key, found.layout, len(found.trades), done,
        (*log.faults(), *log.notes()), {"left_out": left_out},
    )  # fmt: skip


def stored_trades(lake: Lake, key: SeriesKey, manifest: Mapping[str, Any]) -> Iterator[Trades]:
    """Yield the trades of each day, oldest first, each part checked against hash and contract.

    Raises:
        DataError: PB6105, a part is missing or not what was written.
    """
    for part in manifest["parts"]:
        yield _read_part(lake.silver(key), key.symbol, part)


def covered(manifest: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Return the times `[start, end)` (UTC ms) of which every trade is in the lake, ascending."""
    return [(int(start), int(end)) for start, end in manifest["covered"]]


def trades_table(trades: Trades) -> Any:
    """Return trades as a pyarrow Table with the columns of the contract."""
    import pyarrow as pa

    columns = zip(_COLUMNS, trades.columns(), strict=True)
    return pa.table({name: from_numbers(values) for name, values in columns})


def _merge(folder: Path, manifest: dict[str, Any], found: TradesFile, path: Path) -> Merge:
    symbol = found.trades.symbol
    if manifest["ids"] != found.ids.value:
        raise DataError(
            Diagnostic(
                "PB6305",
                f"`{path.name}` counts trades otherwise than what is stored of "
                f"{manifest['venue']} {symbol}: its ids are of kind `{found.ids}`, not "
                f"`{manifest['ids']}`",
                Span(str(path)),
                help="keep it under another venue name, such as `--venue binance-agg`",
            )
        )

    def day(
        name: str, rows: slice, part: dict[str, Any] | None
    ) -> tuple[Merge, dict[str, Any] | None]:
        fresh = found.trades.slice(rows.start, rows.stop)
        before = None if part is None else _read_part(folder, symbol, part)
        trades, done = merged(before, fresh, found.ids, path)
        if not (done.added or done.changed):
            return done, None
        return done, write_part(
            folder, name, trades.columns(), lambda file: write_table(file, trades_table(trades))
        )

    done = merge_periods(manifest, found.trades.ts, "D", day)
    manifest["covered"] = _united([*covered(manifest), found.covers])
    return done


def _united(times: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return times that touch or overlap as one, ascending."""
    found: list[list[int]] = []
    for start, end in sorted(times):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found


def _read_part(folder: Path, symbol: str, part: Mapping[str, Any]) -> Trades:
    table = read_part(folder, TRADES, part)
    return Trades(symbol, *(to_array(table.column(name)) for name in _COLUMNS))
