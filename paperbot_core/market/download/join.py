"""Stretches of one series put together; what two of them share must be equal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.domain.market import Candles
from paperbot_core.market.timerange import iso_time

_COLUMNS = ("ts", "open", "high", "low", "close", "volume")


def empty(symbol: str, tf_ms: int) -> Candles:
    """Return a series without bars."""
    return Candles(symbol, tf_ms, np.empty(0, np.int64), *(np.empty(0) for _ in range(5)))


def cut(candles: Candles, start: int, stop: int) -> Candles:
    """Return the bars with `start <= ts < stop` (UTC ms) as views."""
    first, last = candles.ts.searchsorted([start, stop])
    return candles.slice(int(first), max(int(first), int(last)))


def joined(parts: Sequence[Candles]) -> Candles:
    """Return parts that follow one another, at least one, as one series."""
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)
    return Candles(parts[0].symbol, parts[0].tf_ms, *columns)


def join(older: Candles, newer: Candles, file: Path, source: str) -> Candles:
    """Return two stretches as one; `newer` must begin among or right behind the bars of `older`.

    Returns `older` itself if `newer` adds nothing. Where either is empty there is nothing to share.

    Raises:
        DataError: PB6202, the bars they should share are not the same, or `newer` lacks them all.
    """
    if not len(older) or not len(newer):
        return newer if not len(older) else older
    start, end = int(newer.ts[0]), int(older.ts[-1]) + 1
    left, right = cut(older, start, end), cut(newer, start, end)
    if not len(left):
        raise _differs(start, "the bars before this time are not told any more", file, source)
    both = np.intersect1d(left.ts, right.ts)
    if len(both) != len(left) or len(both) != len(right):
        ts = int(np.setxor1d(left.ts, right.ts)[0])
        side = "now" if ts in right.ts else "in the file"
        raise _differs(ts, f"there is a bar only {side}", file, source)
    for name in _COLUMNS[1:]:
        old, new = getattr(left, name), getattr(right, name)
        differs = ~((old == new) | (np.isnan(old) & np.isnan(new)))
        if differs.any():
            row = int(differs.argmax())
            text = f"`{name}` was {old[row]:.17g} and is {new[row]:.17g}"
            raise _differs(int(left.ts[row]), text, file, source)
    rest = cut(newer, end, int(newer.ts[-1]) + 1)
    return joined([older, rest]) if len(rest) else older


def _differs(ts: int, text: str, file: Path, source: str) -> DataError:
    return DataError(
        Diagnostic(
            "PB6202",
            f"`{source}` no longer agrees with `{file.name}` at {iso_time(ts)}: {text}",
            Span(str(file)),
            help="nothing was changed; download into another folder and compare, or use `--force`",
        )
    )
