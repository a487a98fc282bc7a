"""Trades that are stored and trades that come in, put together without counting one twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.market.lake.dataset import Merge
from paperbot_core.market.timerange import iso_time
from paperbot_core.market.trades.trades import Ids, Trades, in_order, joined


def merged(before: Trades | None, fresh: Trades, ids: Ids, path: Path) -> tuple[Trades, Merge]:
    """Return stored and new trades as one, and what was new.

    By id where there are ids: a trade that comes again replaces the one that was there. Without
    ids the trades of a time that both hold must be equal.

    Raises:
        DataError: PB6305, trades without ids differ from those of the same time.
    """
    if before is None:
        return fresh, Merge(len(fresh))
    if ids is Ids.NONE:
        return _by_time(before, fresh, path)
    there = np.isin(fresh.id, before.id, assume_unique=True)
    order = np.argsort(before.id)
    at = order[np.searchsorted(before.id, fresh.id[there], sorter=order)]
    equal = np.ones(len(at), dtype=np.bool_)
    for new, old in zip(fresh.columns()[:4], before.columns()[:4], strict=True):
        equal &= new[there] == old[at]
    same = int(np.count_nonzero(equal))
    counted = Merge(len(fresh) - len(at), len(at) - same, same)
    kept = before.take(~np.isin(before.id, fresh.id, assume_unique=True))
    return in_order(joined([kept, fresh]), ids), counted


def _by_time(before: Trades, fresh: Trades, path: Path) -> tuple[Trades, Merge]:
    """Return both as one; where they overlap they must be the same trades in the same order."""
    for early, late in ((before, fresh), (fresh, before)):
        at = _place(early, late)
        if at is not None:
            both = min(len(early) - at, len(late))
            whole = joined([early, late.slice(both, len(late))])
            return whole, Merge(len(fresh) - both, 0, both)
    raise DataError(
        Diagnostic(
            "PB6305",
            f"`{path.name}` and what is stored of {iso_time(int(fresh.ts[0]))[:10]} overlap, are "
            "not the same trades there, and have no ids to tell them apart",
            Span(str(path)),
            help="import files that do not overlap, or that have ids",
        )
    )


def _place(early: Trades, late: Trades) -> int | None:
    """Return the row of `early` at which `late` begins, None if it does not fit there.

    A file may begin or end in the middle of a millisecond, so each row of that time is tried.
    """
    first = int(late.ts[0])
    if first > int(early.ts[-1]):
        return len(early)
    for row in np.flatnonzero(early.ts == first).tolist():
        both = min(len(early) - row, len(late))
        pairs = zip(early.slice(row, row + both).columns(), late.slice(0, both).columns(),
                    strict=True)  # fmt: skip
        if all(np.array_equal(one, other) for one, other in pairs):
            return int(row)
    return None
