"""What the name of a candle file says: `BTC-USDT_1h.parquet` is BTC/USDT in bars of one hour."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from paperbot_core.domain.market import timeframe_ms

SUFFIXES = (".parquet", ".csv", ".feather")

_PART = r"[A-Za-z0-9.$^=]{1,32}"
_NAME = re.compile(
    rf"(?P<symbol>{_PART}(?:[-_]{_PART}){{0,2}})[-_](?P<timeframe>[0-9]+[A-Za-z])(?P<kind>-[a-z_]+)?"
)
#: freqtrade ends names with the market; mark prices and funding rates are other data.
_CANDLE_KINDS = frozenset({None, "-futures", "-spot"})


@dataclass(frozen=True, slots=True)
class CandleFile:
    """A file of candles and what it holds: `BTC/USDT`, `BTC/USDT:USDT` or a ticker, `AAPL`."""

    path: Path
    symbol: str
    timeframe: str

    @property
    def tf_ms(self) -> int:
        """Length of a bar in milliseconds."""
        return timeframe_ms(self.timeframe)


def parse_candle_name(path: Path) -> tuple[str, str] | None:
    """Return `(symbol, timeframe)` as the file name tells them, or None if it does not.

    One word is a ticker, two are base/quote, three are base/quote:settle; words are joined by
    `-` or `_`, the timeframe comes last. Case is kept as written.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None or match["kind"] not in _CANDLE_KINDS:
        return None
    try:
        timeframe_ms(match["timeframe"])
    except ValueError:
        return None
    words = re.split(r"[-_]", match["symbol"])
    symbol = words[0]
    if len(words) > 1:
        symbol += "/" + words[1]
    if len(words) > 2:
        symbol += ":" + words[2]
    return symbol, match["timeframe"]
