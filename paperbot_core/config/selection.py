"""How symbols get into the universe: filters, discovery by volume, and the market's regime."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field

from paperbot_core.config.base import (
    Amount,
    Bool,
    Expression,
    Float,
    Int,
    Name,
    Percent,
    StrictModel,
    Symbol,
    TimeframeText,
)

RegimeName: TypeAlias = Literal["calm", "trend", "chop", "crash"]
#: Every regime, by number from 1 on; 0 is unknown.
REGIMES: tuple[RegimeName, ...] = get_args(RegimeName)

Share = Annotated[Float, Field(ge=0, le=1)]


class Filters(StrictModel):
    """What a symbol must satisfy to be a member; a fact that is not known keeps it out.

    Candles tell volume and age, tickers spread and depth too: a universe reconstructed from
    candles cannot judge the latter two, and says so.
    """

    min_quote_volume: Amount | None = Field(
        default=None, description="traded in the last 24 h, in quote currency"
    )
    max_spread_pct: Percent | None = Field(
        default=None, description="best ask over best bid, percent of their middle"
    )
    min_depth: Amount | None = Field(
        default=None,
        description="quote currency in the book within 1 % of the middle, on the thinner side",
    )
    min_age_days: Annotated[Float, Field(ge=0, le=100_000)] | None = Field(
        default=None, description="days since it was listed"
    )
    quotes: list[Annotated[str, Field(pattern=r"^[A-Z0-9]{1,16}$")]] | None = Field(
        default=None, max_length=100, description="quote currencies; null is any"
    )
    blacklist: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(
        default_factory=list, max_length=10_000, description="symbols never traded; `*` is any text"
    )
    leveraged_tokens: Bool = Field(
        default=False, description="whether tokens such as BTCUP, ETH3L, XRPBULL may be members"
    )

    @cached_property
    def named(self) -> dict[str, str | None]:
        """Return a memory of which entry of the blacklist names a symbol, for who looks it up.

        Thousands of entries with stars take a millisecond a symbol, and each choice asks anew.
        """
        return {}


class Discovery(StrictModel):
    """Which symbols of the exchange join by themselves, by their volume of 24 h."""

    tiers: dict[Name, Amount] = Field(
        min_length=1,
        description="24 h volume in quote currency from which a symbol joins the tier; "
        "the highest one reached counts",
    )
    max_symbols: Annotated[Int, Field(ge=1, le=10_000)] = Field(
        default=50, description="most symbols that join, the largest volumes first"
    )
    refresh_hours: Annotated[Int, Field(ge=1, le=168)] = Field(
        default=24, description="hours between two choices, counted from 00:00 UTC"
    )

    def in_order(self) -> list[tuple[str, Decimal]]:
        """Return tiers and their volumes, largest first."""
        return sorted(self.tiers.items(), key=lambda item: (-item[1], item[0]))


class RegimeRules(StrictModel):
    """When the market is in which regime: the first true one of these, else chop."""

    crash: Expression = Field(
        default="count(close < 0.86 * highest(high, 12) and roc(close, 6) < 0, 12) > 0",
        description="a steep fall, and the time right after it",
    )
    trend: Expression = Field(
        default="count(abs(change(close, 60)) > 0.25 * sum(abs(change(close, 1)), 60), 18) > 9",
        description="the price gets somewhere, up or down, for the way it goes",
    )
    calm: Expression = Field(
        default="count(realized_vol(60) < 0.8 * sma(realized_vol(60), 180), 18) > 9",
        description="less movement than usual",
    )


class Regime(StrictModel):
    """The state of the market as a whole, read from one symbol that leads it."""

    symbol: Symbol = Field(description="whose candles tell, such as BTC/USDT")
    timeframe: TimeframeText = Field(default="4h", description="bars that the rules look at")
    rules: RegimeRules = Field(default_factory=RegimeRules, description="conditions by regime")
    size_factor: dict[RegimeName, Share] = Field(
        default_factory=dict,
        description="sizes are multiplied by it, 0 to 1; 0 means no entry; default 1",
    )
