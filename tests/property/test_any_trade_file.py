"""Whatever is in a file, reading it as trades ends in trades or in a message, never otherwise."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from paperbot_core.diagnostics import PaperbotError
from paperbot_core.market.trades.read import read_trades
from paperbot_core.market.trades.trades import good_numbers
from tests.trade_files import binance_csv, bitmex_csv, gzipped, walk, zipped

WALK = walk(12)
CELLS = st.sampled_from(
    ["", "0", "-1", "nan", "inf", "1e999", "true", "buy", "x", "1723075200000", '"', "\n", "\x00",
     "ts", "price", "amount", "id", "2018-09-01D00:00:00.1", "9999999999999999999", "é", ",,"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["ts", "time", "price", "amount", "size", "id", "agg_trade_id", "side", "m", "symbol",
     "suspicious", "PRICE", "x"]
)  # fmt: skip


def _parquet() -> bytes:
    out = io.BytesIO()
    table = {"ts": WALK.ts, "price": WALK.price, "amount": WALK.amount, "id": WALK.id}
    parquet.write_table(pa.table(table), out)
    return out.getvalue()


GOOD = {
    "x.csv": binance_csv(WALK).encode(),
    "y.csv": binance_csv(WALK, kind="agg-um", header=True).encode(),
    "x.csv.gz": gzipped(bitmex_csv(WALK)),
    "x.zip": zipped(binance_csv(WALK, kind="um")),
    "x.parquet": _parquet(),
}


def judge(name: str, content: bytes, symbol: str | None = "XBTUSD") -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            found = read_trades(path, symbol)
        except PaperbotError:
            return
    trades = found.trades
    assert len(trades) > 0
    assert (np.diff(trades.ts) >= 0).all()
    assert good_numbers(trades.price).all()
    assert good_numbers(trades.amount).all()
    assert found.covers[0] <= trades.ts[0] <= trades.ts[-1] < found.covers[1]
    assert found.log.rows >= len(trades)


@given(st.sampled_from(sorted(GOOD)), st.lists(st.tuples(st.integers(0, 4_000), st.binary()),
                                               max_size=4))  # fmt: skip
def test_bytes_changed_anywhere(name: str, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(GOOD[name])
    for at, new in changes:
        content[at : at + len(new)] = new
    judge(name, bytes(content))


@given(st.lists(st.lists(CELLS, min_size=1, max_size=9), max_size=8))
def test_any_cells(rows: list[list[str]]) -> None:
    judge("x.csv", "\n".join(",".join(row) for row in rows).encode())


@given(st.lists(NAMES, min_size=1, max_size=9), st.lists(st.lists(CELLS, max_size=9), max_size=6))
def test_any_cells_under_known_names(names: list[str], rows: list[list[str]]) -> None:
    lines = [names, *([*row, *["1"] * len(names)][: len(names)] for row in rows)]
    judge("x.csv", "\n".join(",".join(row) for row in lines).encode(), None)


@given(
    st.lists(
        st.tuples(
            NAMES,
            st.sampled_from(
                [pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.timestamp("us"),
                 pa.date32(), pa.null(), pa.binary(), pa.list_(pa.int8()), pa.decimal128(9, 2)]
            ),
        ),
        max_size=7, unique_by=lambda column: column[0],
    )
)  # fmt: skip
def test_any_types_of_columns(columns: list[tuple[str, pa.DataType]]) -> None:
    def column(kind: pa.DataType) -> pa.Array:
        if pa.types.is_integer(kind):
            return pa.array([1_723_075_200_000, None, 5], kind)
        return pa.nulls(3, kind)

    out = io.BytesIO()
    parquet.write_table(pa.table({name: column(kind) for name, kind in columns}), out)
    judge("x.parquet", out.getvalue())
