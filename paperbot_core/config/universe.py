"""`universe.yaml`: tiers of symbols and the facts of each instrument."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

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
from paperbot_core.domain.market import HOUR_MS, Instrument

UNLISTED = "unlisted"

Bps = Annotated[Amount, Field(le=10_000)]


def _empty_if_null(value: object) -> object:
    return {} if value is None else value


class Tier(StrictModel):
    """A named group of symbols; its share of equity is `max_tier_pct` in policy.yaml."""

    symbols: list[Symbol] = Field(max_length=10_000, description="the symbols of the tier")
    max_hold_hours: Annotated[Int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="hours after which a position of this tier is closed"
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


class UniverseFile(StrictModel):
    """What may be traded, in tiers."""

    tiers: dict[Name, Tier] = Field(min_length=1, description="tiers by name")
    filters: Annotated[dict[str, Any], BeforeValidator(_empty_if_null)] = Field(
        default_factory=dict, description="not built yet: must be empty"
    )
    discovery: Annotated[dict[str, Any], BeforeValidator(_empty_if_null)] = Field(
        default_factory=dict, description="not built yet: must be empty"
    )
    instruments: dict[Symbol, InstrumentFacts] = Field(
        default_factory=dict, description="facts by symbol; a symbol without facts has no grid"
    )

    def problems(self) -> Problems:
        """Find symbols in two tiers (PB3003), reserved tiers (PB3004), unbuilt keys (PB2012)."""
        seen: dict[str, str] = {}
        for name, tier in self.tiers.items():
            if name == UNLISTED:
                message = f"`{UNLISTED}` is the tier of symbols that are in none"
                yield Problem("PB3004", ("tiers", name), message, help="choose another name")
            for index, symbol in enumerate(tier.symbols):
                if symbol in seen:
                    message = f"`{symbol}` is already in tier `{seen[symbol]}`"
                    yield Problem("PB3003", ("tiers", name, "symbols", index), message)
                seen.setdefault(symbol, name)
        for key in ("filters", "discovery"):
            if getattr(self, key):
                message = f"`{key}` has no effect yet, so it is refused"
                yield Problem("PB2012", (key,), message, help="remove it, or leave it empty: {}")

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
        name = self.tier_of(symbol)
        hours = self.tiers[name].max_hold_hours if name in self.tiers else None
        return Instrument(
            symbol=symbol,
            tick=facts.tick,
            lot=facts.lot,
            min_notional=facts.min_notional,
            maker_bps=facts.maker_bps,
            taker_bps=facts.taker_bps,
            cluster=facts.cluster or symbol,
            tier=name,
            shortable=facts.shortable,
            fee_asset=facts.fee_asset,
            sessions="/" not in symbol,
            max_hold_ms=(hours or 0) * HOUR_MS,
        )
