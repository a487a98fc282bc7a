"""PB30xx: what the files of a project say about each other."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB3001",
        "neither a tier nor a symbol",
        "An entry of a strategy's `universe` is no tier of universe.yaml, no symbol there, and not "
        "written like a symbol.",
        "The strategy would trade nothing, without a word.",
        "universe: [coer]",
        "universe: [core]",
    ),
    Code(
        "PB3002",
        "a name is used twice",
        "Two strategies have one name, or `strategies` lists one twice.",
        "Orders, reports and `-s NAME` could not tell them apart.",
        "two files with `name: sma_cross`",
        "Rename one of them.",
    ),
    Code(
        "PB3003",
        "a symbol in two tiers",
        "Each symbol belongs to one tier at most, and stands there once.",
        "Its exposure would count against two limits, or against the wider one.",
        "core: {symbols: [BTC/USDT]}\nevent: {symbols: [BTC/USDT]}",
        "Remove it from one of them.",
    ),
    Code(
        "PB3004",
        "a reserved tier name",
        "`unlisted` is the tier of every symbol that is in none.",
        "A tier of that name could not be told from it.",
        "tiers:\n  unlisted: {symbols: [DOGE/USDT]}",
        "Choose another name.",
    ),
    Code(
        "PB3005",
        "no such strategy",
        "No file in `strategies.d/` has this `name:`.",
        "Running without a strategy that was asked for would hide the mistake.",
        "strategies: [sma_crs]",
        "Write the `name:` of a file in `strategies.d/` (not the file's name).",
    ),
    Code(
        "PB3006",
        "a limit for a tier that does not exist",
        "`max_tier_pct` limits a tier that universe.yaml does not have.",
        "It is a warning: the limit does nothing, and its tier may be misspelt.",
        "max_tier_pct: {core: 40, majors: 20}, without a tier `majors`",
        "Remove the limit, or write the tier's name.",
    ),
    Code(
        "PB3007",
        "a symbol that is in no tier",
        "A strategy names a symbol that universe.yaml does not list in a tier.",
        "It is a warning: the symbol trades in tier `unlisted`, which only the account's limits "
        "cap, "
        "and without a grid unless `instruments` has one.",
        "universe: [PEPE/USDT]",
        "Add the symbol to a tier of universe.yaml.",
    ),
    Code(
        "PB3008",
        "a size for the wrong tiers",
        "A size given by tier must have a number for every tier that the strategy trades, and only "
        "for tiers that exist.",
        "A tier without a size could not be traded, and a misspelt one would be that.",
        "universe: [core, event] with equity_pct: {core: 5}",
        "equity_pct: {core: 5, event: 1}",
    ),
    Code(
        "PB3009",
        "a symbol in another currency than the wallet",
        "The symbol's quote currency is not `wallet.quote`; its prices are taken as if it were.",
        "An account has one currency, and nothing is converted: profit in BTC is not profit in "
        "USDT.",
        "ETH/BTC traded with `wallet: {quote: USDT}`",
        "Set `wallet.quote` to the quote currency of what you trade, or leave the symbol out.",
    ),
    Code(
        "PB3010",
        "discovery for a tier that does not exist",
        "`discovery.tiers` of universe.yaml names a tier that `tiers` does not have.",
        "A symbol that joins needs a tier with its hold time and its limit in the policy.",
        "discovery: {tiers: {large: 100000000}}",
        "Name a tier of `tiers`; one without symbols of its own is written `core: {symbols: []}`.",
    ),
    Code(
        "PB3011",
        "regimes without a market that tells them",
        "A tier or a parameter depends on the regime, and universe.yaml has no `regime`.",
        "The regime would never be known, and what depends on it would never trade.",
        "event: {symbols: [DOGE/USDT], regimes: [trend]}",
        "Add `regime: {symbol: BTC/USDT}` to universe.yaml.",
    ),
]
