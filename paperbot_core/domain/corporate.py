"""What a company does to its shares: splits and cash dividends, by the day they come into force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paperbot_core.domain.market import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class CorporateEvents:
    """Splits and dividends of one symbol, oldest first, one row a day, n >= 0.

    Attributes:
        symbol: as users write it.
        ts: int64 of shape (n,), strictly ascending: 00:00 UTC of the first session on which the
            event is in force (the ex-date).
        split: float64 of shape (n,), new shares for one old: 4.0 is a 4-for-1 split, 0.125 puts
            eight shares together, 1.0 is none.
        dividend: float64 of shape (n,), cash for one share as it was before the split of that day;
            0.0 is none.
    """

    symbol: str
    ts: Ints
    split: Floats
    dividend: Floats

    def __len__(self) -> int:
        return len(self.ts)

    def until(self, ts: int) -> CorporateEvents:
        """Return the events in force at a time (UTC ms), as views."""
        stop = int(self.ts.searchsorted(ts, side="right"))
        return CorporateEvents(self.symbol, self.ts[:stop], self.split[:stop], self.dividend[:stop])
