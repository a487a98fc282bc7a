"""PB633x: splits and dividends of shares."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB6330",
        "no splits and dividends in a file",
        "The columns are none of those in which splits and dividends are told.",
        "A wrong guess would multiply every past price.",
        "paperbot data import AAPL_1d.parquet --kind events --venue nyse",
        "Give it the columns date, split and dividend; or take a factor file of LEAN, or the "
        "actions of yfinance.",
    ),
    Code(
        "PB6331",
        "a row is no event",
        "A row of a file of splits and dividends has no date, a date that another row has, or a "
        "number that cannot be: below 0, or none at all.",
        "A split that is left out or applied twice falsifies every price before it.",
        "a CSV with the row `2020-08-31,four,`",
        "Write a day as 2020-08-31, a 4-for-1 split as 4, a dividend as cash a share; leave "
        "empty what there was none of.",
    ),
    Code(
        "PB6332",
        "a dividend makes no sense",
        "Price factors fall where a dividend makes them rise, or come without the price that says "
        "what the dividend was in cash; or a dividend is not below the price it was paid on.",
        "Prices adjusted by it would be zero, negative or made up.",
        "a factor file of three columns with dividends in it",
        "Take a factor file with four columns, or look at the day: price and dividend may be of "
        "different markets, or the prices already adjusted.",
    ),
    Code(
        "PB6334",
        "one event on two days",
        "Two sources tell the same split or dividend on days near each other.",
        "It would be applied twice.",
        "paperbot data import AAPL_events.csv --venue nyse",
        "Take the better source alone: --replace forgets what the lake had of the market.",
    ),
    Code(
        "PB6335",
        "a bar holds prices of two shares",
        "A split or dividend comes into force inside a bar longer than a day.",
        "Its open and its close are prices of different things; no factor makes it right.",
        "paperbot data export out --adjusted --timeframe 1w",
        "Adjust bars of a day or less, and make the longer ones of those.",
    ),
    Code(
        "PB6336",
        "no splits and dividends known",
        "Adjusted bars were asked for of a share of which the lake has no splits and dividends.",
        "Not known is not the same as none.",
        "paperbot data export out --adjusted --symbol AAPL",
        "Import them with `paperbot data import`; a file without rows says there were none.",
    ),
    Code(
        "PB6337",
        "no bar was known then",
        "An export as of a time was asked for, and no bar of a series had closed by then.",
        "An empty file looks like a market that did not trade.",
        "paperbot data export out --adjusted --as-of 1990-01-01",
        "Name a later time, or choose the series with --symbol and --timeframe.",
    ),
]
