"""What the name of a trade file says: its market, and the days of which it holds every trade."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from paperbot_core.market.formats.words import split_pair

SUFFIXES = (".parquet", ".feather", ".csv", ".csv.gz", ".zip")
_BINANCE = re.compile(
    r"(?P<pair>[A-Z0-9]{4,24})(?P<contract>_(?:PERP|[0-9]{6}))?-(?:aggT|t)rades-"
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?"
)
_DAY = re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_WORD = r"[A-Za-z0-9.$^=]{1,32}"
_NAMED = re.compile(rf"(?P<symbol>{_WORD}(?:[-_]{_WORD}){{0,2}})[-_]trades")


@dataclass(frozen=True, slots=True)
class TradesName:
    """What a name tells; None is nothing.

    Attributes:
        symbol: `BTC/USDT`; names of Binance's archive are the same for spot and perpetuals, they
            are taken for spot.
        covers: `[start, end)` in UTC ms, the days that an archive's file is complete for.
        contracts: True if amounts count contracts, so that base units are in another column.
    """

    symbol: str | None = None
    covers: tuple[int, int] | None = None
    contracts: bool = False


def parse_trades_name(path: Path) -> TradesName:
    """Return what the name of a file of trades tells.

    Known are `BTCUSDT-trades-2024-08-08.zip`, `BTCUSDT-aggTrades-2024-08.zip`, `20180901.csv.gz`
    (BitMEX), `BTC-USDT_trades.parquet` and `BTC_USDT-trades.feather`.
    """
    stem = path.name.removesuffix(path.suffix).removesuffix(".csv")
    if match := _BINANCE.fullmatch(stem):
        pair = split_pair(match["pair"])
        if match["contract"] and pair:
            pair = f"{pair}:{pair.partition('/')[0]}" if match["contract"] == "_PERP" else None
        return TradesName(pair, _days(match), contracts=bool(match["contract"]))
    if match := _DAY.fullmatch(stem):
        return TradesName(covers=_days(match))
    if match := _NAMED.fullmatch(stem):
        base, *rest = re.split(r"[-_]", match["symbol"])
        return TradesName(base + "".join(map(str.__add__, "/:", rest)))
    return TradesName()


def is_trades_file(path: Path) -> bool:
    """Return whether the suffix is one that trades can be read from."""
    return path.name.lower().endswith(SUFFIXES)


def _days(match: re.Match[str]) -> tuple[int, int] | None:
    day = match["day"]
    try:
        start = datetime(int(match["year"]), int(match["month"]), int(day or 1), tzinfo=UTC)
    except ValueError:
        return None
    end = start + timedelta(days=1) if day else (start + timedelta(days=31)).replace(day=1)
    return int(start.timestamp()) * 1_000, int(end.timestamp()) * 1_000
