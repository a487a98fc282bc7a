"""What a foreign candle file turned out to be, and how pairs and file names of sites are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.domain.market import timeframe_ms

if TYPE_CHECKING:
    from paperbot_core.market.candles.raw import RawBars

#: Quote currencies that end the joined names of exchanges, such as BTCUSDT.
QUOTES = (
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "GBP", "TRY", "BRL", "JPY", "AUD",
    "DAI", "BTC", "ETH", "BNB",
)  # fmt: skip
_ARCHIVE = re.compile(
    r"(?P<pair>[A-Z0-9]{5,20})-(?P<timeframe>[0-9]+[smhdw])-[0-9]{4}(-[0-9]{2}){1,2}"
)
_TIMEFRAME = re.compile(r"(?:^|[_-])([0-9]{1,4}[smhdw])(?=$|[_-])")


@dataclass(frozen=True, slots=True)
class Recognised:
    """The rows of a file, what it says about itself (None: nothing), and remarks for the user."""

    layout: str
    raw: RawBars
    symbol: str | None
    timeframe: str | None
    notes: tuple[str, ...] = ()


def split_pair(joined: str) -> str | None:
    """Return `BTC/USDT` for `BTCUSDT`, `BTC-USDT` or `btc_usdt`; None if no known quote ends it."""
    text = joined.upper().strip()
    parts = re.split(r"[/_-]", text)
    if len(parts) == 2 and all(parts):
        return "/".join(parts)
    for quote in QUOTES:
        if len(parts) == 1 and text.endswith(quote) and len(text) > len(quote) + 1:
            return f"{text.removesuffix(quote)}/{quote}"
    return None


def archive_name(path: Path) -> tuple[str | None, str | None]:
    """Return (symbol, timeframe) of a name such as `BTCUSDT-1h-2021-05.zip`, else (None, None)."""
    match = _ARCHIVE.fullmatch(path.stem)
    if match is None:
        return None, None
    return split_pair(match["pair"]), match["timeframe"]


def timeframe_in_name(path: Path) -> str | None:
    """Return the timeframe that stands in a file name between `_` or `-`, or None."""
    for text in _TIMEFRAME.findall(path.stem):
        try:
            timeframe_ms(text)
        except ValueError:
            continue
        return str(text)
    return None


def unknown_layout(path: Path, found: str) -> DataError:
    """Return the error for a file whose layout fits nothing we know."""
    return DataError(
        Diagnostic(
            "PB6110",
            f"the layout of `{path.name}` is not known: {found}",
            Span(str(path)),
            expected="columns ts (or date), open, high, low, close, volume; ts, price, amount; "
            "date, split, dividend; or a layout of docs/data.md",
            help="add a header, or name the layout with `--layout`",
        )
    )


def ambiguous(path: Path, why: str, help_text: str) -> DataError:
    """Return the error for a file that can be read in more than one way."""
    return DataError(
        Diagnostic(
            "PB6111",
            f"`{path.name}` can be read in more than one way: {why}",
            Span(str(path)),
            help=help_text,
        )
    )
