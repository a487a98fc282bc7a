"""Where the archive keeps a market: folders and file names, and how symbols are written there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paperbot_core.api import Diagnostic, UserError

#: Of the archive, and of ours: months (`1mo`) are no bars of a fixed length.
TIMEFRAMES = (
    "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w",
)  # fmt: skip
#: What spot markets are quoted in, longest first: the archive writes BTCUSDT without a joint.
QUOTES = (
    "FDUSD", "USDT", "BUSD", "USDC", "TUSD", "USDP", "USDS", "BIDR", "IDRT", "BVND", "BKRW",
    "DOGE", "EURI", "USD1", "AEUR", "BTC", "ETH", "BNB", "TRX", "XRP", "DAI", "PAX", "VAI", "UST",
    "EUR", "GBP", "AUD", "BRL", "TRY", "RUB", "UAH", "NGN", "ZAR", "PLN", "RON", "ARS", "JPY",
    "MXN", "CZK", "COP", "SOL", "DOT", "NEO",
)  # fmt: skip
_SYMBOL = re.compile(r"([A-Z0-9]{1,20})/([A-Z0-9]{1,10})(?::([A-Z0-9]{1,10}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """The klines of one market, with its name as the archive writes it, e.g. `BTCUSDT`."""

    market: str
    native: str
    timeframe: str

    @property
    def volume(self) -> str:
        """Name of the column that counts base currency; elsewhere `volume` counts contracts."""
        return "quote_volume" if self.market == "futures/cm" else "volume"

    def path(self, period: str) -> str:
        """Return the file of a month `2021-03` or a day `2021-03-15`, below the base address."""
        cadence = "daily" if period.count("-") == 2 else "monthly"
        return f"{self.folder(cadence)}/{self.native}-{self.timeframe}-{period}.zip"

    def folder(self, cadence: str) -> str:
        """Return the folder of the monthly or daily files."""
        return f"{self.market}/{cadence}/klines/{self.native}/{self.timeframe}"


@dataclass(frozen=True, slots=True)
class TradesPlace:
    """The trades of one market; `kind` is `trades` or `aggTrades`, as the archive writes it."""

    market: str
    native: str
    kind: str

    def path(self, period: str) -> str:
        """Return the file of a month `2021-03` or a day `2021-03-15`, below the base address."""
        cadence = "daily" if period.count("-") == 2 else "monthly"
        name = f"{self.native}-{self.kind}-{period}.zip"
        return f"{self.market}/{cadence}/{self.kind}/{self.native}/{name}"


def trades_place_of(symbol: str, kind: str) -> TradesPlace:
    """Return where the trades of a market are kept.

    Raises:
        UserError: PB6222, no such market; or aggregates of contracts, which do not tell base units.
    """
    market, native = _market_of(symbol)
    if market == "futures/cm" and kind != "trades":
        text = f"aggregated trades of `{symbol}` count contracts, not base units"
        raise UserError(Diagnostic("PB6222", text, help="use `--option trades=trades`"))
    return TradesPlace(market, native, kind)


def place_of(symbol: str, timeframe: str) -> Place:
    """Return where a market is kept: spot, or perpetuals settled in quote or in base currency.

    Raises:
        UserError: PB6222, no such market or timeframe in the archive.
    """
    market, native = _market_of(symbol)
    if timeframe not in TIMEFRAMES:
        text = f"the archive has no bars of {timeframe}"
        raise UserError(Diagnostic("PB6222", text, expected=", ".join(TIMEFRAMES)))
    return Place(market, native, timeframe)


def spot_symbol(native: str) -> str | None:
    """Return `BTC/USDT` for `BTCUSDT`, None if it ends in no known quote currency."""
    for quote in QUOTES:
        if native.endswith(quote) and len(native) > len(quote):
            return f"{native[: -len(quote)]}/{quote}"
    return None


def _market_of(symbol: str) -> tuple[str, str]:
    """Return the folder of a market and its name there."""
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise UserError(
            Diagnostic(
                "PB6222",
                f"`{symbol[:40]}` is no market of Binance",
                expected="BTC/USDT (spot), BTC/USDT:USDT or BTC/USD:BTC (perpetual)",
            )
        )
    base, quote, settle = match.groups()
    if settle is None:
        return "spot", base + quote
    if settle == quote:
        return "futures/um", base + quote
    if settle == base:
        return "futures/cm", f"{base}{quote}_PERP"
    text = f"`{symbol}` is settled in neither of its currencies"
    raise UserError(Diagnostic("PB6222", text, expected="BTC/USDT:USDT or BTC/USD:BTC"))
