"""`universe.yaml`: tiers of symbols and the facts of each instrument."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from paperbot_core.config.base import (
    Amount,
    Bool,
    Int,
    Name,
    Problem,
    Problems,
    StrictModel,
    Symbol,
)
from paperbot_core.config.selection import Discovery, Filters, Regime, RegimeName
from paperbot_core.domain.market import DAY_MS, HOUR_MS, Instrument

UNLISTED = "unlisted"

Bps = Annotated[Amount, Field(le=10_000)]



def _none_if_empty(value: object) -> object:
    return None if value == {} else value


def _day(value: str) -> str:
    """Return a day as it is written; only one way of writing it, so that days compare as texts."""
    try:
        written = date.fromisoformat(value).isoformat()
    except ValueError:
        written = ""
    if value != written:
        raise PydanticCustomError("date", "must be a day such as 2021-05-19")
    return value


Day = Annotated[str, AfterValidator(_day)]


def day_ms(day: str) -> int:
    """Return 00:00 UTC of a day such as `2021-05-19` in ms."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY_MS


class Tier(StrictModel):
    """A named group of symbols; its share of equity is `max_tier_pct` in policy.yaml."""

    symbols: list[Symbol] = Field(max_length=10_000, description="the symbols of the tier")
    max_hold_hours: Annotated[Int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="hours after which a position of this tier is closed"
    )
    always_eligible: Bool = Field(
        default=False, description="its symbols are members whatever the filters say"
    )
    regimes: list[RegimeName] | None = Field(
        default=None, min_length=1, description="regimes in which it may enter; null is all"
    )


class InstrumentFacts(StrictModel):
    """Grid, fees and group of one instrument; a tick, lot or minimum of 0 is off."""

    tick: Amount = Field(default=Decimal(0), description="price step, quote currency")
    lot: Amount = Field(default=Decimal(0), description="quantity step, base currency")
    min_notional: Amount = Field(default=Decimal(0), description="smallest order, quote currency")
    maker_bps: Bps = Field(default=Decimal(10), description="fee of resting orders, basis points")
    taker_bps: Bps = Field(default=Decimal(10), description="fee of other orders, basis points")
    cluster: Name | None = Field(
        default=None, description="correlated group; default: the instrument alone"
    )
    shortable: Bool = Field(default=False, description="whether it can be sold short")
    fee_asset: str = Field(
        default="quote", pattern=r"^(quote|base)$", description="what a buy's fee is paid in"
    )
    listed: Day | None = Field(
        default=None, description="first day it could be traded, UTC; default: its first candle"
    )
    delisted: Day | None = Field(
        default=None, description="day from which on it could not be traded any more, UTC"
    )


class UniverseFile(StrictModel):
    """What may be traded, in tiers."""

    tiers: dict[Name, Tier] = Field(min_length=1, description="tiers by name")
    filters: Annotated[Filters | None, BeforeValidator(_none_if_empty)] = Field(
        default=None, description="what a member must satisfy"
    )
    discovery: Annotated[Discovery | None, BeforeValidator(_none_if_empty)] = Field(
        default=None, description="symbols that join by their volume"
    )
    regime: Annotated[Regime | None, BeforeValidator(_none_if_empty)] = Field(
        default=None, description="how the state of the whole market is told"
    )
    instruments: dict[Symbol, InstrumentFacts] = Field(
        default_factory=dict, description="facts by symbol; a symbol without facts has no grid"
    )

    def problems(self) -> Problems:
        """Find symbols in two tiers, reserved and unknown tiers, dates and regimes amiss.

        PB3003, PB3004, PB3010 a tier of `discovery` that is none, PB3011 regimes without a
        `regime`, PB2011 `delisted` before `listed`.
        """
        yield from self._tier_problems()
        for name in self.discovery.tiers if self.discovery else ():
            if name not in self.tiers:
                yield Problem(
                    "PB3010", ("discovery", "tiers", name), f"the universe has no tier `{name}`",
                    expected="one of " + ", ".join(f"`{known}`" for known in self.tiers),
                )  # fmt: skip
        for symbol, facts in self.instruments.items():
            if facts.listed and facts.delisted and facts.delisted <= facts.listed:
                path = ("instruments", symbol, "delisted")
                yield Problem("PB2011", path, "`delisted` is not after `listed`")

    def _tier_problems(self) -> Iterator[Problem]:
        seen: dict[str, str] = {}
        for name, tier in self.tiers.items():
            if name == UNLISTED:
                message = f"`{UNLISTED}` is the tier of symbols that are in none"
                yield Problem("PB3004", ("tiers", name), message, help="choose another name")
            if tier.regimes is not None and self.regime is None:
                yield Problem(
                    "PB3011", ("tiers", name, "regimes"), "nothing tells which regime the market is"
                    " in", help="add `regime: {symbol: BTC/USDT}` to the universe",
                )  # fmt: skip
            for index, symbol in enumerate(tier.symbols):
                if symbol in seen:
                    message = f"`{symbol}` is already in tier `{seen[symbol]}`"
                    yield Problem("PB3003", ("tiers", name, "symbols", index), message)
                seen.setdefault(symbol, name)

    @property
    def is_static(self) -> bool:
        """Whether membership never changes: no filter, no discovery, no listing dates."""
        dated = any(facts.listed or facts.delisted for facts in self.instruments.values())
        return self.filters is None and self.discovery is None and not dated

    @cached_property
    def tier_holds(self) -> dict[str, int]:
        """How long positions of a tier may be held, in ms, by the tiers that limit it."""
        hours = {name: tier.max_hold_hours for name, tier in self.tiers.items()}
        return {name: limit * HOUR_MS for name, limit in hours.items() if limit is not None}

    def tier_of(self, symbol: str) -> str:
        """Return the tier of a symbol, `unlisted` for a symbol in none."""
        return self._tiers_by_symbol.get(symbol, UNLISTED)

    @cached_property
    def _tiers_by_symbol(self) -> dict[str, str]:
        return {symbol: name for name, tier in self.tiers.items() for symbol in tier.symbols}

    def symbols_of(self, name: str) -> tuple[str, ...]:
        """Return the symbols of a tier in the order of the file; any other name is a symbol."""
        tier = self.tiers.get(name)
        return tuple(tier.symbols) if tier else (name,)

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument; one that is not listed has no grid and is its own cluster."""
        facts = self.instruments.get(symbol) or InstrumentFacts()
        return Instrument(
            symbol=symbol,
            tick=facts.tick,
            lot=facts.lot,
            min_notional=facts.min_notional,
            maker_bps=facts.maker_bps,
            taker_bps=facts.taker_bps,
            cluster=facts.cluster or symbol,
            tier=self.tier_of(symbol),
            shortable=facts.shortable,
            fee_asset=facts.fee_asset,
            sessions="/" not in symbol,
        )
