"""PB20xx: what a file holds against what its model allows; expressions are PB21xx."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB2001",
        "an unknown key",
        "The key is none of those that this place of the file knows.",
        "A key without effect looks like a setting: `max_gros_pct: 50` would leave the limit "
        "unset.",
        "risk:\n  max_gros_pct: 50",
        "Write it as in the list of expected keys, or remove it.",
    ),
    Code(
        "PB2002",
        "a missing key",
        "A key that must be there is not.",
        "Limits have no defaults, and a strategy without a size or a timeframe means nothing.",
        "a policy.yaml without `max_gross_pct`",
        "Add the key; `docs/policy-reference.md` and `paperbot schema` say what it means.",
    ),
    Code(
        "PB2003",
        "a value of the wrong kind",
        "A number, a text, a list or a block of keys stands where another is expected. Booleans "
        "are "
        "`true` and `false` only.",
        "A value that has to be guessed is a value that is wrong one day.",
        "max_open_positions: many",
        "Write a value of the kind that the message names.",
    ),
    Code(
        "PB2004",
        "a number out of range",
        "The number is outside the range that makes sense here. Percentages are above 0 and at "
        "most "
        "10000, counts are 0 to 1,000,000,000.",
        "A limit out of range is a typing error, and a limit of 0 % is no way to halt (use "
        "`paperbot halt`).",
        "max_gross_pct: -50",
        "Write a number inside the range that the message names.",
    ),
    Code(
        "PB2005",
        "too long or too short",
        "A text or a list has more or fewer parts than allowed.",
        "Bounds keep a damaged file from costing hours, and an empty list from meaning nothing.",
        "universe: []",
        "Keep to the length that the message names.",
    ),
    Code(
        "PB2006",
        "a name or symbol that is not written as it must be",
        "Names are a-z, 0-9 and _ with a letter first; symbols are BASE/QUOTE, "
        "BASE/QUOTE:SETTLE or "
        "a ticker.",
        "Names become parts of expressions, file names and reports.",
        "name: SMA-Cross",
        "name: sma_cross",
    ),
    Code(
        "PB2007",
        "a word that is none of the choices",
        "The value must be one of a few words.",
        "Anything else would have to be guessed.",
        "mode: PAPPER",
        "mode: PAPER",
    ),
    Code(
        "PB2008",
        "not a timeframe",
        "A timeframe is a whole number and one of s, m, h, d, w.",
        "Bars of another length cannot be cut.",
        "timeframe: hourly",
        "timeframe: 1h",
    ),
    Code(
        "PB2011",
        "a parameter whose bounds contradict each other",
        "`default` must lie in `min`..`max`, and `min` must not be above `max`.",
        "A sweep over the range would never try the value that runs.",
        "length: {default: 5, min: 10, max: 60}",
        "length: {default: 10, min: 10, max: 60}",
    ),
]
