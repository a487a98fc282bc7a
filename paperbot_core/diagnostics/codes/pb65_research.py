"""PB65xx: what a backtest or sweep was asked for does not fit its data."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        id="PB6501",
        title="the data has nothing for a strategy",
        what="None of the symbols found in `--data` is in the strategy's `universe`.",
        why="A strategy trades only what its universe admits: the symbols of its tiers, symbols it "
        "names, and symbols that are in no tier at all.",
        example="paperbot backtest -s sma_cross --data DOGE-USDT_1h.parquet  # in tier event",
        fix="Add the tier or the symbol to `universe` in the strategy, or give other data.",
    ),
    Code(
        id="PB6502",
        title="no candles of a usable timeframe",
        what="The strategy's timeframe cannot be made from the files given for this symbol.",
        why="Bars can be joined into longer ones, never cut into shorter ones.",
        example="a strategy with `timeframe: 15m` on BTC-USDT_1h.parquet",
        fix="Give a file of the strategy's timeframe, or of a shorter one that divides it.",
    ),
    Code(
        id="PB6503",
        title="a symbol is in no tier",
        what="The symbol is not listed in universe.yaml; it is traded as an implicit instrument.",
        why="Its real tick, lot, minimum and fees are unknown, so fills are a little too good.",
        example="paperbot backtest -s sma_cross --data NEWCOIN-USDT_1h.parquet",
        fix="Put the symbol into a tier and its facts under `instruments`.",
    ),
    Code(
        id="PB6504",
        title="the time range holds no bar",
        what="No bar of the data opens inside `--timerange`.",
        why="The range is [start, end) in UTC; a backtest over nothing has no result.",
        example="--timerange 20300101-20300201 on candles of 2024",
        fix="Widen the range or give data that covers it.",
    ),
    Code(
        id="PB6505",
        title="a `--set` that fits nothing",
        what="A `--set` is not `strategy.param=value`, or names a strategy or parameter that is "
        "not part of the run.",
        why="A typing error in a parameter would otherwise test the default in silence.",
        example="--set sma_cross.fasst=10",
        fix="Use a strategy given with `-s` and one of the names under its `params`.",
    ),
    Code(
        id="PB6506",
        title="a grid too large or empty",
        what="A range of `sweep --set` has no values, a step of 0, or the grid too many rows.",
        why="A grid of more than 1,000,000 combinations is a mistake more often than a wish.",
        example="--set sma_cross.fast=10:50:0",
        fix="Write start:stop:step with a step that leads from start to stop, or a,b,c.",
    ),
    Code(
        id="PB6507",
        title="a bad detail timeframe",
        what="`--detail-timeframe` is no timeframe.",
        why="It names the finer candles that decide what happened first inside a bar.",
        example="--detail-timeframe minute",
        fix="Write a number and a unit, such as 1m, and give candles of it with `--data`.",
    ),
    Code(
        id="PB6508",
        title="a regime that nothing tells",
        what="universe.yaml reads the regime from a symbol of which there are no candles.",
        why="It is a warning: tiers, sizes and rules that depend on the regime do not trade.",
        example="regime: {symbol: BTC/USDT} with candles of ETH/USDT only",
        fix="Give candles of that symbol with `--data`, in its timeframe or a finer one.",
    ),
    Code(
        id="PB6509",
        title="no features to keep",
        what="`data features` was asked for a strategy without `features:`, or over a lake without "
        "bars.",
        why="An empty file would look like features that are never known.",
        example="paperbot data features -s roc_momentum, whose file names none",
        fix="Name expressions under `features:` of the strategy, import candles into the lake.",
    ),
]
