"""Over history: every node of a graph as a column over the candles of one symbol, computed once.

Numbers are float64 with NaN where unknown, conditions int8 with -1. Columns are kept by the key
of their node, so strategies and parameter sets that ask for the same share it; the least recently
used go when memory runs out. The columns belong to the cache: do not write into them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.features.resample import buckets, resample
from paperbot_core.lang.graph import Kind, Node, Op, constant_value, in_order
from paperbot_core.lang.operators import OPERATORS, Column
from paperbot_core.lang.ready import ready_row
from paperbot_core.lang.series import COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

GIB = 1 << 30

#: Columns that the candles hold as they are: never copied, never evicted.
_RAW = frozenset({"open", "high", "low", "close", "volume"})


@dataclass(frozen=True, slots=True, eq=False)
class _Alignment:
    """For each row of a timeframe, the last bar of a longer one that has closed by then.

    `rows` is int64 of shape (n,), ascending, -1 where there is none yet: before row `first`.
    """

    rows: NDArray[np.int64]
    first: int


class Columns:
    """The columns of one symbol's candles, shared by everything that is evaluated over them."""

    def __init__(self, candles: Candles, limit_bytes: int = GIB) -> None:
        """Start with no column; `limit_bytes` bounds what is kept, not what one node needs."""
        self.candles = candles
        self._limit = limit_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, NDArray[np.generic]] = OrderedDict()
        self._frames: dict[int, Candles] = {candles.tf_ms: candles}
        self._alignments: dict[tuple[int, int], _Alignment] = {}

    def __len__(self) -> int:
        return len(self.candles)

    @property
    def bytes_kept(self) -> int:
        """Return how much memory the kept columns take."""
        return self._bytes

    def frame(self, timeframe: int) -> Candles:
        """Return the candles of `timeframe` (ms), made from our own where it is longer.

        Raises:
            DataError: PB2401, the bars overlap.
        """
        found = self._frames.get(timeframe)
        if found is None:
            found = self._frames[timeframe] = _longer(self.candles, timeframe)
        return found

    def column(self, node: Node) -> Column:
        """Return a node's values, one for each bar of its timeframe; a constant as one number."""
        if node.is_constant:
            return constant_value(node)
        kept = self._kept.get(node.key)
        if kept is not None:
            self._kept.move_to_end(node.key)
            return kept
        return self._evaluate(node)

    def array(self, node: Node) -> NDArray[np.generic]:
        """Return a node's values as an array, constants too."""
        return self._array(node, self.column(node), node.timeframe or self.candles.tf_ms)

    def value(self, node: Node, row: int) -> float:
        """Return a node's value as seen at `row` of our own candles, whatever its timeframe.

        Unknown before the first row.
        """
        if node.is_constant:
            return constant_value(node)
        if row < 0:
            return node.unknown
        if node.timeframe != self.candles.tf_ms:
            row = int(self._aligned(node.timeframe, self.candles.tf_ms).rows[row])
        return node.unknown if row < 0 else self.array(node)[row].item()

    def ready_row(self, roots: Iterable[Node]) -> int:
        """Return the first row at which `roots` are warm; `len(self)` or more if none is."""
        row = ready_row(roots, self._align_row)
        assert row is not None
        return row

    def seen_row(self, node: Node) -> int:
        """Return the first of our own rows at which a node of any timeframe is warm."""
        row = self.ready_row([node])
        if node.timeframe in (0, self.candles.tf_ms):
            return row
        return int(np.searchsorted(self._aligned(node.timeframe, self.candles.tf_ms).rows, row))

    def _align_row(self, node: Node, row: int) -> int:
        rows = self._aligned(node.args[0].timeframe, node.timeframe).rows
        return int(np.searchsorted(rows, row))

    def _evaluate(self, root: Node) -> NDArray[np.generic]:
        order = in_order([root], lambda node: node.key in self._kept)
        uses: dict[str, int] = {root.key: 1}
        for node in order:
            if node.key not in self._kept:
                for arg in node.args:
                    uses[arg.key] = uses.get(arg.key, 0) + 1
        live: dict[str, Column] = {}
        for node in order:
            live[node.key] = self._one(node, live)
            if node.key in self._kept or node.is_constant:
                continue
            self._keep(node, live[node.key])
            for arg in node.args:
                uses[arg.key] -= 1
                if not uses[arg.key]:
                    live.pop(arg.key, None)
        return np.asarray(live[root.key])

    def _one(self, node: Node, args: dict[str, Column]) -> Column:
        kept = self._kept.get(node.key)
        if kept is not None:
            return kept
        match node.op:
            case Op.CONST:
                return constant_value(node)
            case Op.SERIES:
                return COLUMNS[node.name].column(self.frame(node.timeframe))
            case Op.OPERATOR:
                return OPERATORS[node.name].column(*(args[arg.key] for arg in node.args))
            case Op.LAG:
                return _lagged(node, np.asarray(args[node.args[0].key]))
            case Op.ALIGN:
                return self._read_aligned(node, np.asarray(args[node.args[0].key]))
            case Op.CALL:
                return self._call(node, args)

    def _call(self, node: Node, args: dict[str, Column]) -> Column:
        assert node.function is not None
        arrays = [self._array(arg, args[arg.key], node.timeframe) for arg in node.args]
        return node.function.batch(arrays, node.params)

    def _array(self, node: Node, column: Column, timeframe: int) -> NDArray[np.generic]:
        if isinstance(column, np.ndarray):
            return column
        dtype = np.float64 if node.kind is Kind.NUMBER else np.int8
        return np.full(len(self.frame(timeframe)), column, dtype=dtype)

    def _read_aligned(self, node: Node, column: NDArray[np.generic]) -> Column:
        alignment = self._aligned(node.args[0].timeframe, node.timeframe)
        if alignment.first >= len(alignment.rows):
            return np.full(len(alignment.rows), node.unknown, dtype=column.dtype)
        result = column[np.maximum(alignment.rows, 0)]
        result[: alignment.first] = node.unknown
        return result

    def _aligned(self, inner: int, outer: int) -> _Alignment:
        found = self._alignments.get((inner, outer))
        if found is None:
            ends = self.frame(inner).ts + inner
            decisions = self.frame(outer).ts + outer
            rows = np.searchsorted(ends, decisions, side="right") - 1
            found = _Alignment(rows, int(np.searchsorted(rows, 0)))
            self._alignments[inner, outer] = found
        return found

    def _keep(self, node: Node, column: Column) -> None:
        if not isinstance(column, np.ndarray) or (node.op is Op.SERIES and node.name in _RAW):
            return
        self._kept[node.key] = column
        self._bytes += column.nbytes
        while self._bytes > self._limit and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes


def _lagged(node: Node, column: NDArray[np.generic]) -> NDArray[np.generic]:
    bars = int(node.params[0])
    result = np.empty_like(column)
    result[:bars] = node.unknown
    result[bars:] = column[: max(len(column) - bars, 0)]
    return result


def _longer(candles: Candles, timeframe: int) -> Candles:
    if len(candles) > 1 and int(np.diff(candles.ts).min()) < candles.tf_ms:
        message = f"bars of {candles.symbol} overlap"
        raise DataError(
            Diagnostic("PB2401", message, expected=f"one bar per {timeframe_text(candles.tf_ms)}")
        )
    groups = buckets(candles.ts, timeframe)
    columns = resample(
        groups, candles.open, candles.high, candles.low, candles.close, candles.volume
    )
    # As live: a longer bar knows what its last own bar knew.
    regime = None if candles.regime is None else candles.regime[groups.stop - 1]
    return Candles(candles.symbol, timeframe, groups.ts, *columns, regime)
