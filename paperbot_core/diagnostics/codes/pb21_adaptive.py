"""PB2170 to PB2179: strategies that choose among modes."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB2170",
        "bars that do not meet",
        "`adaptive.every` must be a multiple of the timeframe of each mode.",
        "A mode is chosen at the close of a bar of `every`, and its own bars must close then too.",
        "every: 6h with a mode of timeframe: 4h",
        "Choose an `every` that all timeframes divide, such as 1d.",
    ),
    Code(
        "PB2171",
        "a mode sets an unknown parameter",
        "`params` of a mode gives other defaults to parameters of the file.",
        "A value under a misspelt name would change nothing.",
        "modes: {swing: {params: {lenght: 30}}} with params: {length: ...}",
        "Use the name of a parameter, or add the parameter to `params` of the strategy.",
    ),
    Code(
        "PB2172",
        "a mode sets a parameter outside its bounds",
        "The value that a mode gives to a parameter lies in the parameter's `min` to `max`.",
        "Bounds hold for whoever sets a parameter.",
        "modes: {swing: {params: {length: 300}}} with length: {default: 20, min: 5, max: 50}",
        "Change the value, or widen the bounds.",
    ),
    Code(
        "PB2173",
        "modes without a weight",
        "Every weight of every mode is 0, so all scores are equal and the first mode always wins.",
        "A choice that is never made is a mistake.",
        "modes: {fast: {timeframe: 15m}, slow: {timeframe: 4h}}",
        "Give at least one mode `weights`, such as `{trend: 1}`.",
    ),
]
